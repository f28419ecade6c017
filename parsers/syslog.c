/*
 * syslog.c - lines of syslog files: the traditional form (RFC 3164 section 4), the same with
 * RFC 3339 stamps, and RFC 5424. A leading <PRI> is read where it was kept.
 */
#include "base/timefmt.h"
#include "parsers/auth.h"
#include "parsers/parser.h"

static const struct slice severities[] = { { "emerg", 5 }, { "alert", 5 }, { "crit", 4 },
	{ "err", 3 }, { "warning", 7 }, { "notice", 6 }, { "info", 4 }, { "debug", 5 } };
static const struct slice facilities[] = { { "kern", 4 }, { "user", 4 }, { "mail", 4 },
	{ "daemon", 6 }, { "auth", 4 }, { "syslog", 6 }, { "lpr", 3 }, { "news", 4 }, { "uucp", 4 },
	{ "cron", 4 }, { "authpriv", 8 }, { "ftp", 3 }, { "ntp", 3 }, { "audit", 5 },
	{ "console", 7 }, { "cron2", 5 }, { "local0", 6 }, { "local1", 6 }, { "local2", 6 },
	{ "local3", 6 }, { "local4", 6 }, { "local5", 6 }, { "local6", 6 }, { "local7", 6 } };

/* "<34>" at the start of *s: adds its meaning, moves on. */
static void priority(struct event *ev, struct slice *s)
{
	const char *close =
	    s->n > 2 && s->p[0] == '<' ? memchr(s->p, '>', s->n < 6 ? s->n : 6) : NULL;
	uint64_t n;

	if (close == NULL ||
	    !slice_u64((struct slice){ s->p + 1, (size_t)(close - s->p) - 1 }, &n) || n > 191)
		return;
	event_add(ev, ATTR_SEVERITY, severities[n % 8]);
	event_add(ev, ATTR_SYSLOG_FACILITY, facilities[n / 8]);
	*s = slice_from(*s, (size_t)(close - s->p) + 1);
}

static struct slice word(struct slice *s)
{
	struct slice w;

	slice_cut(*s, ' ', &w, s);
	return w;
}

/* "message repeated N times: [ text]" and "last message repeated N times" */
static struct slice repeated(struct event *ev, struct slice m)
{
	struct slice head;
	struct slice rest;
	uint64_t n;

	if (!slice_starts(m, SLICE("message repeated ")) &&
	    !slice_starts(m, SLICE("last message repeated ")))
		return m;
	slice_cut_str(m, SLICE("repeated "), &head, &rest);
	head = word(&rest);
	if (!slice_u64(head, &n))
		return m;
	event_add(ev, ATTR_REPEATED, head);
	if (slice_cut_str(rest, SLICE(": ["), &head, &rest)) {
		if (rest.n > 0 && rest.p[rest.n - 1] == ']')
			rest.n--;
		return slice_trim(rest);
	}
	return m;
}

static void message(struct event *ev, struct slice program, struct slice m)
{
	event_add(ev, ATTR_MESSAGE, m);
	auth_message(ev, program, repeated(ev, m));
}

/* "sshd[123]: text", "kernel: text", "su: text" */
static void tag_and_message(struct event *ev, struct slice s)
{
	size_t n = 0;
	struct slice program;
	struct slice pid;

	while (n < s.n && n < 128 && memchr(": [", s.p[n], 3) == NULL)
		n++;
	program = slice_head(s, n);
	s = slice_from(s, n);
	if (s.n > 0 && s.p[0] == '[' && slice_cut(slice_from(s, 1), ']', &pid, &s) && pid.n > 0) {
		event_add(ev, ATTR_PROCESS_NAME, program);
		event_add(ev, ATTR_PROCESS_PID, pid);
	} else if (s.n > 0 && s.p[0] == ':' && n > 0) {
		event_add(ev, ATTR_PROCESS_NAME, program);
	} else { /* no tag: all of it is the message */
		message(ev, (struct slice){ 0 }, (struct slice){ program.p, program.n + s.n });
		return;
	}
	if (s.n > 0 && s.p[0] == ':')
		s = slice_from(s, 1);
	message(ev, program, slice_trim(s));
}

/* RFC 5424: VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP SD [SP MSG] */
static enum parse_result rfc5424(const struct parse_ctx *c, struct event *ev, struct slice s)
{
	struct slice stamp = word(&s);
	struct slice host = word(&s);
	struct slice app = word(&s);
	struct slice pid = word(&s);
	struct slice msgid = word(&s);
	size_t i = 0;
	bool quoted = false;

	if (!slice_eq(stamp, SLICE("-")) &&
	    timefmt_parse_rfc3339(stamp, c->tz_s, &ev->time_us) == 0)
		return PARSE_BAD;
	event_add_present(ev, ATTR_SYSLOG_HOSTNAME, host);
	event_add_present(ev, ATTR_PROCESS_NAME, app);
	event_add_present(ev, ATTR_PROCESS_PID, pid);
	event_add_present(ev, ATTR_SYSLOG_MSGID, msgid);
	/* structured data: [id name="value" ...]..., in which \" and \] are escaped */
	if (s.n > 0 && s.p[0] == '-') {
		i = 1;
	} else {
		for (; i < s.n; i++) {
			if (s.p[i] == '\\' && quoted)
				i++;
			else if (s.p[i] == '"')
				quoted = !quoted;
			else if (s.p[i] == ']' && !quoted && (i + 1 == s.n || s.p[i + 1] == ' '))
				break;
		}
		if (i < s.n)
			event_add_named(ev, SLICE("sekisho.structured_data"), slice_head(s, ++i));
	}
	s = i < s.n ? slice_trim(slice_from(s, i)) : (struct slice){ s.p + s.n, 0 };
	if (slice_starts(s, SLICE("\xef\xbb\xbf")))
		s = slice_from(s, 3);
	message(ev, app, s);
	return PARSE_OK;
}

static enum parse_result parse_syslog(const struct parse_ctx *c, struct event *ev)
{
	struct slice s = ev->body;
	size_t used;

	priority(ev, &s);
	if (s.n > 2 && s.p[0] == '1' && s.p[1] == ' ' && ev->n_attrs > 0)
		return rfc5424(c, ev, slice_from(s, 2));
	used = timefmt_parse_bsd(s, c->tz_s, c->ref_us, &ev->time_us);
	if (used == 0)
		used = timefmt_parse_rfc3339(s, c->tz_s, &ev->time_us);
	if (used == 0 || used + 1 >= s.n || s.p[used] != ' ')
		return PARSE_BAD;
	s = slice_from(s, used + 1);

	struct slice host = word(&s);

	/* some daemons write no host: "Nov 23 06:00:00 sshd[1]: text" */
	if (host.n > 0 && (host.p[host.n - 1] == ':' || memchr(host.p, '[', host.n) != NULL)) {
		s = (struct slice){ host.p, (size_t)(ev->body.p + ev->body.n - host.p) };
	} else {
		event_add(ev, ATTR_SYSLOG_HOSTNAME, host);
	}
	tag_and_message(ev, s);
	return PARSE_OK;
}

const struct parser parser_syslog = {
	.name = "syslog",
	.help =
	    "syslog files (RFC 3164, RFC 5424, ISO stamps); sshd, sudo, su, login, useradd, PAM",
	.parse = parse_syslog,
};
