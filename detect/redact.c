#include "detect/redact.h"

#include "base/arena.h"
#include "base/err.h"
#include "detect/redact_find.h"

#include <errno.h>
#include <stdio.h>
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
			edits_add(&own, x->e[i].from > from ? x->e[i].from - from : 0,
			    x->e[i].to - from < v.n ? x->e[i].to - from : v.n);
	return apply(r, a, v, &own);
}

static struct slice redact_value(const struct redactor *r, struct arena *a, struct slice v)
{
	struct edits x = { .n = 0 };

	finder_run(r->finder, v, false, &x);
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

void redact_event(const struct redactor *r, struct arena *a, struct event *ev, bool padded)
{
	struct edits x = { .n = 0 };
	struct slice old = ev->body;

	finder_run(r->finder, old, padded, &x);

	bool changed = x.n > 0 || x.all;
	struct slice new = changed ? apply(r, a, old, &x) : old;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		struct attr *v = &ev->attrs[i];
		struct slice s = { v->p, v->n };
		bool inside = s.n > 0 && s.p >= old.p && s.p + s.n <= old.p + old.n;

		if (inside && !changed)
			continue;
		if (inside)
			s = part_of_body(r, a, s, old, new, &x);
		else if (s.n >= 8 && v->key != ATTR_PARSE_ERROR && v->key != ATTR_CLIENT_PROVENANCE)
			s = redact_value(r, a, s);
		v->p = s.p;
		v->n = (uint32_t)s.n;
	}
	for (unsigned i = 0; i < ev->n_detections; i++)
		redact_match(r, a, &ev->detections[i], old, &x);
	ev->body = new;
}
