#include "detect/redact.h"

#include "base/arena.h"
#include "base/err.h"
#include "match/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/*
 * A pattern finds what stands before a secret; the secret itself is group-less: it is
 * what follows, up to a byte that ends it. Patterns of whole secrets have no tail.
 */
struct secret {
	struct slice head; /* PCRE2, caseless */
	const char *ends;  /* bytes that end the value; NULL: the match is the value */
};

#define NAMES                                                                             \
	"(?:[a-z0-9_-]{0,24}(?:passw(?:or)?d|passwd|passphrase|secret|token|api[_-]?key|" \
	"access[_-]?key|private[_-]?key|auth(?:orization)?[_-]?code|credential|jwt|otp|"  \
	"pin[_-]?code|session[_-]?id|sessid|signature|x-amz-security-token|"              \
	"x-amz-credential|x-goog-signature)|(?:pwd|sid|sig|auth|awsaccesskeyid|code_verifier))"

static const struct secret secrets[] = {
	/* name=value in queries, forms and cookies */
	{ { "(?<![a-z0-9])" NAMES "(?:%5b%5d|\\[\\])?=", 0 }, "&;,\"' \t<>\\" },
	/* "name": "value" in JSON, escaped or not */
	{ { "(?<![a-z0-9])" NAMES "(?:\\\\x22|\\\\?\"|')\\s{0,4}:\\s{0,4}(?:\\\\x22|\\\\?\"|')",
	      0 },
	    "\"'\\" },
	{ { "\\bauthorization:?\\s{0,4}[=:]?\\s{0,4}(?:basic|bearer|digest|negotiate)\\s{1,4}", 0 },
	    "\"' ,;&\t\\" },
	{ { "\\bbearer(?:\\s|%20|\\+){1,4}(?=[a-z0-9._~+/-]{16})", 0 }, "\"' ,;&\t\\" },
	{ { "\\beyj[a-z0-9_-]{8,}\\.eyj[a-z0-9_-]{8,}\\.[a-z0-9_-]*", 0 }, NULL },
	{ { "\\b(?:akia|asia|aroa)[a-z0-9]{16}\\b", 0 }, NULL },
	{ { "\\baiza[a-z0-9_-]{35}", 0 }, NULL },
	{ { "\\bya29\\.[a-z0-9_-]{20,}", 0 }, NULL },
	{ { "\\bgh[pousr]_[a-z0-9]{36,}", 0 }, NULL },
	{ { "\\bxox[abprs]-[a-z0-9-]{10,}", 0 }, NULL },
	{ { "-----begin [a-z ]{0,20}private key-----", 0 }, NULL },
};

enum { N_SECRETS = sizeof(secrets) / sizeof(*secrets), MAX_EDITS = 64 };

/* The rarest bytes of each of the above. */
const struct slice redact_triggers[] = {
	{ "passw", 5 },
	{ "passphrase", 10 },
	{ "secret", 6 },
	{ "token", 5 },
	{ "api[_-]?key", 11 },
	{ "access[_-]?key", 14 },
	{ "private[_-]?key", 15 },
	{ "auth(?:orization)?[_-]?code", 27 },
	{ "credential", 10 },
	{ "jwt", 3 },
	{ "otp(?:=|%5b|\\[|\\\\|\"|')", 22 },
	{ "pin[_-]?code", 12 },
	{ "sess(?:ion)?[_-]?id", 19 },
	{ "signature", 9 },
	{ "(?:pwd|sid|sig|auth|awsaccesskeyid|code_verifier)(?:=|%5b|\\[|\\\\|\"|')", 68 },
	{ "authorization", 13 },
	{ "bearer", 6 },
	{ "eyj", 3 },
	{ "(?:akia|asia|aroa)[a-z0-9]{4}", 29 },
	{ "aiza", 4 },
	{ "ya29\\.", 6 },
	{ "gh[pousr]_[a-z0-9]{3}", 21 },
	{ "xox[abprs]-", 11 },
	{ "-----begin ", 11 },
};
const unsigned redact_n_triggers = sizeof(redact_triggers) / sizeof(*redact_triggers);

struct redactor {
	uint64_t key;
	struct regex *heads[N_SECRETS];
	struct regex_ctx *ctx;
};

struct redactor *redactor_new(uint64_t key, struct err *e)
{
	struct redactor *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(e, ENOMEM, "no memory for redaction");
		return NULL;
	}
	r->key = key;
	r->ctx = regex_ctx_new(e);
	for (unsigned i = 0; r->ctx != NULL && i < N_SECRETS; i++) {
		r->heads[i] = regex_compile(slice_of(secrets[i].head.p), REGEX_CASELESS, e);
		if (r->heads[i] == NULL) {
			redactor_free(r);
			return NULL;
		}
	}
	if (r->ctx == NULL) {
		redactor_free(r);
		return NULL;
	}
	return r;
}

void redactor_free(struct redactor *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < N_SECRETS; i++)
		regex_free(r->heads[i]);
	regex_ctx_free(r->ctx);
	free(r);
}

/* Bytes [from, to) of a text that must not be kept. */
struct edit {
	size_t from, to;
};

struct edits {
	struct edit e[MAX_EDITS];
	unsigned n;
	bool all; /* could not be decided: nothing of the text may be kept */
};

static void add_edit(struct edits *x, size_t from, size_t to)
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

static size_t value_end(struct slice t, size_t from, const char *ends)
{
	size_t i = from;

	while (i < t.n && (uint8_t)t.p[i] >= 0x20 && strchr(ends, t.p[i]) == NULL)
		i++;
	return i;
}

static void find_secrets(const struct redactor *r, struct slice t, struct edits *x)
{
	for (unsigned k = 0; k < N_SECRETS; k++)
		for (size_t at = 0; at < t.n;) {
			struct regex_span span;
			enum regex_result rc =
			    regex_find(r->heads[k], r->ctx, slice_from(t, at), &span);

			if (rc == REGEX_NO)
				break;
			if (rc == REGEX_LIMIT) {
				x->all = true;
				return;
			}

			size_t from = at + (secrets[k].ends != NULL ? span.end : span.start);
			size_t to = secrets[k].ends != NULL ? value_end(t, from, secrets[k].ends)
							    : at + span.end;

			add_edit(x, from, to);
			at = to > at + span.end ? to : at + span.end;
		}
}

static size_t put_mask(const struct redactor *r, struct slice value, char to[static 40])
{
	static const unsigned classes[] = { 8, 16, 24, 32, 48, 64, 128, 256, 1024 };
	unsigned c = 0;

	while (c + 1 < sizeof(classes) / sizeof(*classes) && value.n > classes[c])
		c++;
	return (size_t)snprintf(to, 40, "[masked:%u:%04x]", classes[c],
	    (unsigned)(XXH3_64bits_withSeed(value.p, value.n, r->key) & 0xffff));
}

/* The text with its edits made, in a; {NULL, 0} when there is no room. */
static struct slice apply(
    const struct redactor *r, struct arena *a, struct slice t, const struct edits *x)
{
	struct edits whole = { .e = { { 0, t.n } }, .n = 1 };
	char *out = arena_alloc(a, t.n + 40 * (size_t)(x->n + 1), 1);
	size_t n = 0;
	size_t at = 0;

	if (out == NULL)
		return (struct slice){ "", 0 };
	if (x->all)
		x = &whole;
	for (unsigned i = 0; i < x->n; i++) {
		char mask[40];
		size_t m = put_mask(
		    r, (struct slice){ t.p + x->e[i].from, x->e[i].to - x->e[i].from }, mask);

		memcpy(out + n, t.p + at, x->e[i].from - at);
		n += x->e[i].from - at;
		memcpy(out + n, mask, m);
		n += m;
		at = x->e[i].to;
	}
	memcpy(out + n, t.p + at, t.n - at);
	return (struct slice){ out, n + t.n - at };
}

/* Where byte `at` of the old body lies in the new one; edits before it have moved it. */
static size_t moved(const struct redactor *r, struct slice t, const struct edits *x, size_t at)
{
	size_t to = at;

	for (unsigned i = 0; i < x->n && x->e[i].to <= at; i++) {
		char mask[40];
		size_t len = x->e[i].to - x->e[i].from;

		to += put_mask(r, (struct slice){ t.p + x->e[i].from, len }, mask) - len;
	}
	return to;
}

static bool crosses(const struct edits *x, size_t from, size_t to)
{
	for (unsigned i = 0; i < x->n; i++)
		if (from < x->e[i].to && x->e[i].from < to)
			return true;
	return x->all;
}

/* A value that is part of the body: a place in the new body, or a masked copy. */
static struct slice part_of_body(const struct redactor *r, struct arena *a, struct slice v,
    struct slice old, struct slice new, const struct edits *x)
{
	size_t from = (size_t)(v.p - old.p);
	struct edits own = { .n = 0, .all = x->all };

	if (!crosses(x, from, from + v.n))
		return (struct slice){ new.p + moved(r, old, x, from), v.n };
	for (unsigned i = 0; i < x->n; i++)
		if (from < x->e[i].to && x->e[i].from < from + v.n)
			add_edit(&own, x->e[i].from > from ? x->e[i].from - from : 0,
			    x->e[i].to - from < v.n ? x->e[i].to - from : v.n);
	return apply(r, a, v, &own);
}

static struct slice redact_value(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits x = { .n = 0 };

	find_secrets(r, v, &x);
	return x.n > 0 || x.all ? apply(r, a, v, &x) : v;
}

/* A match keeps its text only where it is not secret: compared with every masked value. */
static void redact_match(const struct redactor *r, struct arena *a, struct detection *d,
    struct slice old, const struct edits *x)
{
	d->match = redact_value(r, a, d->match);
	for (unsigned i = 0; i < x->n; i++) {
		struct slice secret = { old.p + x->e[i].from, x->e[i].to - x->e[i].from };

		if (secret.n >= 6 && d->match.n > 0 &&
		    (slice_find(d->match, secret) != NULL ||
			(d->match.n >= 6 && slice_find(secret, d->match) != NULL))) {
			struct edits all = { .all = true };

			d->match = apply(r, a, d->match, &all);
			return;
		}
	}
}

void redact_event(const struct redactor *r, struct arena *a, struct event *ev)
{
	struct edits x = { .n = 0 };
	struct slice old = ev->body;

	find_secrets(r, old, &x);

	struct slice new = x.n > 0 || x.all ? apply(r, a, old, &x) : old;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		struct attr *v = &ev->attrs[i];
		struct slice s = { v->p, v->n };
		bool inside = s.n > 0 && s.p >= old.p && s.p + s.n <= old.p + old.n;

		if (inside && (x.n > 0 || x.all))
			s = part_of_body(r, a, s, old, new, &x);
		else if (!inside && s.n >= 8 && v->key != ATTR_PARSE_ERROR)
			s = redact_value(r, a, s);
		v->p = s.p;
		v->n = (uint32_t)s.n;
	}
	for (unsigned i = 0; i < ev->n_detections; i++)
		redact_match(r, a, &ev->detections[i], old, &x);
	ev->body = new;
}
