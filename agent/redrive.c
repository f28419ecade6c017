#include "agent/redrive.h"

#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/control.h"
#include "agent/ship.h"
#include "base/err.h"
#include "journal/journal_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static void say(struct buf *out, const char *sink, const struct dead_letter_moved *m)
{
	buf_printf(out, "%s: %" PRIu64 " dead letters wait again\n", sink, m->moved);
	if (m->unfit > 0)
		buf_printf(out,
		    "%s: %" PRIu64 " others stay: written by a version that did not keep all of "
		    "the record, or damaged\n",
		    sink, m->unfit);
}

bool redrive_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out)
{
	struct dead_letter_choice choice = { 0 };
	struct dead_letter_moved moved;
	struct err e = { 0, "" };
	bool found = false;

	if (n < 4 || !slice_i64(word[2], &choice.since_us)) {
		buf_str(out, "redrive needs a sink, a time and an id\n");
		return false;
	}
	if (!slice_eq(word[3], SLICE("*")))
		choice.id = word[3];
	for (unsigned i = 0; i < a->n_ships; i++) {
		struct ship_status st;

		ship_status(a->ships[i], &st);
		if (!slice_eq(word[1], SLICE("*")) && !slice_eq(word[1], slice_of(st.name)))
			continue;
		found = true;
		if (ship_redrive(a->ships[i], &choice, &moved, &e) != 0) {
			buf_printf(out, "%s: %s\n", st.name, e.msg);
			return false;
		}
		say(out, st.name, &moved);
	}
	if (!found)
		buf_str(out, "there is no such sink\n");
	return found;
}

static int without_agent(const struct config *c, const struct redrive_options *o)
{
	struct dead_letter_choice choice = { o->since_us, slice_of(o->id) };
	struct dead_letter_moved moved;
	struct buf out = { 0 };
	struct err e = { 0, "" };
	int rc = 0;

	for (unsigned i = 0; i < c->sinks.n && rc == 0; i++) {
		const char *name = config_sink(c, i)->name;
		struct dead_letter *d;

		if (o->sink != NULL && strcmp(o->sink, name) != 0)
			continue;
		d = dead_letter_open(c->journal.dir, name, &e);
		if (d == NULL || dead_letter_redrive(d, &choice, &moved, &e) != 0) {
			fprintf(stderr, "sekisho: %s\n", e.msg);
			rc = EX_IOERR;
		} else {
			say(&out, name, &moved);
		}
		dead_letter_close(d);
	}
	if (out.n > 0)
		fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
	return rc;
}

int redrive_command(
    const char *config_path, const struct config *c, const struct redrive_options *o)
{
	char lock[1100];
	char request[256];
	int pid = 0;
	int fd;
	int rc;

	if (o->sink != NULL && config_sink_named(c, o->sink) == NULL) {
		fprintf(stderr, "sekisho: the config has no sink '%s'\n", o->sink);
		return EX_USAGE;
	}
	snprintf(lock, sizeof(lock), "%s/lock", c->journal.dir);
	fd = journal_io_real.lock(journal_io_real.ctx, lock, 0, &pid);
	if (fd == -EBUSY) {
		snprintf(request, sizeof(request), "redrive %s %lld %s",
		    o->sink != NULL ? o->sink : "*", (long long)o->since_us,
		    o->id != NULL ? o->id : "*");
		return control_ask(config_path, request);
	}
	if (fd < 0) {
		fprintf(stderr, "sekisho: %s: %s\n", lock, strerror(-fd));
		return fd == -ENOENT ? EX_NOINPUT : EX_IOERR;
	}
	rc = without_agent(c, o);
	journal_io_real.close(journal_io_real.ctx, fd);
	return rc;
}
