#include "agent/report.h"

#include "agent/agent.h"
#include "agent/planes.h"
#include "agent/ship.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* One line of sums for a sink's lane: what was journalled, and where it is. */
struct balance {
	uint64_t journalled, delivered, waiting, rejected, shed, dropped, damaged;
	uint64_t lag_bytes; /* of logs, journalled since */
	uint64_t oldest_us; /* when the first that waits was journalled; 0: none waits */
	bool ok;
};

static void balance_of(
    struct agent *a, const struct ship_status *st, enum journal_lane l, struct balance *b)
{
	const struct journal_cursor_lane *c = &st->cursor.lane[l];
	struct journal_counts at = { 0 };
	struct journal_stats js;
	uint64_t requeued;
	struct err e;

	journal_stats(a->journal, &js);
	b->journalled = l == JOURNAL_CONTROL ? js.control_records : js.bulk_records;
	b->delivered = c->delivered;
	b->rejected = c->rejected;
	b->shed = c->shed;
	b->dropped = c->dropped;
	b->damaged = c->damaged;
	b->waiting = 0;
	b->ok = c->seq == 0 || journal_counts_at(a->journal, c->seq, &at, &e) == 0;

	uint64_t passed = l == JOURNAL_CONTROL ? at.control_records : at.bulk_records;

	/* a dead letter that is queued again is counted as rejected until it is delivered */
	requeued = st->requeued[l] < b->rejected ? st->requeued[l] : b->rejected;
	b->rejected -= requeued;
	b->waiting = b->journalled - passed + requeued;
	b->lag_bytes = b->journalled > passed ? js.bytes_in - at.bytes_in : 0;
	b->oldest_us = b->journalled > passed ? journal_oldest_after(a->journal, l, c->seq) : 0;
	/* two sources, which must agree: the journal's own count, and the sink's */
	b->ok = b->ok &&
		b->delivered + b->rejected + b->shed + b->dropped + b->damaged == passed - requeued;
}

/* How far a sink is behind, both lanes together. */
struct lag {
	uint64_t events, bytes, dead;
	int64_t seconds;
};

static void lag_of(struct agent *a, const struct ship_status *st, struct lag *g)
{
	int64_t now = clock_now_us();

	*g = (struct lag){ 0 };
	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		struct balance b;
		int64_t s;

		balance_of(a, st, (enum journal_lane)l, &b);
		s = b.oldest_us != 0 ? (now - (int64_t)b.oldest_us) / 1000000 : 0;
		g->events += b.waiting;
		g->dead += b.rejected;
		g->bytes = b.lag_bytes > g->bytes ? b.lag_bytes : g->bytes;
		g->seconds = s > g->seconds ? s : g->seconds;
	}
}

/*
 * What was read since the start, and where it went. The counters are the reader's and the
 * committer's and move on while they are read: taken again until nothing is in between.
 */
static bool inputs_balance(struct agent *a, struct buf *out)
{
	struct stats *s = &a->stats;
	uint64_t read;
	uint64_t kept;
	uint64_t copies;
	uint64_t waiting;
	bool ok;

	for (unsigned tries = 0;; tries++) {
		read = stats_get(s, events_read);
		copies = stats_get(s, duplicates_dropped);
		kept = stats_get(s, events);
		waiting = atomic_load(&a->queue.waiting);
		ok = read == kept + copies + waiting && read == stats_get(s, events_read);
		if (ok || tries == 200)
			break;
		usleep(10000);
	}
	buf_printf(out,
	    "inputs    since start: read %" PRIu64 " = journalled %" PRIu64 " + duplicates %" PRIu64
	    " + waiting %" PRIu64 "  %s\n",
	    read, kept, copies, waiting, ok ? "ok" : "DOES NOT BALANCE");
	return ok;
}

bool report_audit(struct agent *a, struct buf *out)
{
	struct journal_stats js;
	bool ok = inputs_balance(a, out);

	journal_stats(a->journal, &js);
	buf_printf(out,
	    "journal   frames %" PRIu64 "-%" PRIu64 "  bytes in %" PRIu64 "  control %" PRIu64
	    "  bulk %" PRIu64 "\n",
	    js.first_seq, js.durable_seq, js.bytes_in, js.control_records, js.bulk_records);
	buf_printf(out, "possibly lost: %llu reports, %llu bytes known, %llu records at most\n",
	    (unsigned long long)stats_get(&a->stats, possibly_lost_reports),
	    (unsigned long long)stats_get(&a->stats, possibly_lost_bytes),
	    (unsigned long long)stats_get(&a->stats, possibly_lost_records));
	for (unsigned i = 0; i < a->n_ships; i++) {
		struct ship_status st;

		ship_status(a->ships[i], &st);
		for (unsigned l = 0; l < JOURNAL_LANES; l++) {
			struct balance b;

			balance_of(a, &st, (enum journal_lane)l, &b);
			ok = ok && b.ok;
			buf_printf(out,
			    "%-9s %-7s journalled %" PRIu64 " = delivered %" PRIu64
			    " + waiting %" PRIu64 " + rejected %" PRIu64 " + shed %" PRIu64
			    " + dropped %" PRIu64 " + damaged %" PRIu64 "  %s\n",
			    st.name, l == JOURNAL_CONTROL ? "control" : "bulk", b.journalled,
			    b.delivered, b.waiting, b.rejected, b.shed, b.dropped, b.damaged,
			    b.ok ? "ok" : "DOES NOT BALANCE");
		}
	}
	buf_str(out, ok ? "balanced\n" : "NOT BALANCED\n");
	return ok;
}

bool report_ready(const struct agent *a)
{
	return atomic_load(&a->reader_ready) && atomic_load(&a->journal_ok);
}

static struct slice rate_text(double rate, char to[static 32])
{
	return (struct slice){ to, (size_t)snprintf(to, 32, "%.1f", rate) };
}

/* How much each drop rule came to since the start; the cursor has the sum of all time. */
static void put_drops(struct json *j, const struct ship_status *st)
{
	struct buf text = { .max = 16384 };

	if (st->drop == NULL || st->drop->rules.n == 0)
		return;
	JSON_KEY(j, "drop");
	json_open(j, '[');
	for (unsigned i = 0; i < st->drop->rules.n; i++) {
		buf_reset(&text);
		drop_text(&st->drop->rules, i, &text);
		json_open(j, '{');
		json_member_text(j, "when", buf_as_slice(&text));
		json_member_u64(j, "records", st->dropped_by[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
	buf_free(&text);
}

static void status_json(struct agent *a, struct buf *out)
{
	struct json j = { .out = out };
	struct journal_stats js;

	journal_stats(a->journal, &js);
	json_open(&j, '{');
	JSON_KEY(&j, "ready");
	json_bool(&j, report_ready(a));
	json_member_i64(&j, "uptime_s", (clock_now_us() - a->started_us) / 1000000);
	json_member_text(&j, "rules_hash", slice_of(a->rules_hash));
#define STATS_JSON(name, type, help) json_member_u64(&j, #name, stats_get(&a->stats, name));
	STATS_TABLE(STATS_JSON)
#undef STATS_JSON
	JSON_KEY(&j, "journal");
	json_open(&j, '{');
	json_member_u64(&j, "durable_frame", js.durable_seq);
	json_member_u64(&j, "control_records", js.control_records);
	json_member_u64(&j, "bulk_records", js.bulk_records);
	json_member_u64(&j, "disk_bytes", js.disk);
	json_member_u64(&j, "shed_records", js.shed_records);
	json_close(&j, '}');
	JSON_KEY(&j, "sinks");
	json_open(&j, '[');
	for (unsigned i = 0; i < a->n_ships; i++) {
		struct ship_status st;
		struct lag g;
		char rate[32];

		ship_status(a->ships[i], &st);
		json_open(&j, '{');
		json_member_text(&j, "name", slice_of(st.name));
		json_member_text(&j, "type", slice_of(st.type));
		for (unsigned l = 0; l < JOURNAL_LANES; l++) {
			struct balance b;

			balance_of(a, &st, (enum journal_lane)l, &b);
			json_member_u64(&j,
			    l == JOURNAL_CONTROL ? "control_waiting" : "bulk_waiting", b.waiting);
			json_member_u64(&j,
			    l == JOURNAL_CONTROL ? "control_delivered" : "bulk_delivered",
			    b.delivered);
		}
		lag_of(a, &st, &g);
		json_member_u64(&j, "lag_events", g.events);
		json_member_u64(&j, "lag_bytes", g.bytes);
		json_member_i64(&j, "lag_s", g.seconds);
		json_member_u64(&j, "in_flight", st.in_flight);
		JSON_KEY(&j, "rate");
		json_raw(&j, rate_text(st.rate, rate));
		json_member_u64(&j, "rejected", g.dead);
		json_member_u64(&j, "dead_letters_gone", st.dead_gone);
		json_member_u64(&j, "retries", st.retries);
		JSON_KEY(&j, "held");
		json_bool(&j, st.held);
		if (st.last_ok_us != 0) {
			JSON_KEY(&j, "last_success");
			json_time(&j, st.last_ok_us);
		}
		if (st.last_error_us != 0) {
			JSON_KEY(&j, "last_error_time");
			json_time(&j, st.last_error_us);
		}
		json_member_text(&j, "last_error", slice_of(st.last_error));
		put_drops(&j, &st);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	buf_char(out, '\n');
}

static void sink_line(struct agent *a, struct ship *ship, int64_t now_us, struct buf *out)
{
	struct ship_status st;
	struct lag g;
	char size[32];
	char age[32];

	ship_status(ship, &st);
	lag_of(a, &st, &g);
	buf_printf(out, "sink %-9s %-7s lag %" PRIu64 " events", st.name, st.type, g.events);
	if (g.events > 0)
		buf_printf(out, ", %s, %s", units_show_bytes(g.bytes, size),
		    units_show_duration(g.seconds * 1000000, age));
	buf_printf(out, "; %.1f/s, %u in flight; retries %" PRIu64 "; dead letters %" PRIu64,
	    st.rate, st.in_flight, st.retries, g.dead);
	if (st.dead_gone > 0)
		buf_printf(out, " (%" PRIu64 " are gone)", st.dead_gone);
	if (st.held)
		buf_str(out, "; HELD");
	if (st.last_ok_us != 0)
		buf_printf(
		    out, "; last success %s ago", units_show_duration(now_us - st.last_ok_us, age));
	if (st.last_error[0] != '\0')
		buf_printf(out, "; last error %s ago: %s",
		    units_show_duration(now_us - st.last_error_us, age), st.last_error);
	buf_char(out, '\n');
}

void report_status(struct agent *a, bool json, struct buf *out)
{
	int64_t now = clock_now_us();
	struct journal_stats js;
	char text[32];

	if (json) {
		status_json(a, out);
		return;
	}
	journal_stats(a->journal, &js);
	buf_printf(out, "%s, up %s; rules %llu (%s)\n", report_ready(a) ? "ready" : "NOT READY",
	    units_show_duration(now - a->started_us, text),
	    (unsigned long long)stats_get(&a->stats, rules_loaded), a->rules_hash);
	buf_printf(out,
	    "read %llu lines in %llu files, %llu not understood; %llu detections, %llu alerts\n",
	    (unsigned long long)stats_get(&a->stats, lines_read),
	    (unsigned long long)stats_get(&a->stats, open_files),
	    (unsigned long long)stats_get(&a->stats, parse_errors),
	    (unsigned long long)stats_get(&a->stats, detections),
	    (unsigned long long)stats_get(&a->stats, alerts));
	buf_printf(out, "journal %s in %" PRIu64 " segments, shed %" PRIu64 " records\n",
	    units_show_bytes(js.disk, text), js.segments, js.shed_records);
	for (unsigned i = 0; i < a->n_ships; i++)
		sink_line(a, a->ships[i], now, out);
	buf_printf(out, "blocks %llu%s\n", (unsigned long long)stats_get(&a->stats, active_blocks),
	    policy_tripped(a->policy) ? "; a cap has STOPPED blocking" : "");
	if (a->planes != NULL) {
		struct planes_status ps;

		planes_status(a->planes, &ps);
		buf_printf(out,
		    "plane %s %s: %" PRIu64 " added, %" PRIu64
		    " errors; newest block took %lld ms from the line\n",
		    ps.plane, ps.alive ? "alive" : "DEAD", ps.adds, ps.errors,
		    (long long)(ps.last_enforce_us / 1000));
	}
}

#define COUNTER "counter"
#define GAUGE	"gauge"

/* In Prometheus' text format, where the name of what only grows ends so. */
static void put_metric(
    struct buf *out, const char *name, const char *type, const char *help, unsigned long long v)
{
	const char *end = strcmp(type, COUNTER) == 0 ? "_total" : "";

	buf_printf(out, "# HELP sekisho_%s%s %s\n# TYPE sekisho_%s%s %s\nsekisho_%s%s %llu\n", name,
	    end, help, name, end, type, name, end, v);
}

static void report_lags(struct agent *a, struct buf *out)
{
	static const char *const names[][2] = {
		{ "lag_bytes", "Bytes of logs journalled since the last that was delivered" },
		{ "lag_seconds", "Age of the oldest record that is not delivered" },
		{ "dead_letters", "Records refused for good" },
		{ "dead_letters_gone", "Of these, no more kept: the budget was reached" },
		{ "held", "1: nothing is taken until somebody changes something" },
	};

	for (unsigned k = 0; k < sizeof(names) / sizeof(*names); k++) {
		buf_printf(out, "# HELP sekisho_sink_%s %s\n# TYPE sekisho_sink_%s gauge\n",
		    names[k][0], names[k][1], names[k][0]);
		for (unsigned i = 0; i < a->n_ships; i++) {
			struct ship_status st;
			struct lag g;

			ship_status(a->ships[i], &st);
			lag_of(a, &st, &g);

			const uint64_t values[] = { g.bytes, (uint64_t)g.seconds, g.dead,
				st.dead_gone, st.held };

			buf_printf(out, "sekisho_sink_%s{sink=\"%s\"} %" PRIu64 "\n", names[k][0],
			    st.name, values[k]);
		}
	}
}

static void report_lanes(struct agent *a, struct buf *out)
{
	buf_str(out, "# HELP sekisho_sink_waiting Records journalled and not yet delivered\n"
		     "# TYPE sekisho_sink_waiting gauge\n");
	for (unsigned i = 0; i < a->n_ships; i++) {
		struct ship_status st;

		ship_status(a->ships[i], &st);
		for (unsigned l = 0; l < JOURNAL_LANES; l++) {
			struct balance b;

			balance_of(a, &st, (enum journal_lane)l, &b);
			buf_printf(out,
			    "sekisho_sink_waiting{sink=\"%s\",lane=\"%s\"} %" PRIu64 "\n", st.name,
			    l == JOURNAL_CONTROL ? "control" : "bulk", b.waiting);
		}
	}
}

void report_metrics(struct agent *a, struct buf *out)
{
	stats_set(&a->stats, log_lines_held_back, log_held_back());
#define STATS_METRIC(name, type, help) \
	put_metric(out, #name, type, help, stats_get(&a->stats, name));
	STATS_TABLE(STATS_METRIC)
#undef STATS_METRIC
	report_lanes(a, out);
	report_lags(a, out);
}
