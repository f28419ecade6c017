/* Dead letters on their way back; see dead_letter.h. */
#include "agent/dead_letter.h"
#include "agent/draft.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "libs/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what a line holds ---- */

/* The text of a member that this program wrote at the line's top level. */
static struct slice text_member(struct slice line, const char *name)
{
	char key[32];
	const char *at;
	struct slice value;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	at = memmem(line.p, line.n, key, strlen(key));
	if (at == NULL)
		return (struct slice){ 0 };
	slice_cut(slice_from(line, (size_t)(at - line.p) + strlen(key)), '"', &value, &line);
	return value;
}

/* The record is the last member: nothing but the line's end follows it. */
static struct slice record_of(struct slice line)
{
	static const char tail[] = "\"}\n";
	struct slice rest = line;
	struct slice before;
	struct slice after;

	while (slice_cut_str(rest, SLICE(",\"record\":\""), &before, &after))
		rest = after;
	if (rest.n == line.n || !slice_cut(rest, '"', &before, &after) ||
	    after.n != sizeof(tail) - 2 || memcmp(after.p - 1, tail, sizeof(tail) - 1) != 0)
		return (struct slice){ 0 };
	return before;
}

/* In place: base64 to bytes. Empty: it is none. */
static struct slice decode(char *text, size_t n)
{
	uint8_t *out;
	int got;

	if (n < 4 || n % 4 != 0 || n > INT32_MAX)
		return (struct slice){ 0 };
	out = malloc(n / 4 * 3 + 1);
	if (out == NULL)
		return (struct slice){ 0 };
	got = EVP_DecodeBlock(out, (const uint8_t *)text, (int)n);
	if (got > 0) {
		got -= (text[n - 1] == '=') + (text[n - 2] == '=');
		memcpy(text, out, (size_t)got);
	}
	free(out);
	return (struct slice){ text, got > 0 ? (size_t)got : 0 };
}

static bool is_chosen(struct slice line, const struct dead_letter_choice *choice)
{
	struct slice refused = text_member(line, "refused");
	int64_t at = 0;

	if (choice->id.n > 0 && !slice_eq(text_member(line, "id"), choice->id))
		return false;
	return choice->since_us == 0 ||
	       (timefmt_parse_rfc3339(refused, 0, &at) == refused.n && at >= choice->since_us);
}

/* ---- the queue's lines, as keys ---- */

struct keys {
	struct key {
		uint64_t seq;
		enum journal_lane lane;
	} * v;
	uint64_t n, cap;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool keys_add(struct keys *k, struct key key)
{
	if (k->n == k->cap) {
		uint64_t cap = k->cap != 0 ? k->cap * 2 : 64;
		struct key *v = realloc(k->v, cap * sizeof(*v));

		if (v == NULL)
			return false;
		k->v = v;
		k->cap = cap;
	}
	k->v[k->n++] = key;
	return true;
}

static bool keys_have(const struct keys *k, struct key key)
{
	return k->n > 0 && bsearch(&key, k->v, k->n, sizeof(key), compare) != NULL;
}

/*
 * The queue's name, and the keys of its lines from number `from` on, sorted. An absent one has
 * neither. The lines are copied to `to` unless that is NULL.
 */
static int read_queue(
    struct dead_letter *d, uint64_t from, struct keys *k, struct draft *to, struct err *e)
{
	FILE *fp = fopen(d->queue_path, "re");
	unsigned long long batch = 0;
	uint64_t i = 0;
	ssize_t n;
	int rc = 0;

	d->batch = 0;
	if (fp == NULL)
		return errno == ENOENT
			   ? 0
			   : err_set(e, errno, "%s: %s", d->queue_path, strerror(errno));
	if (getline(&d->text, &d->text_cap, fp) > 0 &&
	    sscanf(d->text, "{\"batch\":%llu}", &batch) == 1)
		d->batch = batch;
	if (d->batch == 0)
		rc = err_set(
		    e, EBADMSG, "%s: damaged: no {\"batch\":N} in its first line", d->queue_path);
	while (rc == 0 && (n = getline(&d->text, &d->text_cap, fp)) > 0) {
		struct key key;

		if (!dead_letter_key(d->text, &key.lane, &key.seq))
			continue;
		if (to != NULL)
			draft_line(to, d->text, (size_t)n);
		if (i++ >= from && !keys_add(k, key))
			rc = err_set(e, ENOMEM, "no memory for the dead letters' numbers");
	}
	fclose(fp);
	if (k->n > 0)
		qsort(k->v, k->n, sizeof(*k->v), compare);
	return rc;
}

/* ---- moving ---- */

struct move {
	struct dead_letter *d;
	const struct dead_letter_choice *choice; /* NULL: what is queued already is taken away */
	struct draft stays, goes;
	struct keys queued;
	uint64_t n[JOURNAL_LANES];
	struct dead_letter_moved *out;
};

static void move_line(struct move *m, size_t n)
{
	struct dead_letter *d = m->d;
	struct slice line = { d->text, n };
	struct key key;
	bool ours = dead_letter_key(d->text, &key.lane, &key.seq);

	if (m->choice == NULL) {
		if (!ours || !keys_have(&m->queued, key))
			draft_line(&m->stays, d->text, n);
		return;
	}
	if (!ours || keys_have(&m->queued, key) || !is_chosen(line, m->choice)) {
		draft_line(&m->stays, d->text, n);
	} else if (record_of(line).n == 0) {
		m->out->unfit++;
		draft_line(&m->stays, d->text, n);
	} else {
		m->out->moved++;
		m->n[key.lane]++;
		draft_line(&m->goes, d->text, n);
	}
}

/* Each whole line of the dead letters into one of the drafts. */
static int move_lines(struct move *m, struct err *e)
{
	struct dead_letter *d = m->d;
	FILE *fp = fopen(d->path, "re");
	off_t at = 0;
	ssize_t n;

	if (fp == NULL)
		return errno == ENOENT ? 0 : err_set(e, errno, "%s: %s", d->path, strerror(errno));
	while (at < d->size && (n = getline(&d->text, &d->text_cap, fp)) > 0) {
		at += n;
		move_line(m, (size_t)n);
	}
	fclose(fp);
	return 0;
}

static int take_stays(struct move *m, struct err *e)
{
	struct dead_letter *d = m->d;

	if (draft_take(&m->stays, d->path, e) != 0)
		return -1;
	if (d->fd >= 0)
		close(d->fd); /* of the file that was replaced */
	d->fd = -1;
	d->size = m->stays.size;
	return 0;
}

static int begin_queue(struct move *m, struct err *e)
{
	struct dead_letter *d = m->d;
	struct keys ignored = { 0 };
	char head[64];
	int n;
	int rc = read_queue(d, 0, &ignored, NULL, e);

	free(ignored.v);
	if (rc != 0 || draft_open(&m->goes, d->queue_path, d->path, e) != 0)
		return -1;
	if (d->batch == 0) { /* a number that no cursor knows */
		d->batch = (uint64_t)clock_now_us();
		d->queued = 0;
	}
	n = snprintf(head, sizeof(head), "{\"batch\":%llu}\n", (unsigned long long)d->batch);
	draft_line(&m->goes, head, (size_t)n);
	return 0;
}

static int move(struct move *m, struct err *e)
{
	struct dead_letter *d = m->d;
	uint64_t batch;

	if (begin_queue(m, e) != 0)
		return -1;
	batch = d->batch;
	if (read_queue(d, 0, &m->queued, &m->goes, e) != 0)
		return -1;
	d->batch = batch;
	if (draft_open(&m->stays, d->path, d->path, e) != 0 || move_lines(m, e) != 0)
		return -1;
	if (m->out->moved == 0) {
		d->batch = d->queued > 0 ? batch : 0;
		return 0;
	}
	if (draft_take(&m->goes, d->queue_path, e) != 0)
		return -1;
	d->queued += m->out->moved;
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		d->waiting[l] += m->n[l];
	return take_stays(m, e);
}

int dead_letter_redrive(struct dead_letter *d, const struct dead_letter_choice *choice,
    struct dead_letter_moved *out, struct err *e)
{
	struct move m = { .d = d, .choice = choice, .out = out };
	int rc;

	*out = (struct dead_letter_moved){ 0 };
	if (access(d->path, F_OK) != 0)
		return 0; /* nothing was ever refused, or no folder made */
	pthread_mutex_lock(&d->lock);
	rc = move(&m, e);
	draft_drop(&m.goes);
	draft_drop(&m.stays);
	free(m.queued.v);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

int dead_letter_waiting_from(struct dead_letter *d, const struct journal_cursor *c, struct err *e)
{
	struct move m = { .d = d };
	uint64_t done = 0;
	int rc;

	pthread_mutex_lock(&d->lock);
	rc = read_queue(d, UINT64_MAX, &m.queued, NULL, e); /* its name */
	if (rc == 0 && d->batch != 0) {
		done = c->redrive_batch == d->batch ? c->redrive_done : 0;
		rc = read_queue(d, done, &m.queued, NULL, e);
	}
	for (uint64_t i = 0; i < m.queued.n; i++)
		d->waiting[m.queued.v[i].lane]++;
	if (rc == 0 && m.queued.n > 0) { /* a line in both files is in the queue */
		rc = draft_open(&m.stays, d->path, d->path, e) != 0 || move_lines(&m, e) != 0 ? -1
											      : 0;
		rc = rc == 0 ? take_stays(&m, e) : rc;
		draft_drop(&m.stays);
	}
	if (rc == 0 && d->batch != 0 && m.queued.n == 0) {
		unlink(d->queue_path);
		d->batch = 0;
		d->queued = 0;
	}
	free(m.queued.v);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

/* ---- delivering ---- */

uint64_t dead_letter_waiting(struct dead_letter *d, enum journal_lane lane)
{
	uint64_t n;

	pthread_mutex_lock(&d->lock);
	n = d->waiting[lane];
	pthread_mutex_unlock(&d->lock);
	return n;
}

int dead_letter_queue_open(struct dead_letter *d, struct journal_cursor *c, struct err *e)
{
	struct dead_letter_item skipped;
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	if (d->queue != NULL)
		fclose(d->queue);
	d->queue = fopen(d->queue_path, "re");
	if (d->queue == NULL)
		rc = err_set(e, errno, "%s: %s", d->queue_path, strerror(errno));
	if (c->redrive_batch != d->batch) {
		c->redrive_batch = d->batch;
		c->redrive_done = 0;
	}
	pthread_mutex_unlock(&d->lock);
	for (uint64_t i = 0; rc == 0 && i < c->redrive_done; i++)
		if (dead_letter_queue_next(d, &skipped) == 0)
			break;
	return rc;
}

int dead_letter_queue_next(struct dead_letter *d, struct dead_letter_item *item)
{
	struct slice coded;
	ssize_t n;

	*item = (struct dead_letter_item){ 0 };
	do
		n = getline(&d->item, &d->item_cap, d->queue);
	while (n > 0 && !dead_letter_key(d->item, &item->lane, &item->seq));
	if (n <= 0)
		return 0;
	coded = record_of((struct slice){ d->item, (size_t)n });
	if (coded.n > 0)
		item->chunk = decode(d->item + (coded.p - d->item), coded.n);
	return 1;
}

void dead_letter_settled(
    struct dead_letter *d, const struct journal_cursor *c, const uint64_t n[static JOURNAL_LANES])
{
	pthread_mutex_lock(&d->lock);
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		d->waiting[l] -= n[l] < d->waiting[l] ? n[l] : d->waiting[l];
	if (d->batch != 0 && c->redrive_batch == d->batch && c->redrive_done >= d->queued) {
		unlink(d->queue_path); /* if that is lost in a crash, the cursor still knows */
		d->batch = 0;
		d->queued = 0;
	}
	pthread_mutex_unlock(&d->lock);
}
