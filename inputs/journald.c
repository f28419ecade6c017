#include "inputs/journald.h"

#include "base/arena.h"
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

enum {
	THRESHOLD = 1 << 20, /* libsystemd unpacks no more of a field than that */
	MAX_FIELDS = 1024,   /* of an entry that are looked at */
};

struct journald {
	sd_journal *j;
	int fd;
	const struct journald_source *source;
	struct journald_mark at;
};

/* ---- files that shrink ---- */

/*
 * libsystemd maps journal files. Reading behind the end of one that was cut raises SIGBUS: the
 * page becomes one of zeros, which no check of libsystemd takes for an entry.
 */
static void on_bus(int sig, siginfo_t *si, void *context)
{
	static const long page = 4096;
	uintptr_t at = (uintptr_t)si->si_addr & ~(uintptr_t)(page - 1);

	(void)context;
	if (si->si_code == BUS_ADRERR &&
	    mmap((void *)at, (size_t)page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void survive_cut_files(void)
{
	struct sigaction sa = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}

/* ---- opening ---- */

static bool has_suffix(const char *name)
{
	static const char *const suffixes[] = { ".service", ".socket", ".target", ".timer",
		".scope", ".slice", ".mount", ".automount", ".swap", ".path", ".device" };
	struct slice s = slice_of(name);

	for (unsigned i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (slice_ends(s, slice_of(suffixes[i])) && s.n > strlen(suffixes[i]))
			return true;
	return false;
}

/* Units OR identifiers: matches of one field are alternatives, two fields need a disjunction. */
static int add_matches(sd_journal *j, const struct journald_source *s)
{
	int rc = 0;

	sd_journal_flush_matches(j);
	for (int units = 0; units < 2 && rc >= 0; units++) {
		for (unsigned i = 0; i < s->n_units && rc >= 0; i++) {
			char match[512];
			int n;

			if (has_suffix(s->units[i]) != (units == 1))
				continue;
			n = snprintf(match, sizeof(match), "%s=%s",
			    units == 1 ? "_SYSTEMD_UNIT" : "SYSLOG_IDENTIFIER", s->units[i]);
			if (n < 0 || (size_t)n >= sizeof(match))
				return -ENAMETOOLONG;
			rc = sd_journal_add_match(j, match, (size_t)n);
		}
		if (rc >= 0 && units == 0)
			rc = sd_journal_add_disjunction(j);
	}
	return rc < 0 ? rc : 0;
}

static int open_source(const struct journald_source *s, sd_journal **j)
{
	if (s->dir != NULL)
		return sd_journal_open_directory(j, s->dir, 0);
	if (s->n_files > 0) {
		const char **files = calloc(s->n_files + 1, sizeof(*files));
		int rc = -ENOMEM;

		for (unsigned i = 0; files != NULL && i < s->n_files; i++)
			files[i] = s->files[i];
		if (files != NULL)
			rc = sd_journal_open_files(j, files, 0);
		free(files);
		return rc;
	}
	return sd_journal_open(j, SD_JOURNAL_LOCAL_ONLY);
}

/* libsystemd opens a journal of no files without complaint. */
static int check_any(const struct journald_source *s, sd_journal *j, struct err *e)
{
	if (s->dir != NULL || s->n_files > 0 || sd_journal_has_runtime_files(j) > 0 ||
	    sd_journal_has_persistent_files(j) > 0)
		return 0;
	return err_set(e, ENOENT,
	    "no journal file in /run/log/journal or /var/log/journal that can be read: does "
	    "journald "
	    "run on this host, and is the agent's user in the group systemd-journal?");
}

struct journald *journald_open(const struct journald_source *s, struct err *e)
{
	struct journald *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL) {
		err_set(e, ENOMEM, "no memory for journald");
		return NULL;
	}
	j->source = s;
	j->fd = -1;
	rc = open_source(s, &j->j);
	if (rc < 0) {
		err_set(e, -rc, "%s: %s",
		    s->dir != NULL   ? s->dir
		    : s->n_files > 0 ? s->files[0]
				     : "journal",
		    strerror(-rc));
		journald_close(j);
		return NULL;
	}
	if (check_any(s, j->j, e) != 0) {
		journald_close(j);
		return NULL;
	}
	survive_cut_files();
	sd_journal_set_data_threshold(j->j, THRESHOLD);
	/* watches must be there before anything is read, or what comes in between is not seen */
	rc = sd_journal_get_fd(j->j);
	j->fd = rc < 0 ? -1 : rc;
	return j;
}

void journald_close(struct journald *j)
{
	if (j == NULL)
		return;
	if (j->j != NULL)
		sd_journal_close(j->j);
	free(j);
}

/* ---- waiting ---- */

int journald_fd(const struct journald *j)
{
	return j->fd;
}

int journald_wait_ms(const struct journald *j)
{
	struct timespec now;
	uint64_t until;
	uint64_t now_us;

	if (sd_journal_get_timeout(j->j, &until) < 0 || until == UINT64_MAX)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (until <= now_us)
		return 0;
	return until - now_us > 60000000 ? 60000 : (int)((until - now_us + 999) / 1000);
}

enum journald_change journald_process(struct journald *j)
{
	int rc = sd_journal_process(j->j);

	return rc == SD_JOURNAL_INVALIDATE ? JOURNALD_FILES_CHANGED
	       : rc == SD_JOURNAL_APPEND   ? JOURNALD_MORE
					   : JOURNALD_NOTHING;
}

/* ---- where an entry is ---- */

/* "s=ROW;i=SEQNUM;b=BOOT;m=MONOTONIC;t=REALTIME;x=HASH", numbers in hex. */
static bool parse_cursor(struct slice s, struct journald_mark *at)
{
	unsigned got = 0;
	struct slice part;
	uint64_t t;

	while (s.n > 0) {
		slice_cut(s, ';', &part, &s);
		if (part.n < 2 || part.p[1] != '=')
			return false;

		struct slice v = slice_from(part, 2);

		if (part.p[0] == 's' && v.n == 32 && slice_hex(slice_head(v, 16), &at->row[0]) &&
		    slice_hex(slice_from(v, 16), &at->row[1]))
			got |= 1;
		else if (part.p[0] == 'i' && slice_hex(v, &at->seqnum))
			got |= 2;
		else if (part.p[0] == 't' && slice_hex(v, &t) && t <= INT64_MAX) {
			at->realtime_us = (int64_t)t;
			got |= 4;
		}
	}
	/* one more must be a number too, and fit into an id's place in the journal */
	return got == 7 && at->seqnum > 0 && at->seqnum < JOURNALD_SEQNUM_MAX;
}

static int mark_here(sd_journal *j, struct journald_mark *at)
{
	char *cursor = NULL;
	int rc = sd_journal_get_cursor(j, &cursor);

	if (rc >= 0 && !parse_cursor(slice_of(cursor), at))
		rc = -EBADMSG;
	free(cursor);
	return rc < 0 ? rc : 0;
}

size_t journald_cursor(const struct journald_mark *at, char to[static JOURNALD_CURSOR_MAX])
{
	int n = snprintf(to, JOURNALD_CURSOR_MAX, "s=%016" PRIx64 "%016" PRIx64 ";i=%" PRIx64,
	    at->row[0], at->row[1], at->seqnum);

	return n > 0 ? (size_t)n : 0;
}

/* ---- moving ---- */

/* Files of other rows are entered by time: at the end of all times. */
static int seek_row(sd_journal *j, const struct journald_mark *from)
{
	char cursor[2 * JOURNALD_CURSOR_MAX];

	memcpy(cursor + journald_cursor(from, cursor), ";t=7fffffffffffffff", 20);
	return sd_journal_seek_cursor(j, cursor);
}

int journald_seek(
    struct journald *j, const struct journald_mark *from, int64_t realtime_us, struct err *e)
{
	int rc = add_matches(j->j, j->source);

	if (rc >= 0 && realtime_us > 0)
		rc = sd_journal_seek_realtime_usec(j->j, (uint64_t)realtime_us);
	else if (rc >= 0)
		rc = seek_row(j->j, from);
	return rc < 0 ? err_set(e, -rc, "seek: %s", strerror(-rc)) : 0;
}

bool journald_has(struct journald *j, const struct journald_mark *at)
{
	struct journald_mark m;

	sd_journal_flush_matches(j->j);
	return seek_row(j->j, at) >= 0 && sd_journal_next(j->j) > 0 && mark_here(j->j, &m) == 0 &&
	       m.row[0] == at->row[0] && m.row[1] == at->row[1] && m.seqnum == at->seqnum;
}

int journald_next(struct journald *j, struct journald_mark *at, struct err *e)
{
	int rc = sd_journal_next(j->j);

	if (rc == 0)
		return 0;
	if (rc > 0)
		rc = mark_here(j->j, &j->at);
	if (rc < 0)
		return err_set(e, -rc, "%s", strerror(-rc));
	*at = j->at;
	return 1;
}

/* ---- fields ---- */

static const struct {
	struct slice name; /* with the '=' */
	size_t at;
} fields[] = {
#define FIELD(member, text) { { text "=", sizeof(text) }, offsetof(struct entry, member) },
	ENTRY_FIELDS(FIELD)
#undef FIELD
};

enum { MESSAGE_FIELD = 0 };

/* One "NAME=value" of the entry: kept when it is asked for and the first of its name. */
static int take(struct slice data, struct arena *a, size_t message_max, struct entry *x)
{
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct slice *to = (struct slice *)(void *)((char *)x + fields[i].at);
		size_t max = i == MESSAGE_FIELD ? message_max : JOURNALD_FIELD_MAX;
		struct slice v;

		if (!slice_starts(data, fields[i].name))
			continue;
		if (to->p != NULL)
			return 0;
		v = slice_from(data, fields[i].name.n);
		if (i == MESSAGE_FIELD)
			x->message_bytes = v.n;
		if (v.n > max)
			v.n = max;
		*to = arena_copy(a, v);
		return to->p == NULL && v.n > 0 ? -ENOMEM : 0;
	}
	return 0;
}

int journald_read(
    struct journald *j, struct arena *a, size_t message_max, struct entry *x, struct err *e)
{
	char cursor[JOURNALD_CURSOR_MAX];
	const void *p;
	size_t n;
	int rc = 0;

	*x = (struct entry){ .received_us = j->at.realtime_us };
	sd_journal_restart_data(j->j);
	for (unsigned i = 0; i < MAX_FIELDS && rc >= 0; i++) {
		rc = sd_journal_enumerate_available_data(j->j, &p, &n);
		if (rc <= 0)
			break;
		rc = take((struct slice){ p, n }, a, message_max, x);
	}
	if (rc < 0)
		return err_set(e, -rc, "%s", strerror(-rc));
	x->cursor = arena_copy(a, (struct slice){ cursor, journald_cursor(&j->at, cursor) });
	return 0;
}
