#include "parsers/auditd_parts.h"

#include "base/arena.h"
#include "base/ip.h"

#include <stdio.h>

/* linux/fcntl.h: the same on every architecture that audit_syscall_name knows */
enum { OPEN_WRITE_BITS = 01 | 02 | 0100 | 01000 };

static void put(struct audit_gather *g, const char *p, size_t n)
{
	size_t room = g->args_cap - g->args_n;

	if (n > room)
		n = room;
	memcpy(g->args + g->args_n, p, n);
	g->args_n += n;
}

static void put_arg(struct audit_gather *g, const struct audit_field *f)
{
	size_t from = g->args_n;

	if (f->quoted || !audit_is_hex(f->value)) {
		put(g, f->value.p, f->value.n);
		return;
	}
	g->args_n += audit_unhex(f->value, g->args + from, g->args_cap - from);
}

void audit_execve(struct audit_gather *g, struct slice rest)
{
	struct audit_fields it = audit_fields(rest);
	struct audit_field f;

	if (g->args == NULL) {
		g->args = arena_alloc(g->arena, g->body_n, 1);
		g->args_cap = g->args != NULL ? g->body_n : 0;
		g->last_arg = -1;
	}
	if (g->args == NULL)
		return;
	while (audit_fields_next(&it, &f)) {
		int64_t index = f.enriched ? -1 : audit_arg_index(f.name);

		if (index < 0)
			continue;
		if (index != g->last_arg && g->args_n > 0)
			put(g, " ", 1);
		g->last_arg = index;
		put_arg(g, &f);
	}
}

/* A copy with one byte in the place of another. */
static struct slice replaced(struct arena *a, struct slice s, char from, char by)
{
	char *to = arena_alloc(a, s.n, 1);

	if (to == NULL)
		return (struct slice){ 0 };
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] == from ? by : s.p[i];
	return (struct slice){ to, s.n };
}

struct slice audit_command(const struct audit_gather *g)
{
	if (g->args_n > 0)
		return (struct slice){ g->args, g->args_n };
	if (g->title.name.n > 0) {
		struct slice t = audit_value(g->arena, &g->title);

		while (t.n > 0 && t.p[t.n - 1] == '\0')
			t.n--;
		if (t.n > 0 && memchr(t.p, '\0', t.n) != NULL)
			t = replaced(g->arena, t, '\0', ' ');
		if (t.n > 0)
			return t;
	}
	return g->cmd;
}

struct slice audit_key(struct slice key, struct arena *a)
{
	if (key.n == 0 || memchr(key.p, 1, key.n) == NULL)
		return key;
	return replaced(a, key, 1, ',');
}

static bool hex_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

/* Does the system call open a file so that it can be written? openat2 keeps its flags in memory. */
static bool opens_for_write(const struct audit_gather *g)
{
	uint64_t flags;
	struct slice name = g->syscall;

	if (slice_eq(name, SLICE("creat")) || slice_eq(name, SLICE("truncate")))
		return true;
	if (slice_eq(name, SLICE("open")))
		return hex_u64(g->arg[1], &flags) && (flags & OPEN_WRITE_BITS) != 0;
	if (slice_eq(name, SLICE("openat")))
		return hex_u64(g->arg[2], &flags) && (flags & OPEN_WRITE_BITS) != 0;
	return false;
}

void audit_add_file(const struct audit_gather *g, struct event *ev)
{
	struct slice path = g->path;

	if (path.n == 0 || (!g->path_changed && !opens_for_write(g)))
		return;
	if (path.p[0] != '/' && g->cwd.n > 0) {
		if (slice_starts(path, SLICE("./")))
			path = slice_from(path, 2);

		size_t slash = g->cwd.p[g->cwd.n - 1] != '/';
		char *to = arena_alloc(g->arena, g->cwd.n + slash + path.n, 1);

		if (to != NULL) {
			memcpy(to, g->cwd.p, g->cwd.n);
			to[g->cwd.n] = '/';
			memcpy(to + g->cwd.n + slash, path.p, path.n);
			path = (struct slice){ to, g->cwd.n + slash + path.n };
		}
	}
	event_add_named(ev, SLICE("sekisho.file.path"), path);
}

void audit_add_socket(const struct audit_gather *g, struct event *ev)
{
	unsigned char b[28];
	struct ip ip = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
	char text[IP_TEXT_MAX];
	char port[8];

	if (!slice_eq(g->syscall, SLICE("connect")) || !audit_is_hex(g->saddr))
		return;

	size_t n = audit_unhex(g->saddr, (char *)b, sizeof(b));

	if (n >= 8 && b[0] == 2 && b[1] == 0)
		memcpy(ip.b + 12, b + 4, 4);
	else if (n >= 24 && b[0] == 10 && b[1] == 0)
		memcpy(ip.b, b + 8, 16);
	else
		return;

	struct slice to = { text, ip_text(&ip, text) };
	int digits = snprintf(port, sizeof(port), "%u", (unsigned)b[2] << 8 | b[3]);
	struct slice number = arena_copy(g->arena, (struct slice){ port, (size_t)digits });

	to = arena_copy(g->arena, to);
	if (to.n > 0)
		event_add_named(ev, SLICE("destination.address"), to);
	if (number.n > 0)
		event_add_named(ev, SLICE("destination.port"), number);
}

struct slice audit_serial_text(struct slice line)
{
	struct slice before;
	struct slice rest;
	struct slice stamp;

	if (!slice_cut_str(line, SLICE("msg=audit("), &before, &rest) ||
	    !slice_cut(rest, ')', &stamp, &rest) || !slice_cut(stamp, ':', &before, &rest))
		return (struct slice){ 0 };
	return rest;
}
