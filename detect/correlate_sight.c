/* From a rule's hit, or a detection, to what correlation counts. See correlate.h. */
#include "detect/correlate_state.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

static struct slice group_value(const struct field *f, const struct event *ev)
{
	switch (f->kind) {
	case FIELD_URI:
	case FIELD_PATH:
		return event_get(ev, ATTR_URL_PATH);
	case FIELD_QUERY:
		return event_get(ev, ATTR_URL_QUERY);
	case FIELD_METHOD:
		return event_get(ev, ATTR_HTTP_METHOD);
	case FIELD_KEYWORDS:
	case FIELD_BODY:
		return ev->body;
	case FIELD_ATTR:
		return event_get(ev, f->key);
	case FIELD_OTHER:
		return event_get_named(ev, f->name);
	case FIELD_EXTENSION:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		break;
	}
	return (struct slice){ 0 };
}

static uint64_t hash_address(uint64_t seed, struct slice v)
{
	struct ip a;

	if (!ip_parse(v, &a))
		return XXH3_64bits_withSeed(v.p, v.n, seed);
	a = ip_unit(&a).addr;
	return XXH3_64bits_withSeed(a.b, sizeof(a.b), seed);
}

static uint64_t hash_value(uint64_t seed, const struct field *f, struct slice v)
{
	if (f->kind == FIELD_ATTR && f->key == ATTR_CLIENT_ADDRESS)
		return hash_address(seed, v);
	return XXH3_64bits_withSeed(v.p != NULL ? v.p : "", v.n, seed);
}

static bool read_number(struct slice v, double *out)
{
	char text[48];
	char *end;

	if (v.n == 0 || v.n >= sizeof(text))
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	*out = strtod(text, &end);
	return end == text + v.n && isfinite(*out);
}

/* The group-by fields in events of that member: aliases may make them others. */
static const struct field *group_of(const struct correlation *k, unsigned member)
{
	return k->aliased != NULL && k->n_group > 0 ? k->aliased + member * k->n_group : k->group;
}

struct slice correlator_group_value(
    const struct correlation *k, unsigned member, unsigned i, const struct event *ev)
{
	return group_value(&group_of(k, member)[i], ev);
}

static bool has_key(const struct field *group, unsigned n, enum attr_key key)
{
	for (unsigned i = 0; i < n; i++)
		if (group[i].kind == FIELD_ATTR && group[i].key == key)
			return true;
	return false;
}

/* Whom an alert of that group is about; without a group (n is 0): everybody. */
static void set_entity(
    struct sighting *s, const struct field *group, unsigned n, const struct event *ev)
{
	if (has_key(group, n, ATTR_CLIENT_ADDRESS)) {
		bool client = has_key(group, n, ATTR_USER_AGENT);

		s->entity = client ? ENTITY_CLIENT : ENTITY_IP;
		s->entity_value = event_get(ev, ATTR_CLIENT_ADDRESS);
		if (client)
			s->agent = alert_agent(event_get(ev, ATTR_USER_AGENT));
	} else if (has_key(group, n, ATTR_USER_NAME)) {
		s->entity = ENTITY_ACCOUNT;
		s->entity_value = event_get(ev, ATTR_USER_NAME);
	} else if (has_key(group, n, ATTR_SESSION_ID)) {
		s->entity = ENTITY_SESSION;
		s->entity_value = event_get(ev, ATTR_SESSION_ID);
	} else {
		s->entity = ENTITY_OTHER;
		s->entity_value = n > 0 ? group_value(&group[0], ev) : SLICE("all");
	}
}

static void set_address_entity(struct sighting *s, const struct event *ev)
{
	s->entity = ENTITY_IP;
	s->entity_value = event_get(ev, ATTR_CLIENT_ADDRESS);
}

static struct sighting base_sighting(const struct event *ev, const uint64_t id[2])
{
	struct sighting s = { .time_us = ev->time_us,
		.count = 1,
		.event = { id[0], id[1] },
		.line = (uint32_t)ev->line };
	struct slice repeated = event_get(ev, ATTR_REPEATED);
	struct slice from = event_get(ev, ATTR_CLIENT_PROVENANCE);
	uint64_t n;

	if (repeated.p != NULL && slice_u64(repeated, &n) && n >= 1 && n <= 1000000)
		s.count = (uint32_t)n;
	s.has_address = ip_parse(event_get(ev, ATTR_CLIENT_ADDRESS), &s.address);
	for (unsigned i = 1; i < 4; i++)
		if (slice_eq(from, slice_of(provenance_names[i])))
			s.provenance = (enum provenance)i;
	return s;
}

/* What is counted or added up. False: the event does not have it. */
static bool set_value(const struct correlator *c, const struct correlation *k,
    const struct correlation_member *m, uint64_t rule, const struct event *ev, struct sighting *s)
{
	double number;

	switch (k->type) {
	case CORRELATE_EVENT_COUNT:
		return true;
	case CORRELATE_TEMPORAL:
	case CORRELATE_TEMPORAL_ORDERED:
		s->value = m->entry;
		return true;
	case CORRELATE_VALUE_COUNT:
		s->value = k->by_rule ? rule : c->key;
		for (unsigned i = 0; i < k->n_value && !k->by_rule; i++) {
			struct slice v = group_value(&k->value[i], ev);

			if (v.p == NULL)
				return false;
			s->value = hash_value(s->value, &k->value[i], v);
		}
		return true;
	case CORRELATE_VALUE_SUM:
	case CORRELATE_VALUE_AVG:
		if (!read_number(group_value(&k->value[0], ev), &number))
			return false;
		memcpy(&s->value, &number, sizeof(s->value));
		return true;
	}
	return false;
}

/* False: a group-by field is missing, so the event belongs to no group. */
static bool correlate_event(const struct correlator *c, const struct correlation *k,
    unsigned member, uint64_t rule, const struct event *ev, struct sighting *s)
{
	const struct field *group = group_of(k, member);

	s->kind = SIGHT_CORRELATION;
	s->subject = k->hash;
	s->group = c->key;
	for (unsigned i = 0; i < k->n_group; i++) {
		struct slice v = group_value(&group[i], ev);

		if (v.p == NULL || v.n == 0)
			return false;
		s->group = hash_value(s->group, &group[i], v);
	}
	set_entity(s, group, k->n_group, ev);
	return set_value(c, k, &k->members[member], rule, ev, s);
}

/* Which of k's members the hit of a rule is, or the firing of one of the correlations told of it.
 */
struct told {
	const struct correlator *c;
	const struct event *ev;
	const struct ruleset *rs;
	uint32_t rule;
	uint32_t above[CORRELATOR_SIGHTINGS];
	unsigned n_above;
};

static bool is_told(const struct told *t, const struct correlation_member *m)
{
	if (!m->chained)
		return m->index == t->rule;
	for (unsigned i = 0; i < t->n_above; i++)
		if (t->above[i] == m->index)
			return true;
	return false;
}

/* The sightings of correlation i: one for the rule, one for each correlation that may fire. */
static unsigned tell(
    struct told *t, uint32_t i, const struct sighting *base, struct sighting *out, unsigned max)
{
	const struct correlation *k = &t->rs->correlations[i];
	const struct rule *r = &t->rs->rules[t->rule];
	bool direct = false;
	unsigned n = 0;

	for (unsigned m = 0; m < k->n_members && n < max && !k->disabled; m++) {
		const struct correlation_member *x = &k->members[m];

		if ((direct && !x->chained) || !is_told(t, x))
			continue;
		direct = direct || !x->chained;
		out[n] = *base;
		if (!correlate_event(t->c, k, m,
			x->chained ? t->rs->correlations[x->index].hash : r->hash, t->ev, &out[n]))
			continue;
		if (x->chained) {
			out[n].kind = SIGHT_CHAINED;
			out[n].via = t->rs->correlations[x->index].hash;
		}
		n++;
	}
	if (n > 0 && t->n_above < CORRELATOR_SIGHTINGS)
		t->above[t->n_above++] = i;
	return n;
}

unsigned correlator_sightings(const struct correlator *c, const struct ruleset *rs,
    const struct rule *r, const struct event *ev, const uint64_t id[2],
    struct sighting out[static CORRELATOR_SIGHTINGS])
{
	struct sighting base;
	struct told t = { .c = c, .ev = ev, .rs = rs, .rule = (uint32_t)(r - rs->rules) };
	unsigned n = 0;

	if (r->n_counts_for == 0 && !r->conclusive) /* labels of crawlers, which are many */
		return 0;
	base = base_sighting(ev, id);
	for (unsigned i = 0; i < r->n_counts_for && n < CORRELATOR_SIGHTINGS; i++)
		n += tell(&t, r->counts_for[i], &base, out + n, CORRELATOR_SIGHTINGS - n);
	if (r->conclusive && r->generate && base.has_address && n < CORRELATOR_SIGHTINGS) {
		out[n] = base;
		out[n].kind = SIGHT_CONCLUSIVE;
		out[n].subject = r->hash;
		out[n].group = hash_address(c->key, event_get(ev, ATTR_CLIENT_ADDRESS));
		set_address_entity(&out[n++], ev);
	}
	return n;
}

static unsigned category_of(struct slice name)
{
	unsigned c = 0;

	while (c < CATEGORY_N && (strncmp(category_names[c], name.p, name.n) != 0 ||
				     category_names[c][name.n] != '\0'))
		c++;
	return c;
}

unsigned correlator_sight_attack(const struct correlator *c, const struct detection *d,
    const struct event *ev, const uint64_t id[2], struct sighting *out)
{
	unsigned category = category_of(d->category);
	enum level level = level_of(d->level);

	if (category == CATEGORY_N || level == LEVEL_N ||
	    !category_is_attack((enum category)category, level))
		return 0;
	*out = base_sighting(ev, id);
	if (!out->has_address)
		return 0;
	out->kind = d->quoted ? SIGHT_QUOTED : SIGHT_ATTACK;
	out->subject = category * LEVEL_N + level; /* for the alert; not part of the window's key */
	out->group = hash_address(c->key, event_get(ev, ATTR_CLIENT_ADDRESS));
	out->value = XXH3_64bits(d->rule.p, d->rule.n);
	set_address_entity(out, ev);
	return 1;
}
