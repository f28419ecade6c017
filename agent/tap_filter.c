#include "agent/tap_filter.h"

#include "base/err.h"

#include <errno.h>

static const char *const kinds[] = { "", "event", "alert", "block", "ledger" };

static bool like(struct slice pattern, struct slice s)
{
	size_t p = 0;
	size_t i = 0;
	size_t star = SIZE_MAX; /* the last one, and where it stands */
	size_t mark = 0;

	while (i < s.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = i;
		} else if (p < pattern.n && pattern.p[p] == s.p[i]) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* ---- reading ---- */

static bool copy(char *to, size_t cap, struct slice s)
{
	if (s.n >= cap)
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static bool one_term(struct slice text, struct tap_filter *f, struct err *e)
{
	struct slice name;
	struct slice value;

	if (f->n == TAP_TERMS_MAX) {
		err_set(e, EINVAL, "more than %d terms", TAP_TERMS_MAX);
		return false;
	}
	if (!slice_cut(text, '=', &name, &value)) {
		err_set(
		    e, EINVAL, "expected NAME=VALUE or NAME!=VALUE, not '%.*s'", SLICE_ARG(text));
		return false;
	}
	f->term[f->n].not = slice_ends(name, SLICE("!"));
	name.n -= f->term[f->n].not ;
	if (name.n == 0 || !copy(f->term[f->n].name, sizeof(f->term[0].name), name) ||
	    !copy(f->term[f->n].value, sizeof(f->term[0].value), value)) {
		err_set(e, EINVAL, "too long, or without a name: '%.*s'", SLICE_ARG(text));
		return false;
	}
	f->n++;
	return true;
}

/* Events without detections are in the bulk lane: who asks for a rule needs only the other. */
static bool asks_for_detections(const struct tap_filter *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		const char *name = f->term[i].name;

		if (f->term[i].not )
			continue;
		if (strcmp(name, "rule") == 0 || strcmp(name, "category") == 0 ||
		    strcmp(name, "level") == 0 || strcmp(name, "field") == 0)
			return true;
		if (strcmp(name, "kind") == 0 && !like(slice_of(f->term[i].value), SLICE("event")))
			return true;
	}
	return false;
}

bool tap_filter_parse(struct slice text, struct tap_filter *f, struct err *e)
{
	*f = (struct tap_filter){ 0 };
	while (text.n > 0) {
		struct slice term;

		slice_cut(text, TAP_SEPARATOR, &term, &text);
		if (term.n > 0 && !one_term(term, f, e))
			return false;
	}
	f->control_only = asks_for_detections(f);
	return true;
}

/* ---- deciding ---- */

enum own_name {
	OWN_KIND,
	OWN_RULE,
	OWN_CATEGORY,
	OWN_LEVEL,
	OWN_FIELD,
	OWN_PARSER,
	OWN_FILE,
	OWN_BODY,
	OWN_ID,
	OWN_NONE
};

static const char *const own_names[] = { "kind", "rule", "category", "level", "field", "parser",
	"file", "body", "id" };

static enum own_name own_name(const char *name)
{
	unsigned i = 0;

	while (i < OWN_NONE && strcmp(own_names[i], name) != 0)
		i++;
	return (enum own_name)i;
}

static bool named(const struct event *ev, struct slice name, struct slice pattern)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (slice_eq(attr_name(&ev->attrs[i]), name) &&
		    like(pattern, (struct slice){ ev->attrs[i].p, ev->attrs[i].n }))
			return true;
	return false;
}

static bool detected(const struct event *ev, enum own_name what, struct slice pattern)
{
	for (unsigned i = 0; i < ev->n_detections; i++) {
		const struct detection *d = &ev->detections[i];

		if (like(pattern, what == OWN_RULE	 ? d->rule
				  : what == OWN_CATEGORY ? d->category
				  : what == OWN_LEVEL	 ? d->level
							 : d->field))
			return true;
	}
	return false;
}

/* The entity of an alert under the attribute that it was made from. */
static bool entity(const struct record *r, const char *name, struct slice pattern)
{
	static const char *const types[][2] = { { "client.address", "ip" },
		{ "client.address", "client" }, { "user.name", "account" },
		{ "session.id", "session" } };

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(name, types[i][0]) == 0 &&
		    named(&r->ev, SLICE("entity_type"), slice_of(types[i][1])) &&
		    named(&r->ev, SLICE("entity_value"), pattern))
			return true;
	return false;
}

static bool holds(const struct record *r, const char *name, struct slice pattern)
{
	enum own_name own = own_name(name);
	char id[RECORD_ID_TEXT + 1];

	switch (own) {
	case OWN_KIND:
		return like(pattern, slice_of(kinds[r->kind]));
	case OWN_RULE:
	case OWN_CATEGORY:
	case OWN_LEVEL:
	case OWN_FIELD:
		if (r->kind == RECORD_EVENT)
			return detected(&r->ev, own, pattern);
		return named(&r->ev, slice_of(name), pattern);
	case OWN_PARSER:
		return r->kind == RECORD_EVENT && like(pattern, r->origin->parser);
	case OWN_FILE:
		return r->kind == RECORD_EVENT && like(pattern, r->origin->path);
	case OWN_BODY:
		return r->kind == RECORD_EVENT && like(pattern, r->ev.body);
	case OWN_ID:
		record_id_text(r->id, id);
		return like(pattern, slice_of(id));
	case OWN_NONE:
		break;
	}
	return named(&r->ev, slice_of(name), pattern) ||
	       (r->kind == RECORD_ALERT && entity(r, name, pattern));
}

bool tap_filter_holds(const struct tap_filter *f, const struct record *r)
{
	for (unsigned i = 0; i < f->n; i++)
		if (holds(r, f->term[i].name, slice_of(f->term[i].value)) == f->term[i].not )
			return false;
	return true;
}

bool tap_filter_knows(struct slice name)
{
	for (unsigned i = 0; i < OWN_NONE; i++)
		if (slice_eq(name, slice_of(own_names[i])))
			return true;
	return attr_find(name) != ATTR_OTHER;
}
