/* auditd_parts.h - what the records of one audit event said, and what is made of it. */
#ifndef PARSERS_AUDITD_PARTS_H
#define PARSERS_AUDITD_PARTS_H

#include "parsers/audit_fields.h"

struct event;

enum { AUDIT_MAX_TYPES = 32 };

struct audit_gather {
	struct arena *arena;
	size_t body_n; /* bytes of all records: more than any value made of them */
	struct slice types[AUDIT_MAX_TYPES]; /* without repetition */
	unsigned n_types;
	struct slice pid, ppid, uid, auid, ses, tty, comm, exe, key;
	struct slice arch, number, syscall; /* syscall: its name, of the enriched part */
	struct slice success, exit, arg[3]; /* of SYSCALL; arguments in hex */
	struct slice acct, cmd, op, addr, host, res, id, grantors, lost;
	struct slice uid_name, id_name; /* enriched */
	struct slice cwd;
	struct slice path, path_kind; /* PATH: name, nametype */
	unsigned path_rank;	      /* 0: none yet, 1: looked at, 2: DELETE, 3: CREATE */
	struct slice saddr;	      /* SOCKADDR, in hex */
	struct audit_field title;     /* PROCTITLE */
	char *args;		      /* EXECVE: arguments joined by a blank */
	size_t args_n, args_cap;
	int64_t last_arg;
};

/* Append the arguments of one EXECVE record; an event may have several. */
void audit_execve(struct audit_gather *g, struct slice rest);

/* The command line: EXECVE, else USER_CMD, else PROCTITLE. */
struct slice audit_command(struct audit_gather *g);

/* Several keys of a rule are parted by the byte 1: a comma here. */
struct slice audit_key(struct slice key, struct arena *a);

/* sekisho.file.path and sekisho.file.nametype, if a file was created, deleted or opened to write.
 */
void audit_add_file(struct audit_gather *g, struct event *ev);

/* The address of SOCKADDR: destination.*, for bind server.*, for accept source.*. */
void audit_add_socket(struct audit_gather *g, struct event *ev);

#endif
