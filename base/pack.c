#include "base/pack.h"

#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <stdlib.h>

struct packer {
	LZ4_stream_t state;
};

struct packer *packer_new(void)
{
	return calloc(1, sizeof(struct packer));
}

void packer_free(struct packer *p)
{
	free(p);
}

void packer_run(struct packer *p, struct slice in, struct buf *out)
{
	size_t room = in.n <= LZ4_MAX_INPUT_SIZE ? (size_t)LZ4_compressBound((int)in.n) : 0;
	char *to = room > 0 ? buf_room(out, room) : NULL;
	int n = to != NULL ? LZ4_compress_fast_extState(
				 &p->state, in.n > 0 ? in.p : "", to, (int)in.n, (int)room, 1)
			   : 0;

	if (n <= 0) {
		out->full = true;
		return;
	}
	out->n += (size_t)n;
}

int unpack_block(struct slice in, void *to, size_t raw_n, struct err *e)
{
	if (in.n > INT_MAX || raw_n > INT_MAX ||
	    LZ4_decompress_safe(in.p, to, (int)in.n, (int)raw_n) != (int)raw_n)
		return err_set(
		    e, EINVAL, "unpack: block of %zu bytes does not hold %zu", in.n, raw_n);
	return 0;
}
