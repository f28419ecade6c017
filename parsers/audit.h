/* audit.h - the head of an auditd record: what assembling needs before parsing. */
#ifndef PARSERS_AUDIT_H
#define PARSERS_AUDIT_H

#include "base/slice.h"

struct audit_head {
	uint64_t serial;
	int64_t time_us;
	struct slice type; /* SYSCALL, USER_LOGIN ... */
	struct slice rest; /* the fields */
	bool single;	   /* user-space records and their like: an event of one record */
	bool last;	   /* no record of this serial comes after it: EOE, PROCTITLE */
};

/*
 * "[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): FIELDS". False when the
 * line is no such record.
 */
bool audit_head(struct slice line, struct audit_head *out);

#endif
