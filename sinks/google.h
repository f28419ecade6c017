/*
 * google.h - access tokens for Google's APIs, by the application default credentials.
 *
 * Looked for in Google's order: the file of the config, $GOOGLE_APPLICATION_CREDENTIALS,
 * gcloud's own file, the metadata server. Kinds of files: service_account (a signed JWT is
 * exchanged, RFC 7523), authorized_user (RFC 6749 section 6), and external_account from
 * AWS (workload identity federation: a signed GetCallerIdentity request that is never sent
 * is exchanged at Google's STS, RFC 8693, and if so said a service account impersonated).
 *
 * A token is kept until shortly before its end. One thread a struct google.
 */
#ifndef SINKS_GOOGLE_H
#define SINKS_GOOGLE_H

#include "sinks/http.h"

struct err;
struct google;

#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"

enum { GOOGLE_TOKEN_MAX = 8192 };

/* file: credentials to use, or NULL. Nothing is read or sent yet. */
struct google *google_new(const char *file, struct err *e);
void google_free(struct google *g);

/*
 * A token that holds for a while, by way of h: text that stays until the next call. NULL
 * with *e; *lasting then says that it will not get better by itself (a wrong key).
 */
const char *google_token(struct google *g, struct http *h, bool *lasting, struct err *e);

/* The server refused the token: the next call gets a new one. */
void google_forget(struct google *g);

/* ---- inside sinks/: google_*.c ---- */

/* What a source came to. */
struct google_grant {
	char token[GOOGLE_TOKEN_MAX];
	int64_t lifetime_s;
	bool lasting; /* of an error */
};

struct json_t; /* jansson */

/* The reply of a token endpoint: access_token and expires_in, or an error that is said. */
int google_read_token(
    const struct http_reply *r, const char *whose, struct google_grant *to, struct err *e);

/* A form field, percent-encoded (WHATWG URL, application/x-www-form-urlencoded). */
void google_form(struct buf *out, const char *name, struct slice value);
void google_percent(struct buf *out, struct slice s);

int google_by_key(
    const struct json_t *file, struct http *h, struct google_grant *to, struct err *e);
int google_by_user(
    const struct json_t *file, struct http *h, struct google_grant *to, struct err *e);
int google_by_aws(
    const struct json_t *file, struct http *h, struct google_grant *to, struct err *e);
int google_by_metadata(struct http *h, struct google_grant *to, struct err *e);

#endif
