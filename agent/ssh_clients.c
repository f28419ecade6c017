#include "agent/ssh_clients.h"

#include "base/arena.h"
#include "base/event.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SETS = 256, WAYS = 4, ADDRESS_MAX = 46, FOR_US = 600 * 1000000 };

struct ssh_client {
	uint64_t key; /* of host and pid; 0: free */
	int64_t time_us;
	uint8_t address_n, port_n;
	bool peer;
	char address[ADDRESS_MAX];
	char port[5];
};

struct ssh_clients {
	struct ssh_client all[SETS][WAYS];
};

struct ssh_clients *ssh_clients_new(void)
{
	return calloc(1, sizeof(struct ssh_clients));
}

void ssh_clients_free(struct ssh_clients *c)
{
	free(c);
}

void ssh_clients_forget(struct ssh_clients *c)
{
	memset(c, 0, sizeof(*c));
}

static bool is_near(const struct ssh_client *x, int64_t time_us)
{
	int64_t d = time_us - x->time_us;

	return d <= FOR_US && d >= -FOR_US;
}

/* Its entry, or the one of its set that is to give way. */
static struct ssh_client *find(struct ssh_clients *c, uint64_t key)
{
	struct ssh_client *set = c->all[(key >> 1) % SETS];
	struct ssh_client *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].time_us < oldest->time_us)
			oldest = &set[i];
	}
	return oldest;
}

static void learn(struct ssh_client *x, uint64_t key, const struct event *ev, struct slice address)
{
	bool peer = slice_eq(event_get(ev, ATTR_CLIENT_PROVENANCE), SLICE("peer"));
	struct slice port = event_get(ev, ATTR_CLIENT_PORT);

	/* what may be a client's own words does not replace what sshd said */
	if (address.n > ADDRESS_MAX ||
	    (x->key == key && x->peer && !peer && is_near(x, ev->time_us)))
		return;
	x->key = key;
	x->time_us = ev->time_us;
	x->peer = peer;
	x->address_n = (uint8_t)address.n;
	memcpy(x->address, address.p, address.n);
	x->port_n = port.n <= sizeof(x->port) ? (uint8_t)port.n : 0;
	if (x->port_n > 0)
		memcpy(x->port, port.p, port.n);
}

void ssh_clients_event(struct ssh_clients *c, struct arena *a, struct event *ev)
{
	struct slice address;
	struct slice host;
	struct slice pid;
	struct ssh_client *x;
	uint64_t key;

	if (!slice_starts(event_get(ev, ATTR_PROCESS_NAME), SLICE("sshd")) || ev->time_us == 0)
		return;
	host = event_get(ev, ATTR_SYSLOG_HOSTNAME);
	pid = event_get(ev, ATTR_PROCESS_PID);
	if (pid.n == 0)
		return;
	key = XXH3_64bits_withSeed(pid.p, pid.n, host.n > 0 ? XXH3_64bits(host.p, host.n) : 0) | 1;
	x = find(c, key);
	address = event_get(ev, ATTR_CLIENT_ADDRESS);
	if (address.n > 0) {
		learn(x, key, ev, address);
		return;
	}
	if (x->key != key || !is_near(x, ev->time_us))
		return;
	x->time_us = ev->time_us;
	event_set(
	    ev, ATTR_CLIENT_ADDRESS, arena_copy(a, (struct slice){ x->address, x->address_n }));
	event_set(ev, ATTR_CLIENT_PROVENANCE, x->peer ? SLICE("peer") : SLICE("claimed"));
	if (x->port_n > 0)
		event_set(
		    ev, ATTR_CLIENT_PORT, arena_copy(a, (struct slice){ x->port, x->port_n }));
}
