/*
 * slots.h - a small durable value: two 512-byte slots in one file.
 *
 * An update overwrites the older slot and syncs, so a crash leaves the old value
 * or the new one, and a full disk does not stop it. One thread uses a file at a time.
 */
#ifndef JOURNAL_SLOTS_H
#define JOURNAL_SLOTS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct journal_io;

enum {
	SLOTS_PAYLOAD_MAX = 480,
	SLOTS_PATH_MAX = 1024,
};

struct slots {
	const struct journal_io *io; /* borrowed */
	char dir[SLOTS_PATH_MAX];
	char path[SLOTS_PATH_MAX];
	int fd;		     /* -1: the file does not exist or must be made anew */
	uint64_t generation; /* of the newest whole slot; 0: none */
};
/* Invariant: after a failed write or sync fd is -1: that file is never synced again. */

struct slots_value {
	uint8_t p[SLOTS_PAYLOAD_MAX];
	size_t n;
};

/*
 * Open dir/name and read its newest whole slot; v->n = 0 when the file does not exist,
 * which is no error. EBADMSG when neither slot is whole,
 * EIO when it cannot be read. After success slots_close() is due. A read-only
 * user calls slots_close() at once.
 */
int slots_open(struct slots *s, const struct journal_io *io, const char *dir, const char *name,
    struct slots_value *v, struct err *e);

/* Make payload the value, durably. On -1 the old value or the new one counts. */
int slots_save(struct slots *s, struct slice payload, struct err *e);

void slots_close(struct slots *s);

/* dir/name into out; ENAMETOOLONG. */
int slots_path(char out[SLOTS_PATH_MAX], const char *dir, const char *name, struct err *e);

#endif
