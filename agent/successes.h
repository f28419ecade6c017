/*
 * successes.h - who succeeded from an address within the last day: what a block would cost others.
 *
 * A sketch of fixed size: 8,192 addresses (IPv6: /64) in sets of four, of each up to eight
 * accounts, eight sessions and eight user agents as hashes of 32 bits, with the three hours in
 * which each was seen last. A ninth is not counted: eight is more than any limit. In a full set the
 * address with the fewest goes, of equals the one seen longest ago, so a flood of strangers
 * displaces strangers.
 *
 * The committer has it, fed by the reader, which leaves out what it has said lately.
 */
#ifndef AGENT_SUCCESSES_H
#define AGENT_SUCCESSES_H

#include "base/buf.h"
#include "base/ip.h"

struct event;
struct successes;
struct success_news;

enum { SUCCESS_ACCOUNT, SUCCESS_SESSION, SUCCESS_AGENT, SUCCESS_KINDS };
enum { SUCCESS_WHO = 8 };

struct success {
	uint64_t address;	     /* hash */
	uint32_t who[SUCCESS_KINDS]; /* hashes; 0: none */
	int64_t time_us;
};

/* key: of the host, so that nobody can aim at a set. NULL: no memory. */
struct successes *successes_new(uint64_t key);
void successes_free(struct successes *t);

/* What the reader has said already: a cache of hashes. key: the same. */
struct success_news *success_news_new(uint64_t key);
void success_news_free(struct success_news *t);

/*
 * Is the event a success that was not said lately? A response 2xx or 3xx without a detection, or
 * a login, from an address that somebody trusted saw.
 */
bool success_of(struct success_news *t, const struct event *ev, struct success *out);

/* It will be counted soon: have its place at hand. */
void successes_expect(const struct successes *t, const struct success *s);

/* Count it. False: nothing new. */
bool successes_add(struct successes *t, const struct success *s);

/* Distinct accounts, else sessions, else user agents. -1: unknown, none is remembered. */
int successes_from(const struct successes *t, const struct ip *a, int64_t now_us);

/* Did an agent other than that one succeed? agent: successes_who(); 0: any. */
bool successes_other_agent(
    const struct successes *t, const struct ip *a, uint32_t agent, int64_t now_us);

/* What is of the last day, in parts: from is 0 at first, then what the last call returned; 0 is
 * returned with the last part. */
unsigned successes_save(const struct successes *t, unsigned from, int64_t now_us, struct buf *out);

/* Some, as one item of the journal; and such items back. load: false when they are damaged. */
void success_save(const struct success *s, unsigned n, struct buf *out);
bool successes_load(struct successes *t, struct slice in);

#endif
