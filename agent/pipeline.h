/*
 * pipeline.h - a window of a log's bytes through parse, detect and redact.
 *
 * `scan`, `run`, `rules test` and the benchmarks all go through here, so that they
 * can't differ. One pipeline a reader thread; all its memory is fixed at start.
 *
 *	pipeline_window() splits the text into lines, joins those that belong
 *	together, parses them and lets the engine decide. The events (and the hits on
 *	them) are valid until the next call.
 */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include "agent/client.h"
#include "base/arena.h"
#include "detect/correlate.h"
#include "detect/engine.h"
#include "parsers/parser.h"

struct entry;
struct err;
struct group;
struct processes;
struct ssh_clients;
struct regex;
struct redactor;

enum {
	PIPELINE_WINDOW = 256 << 10,  /* bytes of text in one go */
	PIPELINE_LINE_MAX = 64 << 10, /* a longer line is kept cut */
};

/* A field of the log that holds an account or a session: the attribute gets its value. */
struct identity_map {
	struct slice attribute, field;
};

/* What the config says of an input, as far as its lines are concerned. */
struct line_rules {
	const struct parser *parser;
	struct client_rule client;
	const struct identity_map *identity;
	unsigned n_identity;
	struct regex *start;  /* multi-line: an event starts at a line that matches */
	bool proxy;	      /* logsource: proxy */
	unsigned classes;     /* CLASS_* that events have besides: examples of rules */
	bool control;	      /* lane: control */
	int tz_s;	      /* of stamps without a zone */
	int64_t ref_us;	      /* for stamps without a year */
	int64_t no_time_us;   /* of events without a stamp; 0: the line before, else ref_us */
	int64_t max_ahead_us; /* a stamp that far ahead of ref_us is replaced; 0: never */
};

/* A piece of a log. */
struct window_in {
	struct slice text;    /* whole lines, but for the last when final */
	uint64_t offset;      /* of text in its origin, in uncompressed bytes */
	uint64_t line;	      /* number of its first line; 0: not counted */
	uint64_t origin_hash; /* upper half of the ids */
	bool padded; /* FILTER_BEFORE bytes before text and FILTER_AFTER behind it are readable */
	bool final;  /* end of input: an unterminated last line is an event too */
	bool close_all;	    /* events still open are closed, flagged */
	uint64_t nuls;	    /* of a long line: NUL bytes before the text, within its span */
	uint64_t long_span; /* > 0: text is the head of one line of that many bytes, end included */
	bool long_ended;    /* and whether it has an end */
};

struct pipeline {
	struct arena arena;
	struct event *events;
	unsigned n_events;
	struct attr *attrs;
	unsigned n_attrs;
	struct hit *hits; /* on the events of the last window, ordered by event */
	unsigned n_hits;
	struct difference differences[ENGINE_MAX_DIFFERENCES]; /* between filters and rules */
	unsigned n_differences;
	struct engine *engine;
	struct processes *processes;	 /* who started whom, of audit events */
	struct ssh_clients *ssh_clients; /* whom an sshd speaks of */
	const struct redactor *redactor; /* NULL: nothing is masked */
	struct stamp_cache stamp;
	int64_t last_time_us; /* of the event before, across windows of one log */
	/* Is this event a copy of one that is kept? Asked before detection; NULL: none is. */
	bool (*is_copy)(void *ctx, const struct event *ev, const struct entry *x);
	void *is_copy_ctx;
	/* counters */
	uint64_t lines, bad, cut, copies;
};

enum { PIPELINE_MAX_ATTRS = 1 << 17, PIPELINE_MAX_HITS = ENGINE_MAX_HITS };

int pipeline_init(
    struct pipeline *p, struct trigger_plan *plan, const struct redactor *r, struct err *e);
void pipeline_free(struct pipeline *p);

/* Swap the rules between two windows. -1: the old ones stay. */
int pipeline_use(struct pipeline *p, struct trigger_plan *plan, struct err *e);

/*
 * Returns how many bytes of in->text were used up: events cover exactly those, and the
 * rest must be given again with more behind it. 0 when nothing could be closed.
 */
size_t pipeline_window(
    struct pipeline *p, const struct line_rules *rules, const struct window_in *in);

/*
 * The same for records that are no lines: begin, put each while there is room, end.
 * What they point to may be in p->arena, after pipeline_begin().
 */
void pipeline_begin(struct pipeline *p);
bool pipeline_has_room(const struct pipeline *p);
void pipeline_put(struct pipeline *p, const struct line_rules *rules, const struct group *g,
    const struct entry *x);
/* An event that was parsed before, copied; what detection said of it then is left out. */
void pipeline_put_parsed(struct pipeline *p, const struct event *in);
void pipeline_end(struct pipeline *p, const struct line_rules *rules);

/* 20 bits of CRC32C over the first 256 bytes of an event's first line. */
uint32_t pipeline_crc20(struct slice line);

#endif
