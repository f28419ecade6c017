/* Where in a text the secrets are. See redact_find.h. */
#include "detect/redact_find.h"

#include "base/err.h"
#include "detect/secret_value.h"
#include "match/filter.h"
#include "match/regex.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Secrets that are known by what they are. A pattern finds them whole, or what stands before one:
 * then it is what follows, up to a byte that ends it.
 */
struct secret {
	struct slice head; /* PCRE2, caseless */
	const char *ends;  /* bytes that end the value; NULL: the match is the value */
};

static const struct secret secrets[] = {
	{ { "\\bbearer(?:\\s|%20|\\+){1,4}(?=[a-z0-9._~+/-]{16})", 0 }, "\"' ,;&\t\\" },
	{ { "\\beyj[a-z0-9_-]{8,}\\.eyj[a-z0-9_-]{8,}\\.[a-z0-9_-]*", 0 }, NULL },
	{ { "\\b(?:akia|asia|aroa)[a-z0-9]{16}\\b", 0 }, NULL },
	{ { "\\baiza[a-z0-9_-]{35}", 0 }, NULL },
	{ { "\\bya29\\.[a-z0-9_-]{20,}", 0 }, NULL },
	{ { "\\bgh[pousr]_[a-z0-9]{36,}", 0 }, NULL },
	{ { "\\bxox[abprs]-[a-z0-9-]{10,}", 0 }, NULL },
	{ { "-----begin [a-z ]{0,20}private key-----[a-z0-9+/=%\\s\\\\]*+", 0 }, NULL },
};

enum { N_SECRETS = sizeof(secrets) / sizeof(*secrets) };

/* Who looks at a place: one of `secrets` by its number, or secret_value.h. */
enum { BEARER, JWT, AKIA, AIZA, YA29, GITHUB, SLACK, PEM, NAMED, COMMAND };

/* What stands behind a name: = or []= or ]= or %5b%5d= or a quote, or the colon of 'name: "value"'.
 */
#define BEHIND "=:%\\[\\]\"'\\\\"
#define NAME(end)                                     \
	{                                             \
		SLICE_INIT(end "[" BEHIND "]"), NAMED \
	}
#define NUMBERED(end)                                     \
	{                                                 \
		SLICE_INIT(end "[" BEHIND "0-9s]"), NAMED \
	} /* pass2, credentials */

/* The same, and blanks: --token X, secret = X */
#define SPACED(end)                                        \
	{                                                  \
		SLICE_INIT(end "[" BEHIND "0-9s ]"), NAMED \
	}

/* The same, and what a form asks for twice: password_again, passwordConfirm */
#define TWICE(end)                                               \
	{                                                        \
		SLICE_INIT(end "[" BEHIND "0-9s _acrv-]"), NAMED \
	}

/*
 * Bytes that every match of one of them holds: of names their ends, with what follows, which
 * is much rarer than the names are in honest text. Each word of secret_name.c needs one. Several
 * ends share one where classes can say it: with at most 40 windows the filter needs a single pass
 * of a few shuffles.
 */
static const struct trigger {
	struct slice pattern; /* PCRE2, caseless, within the secret's match */
	unsigned what;
} triggers[] = {
	TWICE("sword"),
	TWICE("[sp]wd"), /* passwd, pwd */
	TWICE("phrase"),
	NUMBERED("pass"),
	NUMBERED("pw"),
	SPACED("token"),
	SPACED("secret"),
	NUMBERED("ntial"), /* credential */
	NAME("[a-z]key"),  /* apikey, and what else secret_name.c knows */
	{ SLICE_INIT("[a-z][_-]key[" BEHIND " ]"), NAMED },
	NAME("code"),
	NAME("jwt"),
	NAME("otp"),
	NAME("[sny]id"), /* sid, sessionid, awsaccesskeyid */
	NAME("[sn][_-]id"),
	NAME("ssion"),
	NAME("signature"),
	NAME("[spc][iv][gnvc]"), /* sig, pin, cvv, cvc */
	NAME("auth"),
	NAME("verifier"),
	{ SLICE_INIT("authorization"), NAMED },
	{ SLICE_INIT("cookie[" BEHIND "]"), NAMED },
	/* letters of a name that there was no need to encode */
	{ SLICE_INIT("%[4-7][0-9a-f][a-z0-9_%=-]"), NAMED },
	{ SLICE_INIT("25[4-7][0-9a-f][a-z0-9_%=-]"), NAMED },
	{ SLICE_INIT("\\\\u00[4-7]"), NAMED },
	{ SLICE_INIT("(?:mysql|mariadb)[a-z \"]"), COMMAND },
	{ SLICE_INIT("(?:curl|hpass)[ \"]"), COMMAND },
	{ SLICE_INIT("bearer"), BEARER },
	{ SLICE_INIT("\\.eyj[a-z0-9_-]"), JWT },
	{ SLICE_INIT("a[ksr][io]a[a-z0-9]{4}"), AKIA },
	{ SLICE_INIT("aiza"), AIZA },
	{ SLICE_INIT("ya29\\."), YA29 },
	{ SLICE_INIT("gh[pousr]_[a-z0-9]{3}"), GITHUB },
	{ SLICE_INIT("xox[abprs]-"), SLACK },
	{ SLICE_INIT("-----begin "), PEM },
};

enum {
	N_TRIGGERS = sizeof(triggers) / sizeof(*triggers),
	WHOLE_BEFORE = 40, /* a match begins at most so far before its window, but for a JWT */
	PIECE_BYTES = 128 << 10,
	OVERLAP = 64,	       /* of the pieces of a text that nothing readable surrounds */
	SPENT_MAX = 1 << 20,   /* bytes read beyond the one pass: more is no honest text */
	LETTERS_BEFORE = 1024, /* of the first part of a JWT */
};

struct finder {
	struct regex *heads[N_SECRETS];
	struct regex_ctx *ctx;
	struct filter *filter;
	char *scratch; /* for texts that nothing readable surrounds */
};

static int build_filter(struct finder *f, struct err *e)
{
	struct filter_entry *entries = NULL;
	struct window_set *set = malloc(sizeof(*set));
	unsigned n = 0;

	for (unsigned i = 0; set != NULL && i < N_TRIGGERS; i++) {
		/* without anchors: a window lies within the match, wherever the text ends */
		if (window_choose(triggers[i].pattern, REGEX_CASELESS, GRAMS_TEXT, set) == 0)
			abort(); /* patterns of our own */

		struct filter_entry *p = realloc(entries, (n + set->n) * sizeof(*p));

		if (p == NULL) {
			free(set);
			free(entries);
			return err_set(e, ENOMEM, "no memory for redaction");
		}
		entries = p;
		for (unsigned k = 0; k < set->n; k++)
			entries[n++] = (struct filter_entry){ set->w[k], i };
	}
	if (set == NULL)
		err_set(e, ENOMEM, "no memory for redaction");
	else
		f->filter = filter_build(entries, n, GRAMS_TEXT, e);
	free(set);
	free(entries);
	return f->filter != NULL ? 0 : -1;
}

struct finder *finder_new(struct err *e)
{
	struct finder *f = calloc(1, sizeof(*f));

	if (f == NULL ||
	    (f->scratch = malloc(FILTER_BEFORE + PIECE_BYTES + FILTER_AFTER)) == NULL) {
		err_set(e, ENOMEM, "no memory for redaction");
		finder_free(f);
		return NULL;
	}
	memset(f->scratch, '\n', FILTER_BEFORE);
	f->ctx = regex_ctx_new(e);
	for (unsigned i = 0; f->ctx != NULL && i < N_SECRETS; i++) {
		f->heads[i] = regex_compile(slice_of(secrets[i].head.p), REGEX_CASELESS, e);
		if (f->heads[i] == NULL)
			break;
	}
	if (f->ctx == NULL || f->heads[N_SECRETS - 1] == NULL || build_filter(f, e) != 0) {
		finder_free(f);
		return NULL;
	}
	return f;
}

void finder_free(struct finder *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < N_SECRETS; i++)
		regex_free(f->heads[i]);
	regex_ctx_free(f->ctx);
	filter_free(f->filter);
	free(f->scratch);
	free(f);
}

struct span {
	size_t lo, hi;
};

static size_t value_end(struct slice t, size_t from, const char *ends)
{
	size_t i = from;

	while (i < t.n && (uint8_t)t.p[i] >= 0x20 && strchr(ends, t.p[i]) == NULL)
		i++;
	return i;
}

/* Every match of one pattern whose head lies in [lo, hi) of t. */
static void look(struct finder *f, unsigned k, struct slice t, struct span at, struct edits *x)
{
	while (at.lo < at.hi) {
		struct regex_span span;
		enum regex_result rc = regex_find(
		    f->heads[k], f->ctx, (struct slice){ t.p + at.lo, at.hi - at.lo }, &span);

		if (rc == REGEX_NO)
			return;
		if (rc == REGEX_LIMIT) {
			x->all = true;
			return;
		}

		size_t from = at.lo + (secrets[k].ends != NULL ? span.end : span.start);
		size_t end = at.lo + span.end;
		size_t to = secrets[k].ends != NULL ? value_end(t, from, secrets[k].ends) : end;

		edits_add(x, from, to);
		at.lo = to > end ? to : end;
	}
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

/* One run over a text. */
struct run {
	struct finder *f;
	struct slice text;
	size_t base;	   /* of the piece that is scanned */
	unsigned patterns; /* those that went over all of the text from their first place on */
	bool hit;
	struct edits *x;
};

/* From the first place of a pattern on it finds all others too. */
static void look_once(struct run *r, unsigned k, size_t at)
{
	size_t lo = at > WHOLE_BEFORE ? at - WHOLE_BEFORE : 0;
	size_t stop = at > LETTERS_BEFORE ? at - LETTERS_BEFORE : 0;

	if ((r->patterns >> k & 1) != 0)
		return;
	r->patterns |= 1u << k;
	while (lo > stop && is_word(r->text.p[lo - 1])) /* the first part of a JWT */
		lo--;
	look(r->f, k, r->text, (struct span){ lo, r->text.n }, r->x);
}

static void on_window(void *ctx, uint32_t tag, ptrdiff_t where)
{
	struct run *r = ctx;
	size_t at = r->base + (where > 0 ? (size_t)where : 0);

	r->hit = true;
	if (r->x->all || at >= r->text.n)
		return;
	if (r->x->spent > SPENT_MAX) {
		r->x->all = true;
		return;
	}
	switch (triggers[tag].what) {
	case NAMED:
		secret_value_named(r->text, at, r->x);
		break;
	case COMMAND:
		secret_value_command(r->text, at, r->x);
		break;
	default:
		look_once(r, triggers[tag].what, at);
	}
}

/*
 * The filter would need a window of one byte for this, which is dearer than to look for it: in
 * most texts there is none.
 */
static void look_at_signs(struct run *r)
{
	const char *end = r->text.p + r->text.n;

	for (const char *p = r->text.p; (p = memchr(p, '@', (size_t)(end - p))) != NULL; p++)
		if (r->x->spent <= SPENT_MAX)
			r->hit |= secret_value_userinfo(r->text, (size_t)(p - r->text.p), r->x);
		else
			r->x->all = true;
}

bool finder_run(struct finder *f, struct slice t, bool padded, struct edits *x)
{
	struct run r = { .f = f, .text = t, .x = x };
	char *copy = f->scratch + FILTER_BEFORE;

	if (t.n == 0)
		return false;
	look_at_signs(&r);
	if (padded) {
		filter_scan(f->filter, (const uint8_t *)t.p, t.n, on_window, &r);
		return r.hit;
	}
	for (;;) {
		size_t n = t.n - r.base < PIECE_BYTES ? t.n - r.base : PIECE_BYTES;

		memcpy(copy, t.p + r.base, n);
		memset(copy + n, '\n', FILTER_AFTER);
		filter_scan(f->filter, (const uint8_t *)copy, n, on_window, &r);
		if (r.base + n == t.n)
			return r.hit;
		r.base += n - OVERLAP;
	}
}
