#include "agent/sight.h"

#include "base/record.h"

void sight_window(const struct pipeline *p, const struct correlator *c, uint64_t origin_hash,
    sight_cb *cb, void *ctx)
{
	const struct ruleset *rs = p->engine->rs;
	struct sighting s[CORRELATOR_SIGHTINGS];
	unsigned h = 0;

	for (unsigned i = 0; i < p->n_events; i++) {
		const struct event *ev = &p->events[i];
		uint64_t id[2];

		if (ev->n_detections == 0 && (h == p->n_hits || p->hits[h].event != i))
			continue;
		record_event_id(origin_hash, ev, id);
		for (; h < p->n_hits && p->hits[h].event == i; h++) {
			unsigned n = p->hits[h].quoted
					 ? 0
					 : correlator_sightings(
					       c, rs, &rs->rules[p->hits[h].rule], ev, id, s);

			for (unsigned k = 0; k < n; k++)
				cb(ctx, &s[k]);
		}
		for (unsigned d = 0; d < ev->n_detections; d++)
			if (correlator_sight_attack(c, &ev->detections[d], ev, id, s) != 0)
				cb(ctx, s);
	}
}
