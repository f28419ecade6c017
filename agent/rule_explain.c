#include "agent/rule_explain.h"

#include "agent/caret.h"
#include "agent/render.h"
#include "base/clock.h"
#include "base/record.h"
#include "base/units.h"
#include "detect/near.h"
#include "detect/redact.h"

#include <stdio.h>
#include <stdlib.h>

enum { NEAR_MAX = 5 };

/* ---- one part of a condition ---- */

static const char *kind_name(const struct matcher *m)
{
	static const char *const compares[] = { "less than", "at most", "more than", "at least",
		"the number" };

	switch (m->kind) {
	case MATCH_EQUAL:
		return "equal";
	case MATCH_CONTAINS:
		return "contains";
	case MATCH_STARTS:
		return "starts";
	case MATCH_ENDS:
		return "ends";
	case MATCH_REGEX:
		return "pattern";
	case MATCH_CIDR:
		return "network";
	case MATCH_COMPARE:
		return compares[m->compare];
	case MATCH_ABSENT:
		return "absent";
	case MATCH_PRESENT:
		return "present";
	case MATCH_FIELD:
		return "field";
	}
	return "";
}

static void print_wanted(const struct near_miss *m)
{
	const struct matcher *v = m->value;
	char label[32];
	char text[IP_TEXT_MAX];

	snprintf(label, sizeof(label), "      %-9s ", kind_name(v));
	switch (v->kind) {
	case MATCH_EQUAL:
	case MATCH_CONTAINS:
	case MATCH_STARTS:
	case MATCH_ENDS:
	case MATCH_REGEX:
		caret_print(label, v->text, 0, 0, m->pattern_at);
		break;
	case MATCH_CIDR:
		printf("%s%.*s\n", label, (int)ip_prefix_text(&v->cidr, text), text);
		break;
	case MATCH_COMPARE:
		printf("%s%g\n", label, v->number);
		break;
	case MATCH_FIELD:
		printf("%s%.*s\n", label, SLICE_ARG(v->other.name));
		break;
	case MATCH_ABSENT:
	case MATCH_PRESENT:
		printf("%s\n", label);
		break;
	}
}

static void print_miss(const struct near_miss *m)
{
	struct slice field =
	    m->field.kind == FIELD_KEYWORDS ? SLICE("keywords") : field_output_name(&m->field);

	switch (m->why) {
	case NEAR_ABSENT:
		printf("    fails on %.*s: the event does not have it\n", SLICE_ARG(field));
		return;
	case NEAR_EXCLUDED:
		if (m->text.p == NULL) {
			printf("    fails on what stands behind `not`: it holds\n");
			return;
		}
		printf("    fails on what stands behind `not`: %.*s (%.*s) holds it\n",
		    SLICE_ARG(field), SLICE_ARG(form_names[m->form]));
		caret_print("      text      ", m->text, m->start, m->end, m->start);
		return;
	case NEAR_VALUE:
		break;
	}
	printf("    fails on %.*s (%.*s)\n", SLICE_ARG(field), SLICE_ARG(form_names[m->form]));
	caret_print("      text      ", m->text, m->start, m->end, m->at);
	print_wanted(m);
}

static void print_evidence(const struct evidence *ev)
{
	struct slice field = field_output_name(&ev->field);
	char label[80];

	if (!ev->found)
		return;
	snprintf(label, sizeof(label), "    %.*s (%.*s)%s: ", SLICE_ARG(field),
	    SLICE_ARG(form_names[ev->form]), ev->quoted ? ", typed by a person" : "");
	caret_print(label, (struct slice){ ev->text, ev->text_n }, ev->start, ev->end, ev->start);
}

/* The last window's event alone in the engine: its texts are laid out when they are asked for. */
static struct engine *engine_with(struct offline *o, const struct line_rules *lr, unsigned event)
{
	struct engine *g = o->pipeline.engine;
	struct event *ev = &o->pipeline.events[event];

	engine_begin(g);
	engine_add(g, ev, engine_classes(ev, lr->proxy) | lr->classes);
	return g;
}

static void print_match(struct engine *g, struct rule *r)
{
	struct evidence ev;

	if (eval_rule(g, 0, r, &ev) == VERDICT_YES)
		print_evidence(&ev);
}

void rule_explain_example(struct offline *o, const struct line_rules *lr, struct rule *r)
{
	for (unsigned i = 0; i < o->pipeline.n_events; i++) {
		struct engine *g = engine_with(o, lr, i);
		struct near n;

		if (near_rule(g, 0, r, &o->pipeline.arena, &n))
			print_miss(&n.miss);
		else if (!eval_concerns(g, 0, r))
			printf("    its logsource has no such lines\n");
		else
			print_match(g, r);
	}
}

/* ---- the whole of a line ---- */

/* As it would be stored. */
static void print_event(struct offline *o, const struct event *in)
{
	struct arena *a = &o->pipeline.arena;
	struct event ev = *in;
	struct buf b = { 0 };
	struct json j = { .out = &b };
	uint64_t id[2];

	ev.attrs = ARENA_NEW(a, struct attr, EVENT_MAX_ATTRS);
	ev.detections = ARENA_NEW(a, struct detection, EVENT_MAX_DETECTIONS);
	if (ev.attrs == NULL || ev.detections == NULL)
		return;
	memcpy(ev.attrs, in->attrs, sizeof(*in->attrs) * in->n_attrs);
	if (in->n_detections > 0)
		memcpy(ev.detections, in->detections, sizeof(*in->detections) * in->n_detections);
	record_event_id(0, &ev, id);
	if (o->redactor != NULL)
		redact_event(o->redactor, a, &ev, false);
	render_event(&j, &ev, id, slice_of(o->rules.parser->name));
	buf_char(&b, '\n');
	fwrite(b.p, 1, b.n, stdout);
	buf_free(&b);
}

/* Only where there is more than one: the others stand in the event. */
static void print_forms(struct engine *g)
{
	static const char *const names[] = { "request", "parameter name", "parameter", "user agent",
		"referer", "cookie" };

	if ((g->events[0].classes & (CLASS_WEB | CLASS_PROXY)) == 0)
		return;
	for (unsigned lane = LANE_URI; lane < LANE_BODY; lane++) {
		unsigned n;
		const struct text *t = texts_of(g, 0, lane, &n);
		unsigned more = 0;

		for (unsigned i = 0; i < n; i++)
			more += t[i].form != FORM_WRITTEN;
		for (unsigned i = 0; i < n && (more > 0 || lane == LANE_URI); i++) {
			char label[64];

			snprintf(label, sizeof(label), "  %-15s%-9.*s ", names[lane],
			    SLICE_ARG(form_names[t[i].form]));
			caret_text(label, (struct slice){ g->lanes[lane].p + t[i].off, t[i].len });
		}
	}
}

static void print_count(const struct event *ev, const struct correlation *k, unsigned member)
{
	char span[32];
	bool counted = true;

	printf("    counts for %.*s: %g in %s", SLICE_ARG(k->name), k->at_least,
	    units_show_duration(k->timespan_us, span));
	for (unsigned i = 0; i < k->n_group; i++) {
		struct slice v = correlator_group_value(k, member, i, ev);
		struct slice name = field_output_name(&k->group[i]);

		counted = counted && v.n > 0;
		if (v.n > 0)
			printf("%s %.*s=%.*s", i == 0 ? " of" : ",", SLICE_ARG(name), SLICE_ARG(v));
		else
			printf("%s %.*s, which the event does not have", i == 0 ? " of" : ",",
			    SLICE_ARG(name));
	}
	printf("%s\n", counted ? "" : ": it is not counted");
}

static void print_counts(const struct offline *o, const struct event *ev, const struct hit *h)
{
	const struct rule *r = &o->rs->rules[h->rule];

	if (h->quoted) {
		printf("    where a person types: level low, counts with nine others in a minute "
		       "only\n");
		return;
	}
	for (unsigned i = 0; i < o->rs->n_correlations; i++) {
		const struct correlation *k = &o->rs->correlations[i];

		for (unsigned m = 0; m < k->n_members && !k->disabled; m++)
			if (!k->members[m].chained && k->members[m].index == h->rule) {
				print_count(ev, k, m);
				break;
			}
	}
	if (r->conclusive && r->generate)
		printf("    alerts by itself: its evidence is conclusive\n");
	else if (r->generate && category_is_attack(r->category, r->level))
		printf("    alerts with another rule's attack on another event of the address "
		       "within 10m\n");
}

static void print_near(struct offline *o, struct engine *g)
{
	struct near near[NEAR_MAX];
	unsigned n = near_all(g, 0, &o->pipeline.arena, near, NEAR_MAX);

	for (unsigned i = 0; i < n; i++) {
		const struct rule *r = &o->rs->rules[near[i].rule];

		printf("near: %.*s: %.*s (%.*s:%u)", SLICE_ARG(r->name), SLICE_ARG(r->title),
		    SLICE_ARG(r->file), r->line);
		if (near[i].of > 1)
			printf(", %u of %u parts hold", near[i].held, near[i].of);
		putchar('\n');
		print_miss(&near[i].miss);
	}
}

static void explain_event(struct offline *o, unsigned event)
{
	const struct pipeline *p = &o->pipeline;
	struct engine *g;

	print_event(o, &p->events[event]);
	g = engine_with(o, &o->rules, event);
	print_forms(g);
	for (unsigned i = 0; i < p->n_hits; i++) {
		struct rule *r = &o->rs->rules[p->hits[i].rule];

		if (p->hits[i].event != event)
			continue;
		printf("%.*s: %.*s (%.*s:%u)%s\n", SLICE_ARG(r->name), SLICE_ARG(r->title),
		    SLICE_ARG(r->file), r->line, r->generate ? "" : ", only for correlations");
		print_match(g, r);
		print_counts(o, &p->events[event], &p->hits[i]);
	}
	print_near(o, g);
}

bool rule_explain(struct offline *o, const char *line)
{
	struct line_rules lr = o->rules;
	struct buf text = { 0 };
	struct window_in in = { .line = 1, .final = true };
	bool any;

	buf_str(&text, line);
	buf_char(&text, '\n');
	in.text = buf_as_slice(&text);
	lr.ref_us = clock_now_us();
	o->pipeline.redactor =
	    NULL; /* rules see what was sent; what is printed as stored is masked */
	pipeline_window(&o->pipeline, &lr, &in);
	any = o->pipeline.n_hits > 0;
	for (unsigned i = 0; i < o->pipeline.n_events; i++)
		explain_event(o, i);
	if (!any)
		printf("no rule matches\n");
	buf_free(&text);
	return any;
}
