#include "match/walk.h"

#include "match/syntax.h"

#include <stdlib.h>

enum need {
	NEED_NOTHING,
	NEED_WORD,  /* the next byte is of \w */
	NEED_OTHER, /* the next byte is not, or the text ends */
};

/* walk_new() puts them into the table first. */
enum {
	CLS_WORD,
	CLS_OTHER, /* with '\n' */
	CLS_EDGE,  /* '\n' alone */
};

struct walk *walk_new(bool anchors)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct byteset edge = { { 0 } };

	if (!w)
		return NULL;
	w->anchors = anchors;
	byteset_add(&edge, '\n');
	walk_class(w, syntax_word_set());
	walk_class(w, byteset_not(syntax_word_set()));
	walk_class(w, edge);
	return w;
}

uint16_t walk_class(struct walk *w, struct byteset set)
{
	uint64_t h = 0;
	uint32_t at;

	for (int i = 0; i < 4; i++)
		h = (h ^ set.w[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ h >> 29;
	at = (uint32_t)(h >> 40) % (WALK_CLASS_MAX * 2);
	for (; w->cls_slot[at]; at = (at + 1) % (WALK_CLASS_MAX * 2))
		if (byteset_eq(&w->cls[w->cls_slot[at] - 1], &set))
			return (uint16_t)(w->cls_slot[at] - 1);
	if (w->n_cls == WALK_CLASS_MAX) {
		w->full = true;
		return 0;
	}
	w->cls[w->n_cls] = set;
	w->cls_slot[at] = (uint16_t)++w->n_cls;
	return (uint16_t)(w->n_cls - 1);
}

uint32_t walk_state(struct walk *w, enum walk_kind kind, uint32_t a, uint32_t b)
{
	if (w->n_states == WALK_STATE_MAX) {
		w->full = true;
		return 0;
	}
	w->state[w->n_states] = (struct walk_state){ .kind = kind, .a = a, .b = b };
	return w->n_states++;
}

static uint32_t item_hash(const struct walk_item *it)
{
	uint64_t h = it->state * 4u + it->need;

	for (unsigned i = 0; i < it->seq.n; i++)
		h = (h ^ it->seq.c[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ h >> 31;
	h = (h + it->seq.n) * UINT64_C(0xD6E8FEB86659FD93);
	return (uint32_t)(h >> 40) % (WALK_ITEM_MAX * 2);
}

static bool seq_eq(const struct walk_seq *a, const struct walk_seq *b)
{
	return a->n == b->n && memcmp(a->c, b->c, a->n * sizeof(a->c[0])) == 0;
}

/* Queue it, if it was not there before. Without that, loops would not end. */
static bool push(struct walk *w, const struct walk_item *it, uint32_t state)
{
	struct walk_item next = *it;
	uint32_t at;

	next.state = state;
	for (at = item_hash(&next); w->item_slot[at]; at = (at + 1) % (WALK_ITEM_MAX * 2)) {
		const struct walk_item *old = &w->item[w->item_slot[at] - 1];

		if (old->state == state && old->need == next.need && seq_eq(&old->seq, &next.seq))
			return true;
	}
	if (w->n_items == WALK_ITEM_MAX)
		return false;
	next.slot = (uint16_t)at;
	w->item[w->n_items] = next;
	w->item_slot[at] = (uint16_t)++w->n_items;
	return true;
}

static bool emit(struct walk *w, const struct walk_seq *seq)
{
	if (seq->n == 0)
		return false;
	for (uint32_t i = 0; i < w->n_seqs; i++)
		if (seq_eq(&w->seq[i], seq))
			return true;
	if (w->n_seqs == WALK_SEQ_MAX)
		return false;
	w->seq[w->n_seqs++] = *seq;
	return true;
}

/* Append cls to it, and go on to state unless the sequence is long enough now. */
static bool append(
    struct walk *w, const struct walk_item *it, uint16_t cls, uint32_t state, unsigned max)
{
	struct walk_item next = *it;

	next.seq.c[next.seq.n++] = cls;
	return next.seq.n >= max ? emit(w, &next.seq) : push(w, &next, state);
}

static bool step_byte(struct walk *w, const struct walk_item *it, unsigned max)
{
	const struct walk_state *s = &w->state[it->state];
	struct byteset set = w->cls[s->cls];
	struct walk_item next = *it;

	if (it->need == NEED_WORD)
		set = byteset_and(set, w->cls[CLS_WORD]);
	else if (it->need == NEED_OTHER)
		set = byteset_and(set, w->cls[CLS_OTHER]);
	if (byteset_empty(&set))
		return true;
	next.need = NEED_NOTHING;
	return append(w, &next, walk_class(w, set), s->a, max);
}

/* Narrow the last class of it to set; false when nothing is left. */
static bool narrow(struct walk *w, struct walk_item *it, unsigned cls)
{
	uint16_t *last = &it->seq.c[it->seq.n - 1];
	struct byteset set = byteset_and(w->cls[*last], w->cls[cls]);

	*last = walk_class(w, set);
	return !byteset_empty(&set);
}

static bool step_start(struct walk *w, const struct walk_item *it, unsigned max)
{
	uint32_t to = w->state[it->state].a;
	struct walk_item next = *it;

	if (it->seq.n == 0)
		return w->anchors ? append(w, it, CLS_EDGE, to, max) : push(w, it, to);
	/* Something came before, which has to be the '\n' in front of the text. */
	if (!w->anchors || !narrow(w, &next, CLS_EDGE))
		return true;
	return push(w, &next, to);
}

static bool step_end(struct walk *w, const struct walk_item *it)
{
	struct walk_seq seq = it->seq;

	if (it->need == NEED_WORD)
		return true;
	if (w->anchors)
		seq.c[seq.n++] = CLS_EDGE;
	return emit(w, &seq);
}

/* \b and \B: two ways on, by what the byte before is. */
static bool step_edge(struct walk *w, const struct walk_item *it, unsigned max)
{
	const struct walk_state *s = &w->state[it->state];

	if (it->seq.n == 0 && !w->anchors)
		return push(w, it, s->a);
	for (unsigned before = CLS_WORD; before <= CLS_OTHER; before++) {
		struct walk_item next = *it;
		bool word = (before == CLS_WORD) == (s->kind == WALK_NO_EDGE);

		next.need = word ? NEED_WORD : NEED_OTHER;
		if (it->need != NEED_NOTHING && it->need != next.need)
			continue;
		if (it->seq.n == 0) {
			if (!append(w, &next, (uint16_t)before, s->a, max))
				return false;
		} else if (narrow(w, &next, before) && !push(w, &next, s->a)) {
			return false;
		}
	}
	return true;
}

static bool step_stop(struct walk *w, const struct walk_item *it)
{
	struct walk_seq seq = it->seq;

	/* What is asserted of the next byte holds, be it in the text or the '\n' behind it. */
	if (w->anchors && it->need != NEED_NOTHING)
		seq.c[seq.n++] = it->need == NEED_WORD ? CLS_WORD : CLS_OTHER;
	return emit(w, &seq);
}

static bool step(struct walk *w, const struct walk_item *it, unsigned max)
{
	const struct walk_state *s = &w->state[it->state];

	switch (s->kind) {
	case WALK_BYTE:
		return step_byte(w, it, max);
	case WALK_SPLIT:
		return push(w, it, s->a) && push(w, it, s->b);
	case WALK_START:
		return step_start(w, it, max);
	case WALK_END:
		return step_end(w, it);
	case WALK_EDGE:
	case WALK_NO_EDGE:
		return step_edge(w, it, max);
	case WALK_STOP:
		return step_stop(w, it);
	}
	return false;
}

bool walk_from(struct walk *w, uint32_t state, unsigned max)
{
	struct walk_item start = { .state = state, .need = NEED_NOTHING };
	bool ok;

	for (uint32_t i = 0; i < w->n_items; i++) /* far fewer than there are slots */
		w->item_slot[w->item[i].slot] = 0;
	w->n_items = w->n_seqs = 0;
	ok = push(w, &start, state);
	for (uint32_t i = 0; ok && i < w->n_items && !w->full; i++) {
		/* A copy: steps add items, and may reuse this one's fields as their own start. */
		struct walk_item it = w->item[i];

		ok = step(w, &it, max);
	}
	w->steps += 8 + w->n_items;
	return ok && !w->full;
}
