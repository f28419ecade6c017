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
#include "detect/values.h"

struct err;
struct records;
struct regex_ctx;

enum {
	ENGINE_MAX_EVENTS = 8192,  /* of one batch */
	ENGINE_MAX_HITS = 1 << 18, /* of one batch: one a byte of a window's text */
	ENGINE_TEXT_MAX = 8192,	 /* longer texts are tested by their first and last half of this */
	ENGINE_MAX_PARAMS = 64,	 /* of a query; what follows belongs to the last one's value */
	ENGINE_LINE_CALLS = 512, /* PCRE2 calls for one event */
	ENGINE_LINE_BYTES = 256 << 10, /* of subject given to PCRE2 for one event */
	/* CPU time of PCRE2 for one event, in long texts; a short one can't take long */
	ENGINE_LINE_NS = 10 * 1000 * 1000,
	ENGINE_LONG_BYTES = 1024,
	FORMS_MAX = 6, /* bytes of all forms of a text, by its own */
	ENGINE_MAX_DIFFERENCES = 16,
	LANE_BYTES = FORMS_MAX * (516 << 10),
	RECORDS_BYTES = 32 << 20, /* address space for the records of a batch's audit events */
	LANE_TEXTS = 8 * ENGINE_MAX_EVENTS + 4096,
};

/* A rule that held for an event. */
struct hit {
	uint32_t event; /* index in the batch */
	uint32_t rule;	/* index in the rule set */
	bool quoted;	/* only in what a person types: see quoted.h */
};

/* One text of one event in a lane. */
struct text {
	uint32_t off, len; /* in the lane's buffer */
	uint32_t event;
	uint32_t path_n; /* LANE_URI: bytes before the '?'; len when there is none */
	uint32_t name;	 /* of a parameter's value: 1 + its name's index in LANE_NAME; 0: none */
	uint8_t form;
	bool has_query; /* LANE_URI */
	bool touched;	/* a window occurred in it */
};

struct lane_buf {
	char *p; /* FILTER_BEFORE readable bytes before it; LANE_BYTES */
	size_t n;
	struct text *texts; /* LANE_TEXTS */
	unsigned n_texts;
	unsigned n_scanned;  /* of them, in the order of events; behind them: */
	uint32_t late_event; /* those of one event that were laid out when a rule asked */
};

struct engine_event {
	struct event *ev;
	unsigned classes; /* CLASS_* */
	bool is_cut;	  /* a text was longer than ENGINE_TEXT_MAX */
	unsigned calls;
	size_t bytes;
	uint64_t ns;			 /* that PCRE2 took for long texts */
	unsigned pending;		 /* its agent is being learnt: values.c */
	const struct agent_memo *memo;	 /* its agent is known */
	bool agent_known;		 /* so what looks at it alone is decided */
	const uint64_t *denied;		 /* rules that its status rules out, or NULL */
	uint32_t first[LANE_FIRST_ATTR]; /* its first text in each of these lanes */
	const struct records *records;	 /* of an audit event, if a rule looks at them */
};

/* A rule that holds for an event, and whose filter says that it can't. */
struct difference {
	uint32_t event, rule;
};

/* What deciding a rule took; only where somebody asks (rules bench). */
struct rule_timing {
	uint64_t ns, worst_ns;
	char worst[160]; /* the line it took longest for, cut */
};

/* The last value that was looked up in the plan's index, and where its entries begin. */
struct looked_up {
	uint64_t hash;
	unsigned first;
	uint8_t n; /* 0: none, or one that is longer */
	char text[19];
};

struct engine {
	struct trigger_plan *plan;
	const struct ruleset *rs;
	struct regex_ctx *regex;
	bool
	    reference; /* every rule is tried on every event: what the filters are tested against */
	bool no_canonical;	    /* only the written form */
	struct rule_timing *timing; /* NULL, or one a rule */
	struct lane_buf lanes[LANE_MAX];
	struct engine_event *events;
	unsigned n_events;
	uint64_t *candidates; /* bit map: ENGINE_MAX_EVENTS rows of `words` */
	unsigned words;
	struct looked_up looked_up[INDEX_N];
	struct values *values;
	size_t laid; /* bytes that any lane can have at most */
	struct hit *hits;
	unsigned n_hits, cap_hits;
	struct arena records; /* of the batch's audit events */
	char *scratch;	      /* for building forms, and texts on demand */
	uint64_t undecided, regex_calls;
	/* one event in so many is decided by PCRE2 alone as well; 0: none */
	uint64_t check_one_in, since_check, checks;
	struct difference differences[ENGINE_MAX_DIFFERENCES]; /* of the batch */
	unsigned n_differences;
	/*
	 * Asked when a rule with domains held: what is known of who sent the event. Static text,
	 * which becomes the attribute ENGINE_VERIFICATION, or empty. NULL: nobody to ask.
	 */
	struct slice (*verify)(void *ctx, const struct event *ev, const struct rule *r);
	void *verify_ctx;
	unsigned *late; /* rules about that attribute: decided when it is there */
	unsigned n_late;
};

#define ENGINE_VERIFICATION "sekisho.crawler.verification"

/* NULL with *e. */
struct engine *engine_new(struct trigger_plan *plan, struct err *e);
void engine_free(struct engine *g);

void engine_begin(struct engine *g);

/* Add an event; false when the batch is full: run it, begin anew, add again. */
bool engine_add(struct engine *g, struct event *ev, unsigned classes);

/*
 * Decide. Fills each event's detections (memory from a, which must outlive them) and
 * g->hits, ordered by event, then rule; those of `late` rules after the event's others.
 */
void engine_run(struct engine *g, struct arena *a);

/* What an event is, from its attributes and the parser's name. */
unsigned engine_classes(const struct event *ev, bool proxy);

/* ---- inside detect/: texts.c, values.c, decide.c, eval.c ---- */

static inline void engine_candidate(struct engine *g, unsigned event, uint32_t rule)
{
	g->candidates[(size_t)event * g->words + rule / 64] |= 1ULL << rule % 64;
}

/* Of the event's candidates, 64 rules from 64 * w on. */
static inline uint64_t engine_candidates(const struct engine *g, unsigned event, unsigned w)
{
	uint64_t bits = g->candidates[(size_t)event * g->words + w];
	const uint64_t *denied = g->events[event].denied;

	return denied != NULL ? bits & ~denied[w] : bits;
}

bool texts_add(struct engine *g, unsigned event);
/* Texts of `event` in a lane, laid out now if they were left out for being quiet. */
const struct text *texts_of(struct engine *g, unsigned event, unsigned lane, unsigned *n);

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_UNDECIDED };

/* Bytes of the event's attributes; those of a target may be of its path and of its query. */
struct span {
	struct slice part[2];
};

/* Where the deciding item of a rule matched. */
struct evidence {
	bool found;
	struct field field;
	enum form form;
	struct slice match;
	const char *text; /* identity of the text */
	size_t text_n, start, end;
	struct span span; /* of a weighted rule: to compare byte ranges */
	bool quoted;	  /* all of it is in what a person types */
};

/*
 * Try every rule on the event. One whose filter was wrong is tried on every event from now
 * on: it is untriggered, in this run and for this rule set.
 */
void check_event(struct engine *g, unsigned event);
void decide_event(struct engine *g, unsigned event, struct arena *a);
/* May the rule hold for the event at all, by its logsource? */
bool eval_concerns(const struct engine *g, unsigned event, const struct rule *r);
enum verdict eval_rule(struct engine *g, unsigned event, struct rule *r, struct evidence *ev);

#endif
