/* sekisho journal list | cat | verify | export: looking at the journal, also while it is written.
 */
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/journal_export.h"
#include "agent/options.h"
#include "agent/render.h"
#include "base/err.h"
#include "base/record.h"
#include "base/record_json.h"
#include "base/units.h"
#include "journal/journal.h"
#include "journal/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct usage usage = {
	"sekisho journal [-c FILE] list | cat | verify | export [OPTION]...",
	"list: frames, records and bytes. cat: every record as NDJSON. verify: read all of it and\n"
	"check every CRC. export: every record with its number and all that is kept beside it, in\n"
	"order, for backups. All of them also beside a running agent.",
	"sekisho journal export --since 24h --gzip > sekisho.ndjson.gz",
};

static void on_damage(void *ctx, const struct journal_damage *d)
{
	(void)ctx;
	printf("damaged: segment %020" PRIu64 " offset %" PRIu64 " frames %" PRIu64 "-%" PRIu64
	       ": %s\n",
	    d->segment, d->offset, d->seq_from, d->seq_to, d->why);
}

static void list(struct journal *j)
{
	struct journal_stats s;
	char size[32];

	journal_stats(j, &s);
	printf("frames %" PRIu64 " to %" PRIu64 " in %" PRIu64 " segments, %s on disk\n",
	    s.first_seq, s.durable_seq, s.segments, units_show_bytes(s.disk, size));
	printf("records %" PRIu64 " control, %" PRIu64 " bulk; %" PRIu64 " bytes of logs\n",
	    s.control_records, s.bulk_records, s.bytes_in);
	printf("shed %" PRIu64 " records in %" PRIu64 " frames\n", s.shed_records, s.shed_frames);
}

static int verify(struct journal *j)
{
	struct journal_totals t;
	struct err e;

	if (journal_audit(j, &t, on_damage, NULL, &e) != 0) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		return EX_IOERR;
	}
	printf("%" PRIu64 " frames, %" PRIu64 " control and %" PRIu64 " bulk records, %" PRIu64
	       " shed; damaged: %" PRIu64 " frames, %" PRIu64 " records\n",
	    t.frames, t.control_records, t.bulk_records, t.shed_records, t.damaged_frames,
	    t.damaged_records);
	return t.damaged_frames > 0 ? EX_DATAERR : 0;
}

static void print_record(const struct record *r, struct buf *b)
{
	struct json j = { .out = b };

	buf_reset(b);
	render_record(&j, r, false);
	buf_char(b, '\n');
	fwrite(b->p, 1, b->n, stdout);
}

static int cat_frame(
    struct record_reader *rr, const struct journal_item *item, struct buf *b, struct err *e)
{
	struct record r;
	int rc;

	record_reader_open(rr, item->payload, item->rec_seq);
	while ((rc = record_next(rr, &r, e)) > 0)
		if (r.seq != 0)
			print_record(&r, b);
	return rc;
}

/* Control first, then bulk: the order in which sinks get them. */
static int cat(struct journal *j)
{
	struct record_reader *rr = calloc(1, sizeof(*rr));
	struct buf b = { 0 };
	struct err e = { 0, "out of memory" };
	int rc = rr != NULL ? 0 : EX_OSERR;

	for (unsigned l = 0; l < JOURNAL_LANES && rc == 0; l++) {
		struct journal_reader *r;
		struct journal_item item;
		enum journal_read got;

		if (journal_reader_open(j, (enum journal_lane)l, 0, &r, &e) != 0) {
			rc = EX_IOERR;
			break;
		}
		while ((got = journal_reader_next(r, 0, &item, &e)) == JOURNAL_READ_FRAME ||
		       got == JOURNAL_READ_SHED || got == JOURNAL_READ_DAMAGE) {
			if (got == JOURNAL_READ_DAMAGE)
				on_damage(NULL, &item.damage);
			else if (got == JOURNAL_READ_FRAME && cat_frame(rr, &item, &b, &e) < 0)
				rc = EX_DATAERR;
		}
		if (got == JOURNAL_READ_ERROR)
			rc = EX_IOERR;
		journal_reader_close(r);
	}
	if (rc != 0)
		fprintf(stderr, "sekisho: %s\n", e.msg);
	if (rr != NULL)
		record_reader_free(rr);
	free(rr);
	buf_free(&b);
	return rc;
}

static int run(const char *verb, struct journal *j, const struct journal_export_options *o)
{
	if (strcmp(verb, "list") == 0) {
		list(j);
		return 0;
	}
	if (strcmp(verb, "export") == 0)
		return journal_export(j, o);
	return strcmp(verb, "cat") == 0 ? cat(j) : verify(j);
}

static bool is_verb(const char *verb)
{
	static const char *const verbs[] = { "list", "cat", "verify", "export" };

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return true;
	fprintf(stderr, "usage: %s\n", usage.line);
	return false;
}

static bool read_export(
    const char *since, const char *kind, bool exports, struct journal_export_options *o)
{
	const char *wrong = NULL;

	if (since != NULL && !journal_export_since(since, &o->since_us))
		wrong =
		    "--since: expected a time such as 2026-11-23T06:00:00Z or a span such as 24h";
	else if (kind != NULL && !journal_export_kind(kind, &o->kind))
		wrong = "--kind: expected event, alert, block or ledger";
	else if (!exports && (since != NULL || kind != NULL || o->gzip))
		wrong = "--since, --kind and --gzip are options of export";
	if (wrong != NULL)
		fprintf(stderr, "sekisho: %s\n", wrong);
	return wrong == NULL;
}

int cmd_journal(int argc, char **argv)
{
	static struct config c;
	const char *path = CONFIG_DEFAULT_PATH;
	const char *since = NULL;
	const char *kind = NULL;
	struct journal_export_options x = { 0 };
	struct problems p = { 0 };
	struct journal *j;
	struct err e;
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--since", OPTION_TEXT, &since, "T",
		    "export: what was journalled from then on: a time, or a span such as 24h" },
		{ "--kind", OPTION_TEXT, &kind, "KIND", "export: event, alert, block or ledger" },
		{ "--gzip", OPTION_FLAG, &x.gzip, NULL, "export: compressed" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	if (!is_verb(n == 1 ? argv[1] : "") ||
	    !read_export(since, kind, strcmp(argv[1], "export") == 0, &x))
		return EX_USAGE;
	if (config_load(path, &c, &p) != 0) {
		fwrite(p.text.p, 1, p.text.n, stderr);
		return EX_CONFIG;
	}

	/* damage is told within the export, where a line of its own would break the form */
	struct journal_options o = { .dir = c.journal.dir,
		.read_only = true,
		.report = strcmp(argv[1], "export") == 0 ? NULL : on_damage };

	if (journal_open(&o, &j, &e) != 0) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		rc = EX_NOINPUT;
	} else {
		rc = run(argv[1], j, &x);
		journal_close(j);
	}
	config_free(&c);
	return rc;
}
