/* backtest_report.h - what a backtest counts, and how it says it. See backtest.h. */
#ifndef AGENT_BACKTEST_REPORT_H
#define AGENT_BACKTEST_REPORT_H

#include "agent/options.h"

#include <stdint.h>

enum {
	BACKTEST_DAYS = 400,
	BACKTEST_CLIENTS = 65536, /* a power of two */
	BACKTEST_SAMPLES = 5,
	BACKTEST_SAMPLE_BYTES = 400,
};

struct day {
	int64_t day; /* since 1970, UTC */
	uint64_t matches, clients;
};

struct client {
	uint64_t hash; /* of the address; 0: free */
	bool matched, succeeded, blocked;
	bool crawler;  /* its user agent is a known crawler's, which anybody may say */
	bool verified; /* and DNS confirmed it when the event was kept */
};

struct backtest_report {
	int64_t first_us, last_us;
	uint64_t events, matches, new_matches, clients, alerts, blocks;
	struct day days[BACKTEST_DAYS]; /* in order of first sight; the last one takes the rest */
	unsigned n_days;
	struct client *table; /* BACKTEST_CLIENTS, open addressing */
	unsigned n_table;
	uint64_t never; /* blocks of what the config never blocks */
	struct {
		bool used;				/* the events were kept ones: */
		uint64_t events, masked, bare, missing; /* see event_store.h */
	} store;
	uint64_t clients_untold; /* events of clients for which there was no room */
	char samples[BACKTEST_SAMPLES][BACKTEST_SAMPLE_BYTES];
	unsigned n_samples;
};

/* -1: no memory. */
int backtest_report_init(struct backtest_report *r);
void backtest_report_free(struct backtest_report *r);

void backtest_seen(struct backtest_report *r, int64_t time_us);
struct day *backtest_day(struct backtest_report *r, int64_t time_us);
/* NULL: there is no room for another client. */
struct client *backtest_client(struct backtest_report *r, uint64_t hash);

/*
 * Print it, and as JUnit XML into a file if junit is not NULL. 0; EX_DATAERR when one of fail_if
 * ("alerts>0": a count, > or >= or <, a number) holds; EX_USAGE when one can't be read.
 */
int backtest_report_print(const struct backtest_report *r, const char *rule,
    const struct option_list *fail_if, const char *junit);

#endif
