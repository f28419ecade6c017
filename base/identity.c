#include "base/identity.h"

#include <systemd/sd-id128.h>
#include <unistd.h>
#include <xxhash.h>

/* Random numbers that mean "Sekisho's host id" and "Sekisho's key" to sd_id128. */
static const sd_id128_t app_host = { .bytes = { 0x6b, 0x1d, 0x5c, 0x0e, 0xf3, 0x3f, 0x4a, 0x72,
					 0x9c, 0x60, 0x2b, 0x8e, 0x27, 0x44, 0x91, 0xd5 } };
static const sd_id128_t app_key = { .bytes = { 0xc2, 0x9a, 0x07, 0x4e, 0x18, 0x5d, 0x4f, 0xb0, 0xa7,
					0x3c, 0x61, 0xd2, 0x0f, 0x8b, 0xe6, 0x19 } };

static uint64_t derive(sd_id128_t app, const char *name)
{
	sd_id128_t id;

	if (sd_id128_get_machine_app_specific(app, &id) == 0)
		return id.qwords[0] ^ id.qwords[1];
	return XXH3_64bits_withSeed(name, strlen(name), app.qwords[0]);
}

void identity_host(struct host_identity *h)
{
	memset(h, 0, sizeof(*h));
	if (gethostname(h->name, sizeof(h->name) - 1) != 0)
		memcpy(h->name, "localhost", 10);
	h->id = derive(app_host, h->name);
	h->key = derive(app_key, h->name);
}

struct slice identity_head(struct slice start)
{
	size_t most = start.n < IDENTITY_HEAD_MAX ? start.n : IDENTITY_HEAD_MAX;
	const char *lf = most > 0 ? memchr(start.p, '\n', most) : NULL;

	if (lf != NULL)
		return slice_head(start, (size_t)(lf - start.p) + 1);
	return slice_head(start, most == IDENTITY_HEAD_MAX ? most : 0);
}

uint64_t identity_head_hash(struct slice head)
{
	return XXH3_64bits(head.p, head.n);
}

uint64_t identity_origin(uint64_t host_id, uint64_t head_hash, uint64_t number)
{
	uint64_t in[3] = { host_id, head_hash, number };

	return XXH3_64bits(in, sizeof(in));
}
