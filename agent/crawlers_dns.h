/*
 * crawlers_dns.h - one address after the other, by c-ares (c-ares.org): reverse, then forward.
 * For crawlers.c, in its thread.
 */
#ifndef AGENT_CRAWLERS_DNS_H
#define AGENT_CRAWLERS_DNS_H

#include "agent/crawlers.h"

enum { CRAWLERS_DOMAINS_BYTES = RULE_MAX_DOMAINS * (RULE_DOMAIN_MAX + 1) };

/* A question: are the address's names in one of the domains, and do they lead back to it? */
struct crawler_question {
	struct ip address;
	uint64_t domains_hash;
	char domains[CRAWLERS_DOMAINS_BYTES]; /* each with a NUL behind it, an empty one at the end
					       */
};

struct crawlers_dns;

/* CRAWLER_UNVERIFIED: there was no answer. */
typedef void crawlers_dns_cb(
    void *ctx, const struct crawler_question *q, enum crawler_state answer);

/* NULL with *e. */
struct crawlers_dns *crawlers_dns_new(
    const struct crawlers_options *o, crawlers_dns_cb *cb, void *ctx, struct err *e);
/* What is under way is not answered. */
void crawlers_dns_free(struct crawlers_dns *d);

/* False: as many are under way as may be. */
bool crawlers_dns_ask(struct crawlers_dns *d, const struct crawler_question *q);

/* Wait for answers, for wake_fd to become readable, or so long; calls back. */
void crawlers_dns_wait(struct crawlers_dns *d, int wake_fd, int timeout_ms);

#endif
