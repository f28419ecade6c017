#include "detect/records.h"

#include "base/arena.h"
#include "base/event.h"
#include "detect/rule.h"
#include "parsers/audit.h"
#include "parsers/audit_fields.h"

struct reading {
	struct arena *arena;
	struct records *rs;
	unsigned record; /* whose fields are read */
	unsigned parts;
	bool execve;
};

bool records_is_field(const struct field *f)
{
	return f->kind == FIELD_OTHER && memchr(f->name.p, '.', f->name.n) == NULL;
}

/* Every field has its '='; the head of a record has two, and stands for what has none. */
static unsigned max_fields(struct slice body)
{
	unsigned n = 8;
	const char *p = body.p;
	const char *end = body.p + body.n;

	while (
	    n < RECORD_FIELDS_MAX && p < end && (p = memchr(p, '=', (size_t)(end - p))) != NULL) {
		n++;
		p++;
	}
	return n;
}

size_t records_room(const struct event *ev)
{
	/* a value is never longer than its text; only an argument in parts is copied again */
	return sizeof(struct records) + RECORD_FIELDS_MAX * sizeof(struct record_field) +
	       (RECORD_PARTS_MAX + 4) * (ev->body.n + 16);
}

static void add(struct reading *x, struct slice name, struct slice value, bool decoded)
{
	struct records *rs = x->rs;

	if (rs->n_fields == rs->cap_fields) {
		rs->cut = true;
		return;
	}
	rs->fields[rs->n_fields++] = (struct record_field){
		.name = name, .value = value, .record = (uint16_t)x->record, .decoded = decoded
	};
}

/* Arguments are text whatever they look like quoted, and hex without quotes. */
static struct slice argument(struct arena *a, const struct audit_field *f)
{
	char *to;

	if (f->quoted || !audit_is_hex(f->value))
		return f->value;
	to = arena_alloc(a, f->value.n / 2, 1);
	if (to == NULL)
		return f->value;
	return (struct slice){ to, audit_unhex(f->value, to, f->value.n / 2) };
}

static void add_argument(struct reading *x, const struct audit_field *f)
{
	struct record_field *end = x->rs->fields + x->rs->n_fields;
	struct record_field *last;
	struct slice v = argument(x->arena, f);
	struct slice name = f->name;
	struct slice rest;
	char *to;

	if (!slice_cut(name, '[', &name, &rest)) {
		add(x, name, v, v.p != f->value.p);
		return;
	}
	if (x->rs->n_fields == 0 || end[-1].record != x->record || !slice_eq(end[-1].name, name)) {
		add(x, name, v, true);
		return;
	}
	if (x->parts++ == RECORD_PARTS_MAX) {
		x->rs->cut = true;
		return;
	}
	last = end - 1;
	to = arena_alloc(x->arena, last->value.n + v.n, 1);
	if (to == NULL)
		return;
	if (last->value.n > 0)
		memcpy(to, last->value.p, last->value.n);
	if (v.n > 0)
		memcpy(to + last->value.n, v.p, v.n);
	last->value = (struct slice){ to, last->value.n + v.n };
}

/* A process title's arguments are parted by NUL, the keys of a rule by the byte 1. */
static struct slice with_blanks(struct arena *a, struct slice v, char from, char to)
{
	struct slice copy;
	char *p;

	while (v.n > 0 && from == '\0' && v.p[v.n - 1] == '\0')
		v.n--;
	if (v.n == 0 || memchr(v.p, from, v.n) == NULL)
		return v;
	copy = arena_copy(a, v);
	p = a->base + a->used - copy.n;
	for (size_t i = 0; i < copy.n; i++)
		if (p[i] == from)
			p[i] = to;
	return copy;
}

static void add_field(struct reading *x, const struct audit_field *f)
{
	struct slice v;

	if (x->execve && !f->enriched && audit_arg_index(f->name) >= 0) {
		add_argument(x, f);
		return;
	}
	if (slice_eq(f->name, SLICE("type")))
		return; /* the head says it: the index of types knows no other */
	v = audit_value(x->arena, f);
	if (v.p == NULL)
		return;
	if (slice_eq(f->name, SLICE("proctitle")))
		v = with_blanks(x->arena, v, '\0', ' ');
	else if (slice_eq(f->name, SLICE("key")))
		v = with_blanks(x->arena, v, '\1', ',');
	add(x, f->name, v, v.p != f->value.p);
}

/* Rules say SYSCALL or syscall, by name; a log that is not enriched has the number alone. */
static void add_syscall(struct reading *x, unsigned from)
{
	struct slice arch = { 0 };
	struct slice number = { 0 };
	struct slice name = { 0 };

	for (unsigned i = from; i < x->rs->n_fields; i++) {
		const struct record_field *f = &x->rs->fields[i];

		if (slice_eq(f->name, SLICE("arch")))
			arch = f->value;
		else if (slice_eq(f->name, SLICE("syscall")))
			number = f->value;
		else if (slice_eq(f->name, SLICE("SYSCALL")))
			name = f->value;
	}
	if (name.n == 0) {
		name = audit_syscall_name(arch, number);
		if (name.n > 0)
			add(x, SLICE("SYSCALL"), name, true);
	}
	if (name.n > 0)
		add(x, SLICE("syscall"), name, true);
}

static void read_record(struct reading *x, struct slice line, const struct audit_head *h)
{
	struct records *rs = x->rs;
	struct audit_fields it = audit_fields(h->rest);
	struct audit_field f;
	unsigned from = rs->n_fields;
	bool syscall = slice_eq(h->type, SLICE("SYSCALL"));
	bool more = x->execve && slice_eq(h->type, SLICE("EXECVE"));

	if (rs->n == RECORDS_MAX) {
		rs->cut = true;
		return;
	}
	rs->line[rs->n++] = line;
	if (!more) /* a long argument list goes on in the next record: it stays one to rules */
		x->record = rs->n - 1;
	x->execve = slice_eq(h->type, SLICE("EXECVE"));
	if (!more)
		add(x, SLICE("type"), h->type, false);
	while (audit_fields_next(&it, &f))
		add_field(x, &f);
	if (syscall && rs->syscall == RECORDS_MAX) {
		rs->syscall = x->record;
		add_syscall(x, from);
	}
}

struct records *records_new(struct arena *a, const struct event *ev)
{
	struct reading x = { .arena = a };
	struct slice rest = ev->body;
	struct audit_head first = { 0 };
	struct slice line;

	if (a->cap - a->used < records_room(ev))
		return NULL;
	while (rest.n > 0) {
		struct audit_head h;

		slice_cut(rest, '\n', &line, &rest);
		line = slice_trim(line);
		if (!audit_head(line, &h) || (x.rs != NULL && h.serial != first.serial))
			continue;
		if (x.rs == NULL) {
			first = h;
			x.rs = ARENA_NEW(a, struct records, 1);
			if (x.rs == NULL)
				return NULL;
			x.rs->cap_fields = max_fields(ev->body);
			x.rs->fields = ARENA_NEW(a, struct record_field, x.rs->cap_fields);
			if (x.rs->fields == NULL)
				return NULL;
			x.rs->syscall = RECORDS_MAX;
		}
		read_record(&x, line, &h);
	}
	return x.rs;
}

static bool inherits(struct slice name)
{
	return !slice_eq(name, SLICE("type")) && audit_arg_index(name) < 0;
}

static const struct record_field *next_of(
    const struct records *rs, unsigned record, struct slice name, unsigned *at)
{
	while (*at < rs->n_fields) {
		const struct record_field *f = &rs->fields[(*at)++];

		if (f->record == record && slice_eq(f->name, name))
			return f;
	}
	return NULL;
}

const struct record_field *records_next(
    const struct records *rs, unsigned record, struct slice name, unsigned *at)
{
	unsigned own = 0;

	if (rs->syscall != RECORDS_MAX && rs->syscall != record && inherits(name) &&
	    next_of(rs, record, name, &own) == NULL)
		record = rs->syscall;
	return next_of(rs, record, name, at);
}

/* ---- what an event is ---- */

static bool has_type(struct slice list, struct slice want)
{
	struct slice one;

	while (list.n > 0) {
		slice_cut(list, ',', &one, &list);
		if (slice_eq(one, want))
			return true;
	}
	return false;
}

unsigned records_classes(const struct event *ev)
{
	struct slice call = event_get(ev, ATTR_AUDIT_SYSCALL);
	bool failed = slice_eq(event_get_named(ev, SLICE("audit.success")), SLICE("no"));
	bool execve = has_type(event_get(ev, ATTR_AUDIT_TYPE), SLICE("EXECVE")) ||
		      slice_eq(call, SLICE("execve")) || slice_eq(call, SLICE("execveat"));
	unsigned classes = CLASS_AUDITD;

	if (execve && !failed) /* a call that failed started nothing */
		classes |= CLASS_PROCESS;
	if (!failed && event_get_named(ev, SLICE("sekisho.file.path")).n > 0 &&
	    !slice_eq(event_get_named(ev, SLICE("sekisho.file.nametype")), SLICE("DELETE")))
		classes |= CLASS_FILE;
	/* an attempt counts: connect() without blocking always "fails" at first */
	if (event_get_named(ev, SLICE("sekisho.network.initiated")).n > 0)
		classes |= CLASS_NETWORK;
	return classes;
}
