/*
 * pubsub.c - Google Pub/Sub by REST (projects.topics.publish, v1).
 *
 * A topic for each table: PREFIX-events, -alerts, -blocks, -rejects, -ledger. A message is
 * one row as a JSON object whose fields are the table's columns, which is what a BigQuery
 * subscription with the table's schema takes. Accepted by the first hop is delivered.
 */
#include "base/err.h"
#include "sinks/google_api.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES_MAX = 1000,   /* of a request */
	REQUEST_MAX = 9000000, /* of 10,000,000, counted in base64 */
	MESSAGE_FORM = 16,     /* {"data":""}, */
	URL_MAX = 1024,
	ROW_MAX = 6 << 20,
};

struct pubsub {
	struct google_api api;
	struct outbox out;
	struct buf body;
	char base[URL_MAX - 256]; /* up to the topic's name */
	char prefix[128];
};

static const char *const topics[TABLE_N] = { [TABLE_EVENTS] = "events",
	[TABLE_ALERTS] = "alerts",
	[TABLE_BLOCKS] = "blocks",
	[TABLE_REJECTS] = "rejects",
	[TABLE_LEDGER] = "ledger" };

static void pubsub_close(void *self)
{
	struct pubsub *p = self;

	if (p == NULL)
		return;
	google_api_close(&p->api);
	outbox_free(&p->out);
	buf_free(&p->body);
	free(p);
}

static void *pubsub_open(const struct sink_settings *s, struct err *e)
{
	const char *emulator = getenv("PUBSUB_EMULATOR_HOST");
	struct sink_settings set = *s;
	char host[300];
	struct pubsub *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		err_set(e, 0, "no memory");
		return NULL;
	}
	if (s->endpoint == NULL && emulator != NULL && emulator[0] != '\0') {
		snprintf(host, sizeof(host), "http://%.256s", emulator);
		set.endpoint = host;
	}
	if (s->project == NULL) {
		err_set(e, 0, "a sink of type pubsub needs `project`");
		free(p);
		return NULL;
	}
	if (google_api_open(&p->api, &set, e) != 0 || outbox_init(&p->out, e) != 0) {
		pubsub_close(p);
		return NULL;
	}
	p->body.max = REQUEST_MAX + (1 << 20);
	p->out.row_max = ROW_MAX;
	p->out.keep_body = s->keep_body;
	snprintf(p->base, sizeof(p->base), "%s/v1/projects/%s/topics/",
	    set.endpoint != NULL ? set.endpoint : "https://pubsub.googleapis.com", s->project);
	snprintf(p->prefix, sizeof(p->prefix), "%s", s->topic != NULL ? s->topic : "sekisho");
	return p;
}

static void put_base64(struct buf *out, struct slice s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to = buf_room(out, s.n / 3 * 4 + 4);
	const uint8_t *b = (const uint8_t *)s.p;
	char *q = to;

	if (to == NULL)
		return;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t have = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
			     (have > 2 ? b[i + 2] : 0u);

		*q++ = digits[v >> 18];
		*q++ = digits[v >> 12 & 63];
		*q++ = have > 1 ? digits[v >> 6 & 63] : '=';
		*q++ = have > 2 ? digits[v & 63] : '=';
	}
	out->n += (size_t)(q - to);
}

static enum outbox_answer publish(
    void *self, struct outbox *o, struct outbox_row *rows, unsigned n, struct err *e)
{
	struct pubsub *p = self;
	char url[URL_MAX];

	buf_reset(&p->body);
	buf_str(&p->body, "{\"messages\":[");
	for (unsigned i = 0; i < n; i++) {
		buf_str(&p->body, i > 0 ? ",{\"data\":\"" : "{\"data\":\"");
		put_base64(&p->body, outbox_text(o, &rows[i]));
		buf_str(&p->body, "\"}");
	}
	buf_str(&p->body, "]}");
	if (p->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	snprintf(url, sizeof(url), "%s%s-%s:publish", p->base, p->prefix, topics[rows[0].table]);
	return google_api_post(&p->api, url, buf_as_slice(&p->body), e);
}

static enum sink_result pubsub_begin(void *self, struct err *e)
{
	struct pubsub *p = self;

	(void)e;
	outbox_begin(&p->out);
	return SINK_OK;
}

static enum sink_result pubsub_put(void *self, const struct record *r, struct err *e)
{
	return outbox_put(&((struct pubsub *)self)->out, r, e);
}

static enum sink_result pubsub_commit(
    void *self, const uint8_t cursor[SINK_CURSOR_BYTES], struct err *e)
{
	/* bytes by their base64: 4 for 3 */
	static const struct outbox_limits limits = { MESSAGES_MAX, REQUEST_MAX / 4 * 3,
		MESSAGE_FORM };
	struct pubsub *p = self;

	(void)cursor;
	return outbox_send(&p->out, &limits, publish, p, e);
}

static void pubsub_abort(void *self)
{
	outbox_begin(&((struct pubsub *)self)->out);
}

/* May we publish to each topic? testIamPermissions asks without doing it. */
static void pubsub_check(void *self, sink_say *say, void *ctx)
{
	static const char body[] = "{\"permissions\":[\"pubsub.topics.publish\"]}";
	struct pubsub *p = self;

	if (!google_api_check(&p->api, say, ctx))
		return;
	for (unsigned t = 0; t < TABLE_N; t++) {
		char url[URL_MAX];
		char text[512];
		struct err e = { 0, "" };
		enum outbox_answer a;

		snprintf(
		    url, sizeof(url), "%s%s-%s:testIamPermissions", p->base, p->prefix, topics[t]);
		a = google_api_post(&p->api, url, slice_of(body), &e);
		if (a != ANSWER_OK) {
			snprintf(text, sizeof(text), "topic %s-%s: %s%s", p->prefix, topics[t],
			    e.msg,
			    p->api.reply.status == 404 ? "; make it: gcloud pubsub topics create"
						       : "");
		} else if (memmem(p->api.reply.body.p, p->api.reply.body.n, "pubsub.topics.publish",
			       21) == NULL) {
			snprintf(text, sizeof(text),
			    "topic %s-%s: no permission pubsub.topics.publish; grant "
			    "roles/pubsub.publisher on it",
			    p->prefix, topics[t]);
			a = ANSWER_HOLD;
		} else {
			snprintf(
			    text, sizeof(text), "topic %s-%s: may publish", p->prefix, topics[t]);
		}
		say(ctx, a == ANSWER_OK, text);
	}
}

const struct sink sink_pubsub = {
	.name = "pubsub",
	.max_records = 2000,
	.max_bytes = 6 << 20,
	.open = pubsub_open,
	.begin = pubsub_begin,
	.put = pubsub_put,
	.commit = pubsub_commit,
	.abort = pubsub_abort,
	.check = pubsub_check,
	.close = pubsub_close,
};
