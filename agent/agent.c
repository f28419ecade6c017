/* Putting an agent together, in the order that privilege and recovery ask for, and taking it apart.
 */
#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/cache_dir.h"
#include "agent/control.h"
#include "agent/crawlers.h"
#include "agent/fence.h"
#include "agent/http.h"
#include "agent/imported.h"
#include "agent/offline.h"
#include "agent/planes.h"
#include "agent/privileges.h"
#include "agent/ship.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/pack.h"
#include "detect/redact.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DRAIN_MS = 20000, RESERVED_PART = 8 };

void agent_context(const struct agent *a, struct record_context *out)
{
	*out = (struct record_context){ .service_name = slice_of(a->service),
		.service_version = slice_of(a->cfg.service_version),
		.environment = slice_of(a->cfg.environment),
		.host_name = slice_of(a->host.name),
		.rules_hash = slice_of(a->rules_hash),
		.observed_us = clock_now_us() };
}

static void make_readable(int eventfd)
{
	uint64_t one = 1;

	if (write(eventfd, &one, sizeof(one)) < 0)
		return; /* it is already */
}

void agent_stop(struct agent *a)
{
	atomic_store(&a->stopping, true);
	make_readable(a->stop_fd);
}

void agent_wake_reader(struct agent *a)
{
	make_readable(a->wake_fd);
}

void agent_rules_changed(struct agent *a, const struct rules_in_use *next)
{
	/* the committer reads the set for thresholds and names: it waits for the mailbox's turn */
	agent_ask(a, agent_take_rules, (void *)(uintptr_t)next);
	stats_set(&a->stats, rules_loaded, next->rs->n_rules + next->rs->n_correlations);
	stats_add(&a->stats, reloads, 1);
	log_info("rules were reloaded", "rules=%u correlations=%u hash=%s", next->rs->n_rules,
	    next->rs->n_correlations, next->rs->hash_text);
}

void agent_take_rules(void *committer, void *arg)
{
	struct agent *a = committer_agent(committer);
	const struct rules_in_use *next = arg;

	a->rules = *next;
	memcpy(a->rules_hash, next->rs->hash_text, sizeof(a->rules_hash));
	correlator_use(a->correlator, next->rs);
}

/* The rule set that the config names. NULL after the problems were printed. */
struct ruleset *agent_load_rules(const struct config *c, struct problems *p)
{
	const char *dirs[4];
	unsigned n = offline_rule_dirs(dirs);

	if (c->rules.n == 0 && n == 0)
		problem_warn(p, (struct place){ c->file.name, 0, 0 },
		    "there are no rules in /etc/sekisho/rules or /usr/share/sekisho/rules: nothing "
		    "will be detected");
	if (c->rules.n > 0)
		return offline_load_rules(c->rules.v, c->rules.n, c, p);
	return offline_load_rules(dirs, n, c, p);
}

static int open_rules(struct agent *a, struct err *e)
{
	struct problems p = { 0 };

	a->rules.rs = agent_load_rules(&a->cfg, &p);
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);

	unsigned errors = p.errors;

	problems_free(&p);
	if (errors > 0 || a->rules.rs == NULL)
		return err_set(
		    e, EINVAL, "%u errors in rules; `sekisho rules lint` shows them", errors);
	a->rules.plan = trigger_plan_new(a->rules.rs, cache_dir(), cache_shipped_dir(), e);
	a->redactor = redactor_new(a->host.key, e);
	if (a->rules.plan == NULL || a->redactor == NULL)
		return -1;
	malloc_trim(0); /* choosing windows takes three times the memory that is kept */
	memcpy(a->rules_hash, a->rules.rs->hash_text, sizeof(a->rules_hash));
	stats_set(&a->stats, rules_loaded, a->rules.rs->n_rules + a->rules.rs->n_correlations);
	for (unsigned i = 0; i < a->rules.rs->n_rules; i++)
		if (a->rules.rs->rules[i].untriggered && !a->rules.rs->rules[i].agent_only)
			log_warn("a rule has no trigger and is tried on every event", "rule=%.*s",
			    SLICE_ARG(a->rules.rs->rules[i].name));
	return 0;
}

static int open_policy(struct agent *a, struct err *e)
{
	struct ip_set hops = { 0 };

	for (unsigned i = 0; i < a->cfg.networks.n; i++) {
		const struct network_config *n =
		    (const struct network_config *)a->cfg.networks.v + i;

		for (unsigned k = 0; k < n->set.n; k++)
			ip_set_add(&hops, &n->set.p[k]);
	}
	a->policy = policy_new(&a->cfg.response, &hops, a->host.id, e);
	ip_set_free(&hops);
	return a->policy != NULL ? policy_discover(a->policy, e) : -1;
}

static void on_damage(void *ctx, const struct journal_damage *d)
{
	struct agent *a = ctx;

	log_error("the journal is damaged there; the frames are skipped",
	    "segment=%llu offset=%llu frames=%llu-%llu why=\"%s\"", (unsigned long long)d->segment,
	    (unsigned long long)d->offset, (unsigned long long)d->seq_from,
	    (unsigned long long)d->seq_to, d->why);
	stats_add(&a->stats, possibly_lost_reports, 1);
}

static int open_journal(struct agent *a, struct err *e)
{
	const struct config *c = &a->cfg;
	struct journal_options o = { .dir = c->journal.dir,
		.max_size = c->journal.max_size,
		.segment_size = c->journal.segment_size,
		.min_free = c->journal.min_free.bytes,
		.min_free_percent = (unsigned)c->journal.min_free.percent,
		.reserved_control = c->journal.max_size / RESERVED_PART,
		.ctx = a,
		.checkpoint = agent_checkpoint,
		.report = on_damage,
		.restore = agent_restore,
		.replay = agent_replay };

	a->first_start = true;
	if (journal_open(&o, &a->journal, e) != 0)
		return -1;
	if (a->tally.epoch_us == 0) { /* new, or of a version that did not count */
		struct journal_stats s;

		journal_stats(a->journal, &s);
		a->tally.epoch_us = (uint64_t)clock_now_us();
		a->tally.base = journal_counts_now(&s);
	}
	audit_publish(a);
	return 0;
}

static int open_sinks(struct agent *a, struct err *e)
{
	for (unsigned i = 0; i < a->cfg.sinks.n && a->n_ships < AGENT_OWN_SHIPS; i++) {
		const struct sink_config *s = config_sink(&a->cfg, i);
		struct sink_settings set = agent_sink_settings(s);
		struct ship *ship;

		set.dead_max_bytes = a->cfg.dead_letter.max_size;
		ship = ship_start(
		    agent_sink(s->type), &set, &s->drop, a->journal, a->cfg.journal.dir, e);
		if (ship == NULL)
			return err_wrap(e, "sink %s", s->name);
		a->ships[a->n_ships++] = ship;
	}
	a->n_own = a->n_ships;
	return 0;
}

int agent_open(struct agent *a, struct err *e)
{
	a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->started_us = clock_now_us();
	pthread_mutex_init(&a->mailbox.lock, NULL);
	pthread_cond_init(&a->mailbox.changed, NULL);
	pthread_mutex_init(&a->audited.lock, NULL);
	identity_host(&a->host);
	a->service = a->cfg.service != NULL ? a->cfg.service : a->host.name;
	if (a->stop_fd < 0 || a->wake_fd < 0)
		return err_set(e, errno, "eventfd: %s", strerror(errno));
	/* the blocker first: it must be forked before anything from outside is read */
	if (open_policy(a, e) != 0 ||
	    planes_start(&a->planes, &a->cfg.response.planes, policy_never(a->policy),
		a->cfg.sandbox != SANDBOX_OFF, e) != 0)
		return -1;
	/*
	 * then, before there are threads and before journal or logs are read, the fence; libraries
	 * may lie where it lets nobody
	 */
	if (agent_open_libraries(&a->cfg, e) != 0 || privileges_drop(&a->cfg, e) != 0 ||
	    fence_close(&a->cfg, e) != 0 || open_rules(a, e) != 0)
		return -1;
	a->positions = positions_new();
	a->correlator = correlator_new(a->rules.rs, a->host.key);
	a->packer = packer_new();
	if (a->positions == NULL || a->correlator == NULL || a->packer == NULL)
		return err_set(e, ENOMEM, "no memory");
	if (batch_queue_init(&a->queue, e) != 0 || open_journal(a, e) != 0 || open_sinks(a, e) != 0)
		return -1;
	imported_open(a);
	atomic_store(&a->journal_ok, true);
	return 0;
}

static void on_verified(void *ctx)
{
	struct agent *a = ctx;

	batch_wake(&a->queue); /* the committer ends its block */
}

static bool is_spared(void *ctx, const struct ip_prefix *x)
{
	return crawlers_in(ctx, x);
}

/* Without DNS everything goes on: crawlers stay unverified. */
static void start_crawlers(struct agent *a)
{
	struct crawlers_options o = { .resolvers = a->cfg.crawlers.resolver.v,
		.n_resolvers = a->cfg.crawlers.resolver.n,
		.verified = on_verified,
		.ctx = a };
	struct err e;

	if (!a->cfg.crawlers.verify)
		return;
	a->crawlers = crawlers_new(&o, &e);
	if (a->crawlers == NULL)
		log_warn("crawlers are not verified", "why=\"%s\"", e.msg);
	else
		policy_set_spared(a->policy, is_spared, a->crawlers);
}

int agent_start(struct agent *a, struct err *e)
{
	start_crawlers(a);

	int rc = pthread_create(&a->committer_thread, NULL, committer_main, a);

	if (rc == 0)
		rc = pthread_create(&a->reader_thread, NULL, reader_main, a);
	if (rc != 0)
		return err_set(e, rc, "threads: %s", strerror(rc));
	a->running = true;
	a->control = control_start(a, e);
	if (a->control == NULL)
		return -1;
	if (a->cfg.status.listen != NULL)
		a->http = http_start(a, a->cfg.status.listen, e);
	return a->cfg.status.listen == NULL || a->http != NULL ? 0 : -1;
}

void agent_close(struct agent *a)
{
	http_stop(a->http);
	control_stop(a->control);
	if (a->running) {
		agent_stop(a);
		pthread_join(a->reader_thread, NULL);
		pthread_join(a->committer_thread, NULL);
	}
	if (a->policy != NULL)
		policy_set_spared(a->policy, NULL, NULL);
	crawlers_free(a->crawlers);
	if (a->journal != NULL)
		journal_stop(a->journal);
	imported_stop(a);
	for (unsigned i = 0; i < a->n_ships; i++)
		ship_stop(a->ships[i], true, DRAIN_MS);
	imported_close(a);
	journal_close(a->journal);
	planes_stop(a->planes);
	policy_free(a->policy);
	correlator_free(a->correlator);
	positions_free(a->positions);
	trigger_plan_free(a->rules.plan);
	ruleset_free(a->rules.rs);
	redactor_free(a->redactor);
	packer_free(a->packer);
	record_writer_free(&a->said);
	buf_free(&a->checkpoint);
	if (a->queue.tail != NULL)
		batch_queue_free(&a->queue);
	if (a->stop_fd > 0)
		close(a->stop_fd);
	if (a->wake_fd > 0)
		close(a->wake_fd);
}
