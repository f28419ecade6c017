/*
 * event.h - what a parser makes of one line (or of the lines that belong together).
 *
 * Slices point into the batch's text, its arena, or static memory, so an event
 * is valid until its batch is reset. Past the journal only its encoded form
 * exists (record.h).
 */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include "base/attr.h"
#include "base/slice.h"

enum { EVENT_MAX_ATTRS = 160, EVENT_MAX_DETECTIONS = 16, EVENT_MAX_PARTS = 64 };

/* How an event came to be; bits of event.flags. */
enum {
	EVENT_BAD = 1 << 0,	     /* no parser understood the line */
	EVENT_UNTERMINATED = 1 << 1, /* the last line of a file without its LF */
	EVENT_CUT = 1 << 2,	     /* longer than the maximum; line_bytes has the true length */
	EVENT_INCOMPLETE = 1 << 3,   /* closed by time or size, not by its own end */
	EVENT_CONTROL = 1 << 4,	     /* never bulk: the input's lane is control */
	EVENT_NUL = 1 << 5,	     /* NUL bytes were skipped; a hole of a sparse file */
};

struct attr {
	const char *p;	  /* the value, as logged */
	const char *name; /* only when key is ATTR_OTHER */
	uint32_t n;	  /* bytes at p */
	uint16_t key;	  /* enum attr_key */
	uint16_t name_n;  /* bytes at name */
};

/* What a score was summed of (a rule's `weight`). */
struct detection_part {
	struct slice rule;  /* as in struct detection */
	struct slice field; /* attribute name; empty: a rule that holds by what is absent */
	struct slice match; /* at most 256 bytes */
};

/* Where a value was found to match; see detect/. */
struct detection {
	struct slice rule;	      /* Sigma `name`, else the file's stem */
	struct slice id;	      /* Sigma `id`, a UUID */
	struct slice category;	      /* design: one of the fixed list */
	struct slice level;	      /* informational low medium high critical */
	struct slice field;	      /* attribute name */
	struct slice match;	      /* the text that matched, at most 256 bytes */
	struct slice form;	      /* written decoded decoded2 squashed base64 */
	struct detection_part *parts; /* n_parts of them; of a score: it has no field and match */
	unsigned n_parts;
	bool quoted; /* in what a person types: weak evidence */
};

struct event {
	struct slice body;  /* the line as read, without its line end */
	uint64_t offset;    /* of its first line, in uncompressed bytes */
	uint64_t line;	    /* 1-based number of its first line; 0: unknown */
	uint64_t span;	    /* bytes of its lines, line ends included */
	int64_t time_us;    /* UTC microseconds since 1970; 0: the line has no time */
	uint32_t crc20;	    /* of the first line's first 256 bytes, for the id */
	uint32_t flags;	    /* EVENT_* */
	struct attr *attrs; /* n_attrs of them; room for EVENT_MAX_ATTRS */
	unsigned n_attrs;
	unsigned n_detections;
	struct detection *detections;
};

/* Append an attribute. A full event drops it: 160 is more than any format has. */
static inline void event_add(struct event *ev, enum attr_key key, struct slice val)
{
	if (ev->n_attrs < EVENT_MAX_ATTRS)
		ev->attrs[ev->n_attrs++] =
		    (struct attr){ .p = val.p, .n = (uint32_t)val.n, .key = (uint16_t)key };
}

/* The same unless val is empty or "-", the sign of an absent value in most logs. */
static inline void event_add_present(struct event *ev, enum attr_key key, struct slice val)
{
	if (val.n > 1 || (val.n == 1 && val.p[0] != '-'))
		event_add(ev, key, val);
}

/* Append an attribute by name: a name of the table gets its key. */
void event_add_named(struct event *ev, struct slice name, struct slice val);

/* The value of key, or {NULL, 0}. An empty value that is present has p != NULL. */
static inline struct slice event_get(const struct event *ev, enum attr_key key)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (ev->attrs[i].key == key)
			return (struct slice){ ev->attrs[i].p, ev->attrs[i].n };
	return (struct slice){ 0 };
}

/* The same by name, whichever way the attribute is kept. */
struct slice event_get_named(const struct event *ev, struct slice name);

/* Has it a detection above informational, which is what a crawler is? */
static inline bool event_is_suspicious(const struct event *ev)
{
	for (unsigned i = 0; i < ev->n_detections; i++)
		if (!slice_eq(ev->detections[i].level, SLICE("informational")))
			return true;
	return false;
}

/* Replace the value of key, or append it. */
void event_set(struct event *ev, enum attr_key key, struct slice val);

/* The name of an attribute, whichever way it is kept. */
static inline struct slice attr_name(const struct attr *a)
{
	return a->key != ATTR_OTHER
		   ? (struct slice){ attr_defs[a->key].name, attr_defs[a->key].name_n }
		   : (struct slice){ a->name, a->name_n };
}

#endif
