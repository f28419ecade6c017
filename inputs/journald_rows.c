/*
 * Which rows of sequence numbers the journal's files hold, from the files' headers:
 * systemd.io/JOURNAL_FILE_FORMAT, "Header". libsystemd mixes the rows by time and goes only
 * forward: an entry that comes late, in another host's file, would never be seen. With the rows
 * known each is read by itself, in the order of its numbers.
 */
#include "inputs/journald.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 208,
	AT_SEQNUM_ID = 72,
	AT_N_ENTRIES = 152,
	AT_TAIL_SEQNUM = 160,
	AT_HEAD_SEQNUM = 168,
	AT_TAIL_REALTIME = 192,
	MAX_FILES = 16384, /* of one look */
};

struct look {
	struct journald_row *rows;
	unsigned max;
	unsigned n; /* found, may be more than max */
	unsigned files;
};

static uint64_t number_at(const unsigned char *header, unsigned at)
{
	uint64_t v;

	memcpy(&v, header + at, sizeof(v));
	return le64toh(v);
}

static void add(struct look *l, const struct journald_row *f)
{
	for (unsigned i = 0; i < l->n && i < l->max; i++) {
		struct journald_row *r = &l->rows[i];

		if (r->id[0] != f->id[0] || r->id[1] != f->id[1])
			continue;
		if (f->head < r->head)
			r->head = f->head;
		if (f->tail > r->tail) {
			r->tail = f->tail;
			r->tail_realtime_us = f->tail_realtime_us;
		}
		return;
	}
	if (l->n < l->max)
		l->rows[l->n] = *f;
	l->n++;
}

static void look_at_file(struct look *l, int dir, const char *path)
{
	unsigned char h[HEADER_BYTES];
	struct journald_row f;
	struct stat st;
	int fd;

	if (l->files++ == MAX_FILES)
		return;
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    pread(fd, h, sizeof(h), 0) == HEADER_BYTES && memcmp(h, "LPKSHHRH", 8) == 0 &&
	    number_at(h, AT_N_ENTRIES) > 0) {
		for (unsigned i = 0; i < 2; i++) {
			memcpy(&f.id[i], h + AT_SEQNUM_ID + 8 * i, 8);
			f.id[i] = be64toh(f.id[i]); /* as its text would be read */
		}
		f.head = number_at(h, AT_HEAD_SEQNUM);
		f.tail = number_at(h, AT_TAIL_SEQNUM);
		f.tail_realtime_us = (int64_t)(number_at(h, AT_TAIL_REALTIME) & INT64_MAX);
		if (f.tail >= JOURNALD_SEQNUM_MAX)
			f.tail = JOURNALD_SEQNUM_MAX - 1;
		add(l, &f);
	}
	close(fd);
}

static bool is_journal(struct slice name)
{
	return slice_ends(name, SLICE(".journal")) || slice_ends(name, SLICE(".journal~"));
}

/* "0123456789abcdef0123456789abcdef", maybe with a namespace behind a dot */
static bool is_machine(struct slice name)
{
	return name.n >= 32 && (name.n == 32 || name.p[32] == '.') &&
	       strspn(name.p, "0123456789abcdef") == 32;
}

static void look_at_dir(struct look *l, const char *path, bool deeper)
{
	DIR *d = opendir(path);
	const struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL) {
		struct slice name = slice_of(de->d_name);
		char sub[4096];

		if (is_journal(name))
			look_at_file(l, dirfd(d), de->d_name);
		else if (deeper && is_machine(name) &&
			 snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name) < (int)sizeof(sub))
			look_at_dir(l, sub, false);
	}
	if (d != NULL)
		closedir(d);
}

/* This host's own, as SD_JOURNAL_LOCAL_ONLY chooses them. */
static void look_at_host(struct look *l)
{
	static const char *const roots[] = { "/run/log/journal", "/var/log/journal" };
	char machine[SD_ID128_STRING_MAX];
	char path[128];
	sd_id128_t id;

	for (unsigned i = 0; i < 2; i++) {
		look_at_dir(l, roots[i], false);
		if (sd_id128_get_machine(&id) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", roots[i], sd_id128_to_string(id, machine));
		look_at_dir(l, path, false);
	}
}

unsigned journald_rows(const struct journald_source *s, struct journald_row *rows, unsigned max)
{
	struct look l = { .rows = rows, .max = max };

	if (s->dir != NULL)
		look_at_dir(&l, s->dir, true);
	else if (s->n_files == 0)
		look_at_host(&l);
	for (unsigned i = 0; i < s->n_files; i++)
		look_at_file(&l, AT_FDCWD, s->files[i]);
	return l.n;
}
