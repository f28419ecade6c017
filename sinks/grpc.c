#include "sinks/grpc.h"

#include "base/deflate.h"
#include "base/err.h"
#include "base/protobuf.h"
#include "libs/crypto.h"

#include <ctype.h>
#include <stdio.h>

enum { FRAME_MAX = 32 << 20, DETAILS_MAX = 8192, WAIT_MAX_S = 86400 };

static const char *const names[GRPC_CODES] = { "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED" };

const char *grpc_name(enum grpc_code code)
{
	return code < GRPC_CODES ? names[code] : names[GRPC_UNKNOWN];
}

void grpc_free(struct grpc *g)
{
	buf_free(&g->unzipped);
}

/* ---- what a reply is made of ---- */

bool grpc_status_read(struct slice s, struct grpc_status *to)
{
	struct cut c = { .s = s };
	struct pb_field f;

	*to = (struct grpc_status){ .whole = s };
	while (pb_next(&c, &f)) {
		if (f.number == 1 && f.wire == PB_VARINT)
			to->code = f.value;
		else if (f.number == 2 && f.wire == PB_BYTES)
			to->message = f.bytes;
	}
	return !c.bad;
}

/* google.protobuf.Any: type_url = 1 ("type.googleapis.com/package.Type"), value = 2. */
static bool is_any_of(struct slice any, struct slice type, struct slice *value)
{
	struct cut c = { .s = any };
	struct pb_field f;
	bool is = false;

	*value = (struct slice){ 0 };
	while (pb_next(&c, &f)) {
		if (f.number == 1 && f.wire == PB_BYTES)
			is = f.bytes.n > type.n && f.bytes.p[f.bytes.n - type.n - 1] == '.' &&
			     slice_eq(slice_from(f.bytes, f.bytes.n - type.n), type);
		else if (f.number == 2 && f.wire == PB_BYTES)
			*value = f.bytes;
	}
	return is && !c.bad;
}

bool grpc_status_detail(const struct grpc_status *s, const char *type, struct slice *value)
{
	struct cut c = { .s = s->whole };
	struct pb_field f;

	while (pb_next(&c, &f))
		if (f.number == 3 && f.wire == PB_BYTES &&
		    is_any_of(f.bytes, slice_of(type), value))
			return true;
	return false;
}

/* google.rpc.RetryInfo: retry_delay = 1, a google.protobuf.Duration: seconds = 1, nanos = 2. */
static int64_t retry_info(struct slice s)
{
	struct cut c = { .s = s };
	struct pb_field f;
	uint64_t seconds = 0;
	uint64_t nanos = 0;

	if (!pb_next(&c, &f) || f.number != 1 || f.wire != PB_BYTES)
		return 0;
	c = (struct cut){ .s = f.bytes };
	while (pb_next(&c, &f)) {
		if (f.number == 1 && f.wire == PB_VARINT)
			seconds = f.value;
		else if (f.number == 2 && f.wire == PB_VARINT)
			nanos = f.value;
	}
	if (c.bad || seconds > WAIT_MAX_S || nanos >= 1000000000)
		return 0;
	return (int64_t)(seconds * 1000 + nanos / 1000000);
}

int64_t grpc_retry_of(struct slice base64)
{
	uint8_t text[DETAILS_MAX];
	uint8_t raw[DETAILS_MAX];
	struct grpc_status status;
	struct slice info;
	size_t pads = 0;
	int n;

	while (base64.n > 0 && base64.p[base64.n - 1] == '=')
		base64.n--;
	if (base64.n == 0 || base64.n > DETAILS_MAX - 4)
		return 0;
	memcpy(text, base64.p, base64.n);
	for (; (base64.n + pads) % 4 != 0; pads++)
		text[base64.n + pads] = '=';
	n = EVP_DecodeBlock(raw, text, (int)(base64.n + pads));
	if (pads > 2 || n < (int)pads)
		return 0;
	if (!grpc_status_read((struct slice){ (char *)raw, (size_t)n - pads }, &status) ||
	    !grpc_status_detail(&status, "RetryInfo", &info))
		return 0;
	return retry_info(info);
}

bool grpc_unframe(struct slice body, struct buf *unzipped, struct slice *message)
{
	const uint8_t *b = (const uint8_t *)body.p;
	size_t n;

	*message = (struct slice){ 0 };
	if (body.n < GRPC_FRAME_HEAD || b[0] > 1)
		return false;
	n = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
	if (n > body.n - GRPC_FRAME_HEAD)
		return false;
	*message = (struct slice){ body.p + GRPC_FRAME_HEAD, n };
	if (b[0] == 0)
		return true;
	buf_reset(unzipped);
	unzipped->max = HTTP_REPLY_MAX;
	if (gunzip_block(*message, unzipped) != 0)
		return false;
	*message = buf_as_slice(unzipped);
	return true;
}

/* %HH at i: the byte. */
static bool is_escape(struct slice v, size_t i, char *to)
{
	char digits[2];
	uint64_t byte;

	if (v.p[i] != '%' || i + 2 >= v.n)
		return false;
	for (unsigned k = 0; k < 2; k++)
		digits[k] = (char)tolower((uint8_t)v.p[i + 1 + k]);
	if (!slice_hex((struct slice){ digits, 2 }, &byte))
		return false;
	*to = (uint8_t)byte < ' ' ? ' ' : (char)byte;
	return true;
}

/* grpc-message: UTF-8, percent-encoded where it isn't plain ASCII. */
static void read_text(struct grpc *g, struct slice v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n && n + 1 < sizeof(g->text); i++) {
		if (is_escape(v, i, &g->text[n]))
			i += 2;
		else
			g->text[n] = v.p[i];
		n++;
	}
	g->text[n] = '\0';
}

/* ---- a call ---- */

/* Headers (a reply without messages has all of them there) and trailers alike. */
static void on_header(void *ctx, struct slice name, struct slice value)
{
	struct grpc *g = ctx;
	uint64_t v;

	if (slice_eq_nocase(name, SLICE("grpc-status")) && slice_u64(value, &v)) {
		g->code = v < GRPC_CODES ? (enum grpc_code)v : GRPC_UNKNOWN;
		g->said = true;
	} else if (slice_eq_nocase(name, SLICE("grpc-message"))) {
		read_text(g, value);
	} else if (slice_eq_nocase(name, SLICE("grpc-status-details-bin"))) {
		g->retry_ms = grpc_retry_of(value);
	}
}

/* Something on the way answered that is no gRPC (grpc/doc/http-grpc-status-mapping.md). */
static enum grpc_code of_http(long status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 413: /* ours: too long for a proxy; half of it may not be */
		return GRPC_INVALID_ARGUMENT;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

/* A flag (1: compressed), the length, the message. */
int grpc_frame(
    struct buf *to, struct slice head, struct slice message, struct deflater *zip, struct err *e)
{
	size_t n;

	buf_reset(to);
	to->max = FRAME_MAX;
	buf_put(to, "\0\0\0\0", GRPC_FRAME_HEAD);
	if (zip == NULL)
		buf_slice(to, head);
	if (zip != NULL)
		deflater_gzip(zip, head, message, to);
	else
		buf_slice(to, message);
	if (to->full)
		return err_set(e, 0, "a message of more than %d bytes", FRAME_MAX);
	n = to->n - GRPC_FRAME_HEAD;
	to->p[0] = zip != NULL;
	for (unsigned i = 0; i < 4; i++)
		to->p[1 + i] = (char)(n >> (24 - 8 * i));
	return 0;
}

struct http_exchange *grpc_start(
    struct grpc *g, struct http *h, const struct grpc_call *c, struct http_reply *r, struct err *e)
{
	char timeout[40];
	struct http_request q = { .method = "POST",
		.url = c->url,
		.http2 = true,
		.on_header = on_header,
		.ctx = g,
		.headers = { "Content-Type: application/grpc", "TE: trailers", timeout,
		    "grpc-accept-encoding: gzip" },
		.body = c->frame };
	unsigned n = 4;

	snprintf(timeout, sizeof(timeout), "grpc-timeout: %dS", HTTP_TIMEOUT_MS / 1000);
	if (c->zipped)
		q.headers[n++] = "grpc-encoding: gzip";
	if (c->authorization != NULL)
		q.headers[n++] = c->authorization;
	if (c->params != NULL)
		q.headers[n++] = c->params;
	g->code = GRPC_UNKNOWN;
	g->said = false;
	g->text[0] = '\0';
	g->retry_ms = 0;
	g->message = (struct slice){ 0 };
	return http_begin(h, &q, r, e);
}

int grpc_end(struct grpc *g, struct http *h, struct http_exchange *x, const struct http_reply *r,
    struct err *e)
{
	if (http_end(h, x, e) != 0)
		return -1;
	if (!g->said)
		g->code = r->status == 200 ? GRPC_UNKNOWN : of_http(r->status);
	else if (g->code == GRPC_OK &&
		 !grpc_unframe(buf_as_slice(&r->body), &g->unzipped, &g->message)) {
		g->code = GRPC_INTERNAL;
		snprintf(g->text, sizeof(g->text), "an answer without a whole message");
	}
	if (g->retry_ms == 0)
		g->retry_ms = r->retry_after_ms;
	return 0;
}
