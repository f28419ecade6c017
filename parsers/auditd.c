/*
 * auditd.c - the records of one audit event, joined by LF, into one event.
 *
 * The records are read once and what they say is gathered; attributes are made at
 * the end, since a PATH is resolved by the CWD that may come after it. The first
 * record that has a field decides.
 */
#include "base/arena.h"
#include "base/ip.h"
#include "parsers/audit.h"
#include "parsers/auditd_parts.h"
#include "parsers/parser.h"

/* PATH_MAX in hex */
enum { PATH_CUT = 8192 };

/* Fields kept as they are, by name; one that a record repeats is not overwritten. */
static const struct {
	struct slice name;
	size_t at;
} kept[] = {
#define KEPT(text, member)                                                        \
	{                                                                         \
		{ text, sizeof(text) - 1 }, offsetof(struct audit_gather, member) \
	}
	KEPT("pid", pid),
	KEPT("ppid", ppid),
	KEPT("uid", uid),
	KEPT("auid", auid),
	KEPT("ses", ses),
	KEPT("tty", tty),
	KEPT("terminal", tty),
	KEPT("comm", comm),
	KEPT("exe", exe),
	KEPT("key", key),
	KEPT("arch", arch),
	KEPT("syscall", number),
	KEPT("success", success),
	KEPT("exit", exit),
	KEPT("a0", arg[0]),
	KEPT("a1", arg[1]),
	KEPT("a2", arg[2]),
	KEPT("cwd", cwd),
	KEPT("acct", acct),
	KEPT("cmd", cmd),
	KEPT("op", op),
	KEPT("addr", addr),
	KEPT("hostname", host),
	KEPT("res", res),
	KEPT("id", id),
	KEPT("grantors", grantors),
	KEPT("audit_lost", lost),
	KEPT("lost", lost),
	KEPT("SYSCALL", syscall),
	KEPT("UID", uid_name),
	KEPT("ID", id_name),
#undef KEPT
};

static void keep(struct audit_gather *g, const struct audit_field *f)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		struct slice *to;

		if (!slice_eq(f->name, kept[i].name))
			continue;
		/* upper case in the part that a program wrote is no lookup of auditd's */
		if (f->name.p[0] < 'a' && !f->enriched)
			return;
		to = (struct slice *)(void *)((char *)g + kept[i].at);
		if (to->p == NULL)
			*to = audit_value(g->arena, f);
		return;
	}
}

static void add_type(struct audit_gather *g, struct slice type)
{
	for (unsigned i = 0; i < g->n_types; i++)
		if (slice_eq(g->types[i], type))
			return;
	if (g->n_types < AUDIT_MAX_TYPES)
		g->types[g->n_types++] = type;
}

/* PATH: the last of each field counts, a record has it once. */
static void gather_path(struct audit_gather *g, struct slice rest)
{
	struct audit_fields it = audit_fields(rest);
	struct audit_field f;
	struct audit_field name = { 0 };
	struct slice kind = { 0 };

	while (audit_fields_next(&it, &f)) {
		if (slice_eq(f.name, SLICE("name")))
			name = f;
		else if (slice_eq(f.name, SLICE("nametype")))
			kind = f.value;
	}

	/* a rename has both: what is there afterwards says more */
	unsigned rank = slice_eq(kind, SLICE("CREATE"))	  ? 3
			: slice_eq(kind, SLICE("DELETE")) ? 2
			: slice_eq(kind, SLICE("PARENT")) ? 0
							  : 1;

	if (rank <= g->path_rank)
		return;
	if (name.value.n > 2 * PATH_CUT)
		return;

	struct slice v = audit_value(g->arena, &name);

	if (v.n == 0)
		return;
	g->path = v;
	g->path_kind = kind;
	g->path_rank = rank;
}

static void gather(struct audit_gather *g, const struct audit_head *h)
{
	struct audit_fields it = audit_fields(h->rest);
	struct audit_field f;

	add_type(g, h->type);
	if (slice_eq(h->type, SLICE("EXECVE"))) {
		audit_execve(g, h->rest);
		return;
	}
	if (slice_eq(h->type, SLICE("PATH"))) {
		gather_path(g, h->rest);
		return;
	}
	if (slice_eq(h->type, SLICE("SOCKADDR"))) {
		if (g->saddr.p == NULL && audit_field_find(h->rest, SLICE("saddr"), &f))
			g->saddr = f.value;
		return;
	}
	if (slice_eq(h->type, SLICE("PROCTITLE"))) {
		if (audit_field_find(h->rest, SLICE("proctitle"), &f))
			g->title = f;
		return;
	}
	/* PATH-like fields of other records are no path of the event */
	while (audit_fields_next(&it, &f))
		keep(g, &f);
}

static struct slice joined_types(struct audit_gather *g)
{
	size_t n = 0;

	for (unsigned i = 0; i < g->n_types; i++)
		n += g->types[i].n + 1;
	if (g->n_types == 1)
		return g->types[0];

	char *to = arena_alloc(g->arena, n, 1);

	if (to == NULL)
		return g->types[0];
	n = 0;
	for (unsigned i = 0; i < g->n_types; i++) {
		memcpy(to + n, g->types[i].p, g->types[i].n);
		n += g->types[i].n;
		to[n++] = ',';
	}
	return (struct slice){ to, n - 1 };
}

static bool is_failure(struct slice res)
{
	return slice_eq(res, SLICE("failed")) || slice_eq(res, SLICE("no")) ||
	       slice_eq(res, SLICE("0"));
}

static bool is_success(struct slice res)
{
	return slice_eq(res, SLICE("success")) || slice_eq(res, SLICE("yes")) ||
	       slice_eq(res, SLICE("1"));
}

/* The records of logins; h is the event's first, and only, record. */
static void add_login(struct audit_gather *g, struct event *ev, const struct audit_head *h)
{
	bool login = slice_eq(h->type, SLICE("USER_LOGIN"));
	struct ip ip;
	struct slice addr = ip_parse(g->addr, &ip) ? g->addr : g->host;
	/*
	 * sshd itself writes op=login with the address of its socket; what PAM modules write is
	 * what some program called PAM_RHOST.
	 */
	bool own =
	    login && slice_eq(g->op, SLICE("login")) &&
	    (slice_ends(g->exe, SLICE("/sshd")) || slice_ends(g->exe, SLICE("/sshd-session")));

	if (ip_parse(addr, &ip)) {
		event_add(ev, ATTR_CLIENT_ADDRESS, addr);
		event_add(ev, ATTR_CLIENT_PROVENANCE,
		    own && addr.p == g->addr.p ? SLICE("peer") : SLICE("claimed"));
	}
	/* PAM was asked, and went without any answer of its own: whoever it was broke off */
	bool broken =
	    slice_eq(h->type, SLICE("USER_ERR")) && slice_eq(g->op, SLICE("PAM:bad_ident"));

	if (!login && !broken && !slice_eq(h->type, SLICE("USER_AUTH")))
		return;
	/* of a password that fails USER_AUTH tells too, and other failed methods are keys */
	if (is_failure(g->res) && !own)
		event_add(ev, ATTR_AUTH_RESULT, SLICE("failure"));
	else if (is_success(g->res))
		event_add(ev, ATTR_AUTH_RESULT, SLICE("success"));
	event_add_present(ev, ATTR_AUTH_METHOD, g->op);
}

static void add_if(struct event *ev, enum attr_key key, struct slice v)
{
	if (v.n > 0)
		event_add(ev, key, v);
}

static void add_named_if(struct event *ev, struct slice name, struct slice v)
{
	if (v.n > 0)
		event_add_named(ev, name, v);
}

/* 4294967295 is (uid_t)-1: nobody. */
static bool is_set(struct slice id)
{
	return id.n > 0 && !slice_eq(id, SLICE("4294967295")) && !slice_eq(id, SLICE("-1"));
}

static void add_who(struct audit_gather *g, struct event *ev)
{
	/* user-space records are about an account; their uid is that of the daemon */
	struct slice user = g->acct.n > 0 ? g->acct : g->id_name.n > 0 ? g->id_name : g->uid_name;
	bool about_id = g->acct.n == 0 && is_set(g->id);

	add_if(ev, ATTR_PROCESS_PID, g->pid);
	add_if(ev, ATTR_PROCESS_PPID, g->ppid);
	add_if(ev, ATTR_PROCESS_EXE, g->exe);
	add_if(ev, ATTR_PROCESS_NAME, g->comm);
	add_if(ev, ATTR_USER_ID, about_id ? g->id : g->uid);
	add_if(ev, ATTR_USER_NAME, user);
	add_if(ev, ATTR_AUDIT_AUID, g->auid);
	if (is_set(g->ses))
		event_add_named(ev, SLICE("audit.ses"), g->ses);
	add_if(ev, ATTR_AUDIT_TTY, g->tty);
	add_if(ev, ATTR_PROCESS_TTY, g->tty);
}

static void add_what(struct audit_gather *g, struct event *ev)
{
	if (g->syscall.n == 0)
		g->syscall = audit_syscall_name(g->arch, g->number);
	if (g->syscall.n == 0)
		g->syscall = g->number;
	add_if(ev, ATTR_AUDIT_SYSCALL, g->syscall);
	add_if(ev, ATTR_AUDIT_KEY, audit_key(g->key, g->arena));
	add_named_if(ev, SLICE("audit.success"), g->success);
	if (g->exit.n > 1 && g->exit.p[0] == '-')
		event_add(ev, ATTR_ERROR_CODE, g->exit);
	add_if(ev, ATTR_PROCESS_CWD, g->cwd);
	add_if(ev, ATTR_PROCESS_COMMAND, audit_command(g));
	add_named_if(ev, SLICE("audit.result"), g->res);
	add_named_if(ev, SLICE("audit.lost"), g->lost);
	audit_add_file(g, ev);
	audit_add_socket(g, ev);
}

/* The digits before the "):" where the fields begin. */
static struct slice serial_text(const struct audit_head *h)
{
	const char *end = h->rest.p - 2;
	const char *p = end;

	while (p[-1] != ':')
		p--;
	return (struct slice){ p, (size_t)(end - p) };
}

static enum parse_result parse_auditd(const struct parse_ctx *c, struct event *ev)
{
	struct audit_gather g = { .arena = c->arena, .body_n = ev->body.n };
	struct slice rest = ev->body;
	struct slice line;
	struct audit_head first;
	struct audit_head h;

	slice_cut(rest, '\n', &line, &rest);
	if (!audit_head(line, &first))
		return PARSE_BAD;
	gather(&g, &first);
	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (audit_head(slice_trim(line), &h) && h.serial == first.serial)
			gather(&g, &h);
	}
	ev->time_us = first.time_us;
	event_add(ev, ATTR_AUDIT_SERIAL, serial_text(&first));
	event_add(ev, ATTR_AUDIT_TYPE, joined_types(&g));
	add_who(&g, ev);
	add_what(&g, ev);
	add_login(&g, ev, &first);
	return PARSE_OK;
}

const struct parser parser_auditd = {
	.name = "auditd",
	.help = "audit.log of auditd, raw or enriched: the records of one serial are one event",
	.grouping = PARSE_SERIAL,
	.parse = parse_auditd,
	.gives = "audit.serial *", /* each field of a record is one */
};
