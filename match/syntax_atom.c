#include "match/syntax_atom.h"

struct byteset syntax_word_set(void)
{
	struct byteset s = { { 0 } };

	byteset_add_range(&s, '0', '9');
	byteset_add_range(&s, 'A', 'Z');
	byteset_add_range(&s, 'a', 'z');
	byteset_add(&s, '_');
	return s;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The set of \d \s \h \v \w, or of the POSIX class of the same meaning. */
static struct byteset type_set(uint8_t letter)
{
	struct byteset s = { { 0 } };

	switch (letter) {
	case 'd':
		byteset_add_range(&s, '0', '9');
		break;
	case 's':
		byteset_add_range(&s, '\t', '\r');
		byteset_add(&s, ' ');
		break;
	case 'h':
		byteset_add(&s, '\t');
		byteset_add(&s, ' ');
		byteset_add(&s, 0xa0);
		break;
	case 'v':
		byteset_add_range(&s, '\n', '\r');
		byteset_add(&s, 0x85);
		break;
	default:
		s = syntax_word_set();
		break;
	}
	return s;
}

static struct syntax_atom fail(void)
{
	return (struct syntax_atom){ .kind = SYNTAX_ATOM_FAIL };
}

static struct syntax_atom node(enum syntax_kind kind)
{
	return (struct syntax_atom){ .kind = SYNTAX_ATOM_NODE, .node = kind };
}

static struct syntax_atom one_byte(unsigned value)
{
	if (value > 255)
		return fail();
	return (struct syntax_atom){ .kind = SYNTAX_ATOM_BYTE, .byte = (uint8_t)value };
}

static struct syntax_atom set(struct byteset s)
{
	struct syntax_atom a = node(SYNTAX_SET);

	a.set = s;
	return a;
}

/* \x{41} and \o{101}: a->p is at the brace. Empty or unclosed braces are errors. */
static struct syntax_atom braced(struct syntax_at *a, int base)
{
	const uint8_t *p = a->p + 1;
	unsigned v = 0;

	for (; p < a->end && *p != '}'; p++) {
		int d = hex(*p);

		if (d < 0 || d >= base || v > 255)
			return fail();
		v = v * (unsigned)base + (unsigned)d;
	}
	if (p == a->end || p == a->p + 1)
		return fail();
	a->p = p + 1;
	return one_byte(v);
}

static struct syntax_atom hex_byte(struct syntax_at *a)
{
	unsigned v = 0;

	if (a->p < a->end && *a->p == '{')
		return braced(a, 16);
	for (int i = 0; i < 2 && a->p < a->end && hex(*a->p) >= 0; i++)
		v = v * 16 + (unsigned)hex(*a->p++);
	return one_byte(v);
}

static struct syntax_atom octal(struct syntax_at *a, unsigned v)
{
	for (int i = 0; i < 2 && a->p < a->end && *a->p >= '0' && *a->p <= '7'; i++)
		v = v * 8 + (unsigned)(*a->p++ - '0');
	return one_byte(v);
}

/* first is the digit already read. */
static struct syntax_atom digits(struct syntax_at *a, uint8_t first, bool in_class)
{
	unsigned number = (unsigned)(first - '0');
	const uint8_t *p = a->p;

	if (first == '0' || (in_class && first < '8'))
		return octal(a, number);
	if (in_class)
		return one_byte(first);
	for (; p < a->end && *p >= '0' && *p <= '9'; p++)
		if (number < 100000)
			number = number * 10 + (unsigned)(*p - '0');
	/* A reference, unless there are two digits and fewer groups before. */
	if (number > 9 && first < '8' && number > a->groups_max)
		return octal(a, (unsigned)(first - '0'));
	a->p = p;
	return node(SYNTAX_UNKNOWN);
}

/* Skip a bracketed name: open at a->p to its partner. False when there is none. */
static bool skip_name(struct syntax_at *a)
{
	uint8_t open = *a->p;
	uint8_t close = open == '{' ? '}' : open == '<' ? '>' : open;
	const uint8_t *q = memchr(a->p + 1, close, (size_t)(a->end - a->p - 1));

	if (!q)
		return false;
	a->p = q + 1;
	return true;
}

/* \g and \k: back-references and subroutine calls, in all their spellings. */
static struct syntax_atom reference(struct syntax_at *a, uint8_t letter)
{
	if (a->p == a->end)
		return fail();
	if (*a->p == '{' || *a->p == '<' || *a->p == '\'')
		return skip_name(a) ? node(SYNTAX_UNKNOWN) : fail();
	if (letter == 'k')
		return fail();
	if (*a->p == '+' || *a->p == '-')
		a->p++;
	if (a->p == a->end || *a->p < '0' || *a->p > '9')
		return fail();
	while (a->p < a->end && *a->p >= '0' && *a->p <= '9')
		a->p++;
	return node(SYNTAX_UNKNOWN);
}

/* \p and \P: one byte, which ones is the Unicode tables' affair. */
static struct syntax_atom property(struct syntax_at *a)
{
	struct syntax_atom r = set(byteset_not((struct byteset){ { 0 } }));

	r.vague = true;
	if (a->p == a->end)
		return fail();
	if (*a->p != '{')
		a->p++;
	else if (!skip_name(a))
		return fail();
	return r;
}

static struct syntax_atom control(struct syntax_at *a)
{
	uint8_t c = a->p < a->end ? *a->p : 0;

	if (c < 32 || c > 126)
		return fail();
	a->p++;
	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 32);
	return one_byte(c ^ 0x40u);
}

/* What only has a meaning outside classes. */
static struct syntax_atom outside_only(struct syntax_at *a, uint8_t c)
{
	struct byteset s = { { 0 } };

	switch (c) {
	case 'A':
		return node(SYNTAX_START);
	case 'Z':
	case 'z':
		return node(SYNTAX_END);
	case 'b':
		return node(SYNTAX_WORD_EDGE);
	case 'B':
		return node(SYNTAX_NO_WORD_EDGE);
	case 'K':
		return node(SYNTAX_EMPTY);
	case 'N': /* \N{U+...} is an error without UTF; \N{2} is a repeat */
	case 'C':
		return set(byteset_not(s));
	case 'R': /* CR LF would be two bytes, but there is no LF */
		return set(type_set('v'));
	case 'X':
		return node(SYNTAX_UNKNOWN);
	case 'g':
	case 'k':
		return reference(a, c);
	default: /* \G, and what PCRE2 itself refuses */
		return fail();
	}
}

struct syntax_atom syntax_atom_escape(struct syntax_at *a, bool in_class)
{
	uint8_t c;

	if (a->p == a->end)
		return fail();
	c = *a->p++;
	if (c >= '0' && c <= '9')
		return digits(a, c, in_class);
	if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return one_byte(c);
	switch (c) {
	case 'a':
		return one_byte(7);
	case 'e':
		return one_byte(27);
	case 'f':
		return one_byte('\f');
	case 'n':
		return one_byte('\n');
	case 'r':
		return one_byte('\r');
	case 't':
		return one_byte('\t');
	case 'c':
		return control(a);
	case 'x':
		return hex_byte(a);
	case 'o':
		return a->p < a->end && *a->p == '{' ? braced(a, 8) : fail();
	case 'd':
	case 's':
	case 'w':
	case 'h':
	case 'v':
		return set(type_set(c));
	case 'D':
	case 'S':
	case 'W':
	case 'H':
	case 'V':
		return set(byteset_not(type_set(c | 0x20)));
	case 'p':
	case 'P':
		return property(a);
	default:
		break;
	}
	if (in_class)
		return c == 'b' ? one_byte('\b') : fail();
	return outside_only(a, c);
}

/* The end of the POSIX class name that starts at a->p, or NULL if none does (PCRE2's rule). */
static const uint8_t *posix_end(const struct syntax_at *a)
{
	uint8_t mark = *a->p;

	for (const uint8_t *p = a->p + 1; a->end - p >= 2; p++) {
		if (*p == '\\' && (p[1] == ']' || p[1] == '\\'))
			p++;
		else if ((*p == '[' && p[1] == mark) || *p == ']')
			return NULL;
		else if (*p == mark && p[1] == ']')
			return p;
	}
	return NULL;
}

static void add_posix(struct byteset *s, unsigned lo, unsigned hi)
{
	if (lo <= hi)
		byteset_add_range(s, lo, hi);
}

/* [:name:] with or without ^; false when there is no such class. */
static bool posix_set(const char *name, size_t n, bool caseless, struct byteset *out)
{
	static const struct {
		const char *name;
		uint8_t range[8]; /* pairs of first and last; 1, 0 = none */
	} classes[] = {
		{ "alpha", { 'A', 'Z', 'a', 'z', 1, 0, 1, 0 } },
		{ "lower", { 'a', 'z', 1, 0, 1, 0, 1, 0 } },
		{ "upper", { 'A', 'Z', 1, 0, 1, 0, 1, 0 } },
		{ "alnum", { 'A', 'Z', 'a', 'z', '0', '9', 1, 0 } },
		{ "ascii", { 0, 127, 1, 0, 1, 0, 1, 0 } },
		{ "blank", { '\t', '\t', ' ', ' ', 1, 0, 1, 0 } },
		{ "cntrl", { 0, 31, 127, 127, 1, 0, 1, 0 } },
		{ "digit", { '0', '9', 1, 0, 1, 0, 1, 0 } },
		{ "graph", { 33, 126, 1, 0, 1, 0, 1, 0 } },
		{ "print", { 32, 126, 1, 0, 1, 0, 1, 0 } },
		{ "punct", { 33, 47, 58, 64, 91, 96, 123, 126 } },
		{ "space", { '\t', '\r', ' ', ' ', 1, 0, 1, 0 } },
		{ "word", { 'A', 'Z', 'a', 'z', '0', '9', '_', '_' } },
		{ "xdigit", { '0', '9', 'A', 'F', 'a', 'f', 1, 0 } },
	};
	bool negated = n > 0 && name[0] == '^';
	struct byteset s = { { 0 } };

	name += negated;
	n -= negated;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const uint8_t *r = classes[i].range;

		if (strlen(classes[i].name) != n || memcmp(classes[i].name, name, n) != 0)
			continue;
		for (int k = 0; k < 8; k += 2)
			add_posix(&s, r[k], r[k + 1]);
		/* Without case, upper and lower both are alpha, negated or not. */
		if (caseless && (i == 1 || i == 2))
			byteset_fold(&s);
		*out = byteset_or(*out, negated ? byteset_not(s) : s);
		return true;
	}
	return false;
}

/* A class being read. */
struct class
{
	struct byteset set;
	bool negated, vague, quoted;
	bool started;	/* a hyphen waits for the end of its range */
	bool can_start; /* .first could be the first of a range */
	uint8_t first;
};

static bool class_byte(struct syntax_at *a, struct class *c, uint8_t b)
{
	struct byteset s = { { 0 } };

	if (c->started) {
		if (b < c->first)
			return false;
		byteset_add_range(&s, c->first, b);
	} else {
		byteset_add(&s, b);
	}
	if (a->caseless)
		byteset_fold(&s);
	c->set = byteset_or(c->set, s);
	c->can_start = !c->started;
	c->started = false;
	c->first = b;
	return true;
}

static bool class_set(struct class *c, struct byteset s)
{
	if (c->started)
		return false;
	c->set = byteset_or(c->set, s);
	c->can_start = false;
	return true;
}

static bool class_escape(struct syntax_at *a, struct class *c)
{
	struct syntax_atom r;

	if (a->p < a->end && (*a->p == 'Q' || *a->p == 'E')) {
		c->quoted = *a->p++ == 'Q';
		return true;
	}
	r = syntax_atom_escape(a, true);
	if (r.kind == SYNTAX_ATOM_BYTE)
		return class_byte(a, c, r.byte);
	if (r.kind != SYNTAX_ATOM_NODE || r.node != SYNTAX_SET)
		return false;
	c->vague |= r.vague;
	return class_set(c, r.set);
}

/* One item of a class; b is its first byte, already read. */
static bool class_item(struct syntax_at *a, struct class *c, uint8_t b)
{
	const uint8_t *stop;

	if (c->quoted) {
		if (b != '\\' || a->p == a->end || *a->p != 'E')
			return class_byte(a, c, b);
		a->p++;
		c->quoted = false;
		return true;
	}
	if (a->more && (b == ' ' || b == '\t'))
		return true;
	if (b == '[' && a->end - a->p >= 3 && memchr(":.=", *a->p, 3)) {
		struct byteset s = { { 0 } };
		bool known;

		stop = posix_end(a);
		if (!stop)
			return class_byte(a, c, b);
		known = *a->p == ':' && posix_set((const char *)a->p + 1, (size_t)(stop - a->p - 1),
					    a->caseless, &s);
		a->p = stop + 2;
		return known && class_set(c, s);
	}
	if (b == '-' && c->can_start) {
		c->started = true;
		c->can_start = false;
		return true;
	}
	if (b == '\\')
		return class_escape(a, c);
	return class_byte(a, c, b);
}

/* Past ^ and what may stand around it, to the first item. */
static void class_head(struct syntax_at *a, struct class *c)
{
	while (a->p < a->end) {
		if (a->end - a->p >= 2 && memcmp(a->p, "\\E", 2) == 0)
			a->p += 2;
		else if (a->end - a->p >= 4 && memcmp(a->p, "\\Q\\E", 4) == 0)
			a->p += 4;
		else if (a->more && (*a->p == ' ' || *a->p == '\t'))
			a->p++;
		else if (!c->negated && *a->p == '^') {
			c->negated = true;
			a->p++;
		} else {
			return;
		}
	}
}

bool syntax_atom_class(struct syntax_at *a, struct byteset *out)
{
	struct class c = { .negated = false };
	bool first = true;

	class_head(a, &c);
	for (;; first = false) {
		uint8_t b;

		if (a->p == a->end)
			return false;
		b = *a->p++;
		if (b == ']' && !c.quoted && !first)
			break;
		if (!class_item(a, &c, b))
			return false;
	}
	if (c.started)
		byteset_add(&c.set, '-');
	*out = c.vague	   ? byteset_not((struct byteset){ { 0 } })
	       : c.negated ? byteset_not(c.set)
			   : c.set;
	return true;
}
