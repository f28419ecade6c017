/*
 * What a webhook sends. Formats: Slack's incoming webhooks (docs.slack.dev/messaging/
 * sending-messages-using-incoming-webhooks, Block Kit), PagerDuty's Events API v2
 * (developer.pagerduty.com/docs/send-alert-event); json is our own: docs/operations.md.
 *
 * Names and values come from attackers, so Slack gets them as plain_text, where nothing is
 * a link or a mention, and in `text` with its three special characters escaped.
 */
#include "base/err.h"
#include "sinks/webhook.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SUMMARY_MAX = 700,
	RULE_MAX = 128,
	VALUE_MAX = 200,
	HOST_MAX = 100,
	HEADER_MAX = 150,
	FIELD_MAX = 400
};

static const char *text_of(const json_t *row, const char *name)
{
	const char *v = json_string_value(json_object_get(row, name));

	return v != NULL ? v : "";
}

/* Bytes of s, at most max, that end with a whole character. */
static int whole(const char *s, size_t max)
{
	size_t n = 0;
	size_t begun = 0; /* of the last character */

	for (; s[n] != '\0' && n < max; n++)
		if (((uint8_t)s[n] & 0xc0) != 0x80)
			begun = n;
	if (((uint8_t)s[n] & 0xc0) == 0x80)
		n = begun;
	return (int)n;
}

static json_t *cut_text(const char *s, size_t max)
{
	return json_stringn(s, (size_t)whole(s, max));
}

static void held_words(const struct webhook_message *m, char *to, size_t n)
{
	to[0] = '\0';
	if (m->held > 0)
		snprintf(to, n, "%llu alerts were held back: over the rate, or older than a day",
		    (unsigned long long)m->held);
}

/* "critical auth_success: auth.bruteforce_success by ip 203.0.113.7 on web-1" */
static void summary(const struct webhook_message *m, const json_t *row, char *to, size_t n)
{
	const char *who;
	const char *host;

	if (row == NULL) {
		held_words(m, to, n);
		return;
	}
	who = text_of(row, "entity_value");
	host = text_of(row, "host_name");
	snprintf(to, n, "%.20s %.60s: %.*s by %.20s %.*s on %.*s", text_of(row, "level"),
	    text_of(row, "category"), whole(text_of(row, "rule"), RULE_MAX), text_of(row, "rule"),
	    text_of(row, "entity_type"), whole(who, VALUE_MAX), who, whole(host, HOST_MAX), host);
}

/* ---- json ---- */

static json_t *as_json(const struct webhook_message *m, json_t *row)
{
	json_t *j = json_object();

	json_object_set_new(j, "type", json_string(row != NULL ? "alert" : "held_back"));
	json_object_set_new(j, "held_back", json_integer((json_int_t)m->held));
	if (row != NULL)
		json_object_set(j, "alert", row);
	return j;
}

/* ---- Slack ---- */

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '&')
			buf_str(out, "&amp;");
		else if (*s == '<')
			buf_str(out, "&lt;");
		else if (*s == '>')
			buf_str(out, "&gt;");
		else
			buf_char(out, *s);
	}
}

static json_t *plain(const char *s, size_t max)
{
	json_t *j = json_object();

	json_object_set_new(j, "type", json_string("plain_text"));
	json_object_set_new(j, "text", cut_text(s, max));
	json_object_set_new(j, "emoji", json_false());
	return j;
}

static void put_field(json_t *fields, const json_t *row, const char *label, const char *name)
{
	const json_t *v = json_object_get(row, name);
	char text[FIELD_MAX];

	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%s: %lld", label, (long long)json_integer_value(v));
	else if (json_is_string(v))
		snprintf(text, sizeof(text), "%s: %.*s", label, whole(json_string_value(v), 300),
		    json_string_value(v));
	else
		return;
	json_array_append_new(fields, plain(text, FIELD_MAX));
}

static json_t *block(const char *type, const char *key, json_t *value)
{
	json_t *j = json_object();

	json_object_set_new(j, "type", json_string(type));
	json_object_set_new(j, key, value);
	return j;
}

/* At most ten fields a section (Block Kit). */
static json_t *slack_fields(const json_t *row)
{
	static const char *const names[][2] = { { "who", "entity_value" }, { "count", "count" },
		{ "first", "first_time" }, { "last", "last_time" }, { "action", "effective" },
		{ "mode", "mode" }, { "why not more", "reason" }, { "host", "host_name" },
		{ "service", "service_name" }, { "alert", "id" } };
	json_t *fields = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		put_field(fields, row, names[i][0], names[i][1]);
	return fields;
}

static json_t *as_slack(const struct webhook_message *m, const json_t *row)
{
	json_t *j = json_object();
	json_t *blocks = json_array();
	struct buf text = { 0 };
	char words[SUMMARY_MAX];
	char held[128];

	summary(m, row, words, sizeof(words));
	held_words(m, held, sizeof(held));
	put_escaped(&text, words);
	buf_char(&text, '\0');
	if (!text.full)
		json_object_set_new(j, "text", cut_text(text.p, text.n));
	buf_free(&text);
	json_array_append_new(blocks, block("header", "text", plain(words, HEADER_MAX)));
	if (row != NULL)
		json_array_append_new(blocks, block("section", "fields", slack_fields(row)));
	if (row != NULL && m->held > 0) {
		json_t *elements = json_array();

		json_array_append_new(elements, plain(held, FIELD_MAX));
		json_array_append_new(blocks, block("context", "elements", elements));
	}
	json_object_set_new(j, "blocks", blocks);
	return j;
}

/* ---- PagerDuty ---- */

static const char *severity(const json_t *row)
{
	static const char *const of[][2] = { { "critical", "critical" }, { "high", "error" },
		{ "medium", "warning" } };

	for (unsigned i = 0; row != NULL && i < sizeof(of) / sizeof(*of); i++)
		if (strcmp(text_of(row, "level"), of[i][0]) == 0)
			return of[i][1];
	return row != NULL ? "info" : "warning";
}

static void set_if_any(json_t *to, const char *key, const char *v)
{
	if (v[0] != '\0')
		json_object_set_new(to, key, json_string(v));
}

static json_t *pagerduty_payload(const struct webhook_message *m, json_t *row)
{
	json_t *j = json_object();
	json_t *details = row != NULL ? json_copy(row) : json_object();
	char words[SUMMARY_MAX];
	const char *host = text_of(row, "host_name");

	summary(m, row, words, sizeof(words));
	json_object_set_new(j, "summary", cut_text(words, SUMMARY_MAX));
	json_object_set_new(j, "source", json_string(host[0] != '\0' ? host : "sekisho"));
	json_object_set_new(j, "severity", json_string(severity(row)));
	set_if_any(j, "timestamp", text_of(row, "time"));
	set_if_any(j, "component", text_of(row, "service_name"));
	set_if_any(j, "group", text_of(row, "category"));
	set_if_any(j, "class", text_of(row, "rule"));
	json_object_set_new(details, "held_back", json_integer((json_int_t)m->held));
	json_object_set_new(j, "custom_details", details);
	return j;
}

/* Revisions have the alert's id, so they update one incident. */
static json_t *as_pagerduty(const struct webhook_message *m, json_t *row)
{
	json_t *j = json_object();

	json_object_set_new(j, "routing_key", json_string(m->token));
	json_object_set_new(j, "event_action", json_string("trigger"));
	json_object_set_new(
	    j, "dedup_key", json_string(row != NULL ? text_of(row, "id") : "sekisho.held_back"));
	json_object_set_new(j, "client", json_string("sekisho"));
	json_object_set_new(j, "payload", pagerduty_payload(m, row));
	return j;
}

int webhook_text(const struct webhook_message *m, struct buf *out, struct err *e)
{
	json_error_t why;
	json_t *row = NULL;
	json_t *j = NULL;
	char *text;

	if (m->alert.n > 0 && (row = json_loadb(m->alert.p, m->alert.n, 0, &why)) == NULL)
		return err_set(e, 0, "the alert's row: %s", why.text);
	switch (m->template) {
	case WEBHOOK_JSON:
		j = as_json(m, row);
		break;
	case WEBHOOK_SLACK:
		j = as_slack(m, row);
		break;
	case WEBHOOK_PAGERDUTY:
		j = as_pagerduty(m, row);
		break;
	}
	text = json_dumps(j, JSON_COMPACT);
	if (text != NULL)
		buf_str(out, text);
	json_decref(j);
	json_decref(row);
	free(text);
	return text != NULL && !out->full ? 0 : err_set(e, 0, "no memory for a message");
}
