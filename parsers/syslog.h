/* syslog.h - what the parsers of syslog lines and of journald's entries share. Not for others. */
#ifndef PARSERS_SYSLOG_H
#define PARSERS_SYSLOG_H

#include "parsers/parser.h"

/* A program's message: sekisho.message, and what it says of authentication. */
void syslog_message(
    const struct parse_ctx *c, struct event *ev, struct slice program, struct slice message);

/*
 * "[HOST ]PROGRAM[PID]: text", what is left of a syslog line without its stamp, as journalctl's
 * short outputs have it. False, with nothing added, where s does not begin so.
 */
bool syslog_tagged(const struct parse_ctx *c, struct event *ev, struct slice s);

/* Requests that nginx's error log quotes come with its messages, too, but nobody relies on that. */
#define SYSLOG_GIVES                                                                           \
	"process.name process.pid syslog.hostname severity_text syslog.facility.name "         \
	"syslog.msg.id sekisho.message sekisho.repeated sekisho.sd.* user.name user.id "       \
	"client.address client.port sekisho.auth.result sekisho.auth.method "                  \
	"sekisho.access.result sekisho.sudo.user session.id process.command_line process.tty " \
	"process.working_directory audit.lost nginx.connection nginx.upstream thread.id "      \
	"server.address server.port network.transport network.interface.name netfilter.prefix "

/* "sshd(pam_unix)" is sshd, "[sshd]" too. */
struct slice syslog_program(struct slice tag);

/* The names of priorities 0 to 191: facility * 8 + severity. */
void syslog_severity(struct event *ev, uint64_t priority);
void syslog_facility(struct event *ev, uint64_t priority);

#endif
