/*
 * entry.h - a record of a log that has fields instead of lines, as its input hands it over.
 *
 * What a field holds is as written there; an absent one is empty. Slices live as long as
 * the arena that the input copied them to.
 */
#ifndef BASE_ENTRY_H
#define BASE_ENTRY_H

#include "base/slice.h"

/* field of struct entry, its name in journald (systemd.journal-fields(7)) */
#define ENTRY_FIELDS(X)                    \
	X(message, "MESSAGE")              \
	X(identifier, "SYSLOG_IDENTIFIER") \
	X(syslog_pid, "SYSLOG_PID")        \
	X(facility, "SYSLOG_FACILITY")     \
	X(priority, "PRIORITY")            \
	X(pid, "_PID")                     \
	X(uid, "_UID")                     \
	X(comm, "_COMM")                   \
	X(exe, "_EXE")                     \
	X(hostname, "_HOSTNAME")           \
	X(unit, "_SYSTEMD_UNIT")           \
	X(source_time, "_SOURCE_REALTIME_TIMESTAMP")

struct entry {
#define ENTRY_FIELD(name, text) struct slice name;
	ENTRY_FIELDS(ENTRY_FIELD)
#undef ENTRY_FIELD
	struct slice cursor;	/* leads back to it: journalctl --cursor */
	uint64_t message_bytes; /* message may be cut: its true length, as far as known */
	int64_t received_us;	/* when the log got it */
};

#endif
