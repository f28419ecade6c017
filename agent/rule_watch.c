#include "agent/rule_watch.h"

#include "agent/rule_test.h"
#include "base/clock.h"
#include "base/timefmt.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>

/* What an editor does when it saves is over within so long; nothing is lost if it is not. */
enum { QUIET_MS = 50, NAMES_MAX = 3, NAME_BYTES = 80 };

struct watch {
	int inotify;
	struct offline_paths paths; /* folders and files */
	char changed[NAMES_MAX][NAME_BYTES];
	unsigned n_changed; /* may be more than there is room to name */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* ---- what is watched ---- */

static int add_folder(struct watch *w, const char *path)
{
	uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
			IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

	if (inotify_add_watch(w->inotify, path, mask) >= 0 || errno == ENOENT)
		return 0;
	fprintf(stderr, "sekisho: watching %s: %s\n", path, strerror(errno));
	return -1;
}

/* Every folder below it; of a file the folder it is in, since it may be renamed over. */
static int add_path(struct watch *w, const char *path)
{
	char *roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	FTSENT *ent;
	int rc = 0;

	while (fts != NULL && rc == 0 && (ent = fts_read(fts)) != NULL) {
		if (ent->fts_info == FTS_D) {
			rc = add_folder(w, ent->fts_path);
		} else if (ent->fts_level == 0) {
			char dir[PATH_MAX];
			char *slash;

			snprintf(dir, sizeof(dir), "%s", path);
			slash = strrchr(dir, '/');
			if (slash != NULL)
				*slash = '\0';
			rc = add_folder(w, slash == NULL ? "." : slash == dir ? "/" : dir);
		}
	}
	if (fts != NULL)
		fts_close(fts);
	return rc;
}

/* Known folders keep their watch: a new one may have come at any change. */
static int add_all(struct watch *w)
{
	for (unsigned i = 0; i < w->paths.n; i++)
		if (add_path(w, w->paths.v[i]) != 0)
			return -1;
	return 0;
}

/* ---- what changed ---- */

/* Editors write files of their own beside it. */
static bool concerns(const struct watch *w, const struct inotify_event *ev)
{
	struct slice name = slice_of(ev->len > 0 ? ev->name : "");

	if ((ev->mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0)
		return true;
	for (unsigned i = 0; i < w->paths.n;
	     i++) { /* a file that was named may be called anything */
		const char *slash = strrchr(w->paths.v[i], '/');

		if (slice_eq(name, slice_of(slash != NULL ? slash + 1 : w->paths.v[i])))
			return true;
	}
	return name.n > 0 && name.p[0] != '.' &&
	       (slice_ends(name, SLICE(".yml")) || slice_ends(name, SLICE(".yaml")));
}

static void note(struct watch *w, const struct inotify_event *ev)
{
	const char *name = ev->len > 0 ? ev->name : "folders";
	unsigned known = w->n_changed < NAMES_MAX ? w->n_changed : NAMES_MAX;
	char text[NAME_BYTES];
	size_t n = 0;

	for (; name[n] != '\0' && n < sizeof(text) - 1; n++)
		text[n] = (unsigned char)name[n] < ' ' || name[n] == 0x7f ? '.' : name[n];
	text[n] = '\0';
	for (unsigned i = 0; i < known; i++)
		if (strcmp(w->changed[i], text) == 0)
			return;
	if (w->n_changed < NAMES_MAX)
		memcpy(w->changed[w->n_changed], text, sizeof(text));
	w->n_changed++;
}

static void read_events(struct watch *w)
{
	_Alignas(struct inotify_event) char b[16384];
	ssize_t n;

	while ((n = read(w->inotify, b, sizeof(b))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev =
			    (const struct inotify_event *)(const void *)(b + at);

			if (concerns(w, ev))
				note(w, ev);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
}

/* Until something changed and nothing did for a moment. False: it is to end. */
static bool wait_for_change(struct watch *w, const sigset_t *mask)
{
	struct pollfd p = { .fd = w->inotify, .events = POLLIN };
	const struct timespec quiet = { .tv_nsec = QUIET_MS * 1000000L };

	w->n_changed = 0;
	while (!stopped) {
		int n = ppoll(&p, 1, w->n_changed > 0 ? &quiet : NULL, mask);

		if (n > 0)
			read_events(w);
		else if (n == 0 && w->n_changed > 0)
			return true;
	}
	return false;
}

/* ---- a run ---- */

static void say(const struct watch *w, const char *what)
{
	int64_t now = clock_now_us();
	struct civil c;

	timefmt_to_civil(now + clock_local_offset_s(now) * US_PER_S, &c);
	printf("%02d:%02d:%02d ", c.hour, c.minute, c.second);
	for (unsigned i = 0; i < w->n_changed && i < NAMES_MAX; i++)
		printf("%s%s", i > 0 ? ", " : "", w->changed[i]);
	if (w->n_changed > NAMES_MAX)
		printf(" and %u more", w->n_changed - NAMES_MAX);
	printf("%s%s\n", w->n_changed > 0 ? ": " : "", what);
	fflush(stdout);
}

static int run(struct watch *w, const struct offline_options *opt, uint64_t key)
{
	struct offline o;
	struct rule_tally t;
	char text[96];
	int rc = offline_open(&o, opt, key);

	if (rc != 0) {
		say(w, "errors, nothing was tested");
		return rc;
	}
	t = rule_tests(&o);
	snprintf(text, sizeof(text), "%u passed, %u failed (%u rules, %u correlations)", t.passed,
	    t.failed, o.rs->n_rules, o.rs->n_correlations);
	say(w, text);
	offline_close(&o);
	return t.failed == 0 ? 0 : EX_DATAERR;
}

static int begin(struct watch *w, const struct offline_options *opt, sigset_t *mask)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t block;
	int rc = offline_rule_paths(opt, &w->paths);

	for (unsigned i = 0; i < w->paths.n && rc == 0; i++)
		if (access(w->paths.v[i], R_OK) != 0) {
			fprintf(stderr, "sekisho: %s: %s\n", w->paths.v[i], strerror(errno));
			rc = EX_NOINPUT;
		}
	if (rc != 0)
		return rc;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, mask); /* only while it waits: no signal is missed */
	sigdelset(mask, SIGINT);
	sigdelset(mask, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->inotify < 0) {
		fprintf(stderr, "sekisho: inotify: %s\n", strerror(errno));
		return EX_OSERR;
	}
	return add_all(w) == 0 ? 0 : EX_OSERR;
}

int rule_watch(const struct offline_options *opt, uint64_t key)
{
	struct watch w = { .inotify = -1 };
	sigset_t mask;
	int rc = begin(&w, opt, &mask);

	if (rc == 0) {
		rc = run(&w, opt, key);
		while (wait_for_change(&w, &mask)) {
			add_all(&w);
			rc = run(&w, opt, key);
		}
	}
	if (w.inotify >= 0)
		close(w.inotify);
	offline_free_paths(&w.paths);
	return rc;
}
