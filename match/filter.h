/*
 * filter.h - where in a text do any of many windows occur?
 *
 * Built once from all the windows for one kind of text, then immutable: any number
 * of threads may scan with it. Scanning allocates nothing. Which instructions are
 * used is decided when the filter is built, by what the processor has; the results
 * are the same everywhere.
 */
#ifndef MATCH_FILTER_H
#define MATCH_FILTER_H

#include "match/window.h"

struct err;
struct filter;

enum {
	FILTER_BEFORE = 64,	    /* bytes that must be readable before a text */
	FILTER_AFTER = 128,	    /* and after it */
	FILTER_WINDOWS_MAX = 65536, /* of one filter */
};

struct filter_entry {
	struct window w;
	uint32_t tag; /* handed back as it is; several windows may share one */
};

/*
 * Called for each place where a window occurs. tag is the window's; at is its first
 * byte, as an offset from the text: from -1, the '\n' before it, up to n, the one
 * behind it.
 */
typedef void filter_cb(void *ctx, uint32_t tag, ptrdiff_t at);

/*
 * Build a filter of n windows (0 is fine) for texts of a kind; nothing in entries is
 * needed afterwards. NULL with E2BIG for too many windows, EINVAL for one whose n is
 * out of range, ENOMEM. Free the result with filter_free().
 */
struct filter *filter_build(
    const struct filter_entry *entries, unsigned n, enum grams_profile profile, struct err *e);

/* Free f; NULL is fine. */
void filter_free(struct filter *f);

/* Bytes that f occupies. */
size_t filter_memory(const struct filter *f);

/* Stay with plain C from now on: so that tests can compare. Not while f is in use. */
void filter_use_plain(struct filter *f);

/*
 * Find every window in text[-1] to text[n], both of which must be '\n'; a window
 * counts only if it lies there completely. FILTER_BEFORE and FILTER_AFTER bytes around
 * the text must be readable; what is in them (but for the two '\n') does not matter.
 *
 * Each occurrence is reported once. The order is that of the bytes by which windows are
 * looked up, which lie within them: at may go back, by less than WINDOW_LEN_MAX.
 */
void filter_scan(const struct filter *f, const uint8_t *text, size_t n, filter_cb *cb, void *ctx);

#endif
