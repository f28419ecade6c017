/*
 * crawlers.h - is who calls itself Googlebot Google's?
 *
 * A rule with crawler_domains names the domains. The address is looked up in DNS: its names
 * (reverse) must be in one of them, and one of those must lead back to the address (forward). A
 * thread of its own asks, so nothing waits for DNS: until it has answered, and when it does not,
 * the crawler is `unverified`. Only a definite answer to the contrary makes it `forged`: no such
 * name, a name elsewhere, or one that leads elsewhere; never a timeout or a server that fails.
 *
 * The table has 1,024 sets of 8, by address (IPv6: by /64). What is verified holds 24 h, forged 1
 * h, no answer 5 min; then it is asked again when the crawler comes. In a full set goes what is
 * over, else the oldest unverified, else the oldest forged; what is verified never gives way to the
 * others. At most 512 wait, 32 are asked at once and 20 begun a second; who finds no place stays
 * unverified. Nothing is saved.
 */
#ifndef AGENT_CRAWLERS_H
#define AGENT_CRAWLERS_H

#include "base/ip.h"
#include "detect/rule.h"

struct crawlers;
struct err;

enum crawler_state { CRAWLER_UNVERIFIED, CRAWLER_VERIFIED, CRAWLER_FORGED, CRAWLER_STATES };

extern const struct slice crawler_state_names[CRAWLER_STATES];

struct crawlers_options {
	const char *const *resolvers; /* ADDRESS[:PORT]; none: those of resolv.conf */
	unsigned n_resolvers;
	/* from the thread: somebody was verified, see crawlers_next() */
	void (*verified)(void *ctx);
	void *ctx;
};

struct crawlers_counts {
	uint64_t verified, forged, unanswered, not_asked;
};

/* Starts the thread. NULL with *e. */
struct crawlers *crawlers_new(const struct crawlers_options *o, struct err *e);
/* Ends it, whatever DNS does. NULL is fine. */
void crawlers_free(struct crawlers *c);

/* Any thread: what is known of the address as that rule's crawler; asked if it is not known. */
enum crawler_state crawlers_ask(struct crawlers *c, const struct ip *a, const struct rule *r);

/* Any thread: is there a verified crawler in it? */
bool crawlers_in(struct crawlers *c, const struct ip_prefix *x);

/* The next address that was verified since the last call, of one thread. False: none. */
bool crawlers_next(struct crawlers *c, struct ip *a);

void crawlers_counts(struct crawlers *c, struct crawlers_counts *out);

#endif
