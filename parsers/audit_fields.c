#include "parsers/audit_fields.h"

#include "base/arena.h"

enum { ENRICHED_MARK = 0x1d };

struct audit_fields audit_fields(struct slice rest)
{
	return (struct audit_fields){ .p = rest.p, .end = rest.p + rest.n };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* The quote that ends msg='...': the enriched part or nothing follows it. */
static bool ends_nested(const struct audit_fields *it, const char *p)
{
	return it->nested && *p == '\'' &&
	       (p + 1 == it->end || p[1] == ENRICHED_MARK || is_space(p[1]) || is_upper(p[1]));
}

/* Past blanks, braces and the borders of the parts. */
static void skip_between(struct audit_fields *it)
{
	while (it->p < it->end) {
		if (*it->p == ENRICHED_MARK) {
			it->enriched = true;
			it->nested = false;
		} else if (ends_nested(it, it->p)) {
			/* some writers drop the 0x1d; upper case alone tells the part */
			it->nested = false;
			it->enriched = it->p + 1 < it->end && is_upper(it->p[1]);
		} else if (!is_space(*it->p) && !(it->nested && *it->p == '(') &&
			   !(it->enriched && (*it->p == '{' || *it->p == '}'))) {
			return;
		}
		it->p++;
	}
}

static const char *find_close(const struct audit_fields *it, const char *from, char close)
{
	return from < it->end ? memchr(from, close, (size_t)(it->end - from)) : NULL;
}

/* avc:  denied  { read write } for ...: the two words that have no name. */
static bool avc_word(struct audit_fields *it, const char *from, struct audit_field *f)
{
	struct slice word = { from, (size_t)(it->p - from) };

	if (*from == '{') {
		const char *close = find_close(it, from, '}');

		if (close == NULL)
			return false;
		f->name = SLICE("seperms");
		f->value = slice_trim((struct slice){ from + 1, (size_t)(close - from - 1) });
		it->p = close + 1;
		return true;
	}
	if (!slice_eq(word, SLICE("denied")) && !slice_eq(word, SLICE("granted")))
		return false;
	f->name = SLICE("seresult");
	f->value = word;
	return true;
}

static void bare_value(struct audit_fields *it, struct audit_field *f)
{
	const char *from = it->p;

	while (it->p < it->end && !is_space(*it->p) && *it->p != ENRICHED_MARK &&
	       !ends_nested(it, it->p))
		it->p++;
	f->value = (struct slice){ from, (size_t)(it->p - from) };
	if (!it->nested)
		return;
	/* PAM once wrote "(hostname=?, addr=?, terminal=cron res=success)" */
	while (f->value.n > 0 && (f->value.p[f->value.n - 1] == ',' ||
				     (f->value.p[f->value.n - 1] == ')' && *from != '(')))
		f->value.n--;
}

static void read_value(struct audit_fields *it, struct audit_field *f)
{
	const char *close =
	    it->p < it->end && *it->p == '"' ? find_close(it, it->p + 1, '"') : NULL;

	f->enriched = it->enriched;
	f->quoted = close != NULL;
	if (close == NULL) {
		bare_value(it, f);
		return;
	}
	f->value = (struct slice){ it->p + 1, (size_t)(close - it->p - 1) };
	it->p = close + 1;
}

bool audit_fields_next(struct audit_fields *it, struct audit_field *f)
{
	for (skip_between(it); it->p < it->end; skip_between(it)) {
		const char *from = it->p;

		while (it->p < it->end && *it->p != '=' && !is_space(*it->p) &&
		       *it->p != ENRICHED_MARK)
			it->p++;
		*f = (struct audit_field){ .name = { from, (size_t)(it->p - from) } };
		if (it->p == it->end || *it->p != '=') {
			if (avc_word(it, from, f))
				return true;
			continue;
		}
		it->p++;
		if (!it->nested && !it->enriched && it->p < it->end && *it->p == '\'') {
			it->nested = true;
			it->p++;
			continue;
		}
		read_value(it, f);
		return true;
	}
	return false;
}

bool audit_field_find(struct slice rest, struct slice name, struct audit_field *f)
{
	struct audit_fields it = audit_fields(rest);

	while (audit_fields_next(&it, f))
		if (slice_eq(f->name, name))
			return true;
	return false;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool audit_is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (nibble(s.p[i]) < 0)
			return false;
	return s.n >= 2 && s.n % 2 == 0;
}

size_t audit_unhex(struct slice hex, char *to, size_t cap)
{
	size_t n = hex.n / 2 < cap ? hex.n / 2 : cap;

	for (size_t i = 0; i < n; i++)
		to[i] = (char)(nibble(hex.p[2 * i]) * 16 + nibble(hex.p[2 * i + 1]));
	return n;
}

int64_t audit_arg_index(struct slice name)
{
	struct slice number;
	struct slice part;
	uint64_t n;

	if (name.n < 2 || name.p[0] != 'a')
		return -1;
	if (slice_cut(slice_from(name, 1), '[', &number, &part) &&
	    (part.n < 2 || part.p[part.n - 1] != ']'))
		return -1;
	return slice_u64(number, &n) && n < INT32_MAX ? (int64_t)n : -1;
}

/* Fields that auditd's typetab calls encoded: quoted, or in hex if need be. */
static bool is_encoded(struct slice name)
{
	static const struct slice names[] = {
		{ "comm", 4 },
		{ "exe", 3 },
		{ "cwd", 3 },
		{ "name", 4 },
		{ "path", 4 },
		{ "key", 3 },
		{ "proctitle", 9 },
		{ "acct", 4 },
		{ "cmd", 3 },
		{ "data", 4 },
		{ "dir", 3 },
		{ "watch", 5 },
		{ "ocomm", 5 },
		{ "vm", 2 },
		{ "file", 4 },
		{ "new_group", 9 },
		{ "grp", 3 },
		{ "sw", 2 },
		{ "root_dir", 8 },
		{ "device", 6 },
		{ "invalid_context", 15 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(name, names[i]))
			return true;
	return false;
}

struct slice audit_value(struct arena *a, const struct audit_field *f)
{
	struct slice v = f->value;

	if (slice_eq(v, SLICE("?")))
		return (struct slice){ 0 };
	if (f->quoted)
		return v;
	if (v.n == 0 || slice_eq(v, SLICE("(null)")) || slice_eq(v, SLICE("(none)")))
		return (struct slice){ 0 };
	if (!is_encoded(f->name) || !audit_is_hex(v))
		return v;

	size_t room = a->cap - a->used;
	size_t n = v.n / 2 < room ? v.n / 2 : room;
	char *to = arena_alloc(a, n, 1);

	if (to == NULL)
		return (struct slice){ 0 };
	n = audit_unhex(v, to, n);
	return (struct slice){ to, n };
}
