/* `journal forget`: see redrive.h. */
#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/control.h"
#include "agent/redrive.h"
#include "agent/ship.h"
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

enum { WAIT_MS = 45000 };

static bool forget_one(struct ship *ship, int64_t until_us, struct buf *out)
{
	struct journal_moment until;
	struct ship_status st;
	uint64_t n[JOURNAL_LANES] = { 0 };
	struct err e = { 0, "" };

	ship_status(ship, &st);
	if (journal_since(
		st.journal, until_us != 0 ? (uint64_t)until_us : UINT64_MAX, &until, &e) != 0 ||
	    ship_forget(ship, &until, WAIT_MS, n, &e) != 0) {
		buf_printf(out, "%s: nothing is forgotten: %s\n", st.name, e.msg);
		return false;
	}
	buf_printf(out,
	    "%s: %" PRIu64 " records are forgotten (control %" PRIu64 ", bulk %" PRIu64 ")\n",
	    st.name, n[JOURNAL_CONTROL] + n[JOURNAL_BULK], n[JOURNAL_CONTROL], n[JOURNAL_BULK]);
	return true;
}

bool forget_answer(struct agent *a, const struct slice *word, unsigned n, struct buf *out)
{
	int64_t until_us;

	if (n < 3 || !slice_i64(word[2], &until_us)) {
		buf_str(out, "forget needs a sink and a time\n");
		return false;
	}
	for (unsigned i = 0; i < a->n_ships; i++)
		if (slice_eq(word[1], slice_of(ship_name(a->ships[i]))))
			return forget_one(a->ships[i], until_us, out);
	buf_str(out, "there is no such sink\n");
	return false;
}

static bool is_configured(const struct config *c, const char *sink)
{
	return config_sink_named(c, sink) != NULL ||
	       strchr(sink, '@') != NULL; /* of an imported journal: the agent knows */
}

int forget_command(const char *config_path, const struct config *c, const struct forget_options *o)
{
	char request[256];
	struct err e;

	if (is_configured(c, o->sink)) {
		snprintf(
		    request, sizeof(request), "forget %s %lld", o->sink, (long long)o->until_us);
		return control_ask(config_path, request);
	}
	if (journal_cursor_forget(NULL, c->journal.dir, o->sink, &e) == 0) {
		printf(
		    "%s: the config has no such sink any more; its cursor is removed\n", o->sink);
		return 0;
	}
	if (e.code == ENOENT)
		fprintf(stderr, "sekisho: there is no sink '%s', and no cursor of one\n", o->sink);
	else
		fprintf(stderr, "sekisho: %s\n", e.msg);
	return e.code == ENOENT || e.code == EINVAL ? EX_USAGE : EX_IOERR;
}
