#include "detect/ruleset.h"

#include "base/err.h"
#include "detect/bundle.h"
#include "detect/sigma.h"
#include "match/regex.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { RULESET_ARENA = 256 << 20, RULESET_MAX = 20000 };

static struct slice stem_of(const char *path)
{
	struct slice s = slice_of(path);
	struct slice dir;
	struct slice base;

	if (!slice_cut_last(s, '/', &dir, &base))
		base = s;

	struct slice stem;
	struct slice ext;

	slice_cut_last(base, '.', &stem, &ext);
	return stem;
}

/* Grow an array to hold one more. Rules move while loading; nothing points to them yet. */
static bool room(void *array, unsigned n, unsigned *cap, size_t size)
{
	void **p = array;

	if (n < *cap)
		return true;

	unsigned want = *cap != 0 ? *cap * 2 : 128;
	void *q = want <= RULESET_MAX * 2 ? realloc(*p, want * size) : NULL;

	if (q == NULL)
		return false;
	memset((char *)q + *cap * size, 0, (want - *cap) * size);
	*p = q;
	*cap = want;
	return true;
}

static void out_of_room(struct problems *p)
{
	problem_error(p, (struct place){ "rules", 0, 0 }, "more than %d rules, or out of memory",
	    RULESET_MAX);
}

static void free_regexes(struct node *nodes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < nodes[i].n_matchers; k++)
			regex_free(nodes[i].matchers[k].regex);
}

/* The newest entry hides nothing: an earlier folder came first. Drop it when its name is taken. */
static void drop_hidden(struct ruleset *rs)
{
	struct slice name = rs->rules[rs->n_rules - 1].name;

	for (unsigned i = 0; i + 1 < rs->n_rules; i++)
		if (slice_eq(rs->rules[i].name, name) &&
		    !slice_eq(rs->rules[i].file, rs->rules[rs->n_rules - 1].file)) {
			rs->n_rules--;
			free_regexes(rs->rules[rs->n_rules].nodes, rs->rules[rs->n_rules].n_nodes);
			return;
		}
}

static void check_name(struct loader *l, const struct yaml *doc, struct slice name)
{
	const struct ruleset *rs = l->rs;
	unsigned same = 0;

	for (unsigned i = 0; i < rs->n_rules; i++)
		same += slice_eq(rs->rules[i].name, name) &&
			slice_eq(rs->rules[i].file, slice_of(l->file->name));
	if (same > 1)
		sigma_error(l, doc, "two rules of this file are named '%.*s'", SLICE_ARG(name));
}

/* The name of a document without one: the file's, with a number from the second document on. */
static struct slice default_name(struct loader *l, const struct yaml *doc)
{
	struct slice stem = stem_of(l->file->name);
	char text[256];
	int n;

	if (doc == l->file->docs)
		return stem;
	n = snprintf(
	    text, sizeof(text), "%.*s-%u", SLICE_ARG(stem), (unsigned)(doc - l->file->docs) + 1);
	return sigma_copy(
	    l, (struct slice){ text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1 });
}

static void load_doc(struct loader *l, const struct yaml *doc)
{
	struct ruleset *rs = l->rs;
	struct slice stem = default_name(l, doc);

	if (yaml_is_null(doc))
		return;
	if (doc->kind != YAML_MAP) {
		sigma_error(l, doc, "expected a Sigma rule: title, logsource, detection...");
	} else if (yaml_get(doc, "correlation") != NULL) {
		if (room(&rs->correlations, rs->n_correlations, &rs->cap_correlations,
			sizeof(*rs->correlations)))
			sigma_correlation(l, doc, stem);
		else
			out_of_room(l->p);
	} else if (yaml_get(doc, "filter") != NULL || yaml_get(doc, "placeholders") != NULL) {
		return; /* read before the rules */
	} else if (!room(&rs->rules, rs->n_rules, &rs->cap_rules, sizeof(*rs->rules))) {
		out_of_room(l->p);
	} else if (l->n_nodes = 0, sigma_rule(l, doc, stem)) {
		check_name(l, doc, rs->rules[rs->n_rules - 1].name);
		drop_hidden(rs);
	} else {
		free_regexes(l->nodes, l->n_nodes);
	}
}

static void load_file(struct loader *l, const char *name, const struct slice *text)
{
	struct ruleset *rs = l->rs;
	struct yaml_file *f;

	if (rs->n_files == rs->cap_files) {
		out_of_room(l->p);
		return;
	}
	f = &rs->files[rs->n_files++];
	if (yaml_load(name, text, f, l->p) != 0)
		f->n = 0;
}

/* Its files by their names behind its own. */
static void load_bundle(struct loader *l, const char *path)
{
	struct bundle b;
	struct slice name;
	struct slice text;

	if (bundle_open(&b, path, l->p) == 0)
		while (bundle_next(&b, path, &name, &text, l->p) == 1) {
			char full[BUNDLE_NAME_MAX + 4096];

			snprintf(full, sizeof(full), "%s/%.*s", path, SLICE_ARG(name));
			load_file(l, full, &text);
		}
	bundle_close(&b);
}

/* Filters and placeholders hold for the rules of all files: they are known before any is read. */
static void load_docs(struct loader *l)
{
	struct ruleset *rs = l->rs;

	for (unsigned i = 0; i < rs->n_files; i++)
		for (unsigned k = 0; k < rs->files[i].n; k++)
			if (yaml_get(&rs->files[i].docs[k], "filter") != NULL)
				sigma_filter_note(l, &rs->files[i], &rs->files[i].docs[k]);
	for (unsigned i = 0; i < rs->n_files; i++)
		for (unsigned k = 0; k < rs->files[i].n; k++) {
			l->file = &rs->files[i];
			load_doc(l, &rs->files[i].docs[k]);
		}
	sigma_filter_unused(l);
}

static bool is_yaml(const char *name)
{
	return slice_ends(slice_of(name), SLICE(".yml")) ||
	       slice_ends(slice_of(name), SLICE(".yaml"));
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* `rules backtest mine/new.yml --rules mine`: the file is one, not two. */
static bool was_named(struct loader *l, const struct stat *st, bool named)
{
	for (unsigned i = 0; i < l->n_named; i++)
		if (l->named[i].device == st->st_dev && l->named[i].inode == st->st_ino)
			return true;
	if (named && l->n_named < SIGMA_MAX_NAMED) {
		l->named[l->n_named].device = st->st_dev;
		l->named[l->n_named++].inode = st->st_ino;
	}
	return false;
}

static void load_dir(struct loader *l, const char *dir)
{
	char *paths[] = { (char *)(uintptr_t)dir, NULL };
	FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	FTSENT *ent;

	if (fts == NULL) {
		out_of_room(l->p);
		return;
	}
	while ((ent = fts_read(fts)) != NULL) {
		bool named =
		    ent->fts_level == 0; /* given by its own name: read whatever it is called */

		if (ent->fts_level > 16)
			fts_set(fts, ent, FTS_SKIP);
		else if (ent->fts_info == FTS_F && (named || is_yaml(ent->fts_name)) &&
			 was_named(l, ent->fts_statp, named))
			continue;
		else if (ent->fts_info == FTS_F && named && bundle_is(ent->fts_path))
			load_bundle(l, ent->fts_path);
		else if (ent->fts_info == FTS_F && (named || is_yaml(ent->fts_name)))
			load_file(l, ent->fts_path, NULL);
		else if (ent->fts_info == FTS_ERR || ent->fts_info == FTS_DNR ||
			 ent->fts_info == FTS_NS)
			problem_error(l->p, (struct place){ ent->fts_path, 0, 0 }, "%s",
			    strerror(ent->fts_errno));
	}
	fts_close(fts);
}

static int find_rule(const struct ruleset *rs, struct slice name)
{
	for (unsigned i = 0; i < rs->n_rules; i++)
		if (slice_eq(rs->rules[i].name, name) ||
		    (rs->rules[i].id.n > 0 && slice_eq(rs->rules[i].id, name)))
			return (int)i;
	return -1;
}

static void sum_hash(struct ruleset *rs)
{
	static const char hex[] = "0123456789abcdef";

	rs->hash = 0;
	for (unsigned i = 0; i < rs->n_rules; i++)
		rs->hash = (rs->hash ^ rs->rules[i].hash) * 0x9E3779B97F4A7C15u;
	for (unsigned i = 0; i < rs->n_correlations; i++)
		rs->hash = (rs->hash ^ rs->correlations[i].hash) * 0x9E3779B97F4A7C15u;
	for (unsigned i = 0; i < 16; i++)
		rs->hash_text[i] = hex[rs->hash >> (60 - 4 * i) & 15];
}

static struct ruleset *new_ruleset(void)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));
	struct err e;

	if (rs == NULL)
		return NULL;
	rs->cap_files = RULESET_MAX;
	rs->files = calloc(rs->cap_files, sizeof(*rs->files));
	if (rs->files == NULL || arena_init(&rs->arena, RULESET_ARENA, &e) != 0) {
		ruleset_free(rs);
		return NULL;
	}
	return rs;
}

static struct ruleset *load(const char *const *dirs, unsigned n_dirs, const char *name,
    const struct slice *text, struct problems *p)
{
	struct ruleset *rs = new_ruleset();
	struct loader *l = calloc(1, sizeof(*l));

	if (rs == NULL || l == NULL) {
		ruleset_free(rs);
		free(l);
		return NULL;
	}
	l->rs = rs;
	l->p = p;
	for (unsigned i = 0; i < n_dirs; i++)
		load_dir(l, dirs[i]);
	if (n_dirs > 0 && rs->n_files == 0)
		problem_warn(p, (struct place){ dirs[0], 0, 0 },
		    "there are no rules in %s (no file *.yml): nothing will be detected",
		    n_dirs > 1 ? "it and the other folders" : "it");
	if (text != NULL)
		load_file(l, name, text);
	load_docs(l);
	sigma_resolve(l);
	sum_hash(rs);
	free(l->filters);
	free(l);
	return rs;
}

struct ruleset *ruleset_load(
    const char *const *dirs, unsigned n_dirs, struct slice more, struct problems *p)
{
	return load(dirs, n_dirs, "decoys", more.n > 0 ? &more : NULL, p);
}

struct ruleset *ruleset_load_text(const char *name, struct slice text, struct problems *p)
{
	return load(NULL, 0, name, &text, p);
}

void ruleset_free(struct ruleset *rs)
{
	if (rs == NULL)
		return;
	for (unsigned i = 0; i < rs->n_rules; i++)
		free_regexes(rs->rules[i].nodes, rs->rules[i].n_nodes);
	for (unsigned i = 0; i < rs->n_files; i++)
		yaml_free(&rs->files[i]);
	free(rs->files);
	free(rs->rules);
	free(rs->correlations);
	arena_free(&rs->arena);
	free(rs);
}

const struct rule *ruleset_rule(const struct ruleset *rs, struct slice name)
{
	int i = find_rule(rs, name);

	return i >= 0 ? &rs->rules[i] : NULL;
}

const struct correlation *ruleset_correlation(const struct ruleset *rs, struct slice name)
{
	for (unsigned i = 0; i < rs->n_correlations; i++)
		if (slice_eq(rs->correlations[i].name, name) ||
		    slice_eq(rs->correlations[i].id, name))
			return &rs->correlations[i];
	return NULL;
}
