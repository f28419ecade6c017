#include "detect/redact.h"

#include "base/arena.h"
#include "base/err.h"
#include "detect/redact_attr.h"
#include "detect/redact_find.h"
#include "detect/secret_text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <xxhash.h>

struct redactor {
	uint64_t key;
	struct finder *finder;
};

struct redactor *redactor_new(uint64_t key, struct err *e)
{
	struct redactor *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(e, ENOMEM, "no memory for redaction");
		return NULL;
	}
	r->key = key;
	r->finder = finder_new(e);
	if (r->finder == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void redactor_free(struct redactor *r)
{
	if (r == NULL)
		return;
	finder_free(r->finder);
	free(r);
}

enum {
	MASK_MAX = 24,
	SEEN_MAX = 512, /* bytes of a secret that matches are compared with */
	PIECE_MIN = 6,	/* shorter ones are in any text */
};

/* [masked:24:9f3a]: the class of the length, and a keyed hash; of a mask itself. Bytes written. */
static size_t put_mask(const struct redactor *r, struct slice value, char to[static MASK_MAX])
{
	static const struct {
		unsigned most;
		struct slice text;
	} classes[] = { { 8, SLICE_INIT("[masked:8:") }, { 16, SLICE_INIT("[masked:16:") },
		{ 24, SLICE_INIT("[masked:24:") }, { 32, SLICE_INIT("[masked:32:") },
		{ 48, SLICE_INIT("[masked:48:") }, { 64, SLICE_INIT("[masked:64:") },
		{ 128, SLICE_INIT("[masked:128:") }, { 256, SLICE_INIT("[masked:256:") },
		{ UINT_MAX, SLICE_INIT("[masked:1024:") } };
	static const char hex[] = "0123456789abcdef";
	uint64_t hash;
	unsigned c = 0;
	size_t n = secret_text_mask(value, 0);

	if (n > 0 && n == value.n && n <= MASK_MAX) {
		memcpy(to, value.p, n);
		return n;
	}
	hash = XXH3_64bits_withSeed(value.p, value.n, r->key);
	while (value.n > classes[c].most)
		c++;
	n = classes[c].text.n;
	memcpy(to, classes[c].text.p, n);
	for (unsigned i = 0; i < 4; i++)
		to[n++] = hex[hash >> (12 - 4 * i) & 15];
	to[n++] = ']';
	return n;
}

/* A text with its edits made, and by how much each of them made it longer. */
struct edited {
	struct slice text;
	ptrdiff_t grown[MAX_EDITS];
};

/* The text with its edits made, in a; an empty one when there is no room. */
static void apply(const struct redactor *r, struct arena *a, struct slice t, const struct edits *x,
    struct edited *to)
{
	const struct edit whole = { 0, t.n };
	const struct edit *e = x->all ? &whole : x->e;
	unsigned n_edits = x->all ? 1 : x->n;
	char *out = arena_alloc(a, t.n + MASK_MAX * (size_t)(n_edits + 1), 1);
	size_t n = 0;
	size_t at = 0;

	to->text = (struct slice){ "", 0 };
	if (out == NULL)
		return;
	for (unsigned i = 0; i < n_edits; i++) {
		size_t len = e[i].to - e[i].from;
		size_t m;

		memcpy(out + n, t.p + at, e[i].from - at);
		n += e[i].from - at;
		m = put_mask(r, (struct slice){ t.p + e[i].from, len }, out + n);
		to->grown[i] = (ptrdiff_t)m - (ptrdiff_t)len;
		n += m;
		at = e[i].to;
	}
	memcpy(out + n, t.p + at, t.n - at);
	to->text = (struct slice){ out, n + t.n - at };
}

static struct slice applied(
    const struct redactor *r, struct arena *a, struct slice t, const struct edits *x)
{
	struct edited to;

	apply(r, a, t, x, &to);
	return to.text;
}

/* Where byte `at` of the old body lies in the new one; edits before it have moved it. */
static const char *moved(const struct edited *new, const struct edits *x, size_t at)
{
	const char *to = new->text.p + at;

	for (unsigned i = 0; i < x->n && x->e[i].to <= at; i++)
		to += new->grown[i];
	return to;
}

static bool crosses(const struct edits *x, size_t from, size_t to)
{
	for (unsigned i = 0; i < x->n; i++)
		if (from < x->e[i].to && x->e[i].from < to)
			return true;
	return false;
}

/* A value that is part of the body: a place in the new body, or a masked copy. */
static struct slice part_of_body(const struct redactor *r, struct arena *a, struct slice v,
    struct slice old, const struct edited *new, const struct edits *x)
{
	size_t from = (size_t)(v.p - old.p);
	struct edits own;

	if (!x->all && !crosses(x, from, from + v.n))
		return (struct slice){ new->text.n > 0 ? moved(new, x, from) : "",
			new->text.n > 0 ? v.n : 0 };
	edits_none(&own);
	own.all = x->all;
	for (unsigned i = 0; i < x->n; i++)
		if (from < x->e[i].to && x->e[i].from < from + v.n)
			edits_add(&own, x->e[i].from > from ? x->e[i].from - from : 0,
			    x->e[i].to - from < v.n ? x->e[i].to - from : v.n);
	return applied(r, a, v, &own);
}

static struct slice redact_value(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits x;

	edits_none(&x);
	finder_run(r->finder, v, false, &x);
	return x.n > 0 || x.all ? applied(r, a, v, &x) : v;
}

/* The value of an attribute that is no part of the body, as it was decoded or made. named: the
 * event has attributes whose names say that they are secret. */
static struct slice redact_outside(
    const struct redactor *r, struct arena *a, const struct attr *v, bool named)
{
	struct slice s = { v->p, v->n };
	struct edits x;

	edits_none(&x);
	if (s.n >= 8)
		finder_run(r->finder, s, false, &x);
	if (named)
		redact_attr_whole(v, &x);
	return x.n > 0 || x.all ? applied(r, a, s, &x) : s;
}

static struct slice redact_all(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits all;

	edits_none(&all);
	all.all = v.n > 0;
	return v.n > 0 ? applied(r, a, v, &all) : v;
}

/* Does a end in what b begins with? */
static bool runs_into(struct slice a, struct slice b)
{
	for (size_t n = a.n < b.n ? a.n : b.n; n >= PIECE_MIN; n--)
		if (a.p[a.n - n] == b.p[0] && memcmp(a.p + a.n - n, b.p, n) == 0)
			return true;
	return false;
}

/* A part of a secret that says which it is, or a text around it. */
static bool shares(struct slice match, struct slice secret)
{
	if (secret.n < PIECE_MIN || match.n == 0)
		return false;
	return slice_find(match, secret) != NULL ||
	       (match.n >= PIECE_MIN && (slice_find(secret, match) != NULL ||
					    runs_into(match, secret) || runs_into(secret, match)));
}

/* As rules see a parameter: with its codes, and plus signs, replaced. */
static struct slice as_seen(struct slice text, char to[static SEEN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < SEEN_MAX; n++) {
		struct unit u = secret_text_unit(text, i);

		to[n] = u.c == '+' ? ' ' : (char)u.c;
		i += u.n;
	}
	return (struct slice){ to, n };
}

/* An event of which body and attributes are being masked. */
struct job {
	const struct redactor *r;
	struct arena *a;
	struct slice old; /* the body as it was */
	struct edits x;	  /* of that */
	bool named;	  /* it has attributes whose names say that they are secret */
};

/* A match keeps its text only where it is not secret: compared with every masked value. */
static struct slice redact_match(const struct job *j, struct slice match, struct slice field)
{
	char seen[SEEN_MAX];
	char seen_match[SEEN_MAX];
	struct slice decoded;

	if (j->x.all || (j->named && field.n > 0 && redact_attr_secret(field)))
		return redact_all(j->r, j->a, match);
	if (j->x.n == 0)
		return redact_value(j->r, j->a, match);
	decoded = as_seen(match, seen_match);
	for (unsigned i = 0; i < j->x.n; i++) {
		const struct edit *e = &j->x.e[i];
		struct slice secret = { j->old.p + e->from, e->to - e->from };

		if (shares(match, secret) || shares(decoded, as_seen(secret, seen)))
			return redact_all(j->r, j->a, match);
	}
	return redact_value(j->r, j->a, match);
}

static void redact_detection(const struct job *j, struct detection *d)
{
	d->match = redact_match(j, d->match, d->field);
	for (unsigned i = 0; i < d->n_parts; i++)
		d->parts[i].match = redact_match(j, d->parts[i].match, d->parts[i].field);
}

/* new: NULL: the body stays as it is. */
static void redact_attrs(const struct job *j, struct event *ev, const struct edited *new)
{
	const char *end = j->old.p + j->old.n;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		struct attr *v = &ev->attrs[i];
		struct slice s = { v->p, v->n };
		bool inside = s.n > 0 && s.p >= j->old.p && s.p + s.n <= end;

		if ((inside && new == NULL) || v->key == ATTR_PARSE_ERROR ||
		    v->key == ATTR_CLIENT_PROVENANCE)
			continue; /* the last two are words of our own */
		s = inside ? part_of_body(j->r, j->a, s, j->old, new, &j->x)
			   : redact_outside(j->r, j->a, v, j->named);
		v->p = s.p;
		v->n = (uint32_t)s.n;
	}
}

void redact_event(const struct redactor *r, struct arena *a, struct event *ev, bool padded)
{
	struct edited new; /* its table is left as it is, as that of the edits */
	struct job j;

	j.r = r;
	j.a = a;
	j.old = ev->body;
	edits_none(&j.x);
	j.named = redact_attr_named(ev, &j.x);
	finder_run(r->finder, j.old, padded, &j.x);
	redact_attr_audit(r->finder, a, ev, &j.x);
	if (j.x.n > 0 || j.x.all) {
		apply(r, a, j.old, &j.x, &new);
		redact_attrs(&j, ev, &new);
		ev->body = new.text;
	} else {
		redact_attrs(&j, ev, NULL);
	}
	for (unsigned i = 0; i < ev->n_detections; i++)
		redact_detection(&j, &ev->detections[i]);
}
