/*
 * positions.h - where every log was left: the table that checkpoints save.
 *
 * Fixed size; when it is full the entry that was used longest ago goes, and numbers
 * given out later start above the highest number that ever went, so no (head, number)
 * is used twice. Has a lock of its own: the reader asks, the committer moves.
 */
#ifndef AGENT_POSITIONS_H
#define AGENT_POSITIONS_H

#include "base/buf.h"
#include "inputs/tail.h"

struct err;
struct positions;

enum { POSITIONS_MAX = 4096 };

/* One move, as a frame records it: the bytes [from, to) of a log are journalled. */
struct position_move {
	uint64_t from;
	struct tail_position to;
};

struct positions *positions_new(void);
void positions_free(struct positions *p);

bool positions_saved(
    struct positions *p, uint64_t head_hash, unsigned i, struct tail_position *out);
bool positions_saved_path(struct positions *p, const char *path, struct tail_position *out);
bool positions_saved_any(struct positions *p, unsigned i, struct tail_position *out);
void positions_keep(struct positions *p, uint64_t head_hash, uint64_t number);
uint64_t positions_new_number(struct positions *p, uint64_t head_hash);
void positions_move(struct positions *p, const struct tail_position *to);

/* Bytes used of all logs since their positions began, for audit. */
void position_save(const struct position_move *m, struct buf *out);
bool position_load(struct slice in, struct position_move *m);

/* The whole table as payloads of RECORD_POSITION items: each() gets them one by one. */
void positions_each(struct positions *p, void (*each)(void *ctx, struct slice payload), void *ctx);
uint64_t positions_evicted_max(struct positions *p);
void positions_set_evicted_max(struct positions *p, uint64_t n);

#endif
