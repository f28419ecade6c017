#include "agent/event_store.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static bool has_mask(struct slice s)
{
	return s.n > 0 && memmem(s.p, s.n, "[masked:", 8) != NULL;
}

static bool is_masked(const struct event *ev)
{
	bool masked = has_mask(ev->body);

	for (unsigned i = 0; i < ev->n_attrs && !masked; i++)
		masked = has_mask((struct slice){ ev->attrs[i].p, ev->attrs[i].n });
	return masked;
}

/* What its input says of an event is not stored with it: the config is asked by the file's name. */
static bool is_proxy(struct event_store *s, struct slice path)
{
	const struct config *c = s->off->config;

	if (slice_eq(path, slice_of(s->path)) || path.n >= sizeof(s->path))
		return s->path_proxy;
	snprintf(s->path, sizeof(s->path), "%.*s", SLICE_ARG(path));
	s->path_proxy = false;
	for (unsigned i = 0; c != NULL && i < c->inputs.n; i++) {
		const struct input_config *in = config_input(c, i);

		for (unsigned k = 0; k < in->files.n; k++)
			if (fnmatch(in->files.v[k], s->path, FNM_PATHNAME) == 0) {
				s->path_proxy = in->logsource != NULL;
				return s->path_proxy;
			}
	}
	return s->path_proxy;
}

void event_store_end(struct event_store *s)
{
	struct line_rules rules = s->off->rules;

	if (!s->open)
		return;
	s->open = false;
	rules.proxy = s->proxy;
	pipeline_end(&s->off->pipeline, &rules);
	s->batch(s->ctx);
}

void event_store_put(struct event_store *s, const struct event *in, uint64_t seq, struct slice path)
{
	struct pipeline *p = &s->off->pipeline;
	struct event ev = *in;
	bool proxy = is_proxy(s, path);

	if (ev.time_us < s->from_us || ev.time_us > s->to_us)
		return;
	if (s->open && (s->proxy != proxy || !pipeline_has_room(p)))
		event_store_end(s);
	if (!s->open)
		pipeline_begin(p);
	s->open = true;
	s->proxy = proxy;
	s->events++;
	s->masked += is_masked(&ev);
	s->bare += ev.body.n == 0;
	ev.offset = seq; /* only to tell events apart: those of a batch are of many logs */
	ev.crc20 = 0;
	ev.line = 0;
	pipeline_put_parsed(p, &ev);
}
