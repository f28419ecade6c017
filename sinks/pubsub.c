/*
 * pubsub.c - Google Pub/Sub: google.pubsub.v1.Publisher/Publish by gRPC, or the same by REST
 * (projects.topics.publish, v1) where HTTP/2 does not get through, and for emulators.
 *
 * A topic for each table: PREFIX-events, -alerts, -blocks, -rejects, -ledger. A message is
 * one row as a JSON object whose fields are the table's columns, which is what a BigQuery
 * subscription with the table's schema takes. Accepted by the first hop is delivered.
 */
#include "base/base64.h"
#include "base/err.h"
#include "base/protobuf.h"
#include "libs/curl.h"
#include "sinks/google_api.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES_MAX = 1000,   /* of a request */
	REQUEST_MAX = 9000000, /* of 10,000,000; by REST counted in base64 */
	MESSAGE_FORM = 16,     /* {"data":""}, and by gRPC two tags and lengths */
	TOPIC_MAX = 512,
	URL_MAX = 1024,
	ROW_MAX = 6 << 20,
};

#define DEFAULT_HOST "https://pubsub.googleapis.com"

struct pubsub {
	struct google_api api;
	struct outbox out;
	struct buf head, body;
	char host[URL_MAX - TOPIC_MAX - 80]; /* with the scheme */
	char prefix[TOPIC_MAX - 16];	     /* projects/P/topics/PREFIX */
	bool rest;
	bool may_fall_back; /* to REST */
};

/* PublishRequest: topic = 1, messages = 2 (PubsubMessage: data = 1). */
static const char in_message[] = { 2 << 3 | PB_BYTES, 1 << 3 | PB_BYTES, '\0' };

static void pubsub_close(void *self)
{
	struct pubsub *p = self;

	if (p == NULL)
		return;
	google_api_close(&p->api);
	outbox_free(&p->out);
	buf_free(&p->head);
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
	outbox_init(&p->out);
	if (google_api_open(&p->api, &set, e) != 0) {
		pubsub_close(p);
		return NULL;
	}
	p->body.max = REQUEST_MAX + (1 << 20);
	p->out.wrap = in_message;
	p->out.row_max = ROW_MAX;
	p->out.requests = s->requests > 0 ? s->requests : 1;
	p->out.rules.keep_body = s->keep_body;
	if (s->topic_schema)
		p->out.rules.form = ROW_JSON_TEXT;
	snprintf(
	    p->host, sizeof(p->host), "%s", set.endpoint != NULL ? set.endpoint : DEFAULT_HOST);
	snprintf(p->prefix, sizeof(p->prefix), "projects/%s/topics/%s", s->project,
	    s->topic != NULL ? s->topic : "sekisho");
	p->may_fall_back = s->transport == TRANSPORT_AUTO;
	p->rest = s->transport == TRANSPORT_REST ||
		  (p->may_fall_back && strncmp(p->host, "https://", 8) != 0);
	return p;
}

/* ---- publishing ---- */

static void put_rest(struct pubsub *p, const struct outbox *o, const struct outbox_flight *f)
{
	buf_str(&p->body, "{\"messages\":[");
	for (unsigned i = 0; i < f->n; i++) {
		buf_str(&p->body, i > 0 ? ",{\"data\":\"" : "{\"data\":\"");
		base64_put(&p->body, outbox_text(o, f->rows[i]));
		buf_str(&p->body, "\"}");
	}
	buf_str(&p->body, "]}");
}

static enum outbox_answer publish(
    void *self, struct outbox *o, struct outbox_flight *f, struct err *e)
{
	struct pubsub *p = self;
	char topic[TOPIC_MAX];
	char url[URL_MAX];
	struct google_request q = { .method = "POST", .url = url };

	snprintf(
	    topic, sizeof(topic), "%s-%s", p->prefix, schema_table(f->rows[0]->table)->short_name);
	buf_reset(&p->head);
	buf_reset(&p->body);
	if (p->rest) {
		snprintf(url, sizeof(url), "%s/v1/%s:publish", p->host, topic);
		put_rest(p, o, f);
		q.body = buf_as_slice(&p->body);
	} else {
		snprintf(url, sizeof(url), "%s/google.pubsub.v1.Publisher/Publish", p->host);
		pb_bytes(&p->head, 1, slice_of(topic));
		q.head = buf_as_slice(&p->head);
		q.body = outbox_wrapped(o, f, &p->body);
		q.param = "topic";
		q.value = topic;
	}
	if (p->body.full) {
		err_set(e, 0, "a request longer than %d bytes", REQUEST_MAX);
		return ANSWER_BAD;
	}
	return google_api_start(&p->api, &p->api.call[f->number], &q, e);
}

static enum outbox_answer published(
    void *self, struct outbox *o, struct outbox_flight **f, struct err *e)
{
	struct pubsub *p = self;
	unsigned number;
	enum outbox_answer a = google_api_land(&p->api, &number, e);

	*f = &o->flight[number];
	if (a != ANSWER_HOLD || !p->api.no_http2 || !p->may_fall_back)
		return a;
	p->rest = true;
	p->api.no_http2 = false;
	return ANSWER_AGAIN;
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
	/* base64: 4 bytes for 3 */
	static const struct outbox_way by_rest = { MESSAGES_MAX, REQUEST_MAX / 4 * 3, MESSAGE_FORM,
		publish, published };
	static const struct outbox_way by_grpc = { MESSAGES_MAX, REQUEST_MAX, MESSAGE_FORM, publish,
		published };
	struct pubsub *p = self;

	(void)cursor;
	return outbox_send(&p->out, p->rest ? &by_rest : &by_grpc, p, e);
}

static void pubsub_abort(void *self)
{
	outbox_begin(&((struct pubsub *)self)->out);
}

/* ---- may we? ---- */

/* google.iam.v1.IAMPolicy/TestIamPermissions asks without doing it. */
static enum outbox_answer ask_grpc(struct pubsub *p, const char *topic, struct err *e)
{
	char url[URL_MAX];

	buf_reset(&p->body);
	pb_bytes(&p->body, 1, slice_of(topic));
	pb_bytes(&p->body, 2, SLICE("pubsub.topics.publish"));
	snprintf(url, sizeof(url), "%s/google.iam.v1.IAMPolicy/TestIamPermissions", p->host);
	return google_api_call(&p->api,
	    &(struct google_request){
		.url = url, .param = "resource", .value = topic, .body = buf_as_slice(&p->body) },
	    e);
}

static enum outbox_answer ask_rest(struct pubsub *p, const char *topic, struct err *e)
{
	static const char body[] = "{\"permissions\":[\"pubsub.topics.publish\"]}";
	char url[URL_MAX];

	snprintf(url, sizeof(url), "%s/v1/%s:testIamPermissions", p->host, topic);
	return google_api_call(&p->api,
	    &(struct google_request){ .method = "POST", .url = url, .body = slice_of(body) }, e);
}

/* The permissions that we have are named in the reply, in either form as they are. */
static void pubsub_check(void *self, sink_say *say, void *ctx)
{
	struct pubsub *p = self;
	const struct google_call *last = google_api_last(&p->api);

	if (!google_api_check(&p->api, say, ctx))
		return;
	for (unsigned t = 0; t < TABLE_N; t++) {
		char topic[TOPIC_MAX];
		char text[TOPIC_MAX + 300];
		struct err e = { 0, "" };
		const char *name;
		enum outbox_answer a;
		bool none;

		snprintf(topic, sizeof(topic), "%s-%s", p->prefix,
		    schema_table((enum schema_table)t)->short_name);
		name = strrchr(topic, '/') + 1;
		a = p->rest ? ask_rest(p, topic, &e) : ask_grpc(p, topic, &e);
		if (p->api.no_http2 && p->may_fall_back && !p->rest) {
			p->rest = true;
			say(ctx, true, "no HTTP/2 on the way: REST instead of gRPC");
			a = ask_rest(p, topic, &e);
		}
		none = p->rest ? last->reply.status == 404 : last->grpc.code == GRPC_NOT_FOUND;
		if (a != ANSWER_OK) {
			snprintf(text, sizeof(text), "topic %s: %s%s", name, e.msg,
			    none ? "; make it: gcloud pubsub topics create" : "");
		} else if (memmem(last->reply.body.p, last->reply.body.n, "pubsub.topics.publish",
			       21) == NULL) {
			snprintf(text, sizeof(text),
			    "topic %s: no permission pubsub.topics.publish; grant "
			    "roles/pubsub.publisher on it",
			    name);
			a = ANSWER_HOLD;
		} else {
			snprintf(text, sizeof(text), "topic %s: may publish", name);
		}
		say(ctx, a == ANSWER_OK, text);
	}
}

const struct sink sink_pubsub = {
	.name = "pubsub",
	.library = &curl_late,
	.max_records = 7000, /* with a frame more than that still eight requests */
	.max_bytes = 6 << 20,
	.open = pubsub_open,
	.begin = pubsub_begin,
	.put = pubsub_put,
	.commit = pubsub_commit,
	.abort = pubsub_abort,
	.check = pubsub_check,
	.close = pubsub_close,
};
