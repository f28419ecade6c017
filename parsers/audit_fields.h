/*
 * audit_fields.h - the fields of one auditd record, for the parser and for rules.
 *
 * A record is `name=value` words. Values are bare, "quoted", or bare hex where the
 * text holds a blank, a quote or a control byte. User-space records carry a second
 * level, msg='op=... acct="..."'. After the byte 0x1d come the names that auditd
 * itself looked up (log_format = ENRICHED), in upper case: UID="root".
 */
#ifndef PARSERS_AUDIT_FIELDS_H
#define PARSERS_AUDIT_FIELDS_H

#include "base/slice.h"

struct arena;

struct audit_field {
	struct slice name;
	struct slice value; /* without its quotes */
	bool quoted;
	bool enriched; /* from the part that auditd added */
};

struct audit_fields {
	const char *p, *end;
	bool nested;   /* inside msg='...' */
	bool enriched; /* past the byte 0x1d */
};

/* Start over the fields of a record, audit_head.rest. */
struct audit_fields audit_fields(struct slice rest);

/* The next field; false at the end. Words that are no field are passed over. */
bool audit_fields_next(struct audit_fields *it, struct audit_field *f);

/* The first field of that name; enriched ones have upper-case names. */
bool audit_field_find(struct slice rest, struct slice name, struct audit_field *f);

/*
 * What a field says: hex of fields that the kernel or PAM encode becomes the bytes
 * that it stands for, in the arena (cut where the arena is full). An absent value,
 * "(null)", "(none)" or "?", is {NULL, 0}.
 */
struct slice audit_value(struct arena *a, const struct audit_field *f);

/* Bytes of hex into to, at most cap; how many. The text must be audit_is_hex(). */
size_t audit_unhex(struct slice hex, char *to, size_t cap);

/* An even number of hexadecimal digits, at least two? */
bool audit_is_hex(struct slice s);

/* "a0", "a1[2]": the number of an EXECVE argument, or -1. */
int64_t audit_arg_index(struct slice name);

/* The name of a system call, or {NULL, 0} for an unknown one. */
struct slice audit_syscall_name(struct slice arch, struct slice number);

#endif
