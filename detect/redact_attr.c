#include "detect/redact_attr.h"

#include "base/arena.h"
#include "detect/redact_find.h"
#include "detect/secret_name.h"
#include "detect/secret_text.h"
#include "detect/secret_value.h"

enum {
	HEX_MIN = 8,   /* digits: less holds no secret and its name */
	PIECE_MIN = 4, /* bytes of a secret that is sought elsewhere: shorter ones are anywhere */
};

/* Those of the table are no secrets, but for cookies. */
static unsigned kind_of(const struct attr *v)
{
	if (v->key == ATTR_OTHER)
		return secret_name_of_attribute((struct slice){ v->name, v->name_n });
	return v->key == ATTR_HTTP_COOKIE ? SECRET_COOKIE : 0;
}

bool redact_attr_secret(struct slice name)
{
	return secret_name_of_attribute(name) != 0 && attr_find(name) == ATTR_OTHER;
}

static bool is_number(const struct attr *v)
{
	uint32_t i = 0;

	while (i < v->n && v->p[i] >= '0' && v->p[i] <= '9')
		i++;
	return i == v->n;
}

/* May it be kept in spite of its name? */
static bool is_plain(const struct attr *v, unsigned kind)
{
	struct slice s = { v->p, v->n };

	return slice_eq(s, SLICE("true")) || slice_eq(s, SLICE("false")) ||
	       slice_eq(s, SLICE("null")) || (is_number(v) && (kind & SECRET_NUMBER) == 0);
}

static unsigned secret_of(const struct attr *v)
{
	unsigned kind = kind_of(v);

	return kind != 0 && !is_plain(v, kind) ? kind : 0;
}

void redact_attr_whole(const struct attr *v, struct edits *x)
{
	unsigned kind = secret_of(v);

	if (kind != 0)
		secret_value_whole((struct slice){ v->p, v->n }, kind, 0, v->n, x);
}

bool redact_attr_named(const struct event *ev, struct edits *x)
{
	bool any = false;

	for (unsigned i = 0; i < ev->n_attrs; i++) {
		const struct attr *v = &ev->attrs[i];
		unsigned kind;

		if (v->key != ATTR_OTHER && v->key != ATTR_HTTP_COOKIE)
			continue;
		kind = v->n > 0 ? secret_of(v) : 0;
		if (kind == 0)
			continue;
		any = true;
		if (v->p >= ev->body.p && v->p + v->n <= ev->body.p + ev->body.n) {
			size_t from = (size_t)(v->p - ev->body.p);

			secret_value_whole(ev->body, kind, from, from + v->n, x);
		}
	}
	return any;
}

/* The pairs of digits at i: their end. */
static size_t digits_end(struct slice t, size_t i)
{
	while (secret_text_byte(t, i) >= 0)
		i += 2;
	return i;
}

/* What digits stand for, into `to`: NULs, between arguments, as blanks. */
static struct slice decoded(struct slice digits, char *to)
{
	for (size_t i = 0; i + 1 < digits.n; i += 2) {
		int c = secret_text_byte(digits, i);

		to[i / 2] = c == 0 || c == '\n' ? ' ' : (char)c;
	}
	return (struct slice){ to, digits.n / 2 };
}

/* The secrets that the command line has: known there by the arguments around them. */
struct pieces {
	struct slice line;
	struct edits x;
};

static bool holds(const struct pieces *p, struct slice text)
{
	for (unsigned i = 0; i < p->x.n; i++) {
		struct slice s = { p->line.p + p->x.e[i].from, p->x.e[i].to - p->x.e[i].from };

		if (s.n >= PIECE_MIN && slice_find(text, s) != NULL)
			return true;
	}
	return p->x.all;
}

/* Fields of digits; of a body without a secret in them nothing changes. */
static void digits(
    struct finder *f, struct arena *a, struct slice t, const struct pieces *p, struct edits *x)
{
	char *to = arena_alloc(a, t.n / 2 + 1, 1);

	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] != '=')
			continue;

		size_t end = digits_end(t, i + 1);
		struct edits own;

		if (end - i - 1 < HEX_MIN ||
		    (end < t.n && t.p[end] != ' ' && t.p[end] != '\n' && t.p[end] != '\x1d'))
			continue;
		edits_none(&own);
		if (to != NULL) {
			struct slice text = decoded((struct slice){ t.p + i + 1, end - i - 1 }, to);

			finder_run(f, text, false, &own);
			own.all |= holds(p, text);
		}
		if (own.n > 0 || own.all || to == NULL)
			edits_add(x, i + 1, end);
		i = end - 1;
	}
}

/* The same pieces where they are written as they are: a1="-pX" */
static void written(struct slice t, const struct pieces *p, struct edits *x)
{
	for (unsigned i = 0; i < p->x.n; i++) {
		struct slice s = { p->line.p + p->x.e[i].from, p->x.e[i].to - p->x.e[i].from };
		size_t at = 0;

		while (s.n >= PIECE_MIN) {
			const char *found = slice_find(slice_from(t, at), s);

			if (found == NULL)
				break;
			at = (size_t)(found - t.p) + s.n;
			edits_add(x, at - s.n, at);
		}
	}
}

/* Its parser begins with the serial. */
static bool is_audit(const struct event *ev)
{
	return ev->n_attrs > 0 && ev->attrs[0].key == ATTR_AUDIT_SERIAL;
}

void redact_attr_audit(struct finder *f, struct arena *a, const struct event *ev, struct edits *x)
{
	struct pieces p;

	if (!is_audit(ev))
		return;
	p.line = event_get(ev, ATTR_PROCESS_COMMAND);
	edits_none(&p.x);
	if (p.line.n > 0)
		finder_run(f, p.line, false, &p.x);
	written(ev->body, &p, x);
	digits(f, a, ev->body, &p, x);
}
