/* auditd_parts.h - what the records of one audit event say, gathered; for auditd.c only. */
#ifndef PARSERS_AUDITD_PARTS_H
#define PARSERS_AUDITD_PARTS_H

#include "base/event.h"
#include "parsers/audit_fields.h"

struct arena;

enum { AUDIT_MAX_TYPES = 32 };

struct audit_gather {
	struct arena *arena;
	size_t body_n; /* bytes of all records: no text made of them is longer */

	struct slice pid, ppid, uid, auid, ses, tty, comm, exe, key, arch, number, success, exit;
	struct slice arg[3]; /* a0 to a2 of a system call */
	struct slice cwd, acct, cmd, op, addr, host, res, id, grantors, lost;
	struct slice syscall, uid_name, id_name; /* enriched */

	struct slice types[AUDIT_MAX_TYPES];
	unsigned n_types;

	struct slice path; /* the PATH record that counts */
	bool path_created;
	bool path_changed; /* created or deleted */

	struct slice saddr;	  /* hex */
	struct audit_field title; /* PROCTITLE */

	char *args; /* EXECVE, joined by blanks */
	size_t args_n, args_cap;
	int64_t last_arg;
};

/* The arguments in one EXECVE record; long ones lie in several. */
void audit_execve(struct audit_gather *g, struct slice rest);

/* EXECVE, else PROCTITLE, else cmd= of USER_CMD; {NULL, 0} for none. */
struct slice audit_command(const struct audit_gather *g);

/* Several keys are parted by 0x01: "a,b". */
struct slice audit_key(struct slice key, struct arena *a);

/* sekisho.file.path of what was created, deleted or opened for writing. */
void audit_add_file(const struct audit_gather *g, struct event *ev);

/* Where a connect() went. */
void audit_add_socket(const struct audit_gather *g, struct event *ev);

/* The digits of the serial number in a record. */
struct slice audit_serial_text(struct slice line);

#endif
