/*
 * deflate.h - gzip (RFC 1952), fast, for what is sent.
 *
 * By ISA-L where the build has it, else by zlib, at level 1. All work on whole blocks: nothing
 * is kept between calls.
 */
#ifndef BASE_DEFLATE_H
#define BASE_DEFLATE_H

#include "base/buf.h"

struct err;
struct deflater;

/* A compressor with its tables (about 200 KiB with ISA-L). NULL: out of memory. One a thread. */
struct deflater *deflater_new(void);
void deflater_free(struct deflater *d);

/*
 * Append head and in as one member of gzip, as bodies of requests want it. The first part, of at
 * most 64 KiB - 1, is stored as it is. out->full is set when it does not fit.
 */
void deflater_gzip(struct deflater *d, struct slice head, struct slice in, struct buf *out);

/* Append what a gzip member holds to out; -1 when it is none or out->max is too little. */
int gunzip_block(struct slice in, struct buf *out);

/*
 * Decompress all of `in`, raw deflate (RFC 1951), into exactly raw_n bytes at to; -1 with EINVAL
 * when it is not that. So were chunks of the journal compressed before LZ4.
 */
int inflate_block(struct slice in, void *to, size_t raw_n, struct err *e);

#endif
