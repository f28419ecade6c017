/*
 * pack.h - blocks of the journal, compressed (LZ4 block format, liblz4).
 *
 * Every event is packed once and unpacked once by each sink, beside the application whose host
 * it is: so what is cheap there counts more than what is small (DESIGN.md, Measured). Both
 * sides work on whole blocks: nothing is kept between calls.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/buf.h"

struct err;
struct packer;

/* A compressor with its table (16 KiB). NULL: out of memory. One a thread. */
struct packer *packer_new(void);
void packer_free(struct packer *p);

/* Append the compressed form of `in` to out. out->full is set when it does not fit. */
void packer_run(struct packer *p, struct slice in, struct buf *out);

/* Decompress all of `in` into exactly raw_n bytes at to. -1 with EINVAL when it is not that. */
int unpack_block(struct slice in, void *to, size_t raw_n, struct err *e);

#endif
