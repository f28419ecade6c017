/*
 * sigv4.h - AWS Signature Version 4 (AWS General Reference, "Signature Version 4 signing
 * process"), for requests with an empty or given body. Pure functions.
 */
#ifndef SINKS_SIGV4_H
#define SINKS_SIGV4_H

#include "base/buf.h"

enum { SIGV4_TIME = 16, SIGV4_HEADERS_MAX = 8 };

struct sigv4_header {
	const char *name; /* lower case */
	const char *value;
};

struct sigv4 {
	const char *method;
	const char *path;  /* encoded */
	const char *query; /* encoded, sorted */
	struct slice body;
	const char *region, *service;
	const char *access_key, *secret_key;
	char time[SIGV4_TIME + 1]; /* 20240102T030405Z; sigv4_stamp() */
	struct sigv4_header
	    headers[SIGV4_HEADERS_MAX]; /* sorted by name; host and x-amz-date in it */
	unsigned n_headers;
};

/* Seconds since 1970 as x-amz-date has it. */
void sigv4_stamp(int64_t time_s, char to[SIGV4_TIME + 1]);

/* The value of the Authorization header, appended to out. */
void sigv4_authorization(const struct sigv4 *s, struct buf *out);

#endif
