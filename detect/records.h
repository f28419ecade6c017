/*
 * records.h - the records of one audit event, as rules for `service: auditd` see them.
 *
 * Their whole condition is evaluated for each record of a serial: `type: EXECVE` and
 * `a0: curl` have to hold for the same one. A field that the record does not have is
 * looked up in the serial's SYSCALL record, unless it is the type or an argument.
 * Values are decoded: hex, argument parts, names of system calls.
 */
#ifndef DETECT_RECORDS_H
#define DETECT_RECORDS_H

#include "detect/field.h"

struct arena;
struct event;

enum { RECORDS_MAX = 64, RECORD_FIELDS_MAX = 2048, RECORD_PARTS_MAX = 32 };

struct record_field {
	struct slice name;
	struct slice value;
	uint16_t record;
	bool decoded; /* the value is not to be found in the line */
};

struct records {
	struct slice line[RECORDS_MAX];
	unsigned n;
	unsigned syscall; /* index of the SYSCALL record; RECORDS_MAX: there is none */
	struct record_field *fields;
	unsigned n_fields, cap_fields;
	bool cut; /* there was more than the limits above allow */
};

/* The records of an event's body. NULL: it has none, or the arena is full. */
struct records *records_new(struct arena *a, const struct event *ev);

/* Most bytes of arena that records_new() takes. */
size_t records_room(const struct event *ev);

/* Is the field one of a record? Attributes of the joined event have a dot in their names. */
bool records_is_field(const struct field *f);

/*
 * The values of a field for a record, in turn: *at is 0 for the first. NULL after the last.
 */
const struct record_field *records_next(
    const struct records *rs, unsigned record, struct slice name, unsigned *at);

/* CLASS_*: what an audit event is besides, from its attributes: a new process, a file, a
 * connection. */
unsigned records_classes(const struct event *ev);

#endif
