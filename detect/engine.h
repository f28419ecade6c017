/*
 * engine.h - detection over a batch of events.
 *
 * Per batch: engine_begin, engine_add for each event in order, engine_run. The
 * texts of all events are laid out lane by lane (trigger.h) and each lane is
 * scanned once; what could match is then decided by the rule's whole condition.
 * One engine a thread; the rule set behind it is shared.
 *
 * A rule's verdict has three values: yes, no, and undecided, when a limit was
 * reached. Undecided is said on the event (sekisho.match_budget), never dropped.
 */
#ifndef DETECT_ENGINE_H
#define DETECT_ENGINE_H

#include "base/arena.h"
#include "base/event.h"
#include "detect/canon.h"
#include "detect/trigger.h"

struct err;
struct regex_ctx;

enum {
	ENGINE_MAX_EVENTS = 8192, /* of one batch */
	ENGINE_TEXT_MAX = 8192,	  /* longer texts are tested by their first and last half of this */
	ENGINE_LINE_CALLS = 64,	  /* PCRE2 calls for one event */
	ENGINE_LINE_BYTES = 256 << 10, /* of subject given to PCRE2 for one event */
};

/* A rule that held for an event. */
struct hit {
	uint32_t event; /* index in the batch */
	uint32_t rule;	/* index in the rule set */
};

/* One text of one event in a lane. */
struct text {
	uint32_t off, len; /* in the lane's buffer */
	uint32_t event;
	uint32_t path_n; /* LANE_URI: bytes before the '?'; len when there is none */
	uint8_t form;
	bool has_query; /* LANE_URI */
	bool is_name;	/* LANE_PARAM */
	bool touched;	/* a window occurred in it */
};

struct lane_buf {
	char *p; /* FILTER_BEFORE readable bytes before it */
	size_t n, cap;
	struct text *texts;
	unsigned n_texts, cap_texts;
	uint32_t *first;    /* per event: its first text here */
	uint32_t *last_end; /* per event: one past its last */
};

/* What the engine remembers of an agent or referer in which no window occurs. */
struct quiet_entry {
	uint64_t hash[2];
};

struct engine_event {
	struct event *ev;
	unsigned classes; /* CLASS_* */
	bool is_cut;	  /* a text was longer than ENGINE_TEXT_MAX */
	unsigned calls;
	size_t bytes;
};

struct engine {
	struct trigger_plan *plan;
	const struct ruleset *rs;
	struct regex_ctx *regex;
	bool
	    reference; /* every rule is tried on every event: what the filters are tested against */
	bool no_canonical; /* only the written form */
	struct lane_buf lanes[LANE_MAX];
	struct engine_event *events;
	unsigned n_events;
	uint64_t *candidates; /* bit map: ENGINE_MAX_EVENTS rows of `words` */
	unsigned words;
	struct quiet_entry *quiet; /* QUIET_SETS x QUIET_WAYS */
	uint64_t seed;
	struct hit *hits;
	unsigned n_hits, cap_hits;
	char *scratch; /* for building forms, and texts on demand */
	size_t cap_scratch;
	uint64_t undecided, regex_calls;
};

/* max_text: the most bytes of bodies in one batch. NULL with *e. */
struct engine *engine_new(struct trigger_plan *plan, size_t max_text, struct err *e);
void engine_free(struct engine *g);

void engine_begin(struct engine *g);

/* Add an event; false when the batch is full: run it, begin anew, add again. */
bool engine_add(struct engine *g, struct event *ev, unsigned classes);

/*
 * Decide. Fills each event's detections (memory from a, which must outlive them) and
 * g->hits, ordered by event, then rule.
 */
void engine_run(struct engine *g, struct arena *a);

/* What an event is, from its attributes and the parser's name. */
unsigned engine_classes(const struct event *ev, bool proxy);

/* ---- inside detect/: texts.c, eval.c ---- */

bool texts_add(struct engine *g, unsigned event);
void texts_remember_quiet(struct engine *g, unsigned lane, struct slice s);
/* Texts of `event` in a lane, laid out now if they were left out for being quiet. */
const struct text *texts_of(struct engine *g, unsigned event, unsigned lane, unsigned *n);

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_UNDECIDED };

/* Where the deciding item of a rule matched. */
struct evidence {
	bool found;
	struct field field;
	enum form form;
	struct slice match;
	const char *text; /* identity of the text, to compare byte ranges */
	size_t start, end;
};

enum verdict eval_rule(struct engine *g, unsigned event, struct rule *r, struct evidence *ev);

#endif
