#include "agent/logrotate.h"

#include "base/err.h"
#include "base/io.h"
#include "base/units.h"

#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ARENA = 16 << 20, FILE_MAX = 1 << 20, PATTERNS_MAX = 256, DEPTH_MAX = 4 };

static const int64_t day_us = INT64_C(86400000000);

/* One file being read. */
struct reading {
	struct logrotate *l;
	const char *file;
	unsigned line;
	struct logrotate_settings *global;
	struct logrotate_section *in; /* NULL: outside of sections */
	bool script;
	unsigned depth;
	const char *patterns[PATTERNS_MAX]; /* of the section that is about to open */
	unsigned n_patterns;
};

static void read_path(
    struct logrotate *l, const char *path, struct logrotate_settings *global, unsigned depth);

static struct place here(const struct reading *r, unsigned col)
{
	return (struct place){ r->file, r->line, col };
}

static const char *keep(struct logrotate *l, struct slice s)
{
	char *to = arena_alloc(&l->arena, s.n + 1, 1);

	if (to == NULL)
		return "";
	memcpy(to, s.p, s.n);
	return to;
}

/* ---- directives ---- */

static bool flag(struct logrotate_settings *s, struct slice word, struct place at)
{
	static const struct {
		const char *name;
		enum logrotate_flag flag;
		bool on;
	} names[] = { { "copytruncate", LOGROTATE_COPYTRUNCATE, true },
		{ "nocopytruncate", LOGROTATE_COPYTRUNCATE, false },
		{ "copy", LOGROTATE_COPY, true }, { "nocopy", LOGROTATE_COPY, false },
		{ "create", LOGROTATE_CREATE, true }, { "nocreate", LOGROTATE_CREATE, false },
		{ "compress", LOGROTATE_COMPRESS, true },
		{ "nocompress", LOGROTATE_COMPRESS, false },
		{ "delaycompress", LOGROTATE_DELAYCOMPRESS, true },
		{ "nodelaycompress", LOGROTATE_DELAYCOMPRESS, false },
		{ "olddir", LOGROTATE_OLDDIR, true }, { "noolddir", LOGROTATE_OLDDIR, false },
		{ "extension", LOGROTATE_EXTENSION, true },
		{ "postrotate", LOGROTATE_SCRIPT, true },
		{ "lastaction", LOGROTATE_SCRIPT, true } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(word, slice_of(names[i].name))) {
			s->on[names[i].flag] = names[i].on;
			s->at[names[i].flag] = at;
			return true;
		}
	return false;
}

/* "100", "100k", "10M", "1G" */
static uint64_t size_of(struct slice s)
{
	uint64_t unit = 1;
	uint64_t n = 0;

	s = slice_trim(s);
	if (s.n > 0) {
		char last = s.p[s.n - 1];

		unit = last == 'k' ? 1 << 10 : last == 'M' ? 1 << 20 : last == 'G' ? 1 << 30 : 1;
		s.n -= unit != 1;
	}
	return slice_u64(s, &n) && n < UINT64_MAX >> 31 ? n * unit : 0;
}

static void directive(struct reading *r, struct slice line, unsigned col)
{
	static const struct {
		const char *name;
		int days; /* 0: an hour */
	} spans[] = { { "hourly", 0 }, { "daily", 1 }, { "weekly", 7 }, { "monthly", 30 },
		{ "yearly", 365 } };
	static const char *const scripts[] = { "postrotate", "prerotate", "firstaction",
		"lastaction", "preremove" };
	struct logrotate_settings *s = r->in != NULL ? &r->in->is : r->global;
	struct slice word = line;
	struct slice rest;
	uint64_t n;

	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '=') {
			word.n = i;
			break;
		}
	rest = slice_from(line, word.n);
	while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t' || rest.p[0] == '='))
		rest = slice_from(rest, 1);
	flag(s, word, here(r, col));
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		if (slice_eq(word, slice_of(spans[i].name))) {
			s->every_us = spans[i].days > 0 ? spans[i].days * day_us : day_us / 24;
			s->size = 0;
		}
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		r->script = r->script || slice_eq(word, slice_of(scripts[i]));
	if (slice_eq(word, SLICE("rotate")) && slice_u64(rest, &n)) {
		s->rotate = n < UINT_MAX ? (unsigned)n : UINT_MAX;
		s->rotate_at = here(r, col);
	} else if (slice_eq(word, SLICE("size"))) {
		s->size = size_of(rest);
		s->every_us = 0;
	} else if (slice_eq(word, SLICE("maxsize"))) {
		s->size = size_of(rest);
	} else if (slice_eq(word, SLICE("include")) && r->in == NULL && r->depth < DEPTH_MAX) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s%.*s", r->l->root, SLICE_ARG(rest));
		read_path(r->l, path, r->global, r->depth + 1);
	}
}

/* ---- sections ---- */

static void open_section(struct reading *r)
{
	struct logrotate_section *s = ARENA_NEW(&r->l->arena, struct logrotate_section, 1);
	const char **names = ARENA_NEW(&r->l->arena, const char *, r->n_patterns + 1);

	if (s == NULL || names == NULL)
		return;
	if (r->n_patterns > 0)
		memcpy(names, r->patterns, r->n_patterns * sizeof(*names));
	*s = (struct logrotate_section){
		.at = here(r, 1), .patterns = names, .n_patterns = r->n_patterns, .is = *r->global
	};
	r->n_patterns = 0;
	r->in = s;
	*r->l->last = s;
	r->l->last = &s->next;
}

/* Paths before a brace: words, in quotes where they hold blanks. */
static void patterns(struct reading *r, struct slice line)
{
	while ((line = slice_trim(line)).n > 0 && line.p[0] != '{') {
		bool quoted = line.p[0] == '"' || line.p[0] == '\'';
		char end = ' ';

		if (quoted)
			end = line.p[0];

		size_t from = quoted;
		size_t n = from;

		while (n < line.n && line.p[n] != end &&
		       (quoted || (line.p[n] != '\t' && line.p[n] != '{')))
			n++;
		if (r->n_patterns < PATTERNS_MAX)
			r->patterns[r->n_patterns++] =
			    keep(r->l, (struct slice){ line.p + from, n - from });
		line = slice_from(line, n + (n < line.n && quoted));
	}
	if (line.n == 0)
		return;
	open_section(r);
	line = slice_trim(slice_from(line, 1));
	if (line.n > 0)
		directive(r, line, 1);
}

static void one_line(struct reading *r, struct slice raw)
{
	struct slice line = slice_trim(raw);
	unsigned col = (unsigned)(line.p - raw.p) + 1;

	r->line++;
	if (line.n == 0 || line.p[0] == '#')
		return;
	if (r->script)
		r->script = !slice_eq(line, SLICE("endscript"));
	else if (r->in != NULL && line.p[0] == '}')
		r->in = NULL;
	else if (r->in == NULL && strchr("/\"'~{*", line.p[0]) != NULL)
		patterns(r, line);
	else
		directive(r, line, col);
}

static void read_one(
    struct logrotate *l, const char *path, struct logrotate_settings *global, unsigned depth)
{
	struct reading *r = calloc(1, sizeof(*r));
	struct err e;
	char *text = NULL;
	size_t n = 0;

	if (r == NULL || io_read_file(path, FILE_MAX, &text, &n, &e) != 0) {
		free(r);
		return;
	}
	*r = (struct reading){
		.l = l, .file = keep(l, slice_of(path)), .global = global, .depth = depth
	};

	struct slice rest = { text, n };
	struct slice line;

	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		one_line(r, line);
	}
	free(text);
	free(r);
}

/* What packagers and editors leave behind is not read by logrotate either (its tabooext). */
static bool is_left_over(const char *path)
{
	static const char *const ends[] = { "~", ".bak", ".old", ".orig", ".swp", ".disabled",
		".rpmsave", ".rpmorig", ".rpmnew", ".dpkg-old", ".dpkg-new", ".dpkg-dist",
		".dpkg-bak", ".dpkg-tmp", ".ucf-dist", ".ucf-old", ".ucf-new", ",v", ".cfsaved" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (slice_ends(slice_of(path), slice_of(ends[i])))
			return true;
	return false;
}

static void read_path(
    struct logrotate *l, const char *path, struct logrotate_settings *global, unsigned depth)
{
	char pattern[PATH_MAX + 2];
	struct stat st;
	glob_t g = { 0 };

	if (stat(path, &st) != 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		read_one(l, path, global, depth);
		return;
	}
	snprintf(pattern, sizeof(pattern), "%s/*", path);
	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (!is_left_over(g.gl_pathv[i]) && stat(g.gl_pathv[i], &st) == 0 &&
		    S_ISREG(st.st_mode))
			read_one(l, g.gl_pathv[i], global, depth);
	globfree(&g);
}

int logrotate_load(struct logrotate *l, const char *root)
{
	struct logrotate_settings global = { .every_us = 0 };
	char path[PATH_MAX];
	struct stat st;
	struct err e;

	*l = (struct logrotate){ .root = root };
	l->last = &l->first;
	if (arena_init(&l->arena, ARENA, &e) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/etc/logrotate.conf", root);
	if (stat(path, &st) != 0)
		snprintf(path, sizeof(path), "%s/etc/logrotate.d", root);
	read_path(l, path, &global, 0);
	return 0;
}

void logrotate_free(struct logrotate *l)
{
	arena_free(&l->arena);
}

const struct logrotate_section *logrotate_for(const struct logrotate *l, const char *path)
{
	for (const struct logrotate_section *s = l->first; s != NULL; s = s->next)
		for (unsigned i = 0; i < s->n_patterns; i++)
			if (fnmatch(s->patterns[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
				return s;
	return NULL;
}
