#include "base/event.h"

void event_add_named(struct event *ev, struct slice name, struct slice val)
{
	enum attr_key key = attr_find(name);

	if (key != ATTR_OTHER) {
		event_add(ev, key, val);
		return;
	}
	if (ev->n_attrs < EVENT_MAX_ATTRS && name.n <= UINT16_MAX)
		ev->attrs[ev->n_attrs++] = (struct attr){ .p = val.p,
			.n = (uint32_t)val.n,
			.key = ATTR_OTHER,
			.name = name.p,
			.name_n = (uint16_t)name.n };
}

struct slice event_get_named(const struct event *ev, struct slice name)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (slice_eq(attr_name(&ev->attrs[i]), name))
			return (struct slice){ ev->attrs[i].p, ev->attrs[i].n };
	return (struct slice){ 0 };
}

void event_set(struct event *ev, enum attr_key key, struct slice val)
{
	for (unsigned i = 0; i < ev->n_attrs; i++)
		if (ev->attrs[i].key == key) {
			ev->attrs[i].p = val.p;
			ev->attrs[i].n = (uint32_t)val.n;
			return;
		}
	event_add(ev, key, val);
}
