#include "agent/pipeline.h"

#include "agent/assemble.h"
#include "agent/processes.h"
#include "agent/ssh_clients.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "detect/redact.h"

#include <errno.h>
#include <stdlib.h>

enum { CRC_BYTES = 256, ARENA_PER_BYTE = 12 };

int pipeline_init(
    struct pipeline *p, struct trigger_plan *plan, const struct redactor *r, struct err *e)
{
	*p = (struct pipeline){ .redactor = r };
	if (arena_init(&p->arena, (size_t)PIPELINE_WINDOW * ARENA_PER_BYTE + (32 << 20), e) != 0)
		return -1;
	p->events = malloc(sizeof(*p->events) * ENGINE_MAX_EVENTS);
	p->attrs = malloc(sizeof(*p->attrs) * PIPELINE_MAX_ATTRS);
	p->engine = engine_new(plan, e);
	p->hits = malloc(sizeof(*p->hits) * PIPELINE_MAX_HITS);
	p->processes = processes_new();
	p->ssh_clients = ssh_clients_new();
	if (p->events == NULL || p->attrs == NULL || p->engine == NULL || p->hits == NULL ||
	    p->processes == NULL || p->ssh_clients == NULL) {
		pipeline_free(p);
		return err_set(e, ENOMEM, "no memory for a batch");
	}
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	engine_free(p->engine);
	free(p->events);
	free(p->attrs);
	free(p->hits);
	processes_free(p->processes);
	ssh_clients_free(p->ssh_clients);
	arena_free(&p->arena);
	*p = (struct pipeline){ 0 };
}

int pipeline_use(struct pipeline *p, struct trigger_plan *plan, struct err *e)
{
	struct engine *g = engine_new(plan, e);

	if (g == NULL)
		return -1;
	g->check_one_in = p->engine->check_one_in;
	g->verify = p->engine->verify;
	g->verify_ctx = p->engine->verify_ctx;
	engine_free(p->engine);
	p->engine = g;
	return 0;
}

uint32_t pipeline_crc20(struct slice line)
{
	return crc32c(0, line.p, line.n < CRC_BYTES ? line.n : CRC_BYTES) & 0xfffff;
}

/* The time of an event that has none, or one that can't be. */
static void settle_time(struct pipeline *p, const struct line_rules *r, struct event *ev)
{
	if (ev->time_us == 0) {
		ev->time_us = r->no_time_us != 0     ? r->no_time_us
			      : p->last_time_us != 0 ? p->last_time_us
						     : r->ref_us;
		event_add(ev, ATTR_TIME_REPLACED, SLICE("missing"));
	} else if (r->max_ahead_us != 0 && ev->time_us > r->ref_us + r->max_ahead_us) {
		ev->time_us = r->ref_us;
		event_add(ev, ATTR_TIME_REPLACED, SLICE("ahead"));
	}
	p->last_time_us = ev->time_us;
}

static struct slice number_text(struct arena *a, uint64_t v)
{
	char text[24];
	size_t n = sizeof(text);

	do
		text[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return arena_copy(a, (struct slice){ text + n, sizeof(text) - n });
}

static void flags_to_attrs(struct pipeline *p, struct event *ev, const struct group *g)
{
	if (ev->flags & EVENT_CUT)
		event_add(ev, ATTR_LINE_LENGTH, number_text(&p->arena, g->true_n));
	if (ev->flags & EVENT_UNTERMINATED)
		event_add(ev, ATTR_UNTERMINATED, SLICE("true"));
	if (ev->flags & EVENT_INCOMPLETE)
		event_add(ev, ATTR_INCOMPLETE, SLICE("true"));
	if (ev->flags & EVENT_NUL)
		event_add(ev, ATTR_NULS_SKIPPED, number_text(&p->arena, g->nuls));
}

/* Accounts and sessions, from wherever this log has them. */
static void map_identity(const struct line_rules *r, struct event *ev)
{
	for (unsigned k = 0; k < r->n_identity; k++) {
		struct slice v = event_get_named(ev, r->identity[k].field);
		enum attr_key key = attr_find(r->identity[k].attribute);

		if (v.p == NULL)
			continue;
		if (key != ATTR_OTHER)
			event_set(ev, key, v);
		else
			event_add_named(ev, r->identity[k].attribute, v);
	}
}

/* One group of lines to one event. */
static void add_event(struct pipeline *p, const struct line_rules *r, const struct group *g,
    const struct parse_ctx *ctx)
{
	struct event *ev = &p->events[p->n_events++];

	*ev = (struct event){ .body = g->body,
		.offset = g->offset,
		.line = g->line,
		.span = g->span,
		.flags = g->flags | (r->control ? EVENT_CONTROL : 0u),
		.crc20 = g->crc20,
		.attrs = p->attrs + p->n_attrs };
	p->lines += g->n_lines;
	if (r->parser->parse(ctx, ev) != PARSE_OK) {
		ev->n_attrs = 0;
		ev->time_us = 0;
		ev->flags |= EVENT_BAD;
		event_add(ev, ATTR_PARSE_ERROR, slice_of(r->parser->name));
		p->bad++;
	}
	if (ev->flags != 0)
		flags_to_attrs(p, ev, g);
	map_identity(r, ev);
	if (r->parser->grouping == PARSE_SERIAL)
		processes_event(p->processes, &p->arena, ev);
	ssh_clients_event(p->ssh_clients, &p->arena, ev);
	settle_time(p, r, ev);
	client_resolve(&r->client, &p->arena, ev);
	if (p->is_copy != NULL && p->is_copy(p->is_copy_ctx, ev, ctx->entry)) {
		p->n_events--;
		p->copies++;
		return;
	}
	p->n_attrs += ev->n_attrs + 4; /* detection may add some */
}

bool pipeline_has_room(const struct pipeline *p)
{
	return p->n_events < ENGINE_MAX_EVENTS &&
	       p->n_attrs + EVENT_MAX_ATTRS + 4 < PIPELINE_MAX_ATTRS &&
	       p->arena.cap - p->arena.used > (4 << 20);
}

/* What the engine found on the events from `base` on; its own numbers start at 0. */
static void collect(struct pipeline *p, unsigned base)
{
	struct engine *g = p->engine;

	engine_run(g, &p->arena);
	for (unsigned i = 0; i < g->n_hits && p->n_hits < PIPELINE_MAX_HITS; i++)
		p->hits[p->n_hits++] =
		    (struct hit){ g->hits[i].event + base, g->hits[i].rule, g->hits[i].quoted };
	for (unsigned i = 0; i < g->n_differences && p->n_differences < ENGINE_MAX_DIFFERENCES; i++)
		p->differences[p->n_differences++] =
		    (struct difference){ g->differences[i].event + base, g->differences[i].rule };
	engine_begin(g);
}

/* Mostly one round; texts with many forms or parameters may need more. */
static void detect(struct pipeline *p, const struct line_rules *r)
{
	unsigned base = 0;

	p->n_hits = p->n_differences = 0;
	engine_begin(p->engine);
	for (unsigned i = 0; i < p->n_events; i++) {
		unsigned classes = engine_classes(&p->events[i], r->proxy) | r->classes;

		if (engine_add(p->engine, &p->events[i], classes))
			continue;
		collect(p, base);
		base = i;
		engine_add(p->engine, &p->events[i], classes);
	}
	collect(p, base);
}

/* After detection, so that rules see what the client sent. */
static void redact(struct pipeline *p, const struct window_in *in)
{
	const char *end = in->text.p + in->text.n;

	for (unsigned i = 0; i < p->n_events && p->redactor != NULL; i++) {
		struct event *ev = &p->events[i];
		bool inside = ev->body.p >= in->text.p && ev->body.p + ev->body.n <= end;

		redact_event(p->redactor, &p->arena, ev, in->padded && inside);
	}
}

void pipeline_begin(struct pipeline *p)
{
	arena_reset(&p->arena);
	p->n_events = 0;
	p->n_attrs = 0;
}

void pipeline_put(struct pipeline *p, const struct line_rules *rules, const struct group *g,
    const struct entry *x)
{
	struct parse_ctx ctx = {
		.arena = &p->arena, .ref_us = rules->ref_us, .tz_s = rules->tz_s, .entry = x
	};

	add_event(p, rules, g, &ctx);
}

void pipeline_put_parsed(struct pipeline *p, const struct event *in)
{
	struct event *ev = &p->events[p->n_events++];

	*ev = *in;
	ev->body = arena_copy(&p->arena, in->body);
	ev->attrs = p->attrs + p->n_attrs;
	ev->n_attrs = ev->n_detections = 0;
	ev->detections = NULL;
	for (unsigned i = 0; i < in->n_attrs; i++) {
		struct attr *a = &ev->attrs[ev->n_attrs];

		if (in->attrs[i].key == ATTR_MATCH_BUDGET || in->attrs[i].key == ATTR_UA_SYNTHETIC)
			continue;
		*a = in->attrs[i];
		if (a->p >= in->body.p && a->p < in->body.p + in->body.n)
			a->p = ev->body.p + (a->p - in->body.p);
		else /* what is empty is there all the same */
			a->p =
			    a->n > 0 ? arena_copy(&p->arena, (struct slice){ a->p, a->n }).p : "";
		if (a->key == ATTR_OTHER)
			a->name = arena_copy(&p->arena, (struct slice){ a->name, a->name_n }).p;
		ev->n_attrs++;
	}
	p->lines++;
	p->n_attrs += ev->n_attrs + 4; /* detection may add some */
}

void pipeline_end(struct pipeline *p, const struct line_rules *rules)
{
	const struct window_in none = { .padded = false };

	detect(p, rules);
	redact(p, &none);
}

size_t pipeline_window(
    struct pipeline *p, const struct line_rules *rules, const struct window_in *in)
{
	struct parse_ctx ctx = { .arena = &p->arena,
		.ref_us = rules->ref_us,
		.tz_s = rules->tz_s,
		.cache = &p->stamp,
		.self = rules->parser,
		.regex = p->engine->regex };
	struct assembly as;
	struct group g;

	pipeline_begin(p);
	assemble_begin(&as, rules, in, &p->arena, p->engine->regex);
	while (pipeline_has_room(p) && assemble_next(&as, &g))
		add_event(p, rules, &g, &ctx);

	size_t used = assemble_end(&as);

	detect(p, rules);
	redact(p, in);
	return used;
}
