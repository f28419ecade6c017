#include "agent/journal_import.h"

#include "agent/agent.h"
#include "agent/copy_tree.h"
#include "base/err.h"
#include "base/io.h"
#include "journal/format.h"
#include "journal/journal_io.h"
#include "sinks/sink.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, SEGMENTS = 65536, NAME_BYTES = 72 };

struct import {
	const struct config *c;
	const char *from, *sink;
	char id[33], to[PATH_BYTES], draft[PATH_BYTES];
	struct stat owner;
	struct journal *j;
	struct journal_stats st;
	struct import_sink {
		char name[NAME_BYTES];
		bool found; /* the journal has a place of it */
		struct journal_cursor at;
		uint64_t waiting;
	} sinks[AGENT_OWN_SHIPS];
	unsigned n;
	uint64_t *segment; /* first sequences, in order */
	size_t n_segments;
	struct err e;
	int rc; /* exit code of what went wrong */
};

static bool wrong(struct import *m, int rc)
{
	m->rc = rc;
	return false;
}

static bool path(struct import *m, char out[PATH_BYTES], const char *dir, const char *name)
{
	if (snprintf(out, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES)
		return true;
	err_set(&m->e, ENAMETOOLONG, "%s/%s: path too long", dir, name);
	return wrong(m, EX_USAGE);
}

/* ---- what is there ---- */

static uint64_t waits(struct import *m, const struct journal_cursor *at)
{
	struct journal_counts all = journal_counts_now(&m->st);
	uint64_t n = 0;

	for (unsigned l = 0; l < JOURNAL_LANES; l++) {
		struct journal_counts before = { 0 };

		if (at->lane[l].seq > 0 &&
		    journal_counts_at(m->j, at->lane[l].seq, &before, &m->e) != 0)
			continue; /* that part is gone: its sink had passed it */
		n += journal_lane_records(&all, (enum journal_lane)l) -
		     journal_lane_records(&before, (enum journal_lane)l);
	}
	return n;
}

static struct import_sink *add(struct import *m, const char *name, const struct journal_cursor *at)
{
	struct import_sink *s = &m->sinks[m->n];

	if (m->n == AGENT_OWN_SHIPS)
		return NULL;
	m->n++;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->found = at != NULL;
	if (at != NULL)
		s->at = *at;
	memcpy(s->at.journal_id, m->st.journal_id, sizeof(s->at.journal_id));
	s->waiting = waits(m, &s->at);
	return s;
}

static void on_cursor(void *arg, const char *name, const struct journal_cursor *at)
{
	struct import *m = arg;

	if ((m->sink != NULL && strcmp(m->sink, name) != 0) || m->rc != 0)
		return;
	if (at == NULL || memcmp(at->journal_id, m->st.journal_id, 16) != 0) {
		err_set(&m->e, EBADMSG,
		    "%s/%s.cursor is damaged or of another journal: where that "
		    "sink was can't be told; import the others one by one with --sink",
		    m->from, name);
		m->rc = EX_DATAERR;
	} else if (config_sink_named(m->c, name) != NULL) {
		add(m, name, at);
	} else if (waits(m, at) > 0) {
		err_set(&m->e, ENOENT,
		    "%" PRIu64 " records wait for its sink '%s', which this "
		    "config does not have: configure it, or import for one sink with --sink",
		    waits(m, at), name);
		m->rc = EX_CONFIG;
	}
}

static bool choose_sinks(struct import *m)
{
	const struct sink_config *s = m->sink != NULL ? config_sink_named(m->c, m->sink) : NULL;

	if (m->sink != NULL && (s == NULL || agent_sink(s->type)->load_cursor != NULL)) {
		err_set(&m->e, EINVAL,
		    s == NULL ? "the config has no sink '%s'"
			      : "sink '%s' keeps its place with its data: it can't take a "
				"journal of another host",
		    m->sink);
		return wrong(m, EX_USAGE);
	}
	if (journal_cursor_list(NULL, m->from, on_cursor, m, &m->e) != 0)
		return wrong(m, EX_IOERR);
	if (m->rc != 0)
		return false;
	if (m->sink != NULL && m->n == 0)
		add(m, m->sink, NULL);
	if (m->n > 0)
		return true;
	err_set(&m->e, ENOENT,
	    "%s has no place of any sink that this config has; with --sink NAME "
	    "all of it is delivered to that one",
	    m->from);
	return wrong(m, EX_CONFIG);
}

static bool is_own(struct import *m)
{
	struct journal_options o = { .dir = m->c->journal.dir, .read_only = true };
	struct journal_stats own;
	struct journal *j;
	struct err e;

	if (journal_open(&o, &j, &e) != 0)
		return false; /* there is none, or it is somebody else's business */
	journal_stats(j, &own);
	journal_close(j);
	return memcmp(own.journal_id, m->st.journal_id, sizeof(own.journal_id)) == 0;
}

static bool open_journal(struct import *m)
{
	struct journal_options o = { .dir = m->from, .read_only = true };

	if (journal_open(&o, &m->j, &m->e) != 0)
		return wrong(m, EX_NOINPUT);
	journal_stats(m->j, &m->st);
	if (m->st.segments == 0) {
		err_set(&m->e, ENOENT, "%s: there is no journal", m->from);
		return wrong(m, EX_NOINPUT);
	}
	if (is_own(m)) {
		err_set(&m->e, EINVAL, "%s: that is this host's own journal", m->from);
		return wrong(m, EX_USAGE);
	}
	for (unsigned i = 0; i < 16; i++)
		snprintf(m->id + 2 * (size_t)i, 3, "%02x", m->st.journal_id[i]);
	return true;
}

/* ---- copying ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool list_segments(struct import *m)
{
	DIR *d = opendir(m->from);
	struct dirent *f;

	m->segment = calloc(SEGMENTS, sizeof(*m->segment));
	if (d == NULL || m->segment == NULL) {
		err_set(&m->e, errno, "%s: %s", m->from, strerror(errno));
		if (d != NULL)
			closedir(d);
		return wrong(m, EX_IOERR);
	}
	while ((f = readdir(d)) != NULL && m->n_segments < SEGMENTS)
		if (format_segment_number(f->d_name, &m->segment[m->n_segments]))
			m->n_segments++;
	closedir(d);
	qsort(m->segment, m->n_segments, sizeof(*m->segment), by_number);
	return true;
}

static bool copy(struct import *m, const char *from_dir, const char *to_dir, const char *name)
{
	char from[PATH_BYTES];
	char to[PATH_BYTES];

	if (!path(m, from, from_dir, name) || !path(m, to, to_dir, name))
		return false;
	if (access(from, F_OK) != 0 && errno == ENOENT)
		return true;
	return copy_tree_file(from, to, &m->owner, &m->e) == 0 || wrong(m, EX_IOERR);
}

/* Those with frames that a chosen sink has not passed, and the newest. */
static bool copy_segments(struct import *m, const char *to)
{
	uint64_t passed = UINT64_MAX;
	char name[FORMAT_SEGMENT_NAME];

	for (unsigned i = 0; i < m->n; i++)
		for (unsigned l = 0; l < JOURNAL_LANES; l++)
			if (m->sinks[i].at.lane[l].seq < passed)
				passed = m->sinks[i].at.lane[l].seq;
	for (size_t i = 0; i < m->n_segments; i++) {
		if (i + 1 < m->n_segments && m->segment[i + 1] <= passed)
			continue;
		format_segment_name(m->segment[i], name);
		if (!copy(m, m->from, to, name))
			return false;
	}
	return copy(m, m->from, to, "floor");
}

static bool put_cursor(struct import *m, const char *to, const struct import_sink *s)
{
	struct journal_cursor_file *f;
	struct journal_cursor old;
	char name[PATH_BYTES];
	char file[NAME_BYTES + 8];
	bool good;

	if (journal_cursor_open(NULL, to, s->name, &f, &old, &m->e) != 0)
		return wrong(m, EX_IOERR);
	good = journal_cursor_save(f, &s->at, &m->e) == 0;
	journal_cursor_close(f);
	snprintf(file, sizeof(file), "%s.cursor", s->name);
	if (!good || !path(m, name, to, file))
		return wrong(m, EX_IOERR);
	return chown(name, m->owner.st_uid, m->owner.st_gid) == 0 || wrong(m, EX_IOERR);
}

static bool copy_dead(struct import *m, const char *to, const struct import_sink *s)
{
	char from[PATH_BYTES];
	char file[NAME_BYTES + 16];

	if (!path(m, from, m->from, "../dead"))
		return false;
	snprintf(file, sizeof(file), "%s.ndjson", s->name);
	if (!copy(m, from, to, file))
		return false;
	snprintf(file, sizeof(file), "%s.redrive", s->name);
	return copy(m, from, to, file);
}

static bool fill(struct import *m)
{
	char journal[PATH_BYTES];
	char dead[PATH_BYTES];

	if (!path(m, journal, m->draft, "journal") || !path(m, dead, m->draft, "dead"))
		return false;
	if (copy_tree_remove(m->draft, &m->e) != 0 || /* of an import that was cut off */
	    copy_tree_dir(m->draft, &m->owner, &m->e) != 0 ||
	    copy_tree_dir(journal, &m->owner, &m->e) != 0 ||
	    copy_tree_dir(dead, &m->owner, &m->e) != 0)
		return wrong(m, EX_IOERR);
	if (!list_segments(m) || !copy_segments(m, journal))
		return false;
	for (unsigned i = 0; i < m->n; i++)
		if (!put_cursor(m, journal, &m->sinks[i]) || !copy_dead(m, dead, &m->sinks[i]))
			return false;
	return (io_sync_dir(journal, &m->e) == 0 && io_sync_dir(dead, &m->e) == 0 &&
		   io_sync_dir(m->draft, &m->e) == 0) ||
	       wrong(m, EX_IOERR);
}

/* ---- the command ---- */

/* False also when it is there already, with rc 0. The lock keeps a second import out. */
static bool make(struct import *m, const char *all)
{
	struct statvfs fs;

	if (access(m->to, F_OK) == 0) {
		printf(
		    "journal %.8s was imported already; what is not delivered of it is in `sekisho "
		    "audit`\n",
		    m->id);
		return false;
	}
	if (statvfs(all, &fs) == 0 && fs.f_bavail * fs.f_frsize < m->st.disk) {
		err_set(&m->e, ENOSPC, "%s: no space for %" PRIu64 " bytes", all, m->st.disk);
		return wrong(m, EX_IOERR);
	}
	if (!fill(m))
		return false;
	if (rename(m->draft, m->to) != 0) {
		err_set(&m->e, errno, "%s: %s", m->to, strerror(errno));
		return wrong(m, EX_IOERR);
	}
	return io_sync_dir(all, &m->e) == 0 || wrong(m, EX_IOERR);
}

static bool make_locked(struct import *m)
{
	char all[PATH_BYTES];
	char lock[PATH_BYTES];
	char name[64];
	bool done;
	int pid = 0;
	int fd;

	snprintf(name, sizeof(name), "%s.new", m->id);
	if (!path(m, all, m->c->journal.dir, "../imported") || !path(m, lock, all, "lock") ||
	    !path(m, m->to, all, m->id) || !path(m, m->draft, all, name))
		return false;
	if (stat(m->c->journal.dir, &m->owner) != 0) {
		err_set(&m->e, errno, "%s: %s; start the agent once, it makes its journal",
		    m->c->journal.dir, strerror(errno));
		return wrong(m, EX_NOINPUT);
	}
	if (copy_tree_dir(all, &m->owner, &m->e) != 0)
		return wrong(m, EX_IOERR);
	fd = journal_io_real.lock(NULL, lock, 0, &pid);
	if (fd < 0) {
		err_set(&m->e, -fd, "%s: %s", lock,
		    fd == -EBUSY ? "another import is under way" : strerror(-fd));
		return wrong(m, EX_TEMPFAIL);
	}
	done = make(m, all);
	close(fd);
	return done;
}

static void tell(const struct import *m)
{
	for (unsigned i = 0; i < m->n; i++)
		printf("%s@%.8s: %" PRIu64 " records wait%s\n", m->sinks[i].name, m->id,
		    m->sinks[i].waiting,
		    m->sinks[i].found ? "" : " (all of it: the journal had no such sink)");
	printf("they are delivered from the agent's next start on (systemctl restart sekisho);\n"
	       "the host that wrote them must not start again with this journal\n");
}

/* Before its lock is tried: what holds that is this host's agent. */
static bool is_here(struct import *m)
{
	char there[PATH_MAX];
	char here[PATH_MAX];

	if (realpath(m->from, there) == NULL || realpath(m->c->journal.dir, here) == NULL ||
	    strcmp(there, here) != 0)
		return false;
	err_set(&m->e, EINVAL, "%s: that is this host's own journal", m->from);
	m->rc = EX_USAGE;
	return true;
}

int journal_import(const struct config *c, const char *dir, const char *sink)
{
	struct import *m = calloc(1, sizeof(*m));
	char lock[PATH_BYTES];
	int pid = 0;
	int fd = -1;
	int rc = EX_OSERR;

	if (m == NULL)
		return rc;
	*m = (struct import){ .c = c, .from = dir, .sink = sink };
	if (!is_here(m) && path(m, lock, dir, "lock") && access(lock, F_OK) == 0)
		fd = journal_io_real.lock(NULL, lock, 0, &pid);
	if (fd == -EBUSY) {
		err_set(&m->e, EBUSY, "%s: in use by process %d: stop that agent first", dir, pid);
		m->rc = EX_TEMPFAIL;
	} else if (m->rc == 0 && open_journal(m) && choose_sinks(m) && make_locked(m)) {
		tell(m);
	}
	rc = m->rc;
	if (rc != 0)
		fprintf(stderr, "sekisho: %s\n", m->e.msg);
	if (fd >= 0)
		close(fd);
	journal_close(m->j);
	free(m->segment);
	free(m);
	return rc;
}
