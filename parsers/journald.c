/*
 * journald.c - entries of the systemd journal. The message is read as a line of syslog would be;
 * everything beside it comes from fields (systemd.journal-fields(7)). Those with a leading _ are
 * journald's own and can't be forged by a client; the others, the program's name among them, can.
 */
#include "base/entry.h"
#include "parsers/auth_parts.h"
#include "parsers/parser.h"
#include "parsers/syslog.h"

enum { UID_FIRST_USER = 1000 };

static int64_t time_of(const struct entry *x)
{
	uint64_t us;

	if (slice_u64(x->source_time, &us) && us > 0 && us < INT64_MAX)
		return (int64_t)us;
	return x->received_us;
}

static void add_number(struct event *ev, enum attr_key key, struct slice v)
{
	uint64_t n;

	if (slice_u64(v, &n) && n <= INT64_MAX)
		event_add(ev, key, v);
}

/*
 * Anybody may log in the name of sshd. journald knows whose process it was: what a user's
 * process says of an address is a claim, and so is what any but root says as sshd.
 */
static void check_speaker(struct event *ev, const struct entry *x, struct slice program)
{
	uint64_t uid;
	uint64_t most = slice_starts(program, SLICE("sshd")) ? 0 : UID_FIRST_USER - 1;

	if (slice_u64(x->uid, &uid) && uid > most &&
	    slice_eq(event_get(ev, ATTR_CLIENT_PROVENANCE), AUTH_PEER))
		event_set(ev, ATTR_CLIENT_PROVENANCE, AUTH_CLAIMED);
}

static enum parse_result parse_journald(const struct parse_ctx *c, struct event *ev)
{
	const struct entry *x = c->entry;
	struct slice program;
	uint64_t n;

	if (x == NULL)
		return PARSE_BAD;
	program = syslog_program(x->identifier.n > 0 ? x->identifier : x->comm);
	ev->time_us = time_of(x);
	if (slice_u64(x->priority, &n) && n < 8)
		syslog_severity(ev, n);
	if (slice_u64(x->facility, &n) && n < 24)
		syslog_facility(ev, n * 8);
	event_add_present(ev, ATTR_SYSLOG_HOSTNAME, x->hostname);
	event_add_present(ev, ATTR_PROCESS_NAME, program);
	add_number(ev, ATTR_PROCESS_PID, x->syslog_pid.n > 0 ? x->syslog_pid : x->pid);
	syslog_message(c, ev, program, slice_trim(ev->body));
	check_speaker(ev, x, program);
	if (event_get(ev, ATTR_USER_ID).p == NULL)
		add_number(ev, ATTR_USER_ID, x->uid);
	if (event_get(ev, ATTR_PROCESS_EXE).p == NULL)
		event_add_present(ev, ATTR_PROCESS_EXE, x->exe);
	if (x->unit.n > 0)
		event_add_named(ev, SLICE("systemd.unit"), x->unit);
	event_add_present(ev, ATTR_JOURNALD_CURSOR, x->cursor);
	return PARSE_OK;
}

const struct parser parser_journald = {
	.name = "journald",
	.help = "entries of the systemd journal, of the input journald alone",
	.parse = parse_journald,
	.gives = SYSLOG_GIVES "process.executable.path systemd.unit sekisho.journald.cursor",
};
