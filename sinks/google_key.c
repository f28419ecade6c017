/* Tokens by a service account's key (RFC 7523), a user's refresh token, the metadata server. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/err.h"
#include "libs/crypto.h"
#include "sinks/google.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FORM	  "Content-Type: application/x-www-form-urlencoded"
#define TOKEN_URI "https://oauth2.googleapis.com/token"

enum { LIFETIME_S = 3600, URL_MAX = 1024, METADATA_TIMEOUT_MS = 3000 };

static void put_json(struct buf *out, json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (text == NULL)
		out->full = true;
	else
		base64url_put(out, slice_of(text));
	free(text);
	json_decref(j);
}

/* RS256: RSASSA-PKCS1-v1_5 with SHA-256 over out, appended to it. */
static int sign(struct buf *out, const char *pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t text[1024];
	size_t n = sizeof(text);
	bool ok = key != NULL && md != NULL &&
		  EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(md, text, &n, (const uint8_t *)out->p, out->n) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (!ok)
		return err_set(
		    e, EINVAL, "the private key can't be used: it is no PEM of an RSA key");
	buf_char(out, '.');
	base64url_put(out, (struct slice){ (char *)text, n });
	return 0;
}

static int post_form(
    struct http *h, const char *url, const struct buf *form, struct google_grant *to, struct err *e)
{
	struct http_request q = {
		.method = "POST", .url = url, .headers = { FORM }, .body = buf_as_slice(form)
	};
	struct http_reply r = { 0 };
	int rc;

	if (!http_is_safe(url))
		return err_set(e, EINVAL, "token_uri %s: a secret is sent by https only", url);
	to->lasting = false;
	rc = http_do(h, &q, &r, e);
	if (rc == 0)
		rc = google_read_token(&r, url, to, e);
	else
		err_wrap(e, "%s", url);
	if (r.body.p != NULL)
		explicit_bzero(r.body.p, r.body.n);
	buf_free(&r.body);
	return rc;
}

int google_by_key(const struct json_t *file, struct http *h, struct google_grant *to, struct err *e)
{
	const char *email = json_string_value(json_object_get(file, "client_email"));
	const char *pem = json_string_value(json_object_get(file, "private_key"));
	const char *id = json_string_value(json_object_get(file, "private_key_id"));
	const char *url = json_string_value(json_object_get(file, "token_uri"));
	int64_t now_s = clock_now_us() / 1000000;
	struct buf jwt = { 0 };
	struct buf form = { 0 };
	int rc;

	if (email == NULL || pem == NULL)
		return err_set(e, EINVAL, "the key file has no client_email or private_key");
	url = url != NULL ? url : TOKEN_URI;
	put_json(&jwt, json_pack("{ss,ss,ss*}", "alg", "RS256", "typ", "JWT", "kid", id));
	buf_char(&jwt, '.');
	put_json(
	    &jwt, json_pack("{ss,ss,ss,sI,sI}", "iss", email, "aud", url, "scope", GOOGLE_SCOPE,
		      "iat", (json_int_t)now_s, "exp", (json_int_t)now_s + LIFETIME_S));
	rc = sign(&jwt, pem, e);
	if (rc == 0) {
		google_form(
		    &form, "grant_type", SLICE("urn:ietf:params:oauth:grant-type:jwt-bearer"));
		google_form(&form, "assertion", buf_as_slice(&jwt));
		rc = post_form(h, url, &form, to, e);
	}
	buf_free(&jwt);
	buf_free(&form);
	return rc;
}

int google_by_user(
    const struct json_t *file, struct http *h, struct google_grant *to, struct err *e)
{
	static const char *const fields[] = { "client_id", "client_secret", "refresh_token" };
	struct buf form = { 0 };
	int rc = 0;

	google_form(&form, "grant_type", SLICE("refresh_token"));
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *v = json_string_value(json_object_get(file, fields[i]));

		if (v == NULL)
			rc = err_set(e, EINVAL, "the credentials have no %s", fields[i]);
		else
			google_form(&form, fields[i], slice_of(v));
	}
	if (rc == 0)
		rc = post_form(h, TOKEN_URI, &form, to, e);
	if (form.p != NULL)
		explicit_bzero(form.p, form.n);
	buf_free(&form);
	return rc;
}

/*
 * Only a reply that says it is Google's counts: on EC2 the same address is Amazon's.
 */
int google_by_metadata(struct http *h, struct google_grant *to, struct err *e)
{
	const char *host = getenv("GCE_METADATA_HOST");
	char url[URL_MAX];
	struct http_request q = { .method = "GET",
		.url = url,
		.headers = { "Metadata-Flavor: Google" },
		.timeout_ms = METADATA_TIMEOUT_MS };
	struct http_reply r = { 0 };
	int rc;

	snprintf(url, sizeof(url),
	    "http://%s/computeMetadata/v1/instance/service-accounts/default/token",
	    host != NULL ? host : "169.254.169.254");
	to->lasting = false;
	rc = http_do(h, &q, &r, e);
	if (rc != 0 || !r.metadata_flavor)
		rc = err_set(e, EACCES,
		    "there are none: no file is configured, GOOGLE_APPLICATION_CREDENTIALS is not "
		    "set, and this is no machine of Google's");
	else
		rc = google_read_token(&r, "the metadata server", to, e);
	buf_free(&r.body);
	return rc;
}
