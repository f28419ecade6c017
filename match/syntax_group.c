#include "match/syntax_group.h"

#include <stdlib.h>

static uint32_t node_new(struct syntax *s, enum syntax_kind kind)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 64;
		struct syntax_node *nodes = realloc(s->nodes, cap * sizeof(*nodes));

		if (!nodes)
			return 0;
		s->nodes = nodes;
		s->cap = cap;
		if (!s->n)
			s->nodes[s->n++] = (struct syntax_node){ .kind = SYNTAX_EMPTY };
	}
	s->nodes[s->n] = (struct syntax_node){ .kind = kind, .height = 1 };
	return s->n++;
}

/* Make child the first child of parent. */
static void node_adopt(struct syntax *s, uint32_t parent, uint32_t child)
{
	struct syntax_node *p = &s->nodes[parent], *c = &s->nodes[child];

	c->next = p->child;
	p->child = child;
	if (c->height + 1 > p->height)
		p->height = c->height + 1;
}

/* Add a node to the branch being read; returns it, or 0 without memory. */
uint32_t syntax_group_add(struct syntax_parse *ps, enum syntax_kind kind)
{
	uint32_t i = node_new(ps->out, kind);

	if (!i)
		ps->ok = false;
	else
		node_adopt(ps->out, ps->stack[ps->depth - 1].branch, i);
	ps->can_repeat = true;
	return i;
}

void syntax_group_add_set(struct syntax_parse *ps, struct byteset set)
{
	uint32_t i = syntax_group_add(ps, SYNTAX_SET);

	byteset_remove(&set, '\n');
	if (i)
		ps->out->nodes[i].set = set;
}

void syntax_group_add_byte(struct syntax_parse *ps, uint8_t b)
{
	struct byteset s = { { 0 } };

	byteset_add(&s, b);
	if (ps->at.caseless)
		byteset_fold(&s);
	syntax_group_add_set(ps, s);
}

void syntax_group_branch_new(struct syntax_parse *ps)
{
	struct syntax_frame *f = &ps->stack[ps->depth - 1];

	f->branch = node_new(ps->out, SYNTAX_CAT);
	if (!f->branch)
		ps->ok = false;
	ps->can_repeat = false;
}

/* The branch is complete: count it in. */
void syntax_group_branch_close(struct syntax_parse *ps)
{
	struct syntax_frame *f = &ps->stack[ps->depth - 1];

	node_adopt(ps->out, f->alt, f->branch);
}

void syntax_group_open(struct syntax_parse *ps, enum syntax_role role)
{
	struct syntax_frame *f = &ps->stack[ps->depth];

	if (ps->depth == SYNTAX_GROUPS_MAX) {
		ps->ok = false;
		return;
	}
	*f = (struct syntax_frame){ .role = role,
		.caseless = ps->at.caseless,
		.more = ps->at.more,
		.extended = ps->extended };
	f->alt = node_new(ps->out, SYNTAX_ALT);
	ps->ok = ps->ok && f->alt;
	ps->depth++;
	syntax_group_branch_new(ps);
}

void syntax_group_close(struct syntax_parse *ps)
{
	struct syntax_frame *f = &ps->stack[ps->depth - 1];
	struct syntax_node *n;

	if (ps->depth < 2) {
		ps->ok = false;
		return;
	}
	syntax_group_branch_close(ps);
	ps->depth--;
	ps->at.caseless = f->caseless;
	ps->at.more = f->more;
	ps->extended = f->extended;
	node_adopt(ps->out, ps->stack[ps->depth - 1].branch, f->alt);
	n = &ps->out->nodes[f->alt];
	if (f->role == SYNTAX_ROLE_LOOK)
		n->kind = SYNTAX_EMPTY;
	else if (f->role == SYNTAX_ROLE_COND)
		n->kind = SYNTAX_UNKNOWN;
	if (n->height > SYNTAX_HEIGHT_MAX - 2)
		ps->ok = false;
	ps->can_repeat = true;
}

/* Put the item added last under a REPEAT, or make it UNKNOWN. */
void syntax_group_repeat(struct syntax_parse *ps, uint32_t lo, uint32_t hi, bool unknown)
{
	uint32_t last = ps->out->nodes[ps->stack[ps->depth - 1].branch].child;
	uint32_t copy = ps->can_repeat && last ? node_new(ps->out, SYNTAX_EMPTY) : 0;
	struct syntax_node *n, *c, *b;

	if (!copy) {
		ps->ok = false;
		return;
	}
	n = &ps->out->nodes[last];
	c = &ps->out->nodes[copy];
	*c = *n;
	c->next = 0;
	*n = (struct syntax_node){ .kind = unknown ? SYNTAX_UNKNOWN : SYNTAX_REPEAT,
		.child = copy,
		.next = n->next,
		.lo = lo,
		.hi = hi,
		.height = c->height + 1 };
	b = &ps->out->nodes[ps->stack[ps->depth - 1].branch];
	if (n->height + 1 > b->height)
		b->height = n->height + 1;
	if (n->height > SYNTAX_HEIGHT_MAX - 2)
		ps->ok = false;
}

bool syntax_group_number(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
	const uint8_t *q = *p;
	uint32_t v = 0;

	for (; q < end && *q >= '0' && *q <= '9'; q++)
		if (v <= SYNTAX_REPEAT_MAX)
			v = v * 10 + (uint32_t)(*q - '0');
	*out = v;
	if (q == *p)
		return false;
	*p = q;
	return true;
}

/* Where a word of letters follows, as in (?i) or (?^x-i:. The first is at p[0]. */
static void options(struct syntax_parse *ps)
{
	struct syntax_parse now = *ps;
	bool on = true, seen_x = false;
	const uint8_t *p = ps->at.p, *end = ps->at.end;

	if (p < end && *p == '^') {
		now.at.caseless = now.at.more = now.extended = false;
		p++;
	}
	for (; p < end && *p != ')' && *p != ':'; p++) {
		switch (*p) {
		case '-':
			on = false;
			break;
		case 'i':
			now.at.caseless = on;
			break;
		case 'x':
			/* (?x) ends an earlier (?xx), (?-x) and (?-xx) both end both. */
			if (seen_x)
				ps->ok = false; /* (?xxix): not worth knowing */
			seen_x = true;
			now.at.more = on && p + 1 < end && p[1] == 'x';
			now.extended = on;
			p += p + 1 < end && p[1] == 'x';
			break;
		case 'm':
		case 's':
		case 'n':
		case 'J':
		case 'U': /* none of these changes which bytes can match */
			break;
		default:
			ps->ok = false;
			return;
		}
	}
	if (p == end) {
		ps->ok = false;
		return;
	}
	ps->at.p = p + 1;
	/* A group keeps what was set before it, to restore at its end. */
	if (*p == ':')
		syntax_group_open(ps, SYNTAX_ROLE_GROUP);
	ps->at.caseless = now.at.caseless;
	ps->at.more = now.at.more;
	ps->extended = now.extended;
	ps->can_repeat = false;
}

bool syntax_group_skip_past(struct syntax_parse *ps, uint8_t stop)
{
	const uint8_t *q = memchr(ps->at.p, stop, (size_t)(ps->at.end - ps->at.p));

	if (!q)
		return ps->ok = false;
	ps->at.p = q + 1;
	return true;
}

/* (?(: a condition, then branches. */
static void conditional(struct syntax_parse *ps)
{
	const uint8_t *p = ps->at.p; /* behind the second ( */

	syntax_group_open(ps, SYNTAX_ROLE_COND);
	if (!ps->ok || p == ps->at.end)
		return;
	if (*p != '?') {
		ps->ok = *p != '*';
		syntax_group_skip_past(ps, ')');
		return;
	}
	/* An assertion is the condition: leave it to be read as the first item. */
	if (ps->at.end - p < 2 || !memchr("=!<", p[1], 3))
		ps->ok = false;
	ps->at.p = p - 1;
}

/* (?P and (?<: names, references and look-behinds. */
static void named(struct syntax_parse *ps, uint8_t c)
{
	uint8_t d = ps->at.p < ps->at.end ? *ps->at.p : 0;

	if (c == '<' && (d == '=' || d == '!' || d == '*')) {
		ps->at.p++;
		syntax_group_open(ps, SYNTAX_ROLE_LOOK);
	} else if (c == '<' || c == '\'') {
		if (syntax_group_skip_past(ps, c == '<' ? '>' : '\''))
			syntax_group_open(ps, SYNTAX_ROLE_GROUP);
	} else if (d == '<') {
		ps->at.p++;
		if (syntax_group_skip_past(ps, '>'))
			syntax_group_open(ps, SYNTAX_ROLE_GROUP);
	} else if (d == '=' || d == '>') {
		if (syntax_group_skip_past(ps, ')'))
			syntax_group_add(ps, SYNTAX_UNKNOWN);
	} else {
		ps->ok = false;
	}
}

/* The text behind "(?". */
static void special_group(struct syntax_parse *ps)
{
	uint8_t c;

	if (ps->at.p == ps->at.end) {
		ps->ok = false;
		return;
	}
	c = *ps->at.p++;
	switch (c) {
	case ':':
	case '|':
	case '>':
		syntax_group_open(ps, SYNTAX_ROLE_GROUP);
		break;
	case '=':
	case '!':
	case '*':
		syntax_group_open(ps, SYNTAX_ROLE_LOOK);
		break;
	case '(':
		conditional(ps);
		break;
	case '<':
	case '\'':
	case 'P':
		named(ps, c);
		break;
	case 'R':
	case '&':
	case '+':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		if (syntax_group_skip_past(ps, ')'))
			syntax_group_add(ps, SYNTAX_UNKNOWN);
		break;
	case 'C': { /* a callout: none is set, but its text could be in quotes of many kinds */
		uint32_t number;

		syntax_group_number(&ps->at.p, ps->at.end, &number);
		if (ps->at.p == ps->at.end || *ps->at.p++ != ')')
			ps->ok = false;
		ps->can_repeat = false;
		break;
	}
	case '-': /* (?-1) is a call, (?-i) sets options */
		if (ps->at.p < ps->at.end && *ps->at.p >= '0' && *ps->at.p <= '9') {
			if (syntax_group_skip_past(ps, ')'))
				syntax_group_add(ps, SYNTAX_UNKNOWN);
			break;
		}
		ps->at.p--;
		options(ps);
		break;
	default:
		ps->at.p--;
		options(ps);
		break;
	}
}

void syntax_group_read(struct syntax_parse *ps)
{
	uint8_t c = ps->at.p < ps->at.end ? *ps->at.p : 0;

	if (c == '*') { /* a verb, or an assertion by name */
		ps->ok = false;
	} else if (c == '?') {
		ps->at.p++;
		special_group(ps);
	} else {
		syntax_group_open(ps, SYNTAX_ROLE_GROUP);
	}
}
