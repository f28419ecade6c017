/* error_logs.h - what error logs of web servers share. Not for others than their parsers and
 * syslog.c. */
#ifndef PARSERS_ERROR_LOGS_H
#define PARSERS_ERROR_LOGS_H

#include "parsers/parser.h"

/* A line of nginx's error log behind what syslog put before it. False, with nothing added: it is
 * none. */
bool nginx_error_line(const struct parse_ctx *c, struct event *ev, struct slice s);

/* "[level] [client A] text", "[module:level] [pid N] [client A] text": an Apache line behind its
 * stamp. */
bool apache_error_text(struct event *ev, struct slice s);

/* "prefix IN=eth0 OUT= ... SRC=A DST=B ... PROTO=TCP SPT=1 DPT=2 ...", of the kernel. */
bool netfilter_text(struct event *ev, struct slice s);

#endif
