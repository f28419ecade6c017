/*
 * syslog.c - lines of syslog files: the traditional form (RFC 3164 section 4), the same with
 * RFC 3339 stamps, and RFC 5424. A leading <PRI> is read where it was kept.
 */
#include "parsers/syslog.h"

#include "base/arena.h"
#include "base/ip.h"
#include "base/timefmt.h"
#include "parsers/auth.h"
#include "parsers/auth_parts.h"
#include "parsers/error_logs.h"
#include "parsers/parser.h"

enum { TAG_MAX = 128, SD_NAME_MAX = 32, SD_PARAMS_MAX = 64 };

static const struct slice severities[] = { { "emerg", 5 }, { "alert", 5 }, { "crit", 4 },
	{ "err", 3 }, { "warning", 7 }, { "notice", 6 }, { "info", 4 }, { "debug", 5 } };
static const struct slice facilities[] = { { "kern", 4 }, { "user", 4 }, { "mail", 4 },
	{ "daemon", 6 }, { "auth", 4 }, { "syslog", 6 }, { "lpr", 3 }, { "news", 4 }, { "uucp", 4 },
	{ "cron", 4 }, { "authpriv", 8 }, { "ftp", 3 }, { "ntp", 3 }, { "audit", 5 },
	{ "console", 7 }, { "cron2", 5 }, { "local0", 6 }, { "local1", 6 }, { "local2", 6 },
	{ "local3", 6 }, { "local4", 6 }, { "local5", 6 }, { "local6", 6 }, { "local7", 6 } };

void syslog_severity(struct event *ev, uint64_t priority)
{
	event_add(ev, ATTR_SEVERITY, severities[priority % 8]);
}

void syslog_facility(struct event *ev, uint64_t priority)
{
	if (priority / 8 < sizeof(facilities) / sizeof(*facilities))
		event_add(ev, ATTR_SYSLOG_FACILITY, facilities[priority / 8]);
}

/* "<34>" at the start of *s: adds its meaning, moves on. */
static void priority(struct event *ev, struct slice *s)
{
	const char *close =
	    s->n > 2 && s->p[0] == '<' ? memchr(s->p, '>', s->n < 6 ? s->n : 6) : NULL;
	uint64_t n;

	if (close == NULL ||
	    !slice_u64((struct slice){ s->p + 1, (size_t)(close - s->p) - 1 }, &n) || n > 191)
		return;
	syslog_severity(ev, n);
	syslog_facility(ev, n);
	*s = slice_from(*s, (size_t)(close - s->p) + 1);
}

/* Up to the next blank; *s becomes what follows, never NULL. */
static struct slice word(struct slice *s)
{
	struct slice w;

	if (!slice_cut(*s, ' ', &w, s))
		*s = (struct slice){ w.p + w.n, 0 };
	return w;
}

/*
 * "message repeated N times: [ text]" says text N times; "last message repeated N times"
 * does not say which.
 */
static struct slice repeated(struct event *ev, struct slice m)
{
	struct slice count;
	struct slice rest = m;
	uint64_t n;

	if (!auth_skip(&rest, SLICE("message repeated ")) &&
	    !auth_skip(&rest, SLICE("last message repeated ")))
		return m;
	if (!slice_cut(rest, ' ', &count, &rest) || !slice_u64(count, &n) ||
	    !auth_skip(&rest, SLICE("times")))
		return m;
	event_add(ev, ATTR_REPEATED, count);
	if (!auth_skip(&rest, SLICE(": [")))
		return m;
	if (slice_ends(rest, SLICE("]")))
		rest.n--;
	return slice_trim(rest);
}

/* Web servers' error logs by way of syslog: the time stays that of syslog. */
static bool error_log(
    const struct parse_ctx *c, struct event *ev, struct slice program, struct slice m)
{
	int64_t time_us = ev->time_us;
	bool ok = false;

	if (m.n > 20 && m.p[4] == '/')
		ok = nginx_error_line(c, ev, m);
	else if (m.n > 0 && m.p[0] == '[' &&
		 (slice_starts(program, SLICE("httpd")) || slice_starts(program, SLICE("apache"))))
		ok = apache_error_text(ev, m);
	ev->time_us = time_us;
	return ok;
}

void syslog_message(
    const struct parse_ctx *c, struct event *ev, struct slice program, struct slice m)
{
	struct slice lost = m;

	m = repeated(ev, m);
	if (error_log(c, ev, program, m))
		return;
	event_add(ev, ATTR_MESSAGE, m);
	if (slice_eq(program, SLICE("kernel"))) {
		/* "[12.5] audit: audit_lost=7 audit_rate_limit=0": records that were never logged
		 */
		if (slice_cut_str(m, SLICE("audit: audit_lost="), &m, &lost) &&
		    (m.n == 0 || m.p[0] == '['))
			event_add_named(ev, SLICE("audit.lost"), word(&lost));
		else
			netfilter_text(ev, event_get(ev, ATTR_MESSAGE));
		return;
	}
	auth_message(ev, program, m);
}

struct slice syslog_program(struct slice tag)
{
	const char *paren = tag.n > 1 ? memchr(tag.p + 1, '(', tag.n - 1) : NULL;

	if (paren != NULL)
		tag.n = (size_t)(paren - tag.p);
	if (tag.n > 2 && tag.p[0] == '[' && tag.p[tag.n - 1] == ']')
		tag = (struct slice){ tag.p + 1, tag.n - 2 };
	return tag;
}

/* " 1.4.1: restart." behind a name */
static bool has_version(struct slice s)
{
	size_t i = 1;

	while (i < s.n && i < 32 && s.p[i] != ' ' && s.p[i] != ':')
		i++;
	return s.n > 2 && s.p[0] == ' ' && s.p[1] >= '0' && s.p[1] <= '9' && i < s.n &&
	       s.p[i] == ':';
}

/* "H=x [192.0.2.1]:25 ...": what looks like a program and its number is somebody's address. */
static bool is_peer(struct slice s)
{
	struct ip a;

	return ip_parse(s, &a);
}

/* "sshd[123]: text", "kernel: text", "su: text", "syslogd 1.4.1: restart.", "[sshd]: text" */
static void tag_and_message(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	size_t n = 0;
	struct slice tag;
	struct slice pid = { 0 };
	struct slice rest;
	bool colon;

	while (
	    n < s.n && n < TAG_MAX && s.p[n] != ':' && s.p[n] != ' ' && (s.p[n] != '[' || n == 0))
		n++;
	tag = slice_head(s, n);
	rest = slice_from(s, n);
	if (rest.n > 0 && rest.p[0] == '[' && !slice_cut(slice_from(rest, 1), ']', &pid, &rest)) {
		syslog_message(c, ev, (struct slice){ 0 }, s);
		return;
	}
	colon = rest.n > 0 && rest.p[0] == ':';
	if (is_peer(pid) || (tag.n > 2 && tag.p[0] == '[' && is_peer(syslog_program(tag)))) {
		syslog_message(c, ev, (struct slice){ 0 }, s);
		return;
	}
	if (!colon && pid.n == 0 && has_version(rest)) {
		event_add(ev, ATTR_PROCESS_NAME, tag);
		syslog_message(c, ev, tag, slice_from(rest, 1));
		return;
	}
	if (n == 0 || (!colon && pid.n == 0 && tag.p[0] != '[')) {
		syslog_message(
		    c, ev, (struct slice){ 0 }, s); /* no tag: all of it is the message */
		return;
	}
	tag = syslog_program(tag);
	event_add(ev, ATTR_PROCESS_NAME, tag);
	if (pid.n > 0)
		event_add(ev, ATTR_PROCESS_PID, pid);
	syslog_message(c, ev, tag, slice_trim(colon ? slice_from(rest, 1) : rest));
}

/* "PROGRAM[PID]: " at the start of s. */
static bool has_tag(struct slice s)
{
	size_t i = 0;
	size_t from;

	while (i < s.n && i < TAG_MAX && memchr(" :[]\"", s.p[i], 5) == NULL)
		i++;
	if (i == 0 || i >= s.n || s.p[i] != '[')
		return false;
	for (from = ++i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	return i > from && i + 2 < s.n && s.p[i] == ']' && s.p[i + 1] == ':' && s.p[i + 2] == ' ';
}

bool syslog_tagged(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	struct slice rest = s;
	struct slice host;

	if (has_tag(s)) {
		tag_and_message(c, ev, s);
		return true;
	}
	host = word(&rest);
	if (host.n == 0 || !has_tag(rest))
		return false;
	event_add_present(ev, ATTR_SYSLOG_HOSTNAME, host);
	tag_and_message(c, ev, rest);
	return true;
}

/* "sekisho.sd.ID.NAME" */
static void add_sd(const struct parse_ctx *c, struct event *ev, struct slice id, struct slice name,
    struct slice value)
{
	static const struct slice head = { "sekisho.sd.", 11 };
	char *to;

	/* RFC 5424 section 6.3.2: names have at most 32 bytes */
	if (id.n == 0 || name.n == 0 || id.n > SD_NAME_MAX || name.n > SD_NAME_MAX)
		return;
	to = arena_alloc(c->arena, head.n + id.n + 1 + name.n, 1);
	if (to == NULL)
		return;
	memcpy(to, head.p, head.n);
	memcpy(to + head.n, id.p, id.n);
	to[head.n + id.n] = '.';
	memcpy(to + head.n + id.n + 1, name.p, name.n);
	event_add_named(ev, (struct slice){ to, head.n + id.n + 1 + name.n }, value);
}

/* A value without the backslashes before " \ and ]. */
static struct slice sd_value(struct arena *a, struct slice v)
{
	size_t n = 0;

	if (v.n == 0 || memchr(v.p, '\\', v.n) == NULL)
		return v;

	char *to = arena_alloc(a, v.n, 1);

	if (to == NULL)
		return v;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n && memchr("\"\\]", v.p[i + 1], 3) != NULL)
			i++;
		to[n++] = v.p[i];
	}
	return (struct slice){ to, n };
}

/* The bytes of "[id name="value" ...][...]" at the start of s. */
static size_t structured_data(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	size_t i = 0;
	unsigned params = 0;

	while (i < s.n && s.p[i] == '[') {
		size_t from = ++i;
		struct slice id;

		while (i < s.n && s.p[i] != ' ' && s.p[i] != ']')
			i++;
		id = (struct slice){ s.p + from, i - from };
		while (i < s.n && s.p[i] == ' ') {
			struct slice name;

			for (from = ++i; i < s.n && memchr("= ]\"", s.p[i], 4) == NULL;)
				i++;
			name = (struct slice){ s.p + from, i - from };
			if (i + 1 >= s.n || s.p[i] != '=' || s.p[i + 1] != '"')
				break;
			for (from = i += 2; i < s.n && s.p[i] != '"'; i++)
				if (s.p[i] == '\\' && i + 1 < s.n)
					i++;
			if (i >= s.n)
				return s.n;
			if (params++ < SD_PARAMS_MAX)
				add_sd(c, ev, id, name,
				    sd_value(c->arena, (struct slice){ s.p + from, i - from }));
			i++;
		}
		if (i >= s.n || s.p[i] != ']')
			return i;
		i++;
	}
	return i;
}

/* RFC 5424: VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP SD [SP MSG] */
static enum parse_result rfc5424(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	struct slice stamp = word(&s);
	struct slice host = word(&s);
	struct slice app = word(&s);
	struct slice pid = word(&s);
	struct slice msgid = word(&s);
	size_t i;

	if (!slice_eq(stamp, SLICE("-")) &&
	    timefmt_parse_rfc3339(stamp, c->tz_s, &ev->time_us) == 0)
		return PARSE_BAD;
	event_add_present(ev, ATTR_SYSLOG_HOSTNAME, host);
	event_add_present(ev, ATTR_PROCESS_NAME, app);
	event_add_present(ev, ATTR_PROCESS_PID, pid);
	event_add_present(ev, ATTR_SYSLOG_MSGID, msgid);
	i = s.n > 0 && s.p[0] == '-' ? 1 : structured_data(c, ev, s);
	s = i < s.n ? slice_trim(slice_from(s, i)) : (struct slice){ s.p + s.n, 0 };
	if (slice_starts(s, SLICE("\xef\xbb\xbf")))
		s = slice_from(s, 3);
	syslog_message(c, ev, app, s);
	return PARSE_OK;
}

/* The stamp at the start of s: bytes used, 0 if there is none. */
static size_t stamp(const struct parse_ctx *c, struct slice s, int64_t *time_us)
{
	struct stamp_cache *cache = c->cache;
	size_t n;

	if (cache != NULL && cache->n > 0 && s.n > cache->n && s.p[cache->n] == ' ' &&
	    memcmp(s.p, cache->text, cache->n) == 0) {
		*time_us = cache->time_us;
		return cache->n;
	}
	n = timefmt_parse_bsd(s, c->tz_s, c->ref_us, time_us);
	if (n == 0)
		n = timefmt_parse_rfc3339(s, c->tz_s, time_us);
	if (cache != NULL && n > 0 && n <= sizeof(cache->text) && n < s.n && s.p[n] == ' ') {
		memcpy(cache->text, s.p, n);
		cache->n = (unsigned)n;
		cache->time_us = *time_us;
	}
	return n;
}

static enum parse_result read_line(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = ev->body;
	struct slice host;
	struct slice rest;
	size_t used;

	auth_skip(&s, SLICE("\xef\xbb\xbf"));
	priority(ev, &s);
	if (s.n > 2 && s.p[0] == '1' && s.p[1] == ' ' && ev->n_attrs > 0)
		return rfc5424(c, ev, slice_from(s, 2));
	used = stamp(c, s, &ev->time_us);
	if (used == 0 || used + 1 >= s.n || s.p[used] != ' ')
		return PARSE_BAD;
	s = slice_from(s, used + 1);
	rest = s;
	host = word(&rest);
	/* some daemons write no host: "Nov 23 06:00:00 sshd[1]: text" */
	if (host.n == 0 || (host.p[host.n - 1] != ':' && memchr(host.p, '[', host.n) == NULL &&
			       !slice_starts(s, SLICE("last message repeated ")))) {
		event_add_present(ev, ATTR_SYSLOG_HOSTNAME, host);
		s = rest;
	}
	tag_and_message(c, ev, s);
	return PARSE_OK;
}

static enum parse_result parse_syslog(const struct parse_ctx *c, struct event *ev)
{
	unsigned before = ev->n_attrs;

	if (read_line(c, ev) == PARSE_OK)
		return PARSE_OK;
	ev->n_attrs = before;
	ev->time_us = 0;
	return PARSE_BAD;
}

const struct parser parser_syslog = {
	.name = "syslog",
	.help = "syslog files (RFC 3164, RFC 5424, ISO stamps); logins of known programs, and of "
		"others",
	.parse = parse_syslog,
	.gives = SYSLOG_GIVES,
};
