#include "detect/deny.h"

#include "detect/indexed.h"

#include <stdio.h>
#include <stdlib.h>

/* Does one of the item's values hold for that status? True also for what is not known here. */
static bool can_hold(const struct node *n, unsigned status)
{
	char text[8];
	size_t len = (size_t)snprintf(text, sizeof(text), "%03u", status);

	for (unsigned i = 0; i < n->n_matchers; i++) {
		const struct matcher *m = &n->matchers[i];

		if (m->kind == MATCH_EQUAL ? slice_eq(m->text, (struct slice){ text, len })
		    : m->kind == MATCH_COMPARE && m->part == TIME_NONE ? indexed_fits(m, status)
								       : true)
			return true;
	}
	return false;
}

static bool is_status(const struct rule *r, const struct node *n)
{
	enum index_kind kind;

	return n->kind == NODE_ITEM && indexed_of(r, &n->field, &kind) && kind == INDEX_STATUS;
}

/* Of the parts that must all hold; a parent's number is above its children's. */
static void mark(struct deny *d, const struct rule *r, unsigned rule, bool *must)
{
	memset(must, 0, r->n_nodes * sizeof(*must));
	must[r->root] = true;
	for (unsigned i = r->n_nodes; i-- > 0;) {
		const struct node *n = &r->nodes[i];

		if (!must[i])
			continue;
		for (unsigned k = 0; n->kind == NODE_AND && k < n->n; k++)
			must[n->child[k]] = true;
		for (unsigned s = 0; is_status(r, n) && s < DENY_STATUSES; s++)
			if (!can_hold(n, s))
				d->bits[(size_t)s * d->words + rule / 64] |= UINT64_C(1)
									     << rule % 64;
	}
}

static bool asks(const struct ruleset *rs)
{
	for (unsigned i = 0; i < rs->n_rules; i++)
		for (unsigned k = 0; k < rs->rules[i].n_nodes; k++)
			if (is_status(&rs->rules[i], &rs->rules[i].nodes[k]))
				return true;
	return false;
}

bool deny_init(struct deny *d, const struct ruleset *rs)
{
	unsigned most = 1;
	bool *must;

	*d = (struct deny){ .words = (rs->n_rules + 63) / 64 };
	if (!asks(rs))
		return true;
	for (unsigned i = 0; i < rs->n_rules; i++)
		most = rs->rules[i].n_nodes > most ? rs->rules[i].n_nodes : most;
	must = calloc(most, sizeof(*must));
	d->bits = calloc((size_t)DENY_STATUSES * d->words, sizeof(*d->bits));
	for (unsigned i = 0; must != NULL && d->bits != NULL && i < rs->n_rules; i++)
		if (!rs->rules[i].disabled)
			mark(d, &rs->rules[i], i, must);
	free(must);
	return must != NULL && d->bits != NULL;
}

const uint64_t *deny_row(const struct deny *d, struct slice status)
{
	unsigned s = 0;

	if (d->bits == NULL || status.n != 3)
		return NULL;
	for (size_t i = 0; i < 3; i++) {
		if (status.p[i] < '0' || status.p[i] > '9')
			return NULL;
		s = s * 10 + (unsigned)(status.p[i] - '0');
	}
	return d->bits + (size_t)s * d->words;
}

void deny_forget(struct deny *d, unsigned rule)
{
	for (unsigned s = 0; d->bits != NULL && s < DENY_STATUSES; s++)
		d->bits[(size_t)s * d->words + rule / 64] &= ~(UINT64_C(1) << rule % 64);
}
