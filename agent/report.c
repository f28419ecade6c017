#include "agent/report.h"

#include "agent/agent.h"
#include "agent/balance.h"
#include "agent/planes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

/* How far a sink is behind, both lanes together. */
struct lag {
	uint64_t events, bytes, dead;
	int64_t seconds;
};

static void lag_of(const struct ship_status *st, struct lag *g)
{
	int64_t now = clock_now_us();

	*g = (struct lag){ 0 };
	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		struct balance b;
		int64_t s;

		balance_of(st, (enum journal_lane)l, &b);
		s = b.oldest_us != 0 ? (now - (int64_t)b.oldest_us) / 1000000 : 0;
		g->events += b.waiting;
		g->dead += b.rejected;
		g->bytes = b.lag_bytes > g->bytes ? b.lag_bytes : g->bytes;
		g->seconds = s > g->seconds ? s : g->seconds;
	}
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

			balance_of(&st, (enum journal_lane)l, &b);
			json_member_u64(&j,
			    l == JOURNAL_CONTROL ? "control_waiting" : "bulk_waiting", b.waiting);
			json_member_u64(&j,
			    l == JOURNAL_CONTROL ? "control_delivered" : "bulk_delivered",
			    b.delivered);
		}
		lag_of(&st, &g);
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

static void sink_line(struct ship *ship, int64_t now_us, struct buf *out)
{
	struct ship_status st;
	struct lag g;
	char size[32];
	char age[32];

	ship_status(ship, &st);
	lag_of(&st, &g);
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
		sink_line(a->ships[i], now, out);
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
			lag_of(&st, &g);

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

			balance_of(&st, (enum journal_lane)l, &b);
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
