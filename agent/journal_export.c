#include "agent/journal_export.h"

#include "agent/render.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "base/units.h"
#include "journal/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>
#include <zlib.h>

enum { OUT_BYTES = 256 << 10 };

static const char *const kinds[] = { "", "event", "alert", "block", "ledger" };

/* A lane, with the item that comes next. */
struct lane {
	struct journal_reader *reader;
	struct journal_item item;
	enum journal_read got;
};

struct export
{
	const struct journal_export_options *o;
	struct lane lane[JOURNAL_LANES];
	unsigned n_lanes;
	struct record_reader records;
	struct buf out;
	gzFile gz;
	uint64_t damaged;
	struct err e;
};

bool journal_export_kind(const char *name, enum record_kind *kind)
{
	for (unsigned i = RECORD_EVENT; i <= RECORD_LAST_NUMBERED; i++)
		if (strcmp(kinds[i], name) == 0) {
			*kind = (enum record_kind)i;
			return true;
		}
	return false;
}

bool journal_export_since(const char *text, int64_t *since_us)
{
	struct slice s = slice_of(text);
	int64_t span;

	if (units_duration(s, &span)) {
		*since_us = clock_now_us() - span;
		return true;
	}
	return s.n > 0 && timefmt_parse_rfc3339(s, 0, since_us) == s.n;
}

/* ---- writing ---- */

static bool write_out(struct export *x)
{
	size_t at = 0;

	while (at < x->out.n) {
		ssize_t n = x->gz != NULL ? gzwrite(x->gz, x->out.p + at, (unsigned)(x->out.n - at))
					  : write(STDOUT_FILENO, x->out.p + at, x->out.n - at);

		if (n <= 0 && errno != EINTR) {
			err_set(&x->e, errno, "writing: %s", strerror(errno));
			return false;
		}
		at += n > 0 ? (size_t)n : 0;
	}
	buf_reset(&x->out);
	return true;
}

static bool put_missing(struct export *x, const struct journal_item *item, const char *why)
{
	struct json j = { .out = &x->out };

	json_open(&j, '{');
	json_member_text(&j, "kind", SLICE("missing"));
	json_member_text(&j, "why", slice_of(why));
	json_member_u64(&j, "seq", item->rec_seq != 0 ? item->rec_seq : item->damage.rec_from);
	json_member_u64(&j, "records", item->n);
	json_close(&j, '}');
	buf_char(&x->out, '\n');
	return write_out(x);
}

static bool put_frame(struct export *x, const struct journal_item *item)
{
	struct journal_item lost = *item;
	struct record r;
	int rc;

	record_reader_open(&x->records, item->payload, item->rec_seq);
	while ((rc = record_next(&x->records, &r, &x->e)) > 0) {
		struct json j = { .out = &x->out };

		lost.n -= r.seq != 0;
		lost.rec_seq += r.seq != 0;
		if (r.seq == 0 || (x->o->kind != 0 && r.kind != x->o->kind))
			continue;
		render_record(&j, &r, true);
		buf_char(&x->out, '\n');
		if (x->out.n > OUT_BYTES && !write_out(x))
			return false;
	}
	x->damaged += rc < 0;
	return rc < 0 ? put_missing(x, &lost, "damaged") : write_out(x);
}

static bool put_item(struct export *x, const struct lane *l)
{
	switch (l->got) {
	case JOURNAL_READ_FRAME:
		return (int64_t)l->item.frame.time_us < x->o->since_us || put_frame(x, &l->item);
	case JOURNAL_READ_SHED:
		return (int64_t)l->item.frame.time_us < x->o->since_us ||
		       put_missing(x, &l->item, "shed");
	case JOURNAL_READ_DAMAGE:
		x->damaged++;
		return put_missing(x, &l->item, "damaged");
	case JOURNAL_READ_ERROR:
	case JOURNAL_READ_TIMEOUT:
	case JOURNAL_READ_STOPPED:
		break;
	}
	return false;
}

/* ---- reading: both lanes, frame by frame ---- */

static bool has_item(const struct lane *l)
{
	return l->got == JOURNAL_READ_FRAME || l->got == JOURNAL_READ_SHED ||
	       l->got == JOURNAL_READ_DAMAGE;
}

static void advance(struct export *x, struct lane *l)
{
	l->got = journal_reader_next(l->reader, 0, &l->item, &x->e);
	if (l->got == JOURNAL_READ_ERROR) /* a read error is given twice, then it is damage */
		l->got = journal_reader_next(l->reader, 0, &l->item, &x->e);
	if (l->got == JOURNAL_READ_ERROR)
		l->got = journal_reader_next(l->reader, 0, &l->item, &x->e);
}

static int run(struct export *x)
{
	for (unsigned i = 0; i < x->n_lanes; i++)
		advance(x, &x->lane[i]);
	for (;;) {
		struct lane *next = NULL;

		for (unsigned i = 0; i < x->n_lanes; i++) {
			if (x->lane[i].got == JOURNAL_READ_ERROR)
				return EX_IOERR;
			if (has_item(&x->lane[i]) &&
			    (next == NULL || x->lane[i].item.seq < next->item.seq))
				next = &x->lane[i];
		}
		if (next == NULL)
			return x->damaged > 0 ? EX_DATAERR : 0;
		if (!put_item(x, next))
			return EX_IOERR;
		advance(x, next);
	}
}

int journal_export(struct journal *j, const struct journal_export_options *o)
{
	struct export *x = calloc(1, sizeof(*x));
	int rc = 0;

	if (x == NULL)
		return EX_OSERR;
	x->o = o;
	/* decisions are never in the bulk lane */
	x->n_lanes = o->kind == 0 || o->kind == RECORD_EVENT ? JOURNAL_LANES : 1;
	if (o->gzip && (x->gz = gzdopen(dup(STDOUT_FILENO), "wb")) == NULL)
		rc = EX_OSERR;
	for (unsigned i = 0; i < x->n_lanes && rc == 0; i++)
		if (journal_reader_open(j, (enum journal_lane)i, 0, &x->lane[i].reader, &x->e) != 0)
			rc = EX_IOERR;
	if (rc == 0)
		rc = run(x);
	if (x->gz != NULL && gzclose(x->gz) != Z_OK && rc == 0)
		rc = EX_IOERR;
	if (rc != 0)
		fprintf(stderr, "sekisho: %s\n",
		    rc == EX_DATAERR	  ? "frames were damaged; see the lines of kind missing"
		    : x->e.msg[0] != '\0' ? x->e.msg
					  : "the export is not whole");
	for (unsigned i = 0; i < x->n_lanes; i++)
		journal_reader_close(x->lane[i].reader);
	record_reader_free(&x->records);
	buf_free(&x->out);
	free(x);
	return rc;
}
