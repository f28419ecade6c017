#include "sinks/sigv4.h"
#include "libs/crypto.h"

#include <time.h>

enum { HASH = 32, DATE = 8 };

void sigv4_stamp(int64_t time_s, char to[SIGV4_TIME + 1])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(to, SIGV4_TIME + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static void put_hex(struct buf *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		buf_char(out, digits[p[i] >> 4]);
		buf_char(out, digits[p[i] & 15]);
	}
}

static void put_hash(struct buf *out, struct slice s)
{
	uint8_t hash[HASH];

	EVP_Digest(s.p != NULL ? s.p : "", s.n, hash, NULL, EVP_sha256(), NULL);
	put_hex(out, hash, HASH);
}

static void mac(const void *key, size_t n, struct slice text, uint8_t out[HASH])
{
	HMAC(EVP_sha256(), key, (int)n, (const uint8_t *)text.p, text.n, out, NULL);
}

static void put_names(struct buf *out, const struct sigv4 *s)
{
	for (unsigned i = 0; i < s->n_headers; i++) {
		if (i > 0)
			buf_char(out, ';');
		buf_str(out, s->headers[i].name);
	}
}

static void put_scope(struct buf *out, const struct sigv4 *s)
{
	buf_put(out, s->time, DATE);
	buf_printf(out, "/%s/%s/aws4_request", s->region, s->service);
}

static void canonical(struct buf *out, const struct sigv4 *s)
{
	buf_printf(out, "%s\n%s\n%s\n", s->method, s->path, s->query);
	for (unsigned i = 0; i < s->n_headers; i++)
		buf_printf(out, "%s:%s\n", s->headers[i].name, s->headers[i].value);
	buf_char(out, '\n');
	put_names(out, s);
	buf_char(out, '\n');
	put_hash(out, s->body);
}

static void signature(const struct sigv4 *s, struct slice text, uint8_t key[HASH])
{
	struct buf first = { 0 };

	buf_printf(&first, "AWS4%s", s->secret_key);
	mac(first.p, first.n, (struct slice){ s->time, DATE }, key);
	explicit_bzero(first.p, first.n);
	buf_free(&first);
	mac(key, HASH, slice_of(s->region), key);
	mac(key, HASH, slice_of(s->service), key);
	mac(key, HASH, SLICE("aws4_request"), key);
	mac(key, HASH, text, key);
}

void sigv4_authorization(const struct sigv4 *s, struct buf *out)
{
	struct buf request = { 0 };
	struct buf text = { 0 };
	uint8_t key[HASH];

	canonical(&request, s);
	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n", s->time);
	put_scope(&text, s);
	buf_char(&text, '\n');
	put_hash(&text, buf_as_slice(&request));
	signature(s, buf_as_slice(&text), key);
	buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/", s->access_key);
	put_scope(out, s);
	buf_str(out, ", SignedHeaders=");
	put_names(out, s);
	buf_str(out, ", Signature=");
	put_hex(out, key, HASH);
	buf_free(&request);
	buf_free(&text);
}
