/*
 * webhook.c - alerts to a chat, a pager or a server of one's own: one POST an alert.
 *
 * What is not an alert is dropped; so are alerts that webhook_gate.c holds back, and how many
 * they were is said in the next message. With a secret each request is signed:
 * X-Sekisho-Signature: t=TIME,v1=HEX, where HEX is HMAC-SHA256 of "TIME.BODY".
 */
#include "sinks/webhook.h"
#include "base/clock.h"
#include "base/err.h"
#include "libs/crypto.h"
#include "libs/curl.h"
#include "sinks/http.h"
#include "sinks/outbox.h"
#include "sinks/secret.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ALERTS_MAX = 256,
	URL_MAX = 2048,
	MAC_BYTES = 32,
	TIMEOUT_MS = 15000,
	HIGH = 4,
	TOLD_EVERY_US = 60000000
};

#define PAGERDUTY "https://events.pagerduty.com/v2/enqueue"

struct webhook {
	struct http *http;
	struct http_reply reply;
	struct outbox out;
	struct buf body;
	struct gate gate;
	enum webhook_template template;
	char url[URL_MAX];
	char secret[SECRET_MAX], token[SECRET_MAX];
	int64_t not_before_us; /* CLOCK_BOOTTIME; the server's wish */
	int64_t told_us;       /* CLOCK_BOOTTIME: when held back alerts were last spoken of */
	struct {
		uint64_t seq;
		struct gate_alert alert;
	} pending[ALERTS_MAX];
	unsigned n_pending;
};

static void webhook_close(void *self)
{
	struct webhook *w = self;

	if (w == NULL)
		return;
	http_free(w->http);
	buf_free(&w->reply.body);
	outbox_free(&w->out);
	buf_free(&w->body);
	explicit_bzero(w->secret, sizeof(w->secret));
	explicit_bzero(w->token, sizeof(w->token));
	free(w);
}

static int set_up(struct webhook *w, const struct sink_settings *s, struct err *e)
{
	const char *url = s->url != NULL ? s->url : PAGERDUTY;
	const char *slack = "";
	unsigned level = s->min_level;

	w->template = (enum webhook_template)s->template;
	if (level == 0 && w->template != WEBHOOK_PAGERDUTY)
		level = HIGH; /* a chat is read, a pager wakes */
	gate_init(&w->gate, level, s->per_minute);
	if (secret_read("secret", s->secret_file, s->secret_env, w->secret, e) != 0 ||
	    secret_read("token", s->token_file, s->token_env, w->token, e) != 0)
		return -1;
	if (!http_is_safe(url))
		return err_set(e, 0, "%s: alerts are sent by https only", url);
	if (w->template == WEBHOOK_SLACK) /* the end of its URL is what others must not know */
		slack = w->token;
	if ((size_t)snprintf(w->url, sizeof(w->url), "%s%s", url, slack) >= sizeof(w->url))
		return err_set(e, 0, "the URL is longer than %d bytes", URL_MAX);
	w->http = http_new(s->ca_file, e);
	outbox_init(&w->out);
	return w->http != NULL ? 0 : -1;
}

static void *webhook_open(const struct sink_settings *s, struct err *e)
{
	struct webhook *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		err_set(e, 0, "no memory");
		return NULL;
	}
	if (set_up(w, s, e) != 0) {
		webhook_close(w);
		return NULL;
	}
	return w;
}

/* ---- sending ---- */

/* The header's value; false: no secret. */
static bool sign(const struct webhook *w, char *to, size_t n)
{
	long long now = (long long)(clock_now_us() / 1000000);
	uint8_t mac[MAC_BYTES];
	struct buf text = { 0 };
	size_t used;

	if (w->secret[0] == '\0')
		return false;
	buf_printf(&text, "%lld.", now);
	buf_slice(&text, buf_as_slice(&w->body));
	HMAC(EVP_sha256(), w->secret, (int)strlen(w->secret), (const uint8_t *)text.p, text.n, mac,
	    NULL);
	used = (size_t)snprintf(to, n, "X-Sekisho-Signature: t=%lld,v1=", now);
	for (unsigned i = 0; i < MAC_BYTES && used < n; i++)
		used += (size_t)snprintf(to + used, n - used, "%02x", mac[i]);
	buf_free(&text);
	return true;
}

/*
 * 400, 413 and 422 are about this message: it is refused. Other refusals are about the URL or
 * who we are, so somebody has to change something; PagerDuty says 400 of a bad key, too.
 */
static enum outbox_answer meaning(struct webhook *w, struct err *e)
{
	struct slice said = buf_as_slice(&w->reply.body);
	long status = w->reply.status;

	err_set(e, 0, "HTTP %ld: %.*s", status, said.n < 150 ? (int)said.n : 150,
	    said.p != NULL ? said.p : "");
	if (w->reply.retry_after_ms > 0)
		w->not_before_us = clock_boot_us() + w->reply.retry_after_ms * 1000;
	if (status >= 200 && status < 300)
		return ANSWER_OK;
	if (status == 408 || status == 425 || status == 429 || status >= 500)
		return ANSWER_RETRY;
	if (status == 400 && w->template == WEBHOOK_PAGERDUTY && said.n > 0 &&
	    memmem(said.p, said.n, "outing", 6) != NULL)
		return ANSWER_HOLD;
	return status == 400 || status == 413 || status == 422 ? ANSWER_BAD : ANSWER_HOLD;
}

static enum outbox_answer post(struct webhook *w, struct slice alert, struct err *e)
{
	struct webhook_message m = { w->template, w->token, alert, w->gate.held };
	char signature[160];
	struct http_request q = { .method = "POST",
		.url = w->url,
		.headers = { "Content-Type: application/json" },
		.timeout_ms = TIMEOUT_MS };

	if (clock_boot_us() < w->not_before_us) {
		err_set(e, 0, "the server asked to wait");
		return ANSWER_RETRY;
	}
	buf_reset(&w->body);
	if (webhook_text(&m, &w->body, e) != 0)
		return ANSWER_BAD;
	q.body = buf_as_slice(&w->body);
	if (sign(w, signature, sizeof(signature)))
		q.headers[1] = signature;
	if (http_do(w->http, &q, &w->reply, e) != 0)
		return ANSWER_RETRY;
	return meaning(w, e);
}

static enum outbox_answer send_one(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct webhook *w = self;
	enum outbox_answer a = post(w, outbox_text(o, f->rows[0]), e);

	for (unsigned i = 0; a == ANSWER_OK && i < w->n_pending; i++)
		if (w->pending[i].seq == f->rows[0]->seq)
			gate_sent(&w->gate, &w->pending[i].alert);
	return a;
}

/* ---- the sink ---- */

static enum sink_result webhook_begin(void *self, struct err *e)
{
	struct webhook *w = self;

	(void)e;
	outbox_begin(&w->out);
	gate_begin(&w->gate);
	w->n_pending = 0;
	return SINK_OK;
}

static enum sink_result webhook_put(void *self, const struct record *r, struct err *e)
{
	struct webhook *w = self;
	struct gate_alert a;
	enum sink_result rc;

	if (r->kind != RECORD_ALERT)
		return SINK_DROP;
	if (outbox_knows(&w->out, r->seq))
		return outbox_put(&w->out, r, e);
	gate_read(r, &a);
	for (unsigned i = 0; i < w->n_pending; i++)
		if (w->pending[i].alert.key == a.key)
			return SINK_OK; /* twice in one commit */
	switch (w->n_pending < ALERTS_MAX ? gate_ask(&w->gate, &a) : GATE_HELD) {
	case GATE_SENT:
		return SINK_OK;
	case GATE_UNWANTED:
	case GATE_HELD:
		return SINK_DROP;
	case GATE_SEND:
		break;
	}
	rc = outbox_put(&w->out, r, e);
	if (rc == SINK_OK) {
		w->pending[w->n_pending].seq = r->seq;
		w->pending[w->n_pending++].alert = a;
	}
	return rc;
}

static enum sink_result webhook_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	static const struct outbox_way way = { 1, SIZE_MAX, 0, send_one, NULL };
	struct webhook *w = self;
	enum sink_result rc = outbox_send(&w->out, &way, w, e);

	(void)cursor;
	if (rc == SINK_OK)
		gate_settle(&w->gate);
	return rc;
}

static void webhook_abort(void *self)
{
	struct err ignored;

	webhook_begin(self, &ignored);
}

/* Nothing follows a flood for a while: then the count has a message of its own. */
static void webhook_idle(void *self, int64_t now_us)
{
	struct webhook *w = self;
	int64_t now = clock_boot_us();
	struct err ignored = { 0, "" };

	(void)now_us;
	if (w->gate.held == 0)
		w->told_us = now;
	if (now - w->told_us < TOLD_EVERY_US || !gate_may_tell(&w->gate))
		return;
	w->told_us = now;
	if (post(w, (struct slice){ NULL, 0 }, &ignored) == ANSWER_OK)
		w->gate.held = 0;
}

/* A GET, since a POST would be an alert: only that the server answers, nothing of the token. */
static void webhook_check(void *self, sink_say *say, void *ctx)
{
	struct webhook *w = self;
	struct http_request q = { .method = "GET", .url = w->url, .timeout_ms = TIMEOUT_MS };
	struct err e = { 0, "" };
	char text[300];

	if (http_do(w->http, &q, &w->reply, &e) != 0) {
		say(ctx, false, e.msg);
		return;
	}
	snprintf(text, sizeof(text), "the server answers (HTTP %ld to a GET); no alert was sent",
	    w->reply.status);
	say(ctx, true, text);
}

const struct sink sink_webhook = {
	.name = "webhook",
	.library = &curl_late,
	.max_records = 64,
	.max_bytes = 1 << 20,
	.control_only = true,
	.open = webhook_open,
	.begin = webhook_begin,
	.put = webhook_put,
	.commit = webhook_commit,
	.abort = webhook_abort,
	.check = webhook_check,
	.idle = webhook_idle,
	.close = webhook_close,
};
