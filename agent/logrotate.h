/*
 * logrotate.h - what logrotate will do with a log, as far as it matters to who reads it.
 *
 * Format: logrotate(8). Sections take the settings in force where they stand and
 * change them; `include` reads a file or a folder.
 */
#ifndef AGENT_LOGROTATE_H
#define AGENT_LOGROTATE_H

#include "base/arena.h"
#include "base/problem.h"

enum logrotate_flag {
	LOGROTATE_COPYTRUNCATE,
	LOGROTATE_COPY,
	LOGROTATE_CREATE,
	LOGROTATE_COMPRESS,
	LOGROTATE_DELAYCOMPRESS,
	LOGROTATE_OLDDIR,
	LOGROTATE_EXTENSION,
	LOGROTATE_SCRIPT, /* postrotate or lastaction: somebody tells the writer */
	LOGROTATE_FLAGS
};

struct logrotate_settings {
	bool on[LOGROTATE_FLAGS];
	struct place at[LOGROTATE_FLAGS]; /* where it was said */
	struct place rotate_at;
	unsigned rotate;  /* old files that are kept; 0 by default */
	int64_t every_us; /* 0: by size alone */
	uint64_t size;	  /* 0: by time alone */
};

struct logrotate_section {
	struct place at;
	const char **patterns;
	unsigned n_patterns;
	struct logrotate_settings is;
	struct logrotate_section *next;
};

struct logrotate {
	struct arena arena;
	const char *root; /* folder that stands for /; "" */
	struct logrotate_section *first, **last;
};

/* /etc/logrotate.conf and what it includes; without it /etc/logrotate.d. -1: no memory. */
int logrotate_load(struct logrotate *l, const char *root);
void logrotate_free(struct logrotate *l);

/* The section for a log (its path without the root), or NULL. */
const struct logrotate_section *logrotate_for(const struct logrotate *l, const char *path);

#endif
