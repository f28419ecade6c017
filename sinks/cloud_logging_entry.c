/*
 * A record as a LogEntry (cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry): what
 * Google's log viewer has fields for goes there, the rest into jsonPayload. A value that does not
 * have the form of its field stays among the attributes: the service would refuse the entry.
 */
#include "base/json.h"
#include "base/level.h"
#include "base/record_json.h"
#include "sinks/cloud_logging.h"

#include <stdio.h>

enum {
	LATENCY_MAX = 20,
	TRACE_ID = 32,
	SPAN_ID = 16,
	URL_MAX = 65536,
	VERSION_MAX = 16,
	INNER_ERROR = 500
};

enum severity { DEFAULT, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY };

static const char *const severities[] = { "DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR",
	"CRITICAL", "ALERT", "EMERGENCY" };

/* As syslog and the usual libraries name them. */
static const struct {
	const char *name;
	enum severity severity;
} spoken[] = { { "trace", DEBUG }, { "debug", DEBUG }, { "info", INFO }, { "informational", INFO },
	{ "information", INFO }, { "notice", NOTICE }, { "warn", WARNING }, { "warning", WARNING },
	{ "err", ERROR }, { "error", ERROR }, { "severe", ERROR }, { "crit", CRITICAL },
	{ "critical", CRITICAL }, { "fatal", CRITICAL }, { "alert", ALERT }, { "emerg", EMERGENCY },
	{ "emergency", EMERGENCY }, { "panic", EMERGENCY } };

/* Of rules and alerts. */
static enum severity of_level(struct slice level)
{
	static const enum severity severities_of[LEVEL_N + 1] = { INFO, NOTICE, WARNING, ERROR,
		CRITICAL, DEFAULT };

	return severities_of[level_of(level)];
}

static int64_t status_of(const struct event *ev)
{
	int64_t status = 0;

	return slice_i64(event_get(ev, ATTR_HTTP_STATUS), &status) && status >= 100 && status < 600
		   ? status
		   : 0;
}

/* What the line itself says. */
static enum severity of_line(const struct event *ev)
{
	struct slice said = event_get(ev, ATTR_SEVERITY);
	int64_t status = status_of(ev);

	for (size_t i = 0; i < sizeof(spoken) / sizeof(*spoken); i++)
		if (slice_eq_nocase(said, slice_of(spoken[i].name)))
			return spoken[i].severity;
	if (status == 0)
		return DEFAULT;
	return status >= INNER_ERROR ? ERROR : status >= 400 ? WARNING : INFO;
}

static enum severity severity_of(const struct record *r)
{
	enum severity most = of_line(&r->ev);

	if (r->kind == RECORD_BLOCK)
		return NOTICE;
	if (r->kind == RECORD_LEDGER)
		return WARNING;
	if (r->kind == RECORD_ALERT)
		return slice_eq(event_get_named(&r->ev, SLICE("page")), SLICE("true"))
			   ? ALERT
			   : of_level(event_get_named(&r->ev, SLICE("level")));
	for (unsigned i = 0; i < r->ev.n_detections; i++) {
		enum severity s = of_level(r->ev.detections[i].level);

		most = s > most ? s : most;
	}
	return most;
}

bool entry_is_wanted(const struct entry_rules *rules, const struct record *r)
{
	if (r->kind != RECORD_EVENT || rules->wanted == LOG_ENTRIES_ALL)
		return true;
	if (rules->wanted == LOG_ENTRIES_ALERTS)
		return false;
	return event_is_suspicious(&r->ev) || of_line(&r->ev) >= ERROR ||
	       status_of(&r->ev) >= INNER_ERROR;
}

/* ---- httpRequest ---- */

static void member(struct json *j, const char *name, struct slice v)
{
	if (v.n > 0)
		json_member_text(j, name, v);
}

/* int64 is text in Google's JSON. */
static void put_size(struct json *j, const char *name, struct slice v)
{
	uint64_t n;

	if (slice_u64(v, &n) && n <= INT64_MAX)
		json_member_text(j, name, v);
}

/* A Duration: seconds with at most nine decimals, and an s. */
static void put_latency(struct json *j, struct slice v)
{
	char text[LATENCY_MAX + 2];
	struct slice whole;
	struct slice part;
	uint64_t n;

	slice_cut(v, '.', &whole, &part);
	part.n = part.n < 9 ? part.n : 9;
	if (whole.n == 0 || whole.n > 9 || !slice_u64(whole, &n) ||
	    (part.n > 0 && !slice_u64(part, &n)))
		return;
	memcpy(text, v.p, whole.n);
	if (part.n > 0) {
		text[whole.n] = '.';
		memcpy(text + whole.n + 1, part.p, part.n);
	}
	n = whole.n + (part.n > 0 ? part.n + 1 : 0);
	text[n++] = 's';
	json_member_text(j, "latency", (struct slice){ text, n });
}

static void put_url(struct json *j, const struct event *ev, struct buf *scratch)
{
	struct slice scheme = event_get(ev, ATTR_URL_SCHEME);
	struct slice host = event_get(ev, ATTR_SERVER_ADDRESS);
	struct slice path = event_get(ev, ATTR_URL_PATH);
	struct slice query = event_get(ev, ATTR_URL_QUERY);
	size_t from = scratch->n;

	if (host.n > 0) {
		buf_slice(scratch, scheme.n > 0 ? scheme : SLICE("http"));
		buf_str(scratch, "://");
		buf_slice(scratch, host);
	}
	buf_slice(scratch, path);
	if (query.n > 0) {
		buf_char(scratch, '?');
		buf_slice(scratch, query);
	}
	if (!scratch->full && scratch->n > from && scratch->n - from <= URL_MAX)
		json_member_text(
		    j, "requestUrl", (struct slice){ scratch->p + from, scratch->n - from });
	scratch->n = from;
}

static bool is_request(const struct event *ev)
{
	return event_get(ev, ATTR_HTTP_METHOD).n > 0 || status_of(ev) != 0;
}

static void put_request(struct json *j, const struct event *ev, struct buf *scratch)
{
	struct slice version = event_get(ev, ATTR_PROTOCOL_VERSION);
	char protocol[5 + VERSION_MAX] = "HTTP/";

	JSON_KEY(j, "httpRequest");
	json_open(j, '{');
	member(j, "requestMethod", event_get(ev, ATTR_HTTP_METHOD));
	put_url(j, ev, scratch);
	put_size(j, "requestSize", event_get(ev, ATTR_HTTP_REQUEST_SIZE));
	if (status_of(ev) != 0)
		json_member_i64(j, "status", status_of(ev));
	put_size(j, "responseSize", event_get(ev, ATTR_HTTP_RESPONSE_SIZE));
	member(j, "userAgent", event_get(ev, ATTR_USER_AGENT));
	member(j, "remoteIp", event_get(ev, ATTR_CLIENT_ADDRESS));
	member(j, "referer", event_get(ev, ATTR_HTTP_REFERER));
	put_latency(j, event_get(ev, ATTR_HTTP_DURATION));
	if (version.n > 0 && version.n <= VERSION_MAX) {
		memcpy(protocol + 5, version.p, version.n);
		json_member_text(j, "protocol", (struct slice){ protocol, 5 + version.n });
	}
	json_close(j, '}');
}

/* ---- traces ---- */

static bool is_hex(struct slice s, size_t n)
{
	bool zero = true;

	if (s.n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
		zero = zero && s.p[i] == '0';
	}
	return !zero; /* all zeros are no id (W3C Trace Context, 3.2.2.3) */
}

static struct slice first_of(const struct event *ev, const char *const *names)
{
	struct slice v = { 0 };

	for (; *names != NULL && v.n == 0; names++)
		v = event_get_named(ev, slice_of(*names));
	return v;
}

/* As applications log them: ids by themselves, or W3C's header (00-TRACE-SPAN-FLAGS). */
static void put_trace(
    struct json *j, const struct event *ev, const char *project, struct buf *scratch)
{
	static const char *const of_trace[] = { "trace_id", "traceId", "trace.id", "traceid",
		NULL };
	static const char *const of_span[] = { "span_id", "spanId", "span.id", "spanid", NULL };
	static const char *const of_both[] = { "traceparent", "http.request.header.traceparent",
		NULL };
	struct slice trace = first_of(ev, of_trace);
	struct slice span = first_of(ev, of_span);
	struct slice both = first_of(ev, of_both);
	size_t from = scratch->n;

	if (trace.n == 0 && both.n >= 3 + TRACE_ID + 1 + SPAN_ID &&
	    slice_starts(both, SLICE("00-"))) {
		trace = (struct slice){ both.p + 3, TRACE_ID };
		span = (struct slice){ both.p + 3 + TRACE_ID + 1, SPAN_ID };
	}
	if (!is_hex(trace, TRACE_ID))
		return;
	buf_printf(scratch, "projects/%s/traces/%.*s", project, SLICE_ARG(trace));
	if (!scratch->full)
		json_member_text(
		    j, "trace", (struct slice){ scratch->p + from, scratch->n - from });
	scratch->n = from;
	if (is_hex(span, SPAN_ID))
		json_member_text(j, "spanId", span);
}

/* ---- the payload ---- */

/* What httpRequest holds as it was logged is not sent twice: each byte is billed. */
static bool is_in_request(const struct event *ev, const struct attr *a)
{
	uint64_t size;

	switch (a->key) {
	case ATTR_HTTP_METHOD:
	case ATTR_USER_AGENT:
	case ATTR_CLIENT_ADDRESS:
	case ATTR_HTTP_REFERER:
	case ATTR_URL_PATH:
	case ATTR_URL_QUERY:
	case ATTR_URL_SCHEME:
	case ATTR_SERVER_ADDRESS:
		return true;
	case ATTR_HTTP_RESPONSE_SIZE:
	case ATTR_HTTP_REQUEST_SIZE:
		return slice_u64((struct slice){ a->p, a->n }, &size) && size <= INT64_MAX;
	case ATTR_HTTP_STATUS:
		return status_of(ev) != 0;
	case ATTR_PROTOCOL_VERSION:
		return a->n <= VERSION_MAX;
	default:
		return false;
	}
}

/* The viewer shows `message` in its list. */
static void put_event(
    struct json *j, const struct entry_rules *rules, const struct record *r, enum row_size size)
{
	struct row_rules keep = { .keep_body = rules->keep_body };
	struct attr attrs[EVENT_MAX_ATTRS];
	struct event rest = r->ev;
	bool request = is_request(&r->ev);

	if (row_wants_body(&keep, r))
		json_member_text(j, "message", row_body(r, size));
	else
		member(j, "message", event_get(&r->ev, ATTR_MESSAGE));
	rest.attrs = attrs;
	rest.n_attrs = 0;
	for (unsigned i = 0; i < r->ev.n_attrs; i++)
		if (!(request && is_in_request(&r->ev, &r->ev.attrs[i])) &&
		    r->ev.attrs[i].key != ATTR_MESSAGE)
			attrs[rest.n_attrs++] = r->ev.attrs[i];
	if (rest.n_attrs > 0 && size == ROW_WHOLE) {
		JSON_KEY(j, "attributes");
		record_json_attributes(j, &rest);
	}
	if (rest.n_detections > 0) {
		JSON_KEY(j, "detections");
		record_json_detections(j, &r->ev);
	}
	if (r->origin != NULL) {
		member(j, "log_file_path", r->origin->path);
		json_member_u64(j, "log_offset", r->ev.offset);
	}
}

/* In a few words: "web.sqli.union-select 203.0.113.7 block". */
static void put_words(struct json *j, const struct event *ev, struct buf *scratch)
{
	static const char *const names[] = { "rule", "what", "source", "entity_value", "prefix",
		"action", NULL };
	size_t from = scratch->n;

	for (unsigned i = 0; names[i] != NULL; i++) {
		struct slice v = event_get_named(ev, slice_of(names[i]));

		if (v.n == 0)
			continue;
		if (scratch->n > from)
			buf_char(scratch, ' ');
		buf_slice(scratch, v);
	}
	if (!scratch->full && scratch->n > from)
		json_member_text(
		    j, "message", (struct slice){ scratch->p + from, scratch->n - from });
	scratch->n = from;
}

/* Others than events: the row of their table, under the table's name. */
static int put_row(
    struct json *j, const struct record *r, enum row_size size, struct row_memory *m, struct err *e)
{
	static const struct row_rules rules = { .form = ROW_JSON };
	static const char *const names[TABLE_N] = {
		[TABLE_ALERTS] = "alert", [TABLE_BLOCKS] = "block", [TABLE_LEDGER] = "ledger"
	};

	put_words(j, &r->ev, &m->scratch);
	json_key(j, slice_of(names[schema_of(r->kind)]));
	j->comma = true;
	return row_put(&rules, r, size, j->out, m, e);
}

int entry_put(void *self, const struct record *r, enum row_size size, struct buf *out,
    struct row_memory *m, struct err *e)
{
	const struct entry_rules *rules = self;
	struct buf *scratch = &m->scratch;
	struct json j = { .out = out };
	struct slice service = r->origin != NULL && r->origin->service.n > 0
				   ? r->origin->service
				   : r->context->service_name;
	bool event = r->kind == RECORD_EVENT;
	char id[RECORD_ID_TEXT + 32];
	int rc = 0;

	record_id_text(r->id, id);
	if (!event) /* the revisions of an alert have one id */
		snprintf(id + RECORD_ID_TEXT, sizeof(id) - RECORD_ID_TEXT, "-%llu",
		    (unsigned long long)r->seq);
	buf_reset(scratch);
	json_open(&j, '{');
	json_member_text(&j, "insertId", slice_of(id));
	JSON_KEY(&j, "timestamp");
	json_time(&j, r->ev.time_us != 0 ? r->ev.time_us : r->context->observed_us);
	json_member_text(&j, "severity", slice_of(severities[severity_of(r)]));
	JSON_KEY(&j, "labels");
	json_open(&j, '{');
	member(&j, "service", service);
	member(&j, "environment", r->context->environment);
	member(&j, "host", r->context->host_name);
	json_close(&j, '}');
	if (event && is_request(&r->ev))
		put_request(&j, &r->ev, scratch);
	if (event)
		put_trace(&j, &r->ev, rules->project, scratch);
	JSON_KEY(&j, "jsonPayload");
	json_open(&j, '{');
	if (event)
		put_event(&j, rules, r, size);
	else
		rc = put_row(&j, r, size, m, e);
	json_close(&j, '}');
	json_close(&j, '}');
	return rc;
}
