/*
 * journald.h - entries of the systemd journal: this host's, a folder's, or some files'.
 *
 * An entry is known by the id of its row of sequence numbers and its number there. One
 * journal may hold several such rows (users' files, other hosts' in a folder). Each is read by
 * itself, in order: what was read of it is one number, which the caller remembers. One thread.
 *
 * Files may be damaged, cut or made by an attacker: what can't be read is said and passed
 * over, sizes are bounded, and a file that shrinks under its mapping does not kill the process.
 */
#ifndef INPUTS_JOURNALD_H
#define INPUTS_JOURNALD_H

#include "base/entry.h"

struct arena;
struct err;
struct journald;

enum { JOURNALD_FIELD_MAX = 1024, JOURNALD_CURSOR_MAX = 64 };

struct journald_source {
	const char *dir;	  /* or files, or this host's journal */
	const char *const *files; /* n_files of them */
	unsigned n_files;
	const char *const *units; /* n_units of them; none: everything */
	unsigned n_units;
};

/* Where an entry is. */
struct journald_mark {
	uint64_t row[2]; /* id of the row: 128 bits, upper half first */
	uint64_t seqnum;
	int64_t realtime_us; /* when journald got it */
};

/* What the files hold of a row now. */
struct journald_row {
	uint64_t id[2];
	uint64_t head, tail; /* numbers of its first and last entry */
	int64_t tail_realtime_us;
};

#define JOURNALD_SEQNUM_MAX (UINT64_C(1) << 62)

enum journald_change { JOURNALD_NOTHING, JOURNALD_MORE, JOURNALD_FILES_CHANGED };

/* Fails with ENOENT when there is nothing that could be read. */
struct journald *journald_open(const struct journald_source *s, struct err *e);
void journald_close(struct journald *j);

/* To be polled for reading, for at most so long (-1: as long as one likes). */
int journald_fd(const struct journald *j);
int journald_wait_ms(const struct journald *j);

/* Afterwards: what has happened. */
enum journald_change journald_process(struct journald *j);

/* The rows there are, at most max of them to rows; returns how many. */
unsigned journald_rows(const struct journald_source *s, struct journald_row *rows, unsigned max);

/*
 * To the entries of that row from that number on, or (realtime_us > 0) to those that journald got
 * from then on. Between them come entries of other rows. Those that were there when this was
 * called come in order and without a gap.
 */
int journald_seek(
    struct journald *j, const struct journald_mark *from, int64_t realtime_us, struct err *e);

/* Is there such an entry, of whatever unit? Moves the place: seek afterwards. */
bool journald_has(struct journald *j, const struct journald_mark *at);

/* The next entry that the units choose: 1 and *at; 0: none now; -1: the journal can't be read on.
 */
int journald_next(struct journald *j, struct journald_mark *at, struct err *e);

/*
 * The fields of that entry into the arena, the message cut to max bytes, others to
 * JOURNALD_FIELD_MAX. -1: it can't be read (EBADMSG), or the arena is full (ENOMEM).
 */
int journald_read(
    struct journald *j, struct arena *a, size_t message_max, struct entry *x, struct err *e);

/* The text that `journalctl --cursor` takes. */
size_t journald_cursor(const struct journald_mark *at, char to[static JOURNALD_CURSOR_MAX]);

#endif
