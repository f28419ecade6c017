#include "detect/redact.h"

#include "base/arena.h"
#include "base/err.h"
#include "detect/redact_find.h"
#include "detect/secret_name.h"

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

enum { MASK_MAX = 24 };

/* [masked:24:9f3a]: the class of the length, and a keyed hash. Bytes written. */
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
	uint64_t hash = XXH3_64bits_withSeed(value.p, value.n, r->key);
	unsigned c = 0;
	size_t n;

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
	return x->all;
}

/* A value that is part of the body: a place in the new body, or a masked copy. */
static struct slice part_of_body(const struct redactor *r, struct arena *a, struct slice v,
    struct slice old, const struct edited *new, const struct edits *x)
{
	size_t from = (size_t)(v.p - old.p);
	struct edits own;

	if (!crosses(x, from, from + v.n))
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

/* What an attribute's own name says is secret, however it was written in the line. */
static bool is_secret(const struct attr *v)
{
	static const unsigned any = SECRET_VALUE | SECRET_AUTH | SECRET_COOKIE;
	uint64_t n;
	unsigned says;

	if (v->key != ATTR_OTHER && v->key != ATTR_HTTP_COOKIE)
		return false; /* session.id is an entity, and no other of the table is secret */
	says = secret_name_of_attribute(attr_name(v));
	return (says & any) != 0 && v->n > 0 &&
	       ((says & SECRET_NUMBER) != 0 || !slice_u64((struct slice){ v->p, v->n }, &n));
}

static struct slice mask_whole(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits all;

	edits_none(&all);
	all.all = true;
	return slice_starts(v, SLICE("[masked:")) ? v : applied(r, a, v, &all);
}

/* Names of cookies tell something, each of their values may be a session. */
static struct slice mask_cookie(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits x;
	size_t from = 0;

	edits_none(&x);
	for (size_t i = 0; i <= v.n; i++) {
		if (i < v.n && v.p[i] != ';')
			continue;

		const char *equals = memchr(v.p + from, '=', i - from);
		size_t value = equals != NULL ? (size_t)(equals + 1 - v.p) : from;

		if (!slice_starts(slice_from(v, value), SLICE("[masked:")))
			edits_add(&x, value, i);
		from = i + 1;
	}
	return x.n > 0 || x.all ? applied(r, a, v, &x) : v;
}

static struct slice redact_value(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits x;

	edits_none(&x);
	finder_run(r->finder, v, false, &x);
	return x.n > 0 || x.all ? applied(r, a, v, &x) : v;
}

/* A match keeps its text only where it is not secret: compared with every masked value. */
static struct slice redact_match(const struct redactor *r, struct arena *a, struct slice match,
    struct slice old, const struct edits *x)
{
	match = redact_value(r, a, match);
	for (unsigned i = 0; i < x->n; i++) {
		struct slice secret = { old.p + x->e[i].from, x->e[i].to - x->e[i].from };

		if (secret.n >= 6 && match.n > 0 &&
		    (slice_find(match, secret) != NULL ||
			(match.n >= 6 && slice_find(secret, match) != NULL))) {
			struct edits all;

			edits_none(&all);
			all.all = true;
			return applied(r, a, match, &all);
		}
	}
	return match;
}

/* In a body where nothing even begins like a secret, no part of it does. */
static void redact_detection(const struct redactor *r, struct arena *a, struct detection *d,
    struct slice old, const struct edits *x, bool suspect)
{
	if (suspect || slice_find(old, d->match) == NULL)
		d->match = redact_match(r, a, d->match, old, x);
	for (struct detection_part *p = d->parts; p < d->parts + d->n_parts; p++)
		p->match = redact_match(r, a, p->match, old, x);
}

void redact_event(const struct redactor *r, struct arena *a, struct event *ev, bool padded)
{
	struct slice old = ev->body;
	struct edited new; /* its table is left as it is, too */
	struct edits x;

	new.text = old;
	edits_none(&x);

	bool suspect = finder_run(r->finder, old, padded, &x);
	bool changed = x.n > 0 || x.all;

	if (changed)
		apply(r, a, old, &x, &new);
	for (unsigned i = 0; i < ev->n_attrs; i++) {
		struct attr *v = &ev->attrs[i];
		struct slice s = { v->p, v->n };
		bool inside = s.n > 0 && s.p >= old.p && s.p + s.n <= old.p + old.n;
		bool own = v->key == ATTR_PARSE_ERROR || v->key == ATTR_CLIENT_PROVENANCE;

		if (is_secret(v)) {
			s = v->key == ATTR_HTTP_COOKIE ? mask_cookie(r, a, s) : mask_whole(r, a, s);
			v->p = s.p;
			v->n = (uint32_t)s.n;
			continue;
		}
		if (own || (inside && !changed))
			continue;
		if (inside)
			s = part_of_body(r, a, s, old, &new, &x);
		else if (s.n >= 8)
			s = redact_value(r, a, s);
		v->p = s.p;
		v->n = (uint32_t)s.n;
	}
	for (unsigned i = 0; i < ev->n_detections; i++)
		redact_detection(r, a, &ev->detections[i], old, &x, suspect);
	ev->body = new.text;
}
