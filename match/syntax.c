#include "match/syntax.h"

#include "match/regex.h"
#include "match/syntax_group.h"

#include <stdlib.h>

/* The { is read. {2} {2,} {2,3} repeat; {,3} and { 2 } do so from PCRE2 10.43 on only. */
static void brace(struct syntax_parse *ps)
{
	const uint8_t *p = ps->at.p, *end = ps->at.end, *q = p;
	uint32_t lo, hi;

	if (syntax_group_number(&p, end, &lo)) {
		hi = lo;
		if (p < end && *p == ',') {
			p++;
			if (!syntax_group_number(&p, end, &hi))
				hi = SYNTAX_FOREVER;
		}
		if (p < end && *p == '}') {
			if (hi < lo)
				ps->ok = false;
			ps->at.p = p + 1;
			syntax_group_repeat(ps, lo, hi, false);
			if (ps->at.p < end && (*ps->at.p == '?' || *ps->at.p == '+'))
				ps->at.p++;
			return;
		}
	}
	while (q < end && (*q == ' ' || *q == '\t' || *q == ',' || (*q >= '0' && *q <= '9')))
		q++;
	if (q == ps->at.p || q == end || *q != '}') {
		syntax_group_add_byte(ps, '{');
		return;
	}
	/* Literal text or a quantifier, depending on the library: either way covered. */
	ps->at.p = q + 1;
	if (ps->can_repeat)
		syntax_group_repeat(ps, 0, 1, true);
	else
		syntax_group_add(ps, SYNTAX_UNKNOWN);
}

static void escape(struct syntax_parse *ps)
{
	struct syntax_atom a = syntax_atom_escape(&ps->at, false);

	if (a.kind == SYNTAX_ATOM_FAIL)
		ps->ok = false;
	else if (a.kind == SYNTAX_ATOM_BYTE)
		syntax_group_add_byte(ps, a.byte);
	else if (a.node == SYNTAX_SET)
		syntax_group_add_set(ps, a.set);
	else
		syntax_group_add(ps, a.node);
}

static void bracket(struct syntax_parse *ps)
{
	struct byteset set;

	/* [[:<:]] and [[:>:]] are word edges. */
	if (ps->at.end - ps->at.p >= 6 &&
	    (memcmp(ps->at.p, "[:<:]]", 6) == 0 || memcmp(ps->at.p, "[:>:]]", 6) == 0)) {
		ps->at.p += 6;
		syntax_group_add(ps, SYNTAX_EMPTY);
	} else if (syntax_atom_class(&ps->at, &set)) {
		syntax_group_add_set(ps, set);
	} else {
		ps->ok = false;
	}
}

static bool blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Past everything that may stand between an item and its quantifier. */
static void skip_ignored(struct syntax_parse *ps)
{
	const uint8_t *end = ps->at.end;

	while (ps->ok && ps->at.p < end) {
		const uint8_t *p = ps->at.p;
		size_t left = (size_t)(end - p);

		if (left >= 2 && p[0] == '\\' && p[1] == 'E') {
			ps->quoted = false;
			ps->at.p += 2;
		} else if (ps->quoted) {
			return;
		} else if (left >= 2 && p[0] == '\\' && p[1] == 'Q') {
			ps->quoted = true;
			ps->at.p += 2;
		} else if (left >= 3 && memcmp(p, "(?#", 3) == 0) {
			ps->at.p += 3;
			syntax_group_skip_past(ps, ')');
		} else if (ps->extended && blank(*p)) {
			ps->at.p++;
		} else if (ps->extended && *p == '#') {
			const uint8_t *q = memchr(p, '\n', left);

			ps->at.p = q ? q + 1 : end;
		} else {
			/* Whether NEL is a blank for (?x) depends on the library. */
			ps->ok = !(ps->extended && *p == 0x85);
			return;
		}
	}
}

static void quantifier(struct syntax_parse *ps, uint8_t c)
{
	syntax_group_repeat(ps, c == '+', c == '?' ? 1 : SYNTAX_FOREVER, false);
	if (ps->at.p < ps->at.end && (*ps->at.p == '?' || *ps->at.p == '+'))
		ps->at.p++;
}

static void item(struct syntax_parse *ps, uint8_t c)
{
	switch (c) {
	case '\\':
		escape(ps);
		break;
	case '[':
		bracket(ps);
		break;
	case '(':
		syntax_group_read(ps);
		break;
	case ')':
		syntax_group_close(ps);
		break;
	case '|':
		syntax_group_branch_close(ps);
		syntax_group_branch_new(ps);
		break;
	case '*':
	case '+':
	case '?':
		quantifier(ps, c);
		break;
	case '{':
		brace(ps);
		break;
	case '^':
		syntax_group_add(ps, SYNTAX_START);
		break;
	case '$':
		syntax_group_add(ps, SYNTAX_END);
		break;
	case '.':
		syntax_group_add_set(ps, byteset_not((struct byteset){ { 0 } }));
		break;
	default:
		syntax_group_add_byte(ps, c);
		break;
	}
}

bool syntax_parse(struct slice pattern, unsigned flags, struct syntax *out)
{
	const uint8_t *p = (const uint8_t *)pattern.p;
	struct syntax_parse ps = { .out = out, .ok = true };

	*out = (struct syntax){ .nodes = NULL };
	if (pattern.n == 0 || pattern.n > REGEX_PATTERN_MAX)
		return false;
	ps.at =
	    (struct syntax_at){ .p = p, .end = p + pattern.n, .caseless = flags & REGEX_CASELESS };
	for (size_t i = 0; i < pattern.n; i++)
		ps.at.groups_max += p[i] == '(';
	syntax_group_open(&ps, SYNTAX_ROLE_GROUP);
	for (skip_ignored(&ps); ps.ok && ps.at.p < ps.at.end; skip_ignored(&ps)) {
		uint8_t c = *ps.at.p++;

		if (ps.quoted)
			syntax_group_add_byte(&ps, c);
		else
			item(&ps, c);
	}
	if (ps.ok && ps.depth == 1) {
		syntax_group_branch_close(&ps);
		out->root = ps.stack[0].alt;
		return true;
	}
	syntax_free(out);
	return false;
}

bool syntax_literal(
    struct slice text, unsigned flags, bool at_start, bool at_end, struct syntax *out)
{
	struct syntax_parse ps = { .out = out, .ok = true };

	*out = (struct syntax){ .nodes = NULL };
	ps.at.caseless = flags & REGEX_CASELESS;
	syntax_group_open(&ps, SYNTAX_ROLE_GROUP);
	if (ps.ok && at_start)
		syntax_group_add(&ps, SYNTAX_START);
	for (size_t i = 0; ps.ok && i < text.n; i++)
		syntax_group_add_byte(&ps, (uint8_t)text.p[i]);
	if (ps.ok && at_end)
		syntax_group_add(&ps, SYNTAX_END);
	if (!ps.ok) {
		syntax_free(out);
		return false;
	}
	syntax_group_branch_close(&ps);
	out->root = ps.stack[0].alt;
	return true;
}

void syntax_free(struct syntax *s)
{
	free(s->nodes);
	*s = (struct syntax){ .nodes = NULL };
}
