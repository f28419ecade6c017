#include "agent/drop.h"

#include "base/err.h"

/* What no event without detections has: such a rule would never drop anything. */
static bool is_of_detections(struct slice name)
{
	static const char *const names[] = { "rule", "category", "level", "field", "kind" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(name, slice_of(names[i])))
			return true;
	return false;
}

static void resolve_term(
    struct drop_config *d, unsigned i, struct buf *all, struct place at, struct problems *p)
{
	struct slice text = slice_of(d->when.v[i]);
	struct tap_filter one;
	struct slice name;
	struct err e = { 0, "" };

	if (memchr(text.p, TAP_SEPARATOR, text.n) != NULL || !tap_filter_parse(text, &one, &e) ||
	    one.n != 1) {
		problem_error(p, at, "drop: %s", e.msg[0] != '\0' ? e.msg : "an empty term");
		return;
	}
	name = slice_of(one.term[0].name);
	if (is_of_detections(name))
		problem_error(p, at,
		    "drop: '%s': only events without detections are dropped, and they have none",
		    one.term[0].name);
	else if (!tap_filter_knows(name))
		problem_warn(
		    p, at, "drop: '%s' is no attribute that parsers here give", one.term[0].name);
	buf_slice(all, text);
	buf_char(all, TAP_SEPARATOR);
}

void drop_resolve(const struct config_items *rules, const struct yaml_file *file,
    const struct yaml *y, struct problems *p)
{
	for (unsigned i = 0; i < rules->n; i++) {
		struct drop_config *d = (struct drop_config *)rules->v + i;
		struct place at = yaml_place(file, &y->child[i]);
		struct buf all = { .max = 16384 };
		struct err e = { 0, "" };

		if (i == DROP_RULES_MAX)
			problem_error(p, at, "drop: more than %d rules", DROP_RULES_MAX);
		if (d->when.n == 0)
			problem_error(p, at, "drop: a rule without terms would drop everything");
		for (unsigned k = 0; k < d->when.n; k++)
			resolve_term(d, k, &all, d->when.at[k], p);
		if (all.full || !tap_filter_parse(buf_as_slice(&all), &d->filter, &e))
			problem_error(p, at, "drop: %s", all.full ? "too long" : e.msg);
		buf_free(&all);
	}
}

static bool is_of_another(const struct config_texts *services, const struct record *r)
{
	struct slice service = r->origin != NULL && r->origin->service.n > 0
				   ? r->origin->service
				   : r->context->service_name;

	for (unsigned i = 0; i < services->n; i++)
		if (slice_eq(service, slice_of(services->v[i])))
			return false;
	return services->n > 0;
}

int drop_find(const struct drop_settings *d, const struct record *r)
{
	if (r->kind != RECORD_EVENT)
		return DROP_NONE;
	if (is_of_another(&d->services, r))
		return DROP_OTHERS;
	if (d->rules.n == 0 || event_is_suspicious(&r->ev))
		return DROP_NONE;
	for (unsigned i = 0; i < d->rules.n; i++)
		if (tap_filter_holds(&((const struct drop_config *)d->rules.v + i)->filter, r))
			return (int)i;
	return DROP_NONE;
}

void drop_text(const struct config_items *rules, unsigned i, struct buf *out)
{
	const struct config_texts *when = &((const struct drop_config *)rules->v + i)->when;

	for (unsigned k = 0; k < when->n; k++)
		buf_printf(out, "%s%s", k > 0 ? " " : "", when->v[k]);
}
