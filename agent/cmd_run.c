/* sekisho run: the agent in the foreground. */
#include "agent/agent.h"
#include "agent/cache_dir.h"
#include "agent/commands.h"
#include "agent/options.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "detect/redact.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <xxhash.h>

enum { FILE_BYTES = 1 << 20 }; /* a longer one is not compared */

/* The configuration in use: to tell at SIGHUP that the file says something else. */
struct loaded {
	const char *path;
	uint64_t hash; /* of the file; 0: it can't be read */
};

static uint64_t hash_of(const char *path)
{
	char *text;
	size_t n;
	struct err e;
	uint64_t h;

	if (io_read_file(path, FILE_BYTES, &text, &n, &e) != 0)
		return 0;
	h = XXH3_64bits(text, n) | 1;
	free(text);
	return h;
}

static int load_config(const char *path, struct config *c)
{
	struct problems p = { 0 };
	enum log_level level;

	config_load(path, c, &p);
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);

	bool bad = p.errors > 0;

	problems_free(&p);
	if (bad)
		return EX_CONFIG;
	if (!log_level_parse(c->log.level, &level)) {
		fprintf(stderr,
		    "%s: error: log.level: expected error, warn, info or debug, not '%s'\n", path,
		    c->log.level);
		return EX_CONFIG;
	}
	log_set_level(level);
	return 0;
}

/* It takes a restart, which had better be told now if it would fail. */
static void say_what_config_became(const struct loaded *l)
{
	struct problems p = { 0 };
	struct config c;

	if (hash_of(l->path) == l->hash)
		return;
	if (config_load(l->path, &c, &p) != 0) {
		fwrite(p.text.p, 1, p.text.n, stderr);
		log_error("the configuration changed and is wrong: a restart would fail",
		    "file=%s errors=%u", l->path, p.errors);
	} else {
		log_warn("the configuration changed: it is taken by a restart, only rules are "
			 "reloaded",
		    "file=%s", l->path);
	}
	config_free(&c);
	problems_free(&p);
}

/* SIGHUP: new rules are compiled here, while the reader goes on with the old ones. */
static void reload(struct agent *a)
{
	struct problems p = { 0 };
	struct rules_in_use *next = calloc(1, sizeof(*next));
	struct err e = { 0, "" };
	struct rules_in_use *missed;

	sd_notify(0, "RELOADING=1");
	if (next != NULL)
		next->rs = agent_load_rules(&a->cfg, &p);
	if (next == NULL || next->rs == NULL || p.errors > 0 ||
	    (next->plan = trigger_plan_new(next->rs, cache_dir(), cache_shipped_dir(), &e)) ==
		NULL) {
		if (p.text.n > 0)
			fwrite(p.text.p, 1, p.text.n, stderr);
		log_error("the new rules were refused; the old ones stay", "errors=%u %s", p.errors,
		    e.msg);
		stats_add(&a->stats, reload_failures, 1);
		if (next != NULL)
			ruleset_free(next->rs);
		free(next);
	} else if ((missed = atomic_exchange(&a->pending, next)) != NULL) {
		trigger_plan_free(missed->plan);
		ruleset_free(missed->rs);
		free(missed);
	}
	agent_wake_reader(a);
	problems_free(&p);
	sd_notify(0, "READY=1");
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The main thread: signals, the watchdog, and the end. */
static void wait_for_end(struct agent *a, int signals, const struct loaded *l)
{
	uint64_t watchdog_us = 0;
	bool said_ready = false;

	sd_watchdog_enabled(0, &watchdog_us);
	while (!atomic_load(&a->stopping)) {
		struct pollfd p[2] = { { .fd = signals, .events = POLLIN },
			{ .fd = a->stop_fd, .events = POLLIN } };
		struct signalfd_siginfo si;
		int wait_ms = watchdog_us > 0 ? (int)(watchdog_us / 2000) : said_ready ? -1 : 50;

		poll(p, 2, wait_ms);
		if (!said_ready && atomic_load(&a->reader_ready)) {
			said_ready = true;
			sd_notify(0, "READY=1");
			log_info("reading", "inputs=%u sinks=%u rules=%u", a->cfg.inputs.n,
			    a->n_ships, (unsigned)stats_get(&a->stats, rules_loaded));
		}
		if (watchdog_us > 0 && atomic_load(&a->journal_ok))
			sd_notify(0, "WATCHDOG=1");
		if ((p[0].revents & POLLIN) == 0 || read(signals, &si, sizeof(si)) != sizeof(si))
			continue;
		if (si.ssi_signo != SIGHUP)
			break;
		say_what_config_became(l);
		reload(a);
	}
}

/*
 * The host is there for another program: a thread of the agent that wakes up waits for its turn
 * instead of interrupting who runs (sched(7), SCHED_BATCH). All threads inherit it.
 */
static void step_back(void)
{
	const struct sched_param p = { 0 };

	if (sched_setscheduler(0, SCHED_BATCH, &p) != 0)
		log_warn("the scheduler did not take us as batch", "code=%d", errno);
}

int cmd_run(int argc, char **argv)
{
	static const struct usage usage = { "sekisho run [-c FILE]",
		"The agent, in the foreground: follows logs, detects, journals, delivers, blocks.\n"
		"SIGTERM drains and ends, SIGHUP reloads the rules (a new config takes a restart).",
		"sekisho run -c /etc/sekisho/sekisho.yaml" };
	const char *path = CONFIG_DEFAULT_PATH;
	const struct option_def defs[] = { { "-c", OPTION_TEXT, &path, "FILE",
					       "config (default " CONFIG_DEFAULT_PATH ")" },
		{ NULL, OPTION_FLAG, NULL, NULL, NULL } };
	struct loaded loaded;
	struct agent *a;
	struct err e = { 0, "" };
	int signals;
	int rc;

	if (options_read(argc, argv, defs, &usage, &rc) < 0)
		return rc;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return EX_OSERR;
	loaded = (struct loaded){ path, hash_of(path) };
	rc = load_config(path, &a->cfg);
	if (rc == 0) {
		signals = block_signals();
		step_back();
		if (agent_open(a, &e) != 0 || agent_start(a, &e) != 0) {
			log_error("can't start", "why=\"%s\"", e.msg);
			rc = e.code == EBUSY	? EX_TEMPFAIL
			     : e.code == EINVAL ? EX_CONFIG
						: EX_OSERR;
		} else {
			wait_for_end(a, signals, &loaded);
			sd_notify(0, "STOPPING=1");
			log_info("ending", "uptime_s=%lld",
			    (long long)((clock_now_us() - a->started_us) / 1000000));
		}
		agent_close(a);
	}
	config_free(&a->cfg);
	free(a);
	return rc;
}
