/* sekisho journal: looking at the journal, also while it is written, and sending dead letters
 * again. */
#include "agent/commands.h"
#include "agent/config.h"
#include "agent/journal_export.h"
#include "agent/journal_import.h"
#include "agent/options.h"
#include "agent/redrive.h"
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
	"sekisho journal [-c FILE] list | cat | verify | export | redrive | forget | import DIR\n"
	"       [OPTION]...",
	"list: frames, records and bytes. cat: every record as NDJSON. verify: read all of it and\n"
	"check every CRC. export: every record with its number and all that is kept beside it, in\n"
	"order, for backups. redrive: dead letters that sinks refused wait again for delivery, "
	"once. forget: what waits for a sink is given up, and counted.\n"
	"import: what a host that ended did not deliver is delivered by this one.\n"
	"All of them also beside a running agent.",
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
	static const char *const verbs[] = { "list", "cat", "verify", "export", "redrive", "forget",
		"import" };

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return true;
	fprintf(stderr, "usage: %s\n", usage.line);
	return false;
}

/* `import DIR` is the only one that takes a word. */
static int takes_dir(char **argv, int n)
{
	return n > 0 && strcmp(argv[1], "import") == 0;
}

struct asked {
	const char *since, *kind, *until;
	struct forget_options forget;
	struct journal_export_options export;
	struct redrive_options redrive;
};

static bool read_asked(struct asked *a, const char *verb)
{
	bool exports = strcmp(verb, "export") == 0;
	bool redrives = strcmp(verb, "redrive") == 0;
	bool imports = strcmp(verb, "import") == 0;
	bool forgets = strcmp(verb, "forget") == 0;
	uint64_t id[2];
	const char *wrong = NULL;

	if (a->since != NULL && !journal_export_since(a->since, &a->export.since_us))
		wrong =
		    "--since: expected a time such as 2026-11-23T06:00:00Z or a span such as 24h";
	else if (a->kind != NULL && !journal_export_kind(a->kind, &a->export.kind))
		wrong = "--kind: expected event, alert, block or ledger";
	else if (!exports && (a->kind != NULL || a->export.gzip))
		wrong = "--kind and --gzip are options of export";
	else if (!exports && !redrives && a->since != NULL)
		wrong = "--since is an option of export and redrive";
	else if (!redrives &&
		 (a->redrive.id != NULL || (!forgets && !imports && a->redrive.sink != NULL)))
		wrong = "--sink is an option of redrive, forget and import, --id of redrive";
	else if (forgets && a->redrive.sink == NULL)
		wrong = "forget needs --sink";
	else if (!forgets && a->until != NULL)
		wrong = "--until is an option of forget";
	else if (a->until != NULL && !journal_export_since(a->until, &a->forget.until_us))
		wrong =
		    "--until: expected a time such as 2026-11-23T06:00:00Z or a span such as 24h";
	else if (a->redrive.id != NULL && !record_id_parse(slice_of(a->redrive.id), id))
		wrong = "--id: expected the 32 hex digits of an id";
	a->redrive.since_us = a->export.since_us;
	a->forget.sink = a->redrive.sink;
	if (wrong != NULL)
		fprintf(stderr, "sekisho: %s\n", wrong);
	return wrong == NULL;
}

static int look(const char *verb, const struct config *c, const struct journal_export_options *x)
{
	/* damage is told within the export, where a line of its own would break the form */
	struct journal_options o = { .dir = c->journal.dir,
		.read_only = true,
		.report = strcmp(verb, "export") == 0 ? NULL : on_damage };
	struct journal *j;
	struct err e;
	int rc;

	if (journal_open(&o, &j, &e) != 0) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		return EX_NOINPUT;
	}
	rc = run(verb, j, x);
	journal_close(j);
	return rc;
}

int cmd_journal(int argc, char **argv)
{
	static struct config c;
	const char *path = CONFIG_DEFAULT_PATH;
	struct asked a = { 0 };
	struct problems p = { 0 };
	int rc;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE", "config" },
		{ "--since", OPTION_TEXT, &a.since, "T",
		    "export: what was journalled from then on, redrive: refused from then on: a "
		    "time, or a span such as 24h" },
		{ "--kind", OPTION_TEXT, &a.kind, "KIND", "export: event, alert, block or ledger" },
		{ "--gzip", OPTION_FLAG, &a.export.gzip, NULL, "export: compressed" },
		{ "--sink", OPTION_TEXT, &a.redrive.sink, "NAME",
		    "redrive, forget, import: of that sink; but forget: default: of all" },
		{ "--until", OPTION_TEXT, &a.until, "T",
		    "forget: only what was journalled before that time, or span such as 24h ago" },
		{ "--id", OPTION_TEXT, &a.redrive.id, "ID", "redrive: the records of that id" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	int n = options_read(argc, argv, defs, &usage, &rc);

	if (n < 0)
		return rc;
	if (!is_verb(n == 1 + takes_dir(argv, n) ? argv[1] : "") || !read_asked(&a, argv[1]))
		return EX_USAGE;
	if (config_load(path, &c, &p) != 0) {
		fwrite(p.text.p, 1, p.text.n, stderr);
		return EX_CONFIG;
	}
	if (strcmp(argv[1], "redrive") == 0)
		rc = redrive_command(path, &c, &a.redrive);
	else if (strcmp(argv[1], "forget") == 0)
		rc = forget_command(path, &c, &a.forget);
	else if (strcmp(argv[1], "import") == 0)
		rc = journal_import(&c, argv[2], a.redrive.sink);
	else
		rc = look(argv[1], &c, &a.export);
	config_free(&c);
	return rc;
}
