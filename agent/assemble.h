/*
 * assemble.h - which lines of a window make one event.
 *
 * Most inputs: each line. With a start pattern: a line that matches and those behind
 * it that don't. auditd: the lines of one serial, which may lie between others'.
 *
 * Groups come out in the order of their first lines. assemble_end() says how many
 * bytes were used up: no group that came out has a line at or behind that place, and
 * no group that is still open has one before it. So a position is one number.
 */
#ifndef AGENT_ASSEMBLE_H
#define AGENT_ASSEMBLE_H

#include "base/slice.h"

struct arena;
struct line_rules;
struct regex_ctx;
struct window_in;

struct group {
	struct slice body;
	uint64_t offset; /* of its first line */
	uint64_t span;	 /* bytes of its lines with their line ends */
	uint64_t line;	 /* number of its first line, 0: not counted */
	unsigned n_lines;
	uint64_t true_n; /* bytes of a line that was cut */
	uint64_t nuls;	 /* NUL bytes left out */
	uint32_t flags;	 /* EVENT_* */
	uint32_t crc20;
};

struct assembly {
	const struct line_rules *rules;
	const struct window_in *in;
	struct arena *arena;
	struct regex_ctx *regex; /* of the thread, for start patterns */
	size_t at;		 /* bytes of the window split into lines so far */
	size_t done;		 /* bytes that came out, or belong to nothing */
	uint64_t line;
	struct serial_table *serials; /* auditd: the window's groups, made at the first call */
	unsigned next_serial;
	unsigned n_ready;
};

void assemble_begin(struct assembly *as, const struct line_rules *rules, const struct window_in *in,
    struct arena *a, struct regex_ctx *regex);
bool assemble_next(struct assembly *as, struct group *g);
size_t assemble_end(struct assembly *as);

#endif
