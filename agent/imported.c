#include "agent/imported.h"

#include "agent/agent.h"
#include "agent/ship.h"
#include "base/err.h"
#include "base/log.h"
#include "sinks/sink.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A journal's folder has less than 900 bytes: journal_open(). */
enum { PATH_BYTES = 1024, DIR_BYTES = 960, ID_TEXT = 32, ID_SHOWN = 8 };

static bool is_id(const char *name)
{
	return strspn(name, "0123456789abcdef") == ID_TEXT && name[ID_TEXT] == '\0';
}

/* Is there a file of more than nothing? */
static bool has(const char *dir, const char *sub, const char *name, const char *suffix)
{
	char path[PATH_BYTES + 64];
	struct stat st;

	snprintf(path, sizeof(path), "%.*s/%s/%.64s%s", DIR_BYTES - 80, dir, sub, name, suffix);
	return stat(path, &st) == 0 && st.st_size > 0;
}

static bool all_delivered(struct journal *j, const struct journal_cursor *c)
{
	struct journal_counts all;
	struct journal_counts at;
	struct journal_stats s;
	struct err e;

	journal_stats(j, &s);
	all = journal_counts_now(&s);
	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		if (journal_counts_at(j, c->lane[l].seq, &at, &e) != 0)
			return false;
		if (journal_lane_records(&at, (enum journal_lane)l) !=
		    journal_lane_records(&all, (enum journal_lane)l))
			return false;
	}
	return true;
}

/* 1: it is started, or has to be and can't; 0: it has nothing to do. */
static int start_sink(
    struct agent *a, struct journal *j, const char *dir, const struct sink_config *s)
{
	struct sink_settings set = agent_sink_settings(s);
	struct journal_cursor c;
	char journal[PATH_BYTES];
	char label[96];
	struct err e;
	struct ship *ship;

	snprintf(journal, sizeof(journal), "%.*s/journal", DIR_BYTES - 1, dir);
	if (agent_sink(s->type)->load_cursor != NULL || !has(dir, "journal", s->name, ".cursor"))
		return 0;
	if (journal_cursor_load(NULL, journal, s->name, &c, &e) == 0 && all_delivered(j, &c) &&
	    !has(dir, "dead", s->name, ".ndjson") && !has(dir, "dead", s->name, ".redrive"))
		return 0;
	if (a->n_ships == AGENT_SHIPS) {
		log_warn("too many imported journals; this one waits for the next start",
		    "sink=%s dir=\"%s\"", s->name, dir);
		return 1;
	}
	snprintf(label, sizeof(label), "%.60s@%.*s", s->name, ID_SHOWN, strrchr(dir, '/') + 1);
	set.label = label;
	set.max_lag_us = 0; /* it is old, and wanted all the same */
	set.dead_max_bytes = a->cfg.dead_letter.max_size;
	ship = ship_start(agent_sink(s->type), &set, &s->drop, j, journal, &e);
	if (ship == NULL)
		log_error(
		    "an imported journal can't be delivered", "sink=%s why=\"%s\"", label, e.msg);
	else
		a->ships[a->n_ships++] = ship;
	return 1;
}

/* Does a sink want it that the config has no more? Then it stays for when it is back. */
struct others {
	const struct agent *a;
	struct journal *j;
	unsigned n;
};

static void on_cursor(void *arg, const char *name, const struct journal_cursor *c)
{
	struct others *o = arg;

	if (config_sink_named(&o->a->cfg, name) != NULL)
		return;
	o->n += c == NULL || !all_delivered(o->j, c);
}

static bool wanted_by_others(const struct agent *a, struct journal *j, const char *journal)
{
	struct others o = { .a = a, .j = j };
	struct err e;

	return journal_cursor_list(NULL, journal, on_cursor, &o, &e) != 0 || o.n > 0;
}

/* The cursors stay, so that it is not imported again. */
static void remove_frames(const char *dir)
{
	char path[PATH_BYTES];
	uint64_t ignored;
	struct dirent *f;
	DIR *d;

	snprintf(path, sizeof(path), "%.*s/journal", DIR_BYTES - 1, dir);
	d = opendir(path);
	if (d == NULL)
		return;
	while ((f = readdir(d)) != NULL)
		if (format_segment_number(f->d_name, &ignored) &&
		    unlinkat(dirfd(d), f->d_name, 0) == 0)
			log_info("an imported journal is delivered; its frames are removed",
			    "file=\"%s/%s\"", path, f->d_name);
	closedir(d);
}

static void open_one(struct agent *a, const char *dir)
{
	char journal[PATH_BYTES];
	struct journal_options o = { .dir = journal, .read_only = true };
	struct journal_stats st = { .segments = 0 };
	struct journal *j;
	unsigned busy = 0;
	struct err e;

	snprintf(journal, sizeof(journal), "%.*s/journal", DIR_BYTES - 1, dir);
	if (journal_open(&o, &j, &e) != 0) {
		log_error("an imported journal can't be read", "dir=\"%s\" why=\"%s\"", dir, e.msg);
		return;
	}
	journal_stats(j, &st);
	for (unsigned i = 0; i < a->cfg.sinks.n && st.segments > 0; i++)
		busy += (unsigned)start_sink(a, j, dir, config_sink(&a->cfg, i));
	if (busy > 0) {
		a->imported[a->n_imported++] = j;
		return;
	}
	if (st.segments > 0 && !wanted_by_others(a, j, journal))
		remove_frames(dir);
	journal_close(j);
}

void imported_open(struct agent *a)
{
	char all[DIR_BYTES];
	char dir[PATH_BYTES];
	struct dirent *f;
	DIR *d;

	snprintf(all, sizeof(all), "%s/../imported", a->cfg.journal.dir);
	d = opendir(all);
	if (d == NULL)
		return;
	while ((f = readdir(d)) != NULL) {
		if (!is_id(f->d_name))
			continue;
		if (a->n_imported == AGENT_IMPORTED) {
			log_warn("too many imported journals; the others wait for the next start",
			    "max=%d", AGENT_IMPORTED);
			break;
		}
		snprintf(dir, sizeof(dir), "%s/%.32s", all, f->d_name);
		open_one(a, dir);
	}
	closedir(d);
}

void imported_stop(struct agent *a)
{
	for (unsigned i = 0; i < a->n_imported; i++)
		journal_stop(a->imported[i]);
}

void imported_close(struct agent *a)
{
	for (unsigned i = 0; i < a->n_imported; i++)
		journal_close(a->imported[i]);
	a->n_imported = 0;
}
