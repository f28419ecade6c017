/*
 * Workload identity federation from AWS: the proof is a signed request to AWS STS that is
 * handed to Google instead of being sent (google.com, "AWS security credentials" of
 * external accounts).
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "sinks/google.h"
#include "sinks/sigv4.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define STS_QUERY "Action=GetCallerIdentity&Version=2011-06-15"
#define FORM	  "Content-Type: application/x-www-form-urlencoded"

enum { TEXT_MAX = 2048, URL_MAX = 1024, IMDS_TIMEOUT_MS = 3000 };

struct aws {
	struct http *http;
	const struct json_t *file, *source; /* the credentials, their credential_source */
	char imds_token[TEXT_MAX];
	char region[64];
	char access_key[256], secret_key[256], session_token[4096];
};

static const char *text_of(const struct json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* ---- the instance's metadata ---- */

static int imds(
    struct aws *a, const char *method, const char *url, struct http_reply *r, struct err *e)
{
	char token[TEXT_MAX + 64];
	struct http_request q = { .method = method, .url = url, .timeout_ms = IMDS_TIMEOUT_MS };

	snprintf(token, sizeof(token), "X-aws-ec2-metadata-token: %s", a->imds_token);
	if (strcmp(method, "PUT") == 0)
		q.headers[0] = "X-aws-ec2-metadata-token-ttl-seconds: 300";
	else if (a->imds_token[0] != '\0')
		q.headers[0] = token;
	if (http_do(a->http, &q, r, e) != 0)
		return err_wrap(e, "%s", url);
	return r->status == 200 ? 0 : err_set(e, EACCES, "%s answered %ld", url, r->status);
}

static void keep(char *to, size_t n, const struct buf *body)
{
	struct slice s = slice_trim(buf_as_slice(body));

	snprintf(to, n, "%.*s", (int)s.n, s.p != NULL ? s.p : "");
}

static int imds_begin(struct aws *a, struct http_reply *r, struct err *e)
{
	const char *url = text_of(a->source, "imdsv2_session_token_url");

	if (a->imds_token[0] != '\0' || url == NULL)
		return 0;
	if (imds(a, "PUT", url, r, e) != 0)
		return -1;
	keep(a->imds_token, sizeof(a->imds_token), &r->body);
	return 0;
}

static int find_region(struct aws *a, struct http_reply *r, struct err *e)
{
	const char *env = getenv("AWS_REGION");
	const char *url = text_of(a->source, "region_url");
	size_t n;

	env = env != NULL ? env : getenv("AWS_DEFAULT_REGION");
	if (env != NULL && env[0] != '\0') {
		snprintf(a->region, sizeof(a->region), "%s", env);
		return 0;
	}
	if (url == NULL)
		return err_set(e, EINVAL, "no AWS_REGION, and the credentials have no region_url");
	if (imds_begin(a, r, e) != 0 || imds(a, "GET", url, r, e) != 0)
		return -1;
	keep(a->region, sizeof(a->region), &r->body);
	n = strlen(a->region);
	if (n > 0 && strstr(url, "placement/region") == NULL)
		a->region[n - 1] = '\0'; /* ap-northeast-1a: a zone */
	return 0;
}

static int role_keys(struct aws *a, struct http_reply *r, struct err *e)
{
	const char *url = text_of(a->source, "url");
	char of_role[URL_MAX];
	char role[128];
	json_t *j;
	const char *v[3];

	if (url == NULL)
		return err_set(e, EINVAL, "no AWS keys, and the credentials have no url for them");
	if (imds_begin(a, r, e) != 0 || imds(a, "GET", url, r, e) != 0)
		return -1;
	keep(role, sizeof(role), &r->body);
	snprintf(of_role, sizeof(of_role), "%s/%s", url, role);
	if (imds(a, "GET", of_role, r, e) != 0)
		return -1;
	j = json_loadb(r->body.p != NULL ? r->body.p : "", r->body.n, 0, NULL);
	v[0] = text_of(j, "AccessKeyId");
	v[1] = text_of(j, "SecretAccessKey");
	v[2] = text_of(j, "Token");
	if (v[0] != NULL && v[1] != NULL) {
		snprintf(a->access_key, sizeof(a->access_key), "%s", v[0]);
		snprintf(a->secret_key, sizeof(a->secret_key), "%s", v[1]);
		snprintf(
		    a->session_token, sizeof(a->session_token), "%s", v[2] != NULL ? v[2] : "");
	}
	json_decref(j);
	return a->access_key[0] != '\0' ? 0 : err_set(e, EACCES, "%s: no keys in it", of_role);
}

static int find_keys(struct aws *a, struct http_reply *r, struct err *e)
{
	const char *id = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	const char *session = getenv("AWS_SESSION_TOKEN");

	if (id == NULL || secret == NULL)
		return role_keys(a, r, e);
	snprintf(a->access_key, sizeof(a->access_key), "%s", id);
	snprintf(a->secret_key, sizeof(a->secret_key), "%s", secret);
	snprintf(a->session_token, sizeof(a->session_token), "%s", session != NULL ? session : "");
	return 0;
}

/* ---- the proof ---- */

static json_t *pair(const char *key, const char *value)
{
	return json_pack("{ss,ss}", "key", key, "value", value);
}

/* The request in the form that Google's STS takes it, percent-encoded once. */
static int subject_token(const struct aws *a, const char *audience, struct buf *out, struct err *e)
{
	char host[128];
	char url[URL_MAX];
	struct sigv4 s = { .method = "POST",
		.path = "/",
		.query = STS_QUERY,
		.region = a->region,
		.service = "sts",
		.access_key = a->access_key,
		.secret_key = a->secret_key };
	struct buf auth = { 0 };
	json_t *headers = json_array();
	json_t *all;
	char *text;

	snprintf(host, sizeof(host), "sts.%s.amazonaws.com", a->region);
	snprintf(url, sizeof(url), "https://%s?" STS_QUERY, host);
	sigv4_stamp(clock_now_us() / 1000000, s.time);
	s.headers[s.n_headers++] = (struct sigv4_header){ "host", host };
	s.headers[s.n_headers++] = (struct sigv4_header){ "x-amz-date", s.time };
	if (a->session_token[0] != '\0')
		s.headers[s.n_headers++] =
		    (struct sigv4_header){ "x-amz-security-token", a->session_token };
	s.headers[s.n_headers++] =
	    (struct sigv4_header){ "x-goog-cloud-target-resource", audience };
	sigv4_authorization(&s, &auth);
	buf_char(&auth, '\0');
	json_array_append_new(headers, pair("Authorization", auth.p));
	for (unsigned i = 0; i < s.n_headers; i++)
		json_array_append_new(headers, pair(s.headers[i].name, s.headers[i].value));
	all = json_pack("{so,ss,ss}", "headers", headers, "method", "POST", "url", url);
	text = json_dumps(all, JSON_COMPACT);
	if (text != NULL)
		google_percent(out, slice_of(text));
	free(text);
	json_decref(all);
	buf_free(&auth);
	return text != NULL && !out->full ? 0 : err_set(e, ENOMEM, "no memory for a token");
}

static int exchange(const struct aws *a, const char *audience, struct google_grant *to,
    struct http_reply *r, struct err *e)
{
	const char *url = text_of(a->file, "token_url");
	bool impersonates = text_of(a->file, "service_account_impersonation_url") != NULL;
	struct buf proof = { 0 };
	struct buf form = { 0 };
	struct http_request q = { .method = "POST", .headers = { FORM } };
	int rc;

	q.url = url != NULL ? url : "https://sts.googleapis.com/v1/token";
	if (!http_is_safe(q.url))
		return err_set(e, EINVAL, "token_url %s: secrets are sent by https only", q.url);
	rc = subject_token(a, audience, &proof, e);
	google_form(&form, "grant_type", SLICE("urn:ietf:params:oauth:grant-type:token-exchange"));
	google_form(&form, "audience", slice_of(audience));
	google_form(&form, "scope",
	    impersonates ? SLICE("https://www.googleapis.com/auth/iam") : SLICE(GOOGLE_SCOPE));
	google_form(
	    &form, "requested_token_type", SLICE("urn:ietf:params:oauth:token-type:access_token"));
	google_form(
	    &form, "subject_token_type", SLICE("urn:ietf:params:aws:token-type:aws4_request"));
	google_form(&form, "subject_token", buf_as_slice(&proof));
	q.body = buf_as_slice(&form);
	to->lasting = false;
	if (rc == 0)
		rc = http_do(a->http, &q, r, e) == 0 ? google_read_token(r, q.url, to, e)
						     : err_wrap(e, "%s", q.url);
	buf_free(&proof);
	buf_free(&form);
	return rc;
}

/* generateAccessToken (IAM Service Account Credentials API). */
static int impersonate(
    const struct aws *a, struct google_grant *to, struct http_reply *r, struct err *e)
{
	const char *url = text_of(a->file, "service_account_impersonation_url");
	char bearer[GOOGLE_TOKEN_MAX + 32];
	struct http_request q = { .method = "POST",
		.url = url,
		.headers = { "Content-Type: application/json", bearer },
		.body = SLICE(
		    "{\"delegates\":[],\"scope\":[\"" GOOGLE_SCOPE "\"],\"lifetime\":\"3600s\"}") };
	json_t *j;
	const char *token;
	const char *until;
	int64_t until_us = 0;

	if (url == NULL)
		return 0;
	if (!http_is_safe(url))
		return err_set(e, EINVAL, "%s: secrets are sent by https only", url);
	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", to->token);
	if (http_do(a->http, &q, r, e) != 0)
		return err_wrap(e, "%s", url);
	j = json_loadb(r->body.p != NULL ? r->body.p : "", r->body.n, 0, NULL);
	token = text_of(j, "accessToken");
	until = text_of(j, "expireTime");
	if (token == NULL || strlen(token) >= sizeof(to->token)) {
		const char *why = text_of(json_object_get(j, "error"), "message");

		to->lasting = r->status == 400 || r->status == 403 || r->status == 404;
		err_set(e, EACCES, "%s answered %ld: %s", url, r->status,
		    why != NULL ? why : "no token");
		json_decref(j);
		return -1;
	}
	snprintf(to->token, sizeof(to->token), "%s", token);
	if (until != NULL && timefmt_parse_rfc3339(slice_of(until), 0, &until_us) > 0)
		to->lifetime_s = (until_us - clock_now_us()) / 1000000;
	json_decref(j);
	return 0;
}

int google_by_aws(const struct json_t *file, struct http *h, struct google_grant *to, struct err *e)
{
	struct aws a = {
		.http = h, .file = file, .source = json_object_get(file, "credential_source")
	};
	const char *audience = text_of(file, "audience");
	const char *environment = text_of(a.source, "environment_id");
	struct http_reply r = { 0 };
	int rc = -1;

	if (audience == NULL || environment == NULL || strcmp(environment, "aws1") != 0)
		return err_set(e, EINVAL,
		    "external_account: only credential_source with environment_id aws1 is "
		    "supported");
	to->lasting = false;
	if (find_region(&a, &r, e) == 0 && find_keys(&a, &r, e) == 0 &&
	    exchange(&a, audience, to, &r, e) == 0)
		rc = impersonate(&a, to, &r, e);
	if (r.body.p != NULL)
		explicit_bzero(r.body.p, r.body.n);
	buf_free(&r.body);
	explicit_bzero(&a, sizeof(a));
	return rc;
}
