#include "parsers/auditd_parts.h"

#include "base/arena.h"
#include "base/event.h"
#include "base/ip.h"

#include <fcntl.h>
#include <sys/socket.h>

/* ---- command lines ---- */

static void put(struct audit_gather *g, const struct audit_field *f)
{
	size_t room = g->args_cap - g->args_n;
	char *to = g->args + g->args_n;

	if (!f->quoted && audit_is_hex(f->value)) {
		g->args_n += audit_unhex(f->value, to, room);
		return;
	}

	size_t n = f->value.n < room ? f->value.n : room;

	if (n > 0)
		memcpy(to, f->value.p, n);
	g->args_n += n;
}

void audit_execve(struct audit_gather *g, struct slice rest)
{
	struct audit_fields it = audit_fields(rest);
	struct audit_field f;

	if (g->args == NULL) {
		size_t room = g->arena->cap - g->arena->used;

		g->args_cap = g->body_n < room ? g->body_n : room;
		g->args = arena_alloc(g->arena, g->args_cap, 1);
		g->last_arg = -1;
		if (g->args == NULL)
			return;
	}
	while (audit_fields_next(&it, &f)) {
		int64_t i = f.enriched ? -1 : audit_arg_index(f.name);

		if (i < 0)
			continue;
		/* a long argument comes in parts, a1[0] a1[1] ..., even over several records */
		if (g->last_arg >= 0 && i != g->last_arg && g->args_n < g->args_cap)
			g->args[g->args_n++] = ' ';
		g->last_arg = i;
		put(g, &f);
	}
}

static struct slice without(struct arena *a, struct slice v, char from, char to)
{
	if (v.n == 0 || memchr(v.p, from, v.n) == NULL)
		return v;

	struct slice copy = arena_copy(a, v);
	char *p = a->base + a->used - copy.n;

	for (size_t i = 0; i < copy.n; i++)
		if (p[i] == from)
			p[i] = to;
	return copy;
}

struct slice audit_command(struct audit_gather *g)
{
	if (g->args_n > 0)
		return (struct slice){ g->args, g->args_n };
	if (g->cmd.n > 0)
		return g->cmd;
	if (g->title.name.n == 0)
		return (struct slice){ 0 };

	struct slice v = audit_value(g->arena, &g->title);

	while (v.n > 0 && v.p[v.n - 1] == '\0')
		v.n--;
	return without(g->arena, v, '\0', ' ');
}

struct slice audit_key(struct slice key, struct arena *a)
{
	return without(a, key, '\1', ',');
}

/* ---- files ---- */

/* Did the call open an existing file to write? openat2's flags are not in its arguments. */
static bool is_write_open(const struct audit_gather *g)
{
	uint64_t flags;

	if (slice_eq(g->syscall, SLICE("creat")) || slice_eq(g->syscall, SLICE("truncate")))
		return true;
	if (slice_eq(g->syscall, SLICE("open")))
		return slice_hex(g->arg[1], &flags) && (flags & (O_ACCMODE | O_TRUNC)) != 0;
	return slice_eq(g->syscall, SLICE("openat")) && slice_hex(g->arg[2], &flags) &&
	       (flags & (O_ACCMODE | O_TRUNC)) != 0;
}

/* Is a relative path one below the working directory? Not if an open directory was given. */
static bool from_cwd(const struct audit_gather *g)
{
	bool symlink = slice_eq(g->syscall, SLICE("symlinkat"));
	bool at = slice_ends(g->syscall, SLICE("at")) || slice_ends(g->syscall, SLICE("at2"));
	uint64_t fd;

	if (!at || slice_ends(g->syscall, SLICE("stat")))
		return true;
	return slice_hex(g->arg[symlink ? 1 : 0], &fd) && (int32_t)(uint32_t)fd == AT_FDCWD;
}

static struct slice absolute(struct audit_gather *g, struct slice path)
{
	struct slice cwd = g->cwd;
	size_t at;

	if (path.p[0] == '/' || cwd.n == 0 || cwd.p[0] != '/' || !from_cwd(g))
		return path;
	while (slice_starts(path, SLICE("./")))
		path = slice_from(path, 2);
	while (cwd.n > 0 && cwd.p[cwd.n - 1] == '/')
		cwd.n--;

	char *to = arena_alloc(g->arena, cwd.n + 1 + path.n, 1);

	if (to == NULL)
		return path;
	memcpy(to, cwd.p, cwd.n);
	at = cwd.n;
	to[at++] = '/';
	if (path.n > 0)
		memcpy(to + at, path.p, path.n);
	return (struct slice){ to, at + path.n };
}

void audit_add_file(struct audit_gather *g, struct event *ev)
{
	if (g->path.n == 0 || (g->path_rank < 2 && !is_write_open(g)))
		return;
	event_add_named(ev, SLICE("sekisho.file.path"), absolute(g, g->path));
	if (g->path_kind.n > 0)
		event_add_named(ev, SLICE("sekisho.file.nametype"), g->path_kind);
}

/* ---- sockets ---- */

static struct slice number(struct arena *a, unsigned v)
{
	char text[8];
	size_t n = sizeof(text);

	do
		text[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return arena_copy(a, (struct slice){ text + n, sizeof(text) - n });
}

struct socket_names {
	struct slice address, port;
};

static struct socket_names names_of(struct slice syscall)
{
	if (slice_eq(syscall, SLICE("bind")))
		return (struct socket_names){ SLICE("server.address"), SLICE("server.port") };
	if (slice_starts(syscall, SLICE("accept")) || slice_starts(syscall, SLICE("recv")))
		return (struct socket_names){ SLICE("source.address"), SLICE("source.port") };
	return (struct socket_names){ SLICE("destination.address"), SLICE("destination.port") };
}

/* struct sockaddr_in, sockaddr_in6: family (of the host's order), port, address */
static void add_inet(struct audit_gather *g, struct event *ev, const uint8_t *b, bool six)
{
	struct socket_names names = names_of(g->syscall);
	char text[IP_TEXT_MAX];
	struct ip ip = { { 0 } };

	if (six) {
		memcpy(ip.b, b + 8, 16);
	} else {
		ip.b[10] = ip.b[11] = 0xff;
		memcpy(ip.b + 12, b + 4, 4);
	}

	size_t n = ip_text(&ip, text);
	struct slice address = arena_copy(g->arena, (struct slice){ text, n });
	struct slice port = number(g->arena, (unsigned)b[2] << 8 | b[3]);

	if (address.n == 0 || port.n == 0)
		return;
	event_add_named(ev, names.address, address);
	event_add_named(ev, names.port, port);
	event_add_named(ev, SLICE("network.type"), six ? SLICE("ipv6") : SLICE("ipv4"));
	if (slice_eq(names.address, SLICE("destination.address")))
		event_add_named(ev, SLICE("sekisho.network.initiated"), SLICE("true"));
	else if (slice_eq(names.address, SLICE("source.address")))
		event_add_named(ev, SLICE("sekisho.network.initiated"), SLICE("false"));
}

void audit_add_socket(struct audit_gather *g, struct event *ev)
{
	char b[128] = { 0 }; /* sizeof(struct sockaddr_storage) */
	size_t n = audit_is_hex(g->saddr) ? audit_unhex(g->saddr, b, sizeof(b)) : 0;

	if (n < 4 || b[1] != 0)
		return;
	if (b[0] == AF_INET && n >= 8) {
		add_inet(g, ev, (const uint8_t *)b, false);
	} else if (b[0] == AF_INET6 && n >= 24) {
		add_inet(g, ev, (const uint8_t *)b, true);
	} else if (b[0] == AF_UNIX) {
		/* an abstract name begins with NUL: an @, as ss and netstat print it */
		char first = b[2] == '\0' ? '@' : b[2];
		size_t len = b[2] == '\0' ? strnlen(b + 3, n - 3) + 1 : strnlen(b + 2, n - 2);

		b[2] = first;

		struct slice path = arena_copy(g->arena, (struct slice){ b + 2, len });

		if (path.n > 1 || first != '@')
			event_add_named(ev, names_of(g->syscall).address, path);
	}
}
