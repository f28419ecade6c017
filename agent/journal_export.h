/*
 * journal_export.h - all that the journal holds, as text that outlives it.
 *
 * NDJSON, one record a line, in the order of their numbers (`seq`), each with what is kept
 * beside it: file, service, host, rules. What can't be read any more is a line of its own,
 * {"kind":"missing","why":"shed" or "damaged","seq":N,"records":N}, so a file that was exported
 * says by itself whether it is whole. Reads beside a running agent.
 */
#ifndef AGENT_JOURNAL_EXPORT_H
#define AGENT_JOURNAL_EXPORT_H

#include "base/record.h"

struct journal;

struct journal_export_options {
	int64_t since_us;      /* frames committed from then on; 0: all */
	enum record_kind kind; /* 0: all */
	bool gzip;
};

/* To stdout. An exit code: 0, EX_DATAERR when frames were damaged, EX_IOERR. */
int journal_export(struct journal *j, const struct journal_export_options *o);

/* The options as written: a time or a span before now, the name of a kind. False: neither. */
bool journal_export_since(const char *text, int64_t *since_us);
bool journal_export_kind(const char *name, enum record_kind *kind);

#endif
