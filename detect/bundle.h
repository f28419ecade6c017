/*
 * bundle.h - a whole rule set as one file, for a fleet.
 *
 * The files as they are, one after the other in the order of loading, so that places in messages
 * stay right and what is in it can be read and compared:
 *
 *	# sekisho rule bundle 1
 *	# sha256 HEX			of all bytes behind this line
 *	# KEY VALUE			the manifest: version, rules_hash, counts, tests
 *	#file BYTES NAME		then so many bytes, and a line feed
 *
 * There is no time and no owner in it: the same rules give the same bytes. The hash finds
 * damage; it is no signature, so who may write the file may change the rules.
 */
#ifndef DETECT_BUNDLE_H
#define DETECT_BUNDLE_H

#include "base/buf.h"

struct problems;

enum { BUNDLE_MAX_BYTES = 64 << 20, BUNDLE_NAME_MAX = 512 };

struct bundle {
	char *text; /* owned */
	size_t n;
	struct slice rest; /* what is behind the file given last */
};

/* Does the file begin as a bundle does? False also when it can't be read. */
bool bundle_is(const char *path);

/* Read and verify it. -1: a problem was added. bundle_close() either way. */
int bundle_open(struct bundle *b, const char *path, struct problems *p);
void bundle_close(struct bundle *b);

/*
 * The next file: 1, 0 at the end, -1 when it is not as it should be, said to p. Slices are the
 * bundle's.
 */
int bundle_next(
    struct bundle *b, const char *path, struct slice *name, struct slice *text, struct problems *p);

/* A file's part, appended to body. False: a bundle can't hold a file of that name. */
bool bundle_add(struct buf *body, struct slice name, struct slice text);

/* The bundle of that manifest (lines with their "# ") and body. */
void bundle_seal(struct buf *out, struct slice manifest, struct slice body);

#endif
