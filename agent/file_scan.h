/*
 * file_scan.h - whole files through the pipeline: what scan, rules backtest and rules bench share.
 *
 * Plain or gzip, - is stdin. Lines longer than a window are cut and counted as in `run`.
 */
#ifndef AGENT_FILE_SCAN_H
#define AGENT_FILE_SCAN_H

#include "agent/offline.h"

struct host_identity;

struct file_scan {
	struct offline *off;
	struct line_rules rules; /* a copy of off->rules: each file sets its own reference time */
	const struct host_identity *host;
	int year; /* of stamps without one; 0: that of the file */
	/* called with the events of off->pipeline, which are gone afterwards */
	void (*batch)(void *ctx, const struct file_scan *s);
	void *ctx;
	bool stop;	      /* set by batch: enough */
	uint64_t origin_hash; /* of the file */
};

/* Read one file to its end. 0, or -1 after having said why on stderr. */
int file_scan_run(struct file_scan *s, const char *name);

#endif
