#include "agent/rule_bundle.h"

#include "base/err.h"
#include "base/io.h"
#include "detect/bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* As in its folder. Of several folders each has a number: they may have files of the same name. */
static struct slice member_name(
    const struct offline_paths *paths, const char *file, char to[PATH_MAX])
{
	for (unsigned i = 0; i < paths->n; i++) {
		struct slice root = slice_of(paths->v[i]);
		struct slice rest = slice_of(file);
		const char *slash = strrchr(file, '/');

		if (slice_eq(rest, root))
			rest = slash != NULL ? slice_of(slash + 1) : rest;
		else if (slice_starts(rest, root) &&
			 (slice_ends(root, SLICE("/")) || rest.p[root.n] == '/'))
			rest = slice_from(rest, root.n);
		else
			continue;
		while (rest.n > 0 && rest.p[0] == '/')
			rest = slice_from(rest, 1);
		if (paths->n == 1)
			return rest;
		snprintf(to, PATH_MAX, "%u/%.*s", i + 1, SLICE_ARG(rest));
		return slice_of(to);
	}
	return slice_of(file);
}

static int add_files(const struct ruleset *rs, const struct offline_paths *paths, struct buf *body)
{
	for (unsigned i = 0; i < rs->n_files; i++) {
		char name[PATH_MAX];
		char *text;
		size_t n;
		struct err e;
		bool ok;

		if (io_read_file(rs->files[i].name, BUNDLE_MAX_BYTES, &text, &n, &e) != 0) {
			fprintf(stderr, "sekisho: %s: %s; a bundle is made of folders and files\n",
			    rs->files[i].name, e.msg);
			return EX_NOINPUT;
		}
		ok = bundle_add(
		    body, member_name(paths, rs->files[i].name, name), (struct slice){ text, n });
		free(text);
		if (!ok) {
			fprintf(stderr, "sekisho: %s: a bundle can't hold a file of that name\n",
			    rs->files[i].name);
			return EX_DATAERR;
		}
	}
	return 0;
}

static void put_manifest(
    struct buf *b, const struct ruleset *rs, const char *version, unsigned passed)
{
	buf_str(b, "# version ");
	for (const char *c = version != NULL ? version : rs->hash_text; *c != '\0'; c++)
		buf_char(b, (unsigned char)*c < ' ' ? ' ' : *c);
	buf_printf(b, "\n# rules_hash %s\n# rules %u\n# correlations %u\n# files %u\n",
	    rs->hash_text, rs->n_rules, rs->n_correlations, rs->n_files);
	buf_printf(b, "# tests %u passed, 0 failed\n", passed);
}

/* What was tested is what is in it: files may have changed meanwhile. */
static int check_again(const char *path, const struct ruleset *tested)
{
	const char *const paths[] = { path };
	struct problems p = { 0 };
	struct ruleset *rs = ruleset_load(paths, 1, (struct slice){ NULL, 0 }, &p);
	bool same = rs != NULL && p.errors == 0 && rs->hash == tested->hash &&
		    rs->n_rules == tested->n_rules && rs->n_correlations == tested->n_correlations;

	if (!same) {
		fwrite(p.text.p, 1, p.text.n, stderr);
		fprintf(stderr, "sekisho: the rules changed while they were bundled; try again\n");
	}
	problems_free(&p);
	ruleset_free(rs);
	return same ? 0 : EX_TEMPFAIL;
}

static int put_in_place(const char *out, struct slice text, const struct ruleset *tested)
{
	char temp[PATH_MAX];
	struct err e;
	int rc;

	snprintf(temp, sizeof(temp), "%s.%d.new", out, (int)getpid());
	if (io_write_new(temp, text.p, text.n, 0644, &e) != 0) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		unlink(temp);
		return EX_CANTCREAT;
	}
	rc = check_again(temp, tested);
	if (rc == 0 && rename(temp, out) != 0) {
		fprintf(stderr, "sekisho: %s: %s\n", out, strerror(errno));
		rc = EX_CANTCREAT;
	}
	if (rc != 0)
		unlink(temp);
	return rc;
}

int rule_bundle(const struct offline *o, const struct offline_options *opt,
    const struct rule_bundle_options *b, unsigned passed)
{
	struct buf body = { .max = BUNDLE_MAX_BYTES };
	struct buf manifest = { 0 };
	struct buf all = { .max = BUNDLE_MAX_BYTES };
	struct offline_paths paths;
	int rc = offline_rule_paths(opt, &paths);

	if (rc == 0)
		rc = add_files(o->rs, &paths, &body);
	if (rc == 0) {
		put_manifest(&manifest, o->rs, b->version, passed);
		bundle_seal(&all, buf_as_slice(&manifest), buf_as_slice(&body));
		if (body.full || all.full) {
			fprintf(stderr, "sekisho: the rules are larger than 64 MiB\n");
			rc = EX_DATAERR;
		}
	}
	if (rc == 0)
		rc = put_in_place(b->out, buf_as_slice(&all), o->rs);
	if (rc == 0)
		printf("%s: %u rules, %u correlations, %u tests passed, rules_hash %s\n", b->out,
		    o->rs->n_rules, o->rs->n_correlations, passed, o->rs->hash_text);
	offline_free_paths(&paths);
	buf_free(&body);
	buf_free(&manifest);
	buf_free(&all);
	return rc;
}
