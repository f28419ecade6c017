/* Daemons that rotate by themselves: auditd.conf(5), journald.conf(5). */
#include "agent/rotation.h"

#include "base/err.h"
#include "base/io.h"
#include "base/units.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

enum { CONF_MAX = 1 << 20 };

static const double mib = 1048576;

/* A file of `key = value` lines. The last of a key counts. */
struct conf {
	char path[PATH_MAX];
	char *text;
	size_t n;
};

static bool conf_open(struct conf *c, const char *root, const char *path)
{
	struct err e;

	c->text = NULL;
	snprintf(c->path, sizeof(c->path), "%s%s", root, path);
	return io_read_file(c->path, CONF_MAX, &c->text, &c->n, &e) == 0;
}

/* The value, or an empty slice; *at: where it is, or the file. */
static struct slice conf_get(const struct conf *c, const char *key, struct place *at)
{
	struct slice rest = { c->text, c->n };
	struct slice value = { 0 };
	struct slice line;
	unsigned n = 0;

	*at = (struct place){ c->path, 0, 0 };
	while (rest.n > 0) {
		struct slice name;
		struct slice v;

		n++;
		slice_cut(rest, '\n', &line, &rest);
		if (!slice_cut(line, '=', &name, &v) ||
		    !slice_eq_nocase(slice_trim(name), slice_of(key)))
			continue;
		value = slice_trim(v);
		*at = (struct place){ c->path, n, (unsigned)(name.p - line.p) + 1 };
	}
	return value;
}

static uint64_t number(const struct conf *c, const char *key, uint64_t by_default, struct place *at)
{
	uint64_t n = by_default;

	slice_u64(conf_get(c, key, at), &n);
	return n;
}

/* ---- auditd ---- */

static void audit_rotates(const struct conf *c, const struct input_config *in, const char *file,
    const char *path, struct problems *p)
{
	struct place at;
	struct place logs_at;
	uint64_t max_mib = number(c, "max_log_file", 8, &at);
	uint64_t logs = number(c, "num_logs", 5, &logs_at);
	double rate = rotation_rate(in, file);
	const char *name = strrchr(path, '/') + 1;
	char span[32];

	if (logs < 2) {
		problem_warn(p, logs_at, "num_logs is %u: %s is never rotated and grows",
		    (unsigned)logs, name);
		return;
	}
	if (rate > 0 && (double)max_mib * mib * (double)logs / rate < ROTATION_SOON_S)
		problem_warn(p, at,
		    "%s rotates away in %s at today's rate (%.0f KiB/s; max_log_file %u MiB, "
		    "num_logs %u): an agent that is down for longer loses lines",
		    name, rotation_span((double)max_mib * mib * (double)logs / rate, span),
		    rate / 1024, (unsigned)max_mib, (unsigned)logs);
}

void rotation_auditd(
    const struct input_config *in, const char *root, const char *path, struct problems *p)
{
	struct conf c;
	struct place at;
	struct slice v;
	char file[PATH_MAX];

	if (!conf_open(&c, root, "/etc/audit/auditd.conf"))
		return;
	v = conf_get(&c, "log_file", &at);
	if (!slice_eq(v.n > 0 ? v : SLICE("/var/log/audit/audit.log"), slice_of(path))) {
		free(c.text);
		return;
	}
	snprintf(file, sizeof(file), "%s%s", root, path);
	v = conf_get(&c, "log_format", &at);
	if (!slice_eq_nocase(v, SLICE("ENRICHED")))
		problem_warn(p, at,
		    "log_format is not ENRICHED: users and system calls are numbers of this host, "
		    "and names are missing wherever the lines are read later");
	v = conf_get(&c, "max_log_file_action", &at);
	if (v.n == 0 || slice_eq_nocase(v, SLICE("ROTATE")))
		audit_rotates(&c, in, file, path, p);
	else if (slice_eq_nocase(v, SLICE("SUSPEND")))
		problem_warn(p, at,
		    "max_log_file_action is SUSPEND: auditd stops writing when the log is full, "
		    "and nothing is seen from then on");
	else if (slice_eq_nocase(v, SLICE("KEEP_LOGS")) || slice_eq_nocase(v, SLICE("IGNORE")))
		problem_warn(p, at,
		    "max_log_file_action is %.*s: old logs are never removed; when the disk is "
		    "full "
		    "auditd does what disk_full_action says",
		    SLICE_ARG(v));
	free(c.text);
}

/* ---- journald ---- */

/* "500M": units of 1,024, without "B". */
static double journald_size(struct slice v)
{
	static const char units[] = "KMGTPE";
	const char *u = v.n > 0 ? strchr(units, v.p[v.n - 1]) : NULL;
	double n = v.n > 0 ? strtod(v.p, NULL) : 0;

	for (const char *at = units; u != NULL && at <= u; at++)
		n *= 1024;
	return n;
}

/* All journal files: their bytes, and the first and last write of what is after the oldest. */
struct stock {
	double bytes;
	double oldest_s, newest_s;
	double oldest_bytes;
};

static void count_files(const char *dir, struct stock *s, unsigned depth)
{
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d != NULL && (ent = readdir(d)) != NULL) {
		char path[PATH_MAX];
		struct stat st;

		if (ent->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", dir, ent->d_name) >= (int)sizeof(path) ||
		    lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth == 0)
			count_files(path, s, 1);
		if (!S_ISREG(st.st_mode))
			continue;
		s->bytes += (double)st.st_size;
		if (s->oldest_s == 0 || (double)st.st_mtim.tv_sec < s->oldest_s) {
			s->oldest_s = (double)st.st_mtim.tv_sec;
			s->oldest_bytes = (double)st.st_size;
		}
		if ((double)st.st_mtim.tv_sec > s->newest_s)
			s->newest_s = (double)st.st_mtim.tv_sec;
	}
	if (d != NULL)
		closedir(d);
}

void rotation_journald(const char *root, struct problems *p)
{
	struct conf c;
	struct place at;
	struct stock s = { 0 };
	struct slice v;
	char dir[PATH_MAX];
	char span[32];
	double max;
	double rate;

	if (!conf_open(&c, root, "/etc/systemd/journald.conf"))
		return;
	v = conf_get(&c, "Storage", &at);
	if (slice_eq_nocase(v, SLICE("none")))
		problem_warn(
		    p, at, "Storage=none: journald keeps nothing, there is nothing to read");
	else if (slice_eq_nocase(v, SLICE("volatile")))
		problem_warn(
		    p, at, "Storage=volatile: what was not read when the host goes down is lost");
	max = journald_size(conf_get(&c, "SystemMaxUse", &at));
	snprintf(dir, sizeof(dir), "%s/var/log/journal", root);
	count_files(dir, &s, 0);
	rate = s.newest_s > s.oldest_s ? (s.bytes - s.oldest_bytes) / (s.newest_s - s.oldest_s) : 0;
	if (max > 0 && rate > 0 && max / rate < ROTATION_SOON_S)
		problem_warn(p, at,
		    "journald's entries are gone in %s at today's rate (%.0f KiB/s; SystemMaxUse "
		    "%.0f MiB): an agent that is down for longer loses them",
		    rotation_span(max / rate, span), rate / 1024, max / mib);
	free(c.text);
}
