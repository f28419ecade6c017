/* Where in a text the secrets are. See redact_find.h. */
#include "detect/redact_find.h"

#include "base/err.h"
#include "match/filter.h"
#include "match/regex.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A pattern finds what stands before a secret; the secret itself is group-less: it is
 * what follows, up to a byte that ends it. Patterns of whole secrets have no tail.
 */
struct secret {
	struct slice head; /* PCRE2, caseless */
	const char *ends;  /* bytes that end the value; NULL: the match is the value */
	bool quoted;	   /* the head ends with a quote, and the value at the next of its kind */
};

/* What ends a name; anything may stand before it, but for the short ones. \x22 is nginx's ". */
#define NAMES                                                                                     \
	"(?:passw(?:or)?d(?:[0-9]|[_-]?confirm(?:ation)?)?|passwd|passphrase|secret|"             \
	"token|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|auth(?:orization)?[_-]?" \
	"code|credential|jwt|otp|pin[_-]?code|"                                                   \
	"session[_-]?id|sessid|signature|"                                                        \
	"(?:(?<![a-z0-9])|(?<=\\\\x22))(?:pwd|sid|sig|auth|pass|awsaccesskeyid|code_verifier))"

#define QUOTE "(?:\\\\x22|\\\\?\"|')"

static const struct secret secrets[] = {
	/* name=value in queries, forms and cookies; name[], user[name] */
	{ { NAMES "(?:%5d|\\])?(?:%5b%5d|\\[\\])?(?:=|%(?:25)?3d)", 0 }, "& \t\"<>", false },
	/* "name": "value" in JSON, escaped or not */
	{ { "(?:" NAMES "|cookie|authorization)" QUOTE "\\s{0,8}:\\s{0,8}(?:\\[\\s{0,8})?" QUOTE,
	      0 },
	    "\"", true },
	{ { "\\bauthorization:?\\s{0,4}[=:]?\\s{0,4}(?:basic|bearer|digest|negotiate|token|apikey)"
	    "(?:\\s|%20|\\+){1,4}",
	      0 },
	    "\"' ,;&\t\\", false },
	{ { "\\bbearer(?:\\s|%20|\\+){1,4}(?=[a-z0-9._~+/-]{16})", 0 }, "\"' ,;&\t\\", false },
	{ { "\\beyj[a-z0-9_-]{8,}\\.eyj[a-z0-9_-]{8,}\\.[a-z0-9_-]*", 0 }, NULL, false },
	{ { "\\b(?:akia|asia|aroa)[a-z0-9]{16}\\b", 0 }, NULL, false },
	{ { "\\baiza[a-z0-9_-]{35}", 0 }, NULL, false },
	{ { "\\bya29\\.[a-z0-9_-]{20,}", 0 }, NULL, false },
	{ { "\\bgh[pousr]_[a-z0-9]{36,}", 0 }, NULL, false },
	{ { "\\bxox[abprs]-[a-z0-9-]{10,}", 0 }, NULL, false },
	{ { "-----begin [a-z ]{0,20}private key-----", 0 }, NULL, false },
	/* "otp": 777123 */
	{ { "(?:otp|pin[_-]?code|password|passwd)" QUOTE "\\s{0,8}:\\s{0,8}(?=[0-9])", 0 },
	    ",}] \t\"\\", false },
};

enum { N_SECRETS = sizeof(secrets) / sizeof(*secrets) };

/* Bits of `secrets`. */
enum { NAMED = 1 << 0 | 1 << 1 | 1 << 11, HEADER = 1 << 2, BEARER = 1 << 2 | 1 << 3 };

/* What stands behind a name: = or []= or ]= or %5b%5d= or a quote. */
#define BEHIND "[=%\\[\\]\"'\\\\]"

/*
 * Bytes that every match of one of them holds: of names their ends, with what follows, which
 * is much rarer than the names are in honest text.
 */
static const struct trigger {
	struct slice pattern; /* PCRE2, caseless, of a fixed length within the secret's match */
	unsigned secrets;
} triggers[] = {
	{ SLICE_INIT("sword" BEHIND), NAMED },
	{ SLICE_INIT("passwd" BEHIND), NAMED },
	{ SLICE_INIT("phrase" BEHIND), NAMED },
	{ SLICE_INIT("secret" BEHIND), NAMED },
	{ SLICE_INIT("token" BEHIND), NAMED },
	{ SLICE_INIT("sword[0-9]" BEHIND), NAMED },
	{ SLICE_INIT("confirm(?:ation)?" BEHIND), NAMED },
	{ SLICE_INIT("[^a-z]pass" BEHIND), NAMED },
	{ SLICE_INIT("cookie" BEHIND), 1 << 1 },
	{ SLICE_INIT("(?:api|access|private|secret)[_-]?key" BEHIND), NAMED },
	{ SLICE_INIT("code" BEHIND), NAMED },
	{ SLICE_INIT("credential" BEHIND), NAMED },
	{ SLICE_INIT("jwt" BEHIND), NAMED },
	{ SLICE_INIT("otp" BEHIND), NAMED },
	{ SLICE_INIT("sess(?:ion)?[_-]?id" BEHIND), NAMED },
	{ SLICE_INIT("signature" BEHIND), NAMED },
	{ SLICE_INIT("pwd" BEHIND), NAMED },
	{ SLICE_INIT("sid" BEHIND), NAMED },
	{ SLICE_INIT("sig" BEHIND), NAMED },
	{ SLICE_INIT("auth" BEHIND), NAMED },
	{ SLICE_INIT("awsaccesskeyid" BEHIND), NAMED },
	{ SLICE_INIT("code_verifier" BEHIND), NAMED },
	{ SLICE_INIT("authorization"), 1 << 1 | HEADER },
	{ SLICE_INIT("bearer"), BEARER },
	{ SLICE_INIT("\\.eyj[a-z0-9_-]"), 1 << 4 },
	{ SLICE_INIT("(?:akia|asia|aroa)[a-z0-9]{4}"), 1 << 5 },
	{ SLICE_INIT("aiza"), 1 << 6 },
	{ SLICE_INIT("ya29\\."), 1 << 7 },
	{ SLICE_INIT("gh[pousr]_[a-z0-9]{3}"), 1 << 8 },
	{ SLICE_INIT("xox[abprs]-"), 1 << 9 },
	{ SLICE_INIT("-----begin "), 1 << 10 },
};

enum {
	N_TRIGGERS = sizeof(triggers) / sizeof(*triggers),
	MAX_PLACES = 48,   /* windows of one text; more: all patterns over all of it */
	NAME_BEFORE = 24,  /* a name begins at most so far before its window: "authorization_cod" */
	HEAD_BEFORE = 40,  /* another head: "authorization: bearer" */
	WHOLE_BEFORE = 16, /* and a secret that is matched whole */
	HEAD_AFTER = 48,   /* and ends at most so far behind the window's first byte */
	SCRATCH_BYTES = 128 << 10,
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
	    (f->scratch = malloc(FILTER_BEFORE + SCRATCH_BYTES + FILTER_AFTER)) == NULL) {
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

void edits_add(struct edits *x, size_t from, size_t to)
{
	unsigned at = x->n;

	if (from >= to)
		return;
	for (unsigned i = 0; i < x->n; i++)
		if (from < x->e[i].to && x->e[i].from < to) { /* overlaps: one of both */
			x->e[i].from = from < x->e[i].from ? from : x->e[i].from;
			x->e[i].to = to > x->e[i].to ? to : x->e[i].to;
			return;
		}
	if (x->n == MAX_EDITS) {
		x->all = true;
		return;
	}
	for (; at > 0 && x->e[at - 1].from > from; at--)
		x->e[at] = x->e[at - 1];
	x->e[at] = (struct edit){ from, to };
	x->n++;
}

static bool escaped(struct slice t, size_t from, size_t at)
{
	size_t n = 0;

	while (at - n > from && t.p[at - n - 1] == '\\')
		n++;
	return n % 2 == 1;
}

/* The next quote of the kind that stands before `from`: " ' or, in a text within one, \" \x22. */
static size_t quoted_end(struct slice t, size_t from)
{
	char quote = t.p[from - 1];
	bool hex = quote == '2';
	bool inner = !hex && from >= 2 && t.p[from - 2] == '\\';

	for (size_t i = from; i < t.n; i++) {
		if (hex ? slice_starts(slice_from(t, i), SLICE("\\x22")) || t.p[i] == '"'
			: t.p[i] == quote && (inner || !escaped(t, from, i)))
			return inner && i > from && t.p[i - 1] == '\\' ? i - 1 : i;
	}
	return t.n;
}

/* "; " of cookies and ", " of prose; a backslash before the quote that ends a text within one. */
static bool is_separator(struct slice s)
{
	return s.p[0] == '\\'			? s.n > 1 && s.p[1] == '"'
	       : s.p[0] == ';' || s.p[0] == ',' ? s.n == 1 || s.p[1] == ' '
						: false;
}

static size_t value_end(struct slice t, size_t from, const struct secret *s)
{
	size_t i = from;

	if (s->quoted)
		return quoted_end(t, from);
	if (i < t.n && (t.p[i] == '"' || t.p[i] == '\'')) { /* password="two words" */
		i = quoted_end(t, from + 1);
		if (i < t.n)
			return i + 1;
		i = from;
	}
	while (i < t.n && (uint8_t)t.p[i] >= 0x20 && strchr(s->ends, t.p[i]) == NULL &&
	       !is_separator(slice_from(t, i)))
		i++;
	return i;
}

/* sudo's folder has the name of a password. */
static bool is_folder(struct slice t, size_t from)
{
	return from >= 4 && from < t.n && memcmp(t.p + from - 4, "PWD=", 4) == 0 &&
	       t.p[from] == '/';
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
		size_t to = secrets[k].ends != NULL ? value_end(t, from, &secrets[k]) : end;

		if (!is_folder(t, from))
			edits_add(x, from, to);
		at.lo = to > end ? to : end;
	}
}

struct places {
	struct {
		uint32_t at;
		uint32_t trigger;
	} v[MAX_PLACES];
	unsigned n;
	bool full;
};

static void on_window(void *ctx, uint32_t tag, ptrdiff_t at)
{
	struct places *p = ctx;

	if (p->n == MAX_PLACES) {
		p->full = true;
		return;
	}
	p->v[p->n].at = at > 0 ? (uint32_t)at : 0;
	p->v[p->n++].trigger = tag;
}

static void look_behind(struct finder *f, unsigned k, struct slice t, size_t at, struct edits *x)
{
	size_t before = NAMED >> k & 1 ? NAME_BEFORE : HEAD_BEFORE;
	struct span s = { at > before ? at - before : 0,
		t.n - at > HEAD_AFTER ? at + HEAD_AFTER : t.n };

	look(f, k, t, s, x);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-';
}

bool finder_run(struct finder *f, struct slice t, bool padded, struct edits *x)
{
	struct places p;

	if (t.n == 0)
		return false;
	p.n = 0;
	p.full = false;
	if (padded) {
		filter_scan(f->filter, (const uint8_t *)t.p, t.n, on_window, &p);
	} else if (t.n <= SCRATCH_BYTES) {
		char *copy = f->scratch + FILTER_BEFORE;

		memcpy(copy, t.p, t.n);
		memset(copy + t.n, '\n', FILTER_AFTER);
		filter_scan(f->filter, (const uint8_t *)copy, t.n, on_window, &p);
	} else {
		p.full = true;
	}
	if (p.full) {
		for (unsigned k = 0; k < N_SECRETS; k++)
			look(f, k, t, (struct span){ 0, t.n }, x);
		return true;
	}
	for (unsigned i = 0; i < p.n; i++)
		for (unsigned bits = triggers[p.v[i].trigger].secrets; bits != 0;
		     bits &= bits - 1) {
			unsigned k = (unsigned)__builtin_ctz(bits);
			size_t at = p.v[i].at;
			struct span s = { at > WHOLE_BEFORE ? at - WHOLE_BEFORE : 0, t.n };

			if (secrets[k].ends != NULL) {
				look_behind(f, k, t, at, x);
				continue;
			}
			while (s.lo > 0 && is_word(t.p[s.lo - 1])) /* the first part of a JWT */
				s.lo--;
			look(f, k, t, s, x);
		}
	return p.n > 0;
}
