#include "agent/rotation.h"

#include "agent/logrotate.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>

/* A setting that loses lines is said once, not for each log it is about. */
static bool first_time(const struct place *at, struct place *said, unsigned *n, unsigned max)
{
	for (unsigned i = 0; i < *n; i++)
		if (said[i].file == at->file && said[i].line == at->line)
			return false;
	if (*n < max)
		said[(*n)++] = *at;
	return true;
}

enum { SAID_MAX = 512 };

struct check {
	const char *root;
	struct problems *p;
	struct logrotate settings;
	struct place said[SAID_MAX];
	unsigned n_said;
};

static void say(struct check *k, const struct place *at, const char *path, const char *text)
{
	if (first_time(at, k->said, &k->n_said, SAID_MAX))
		problem_warn(k->p, *at, "%s: %s", path, text);
}

/* How long a line is there to be read: in the current file and in all that are kept. */
static void how_soon(struct check *k, const struct logrotate_section *s,
    const struct input_config *in, const char *file, const char *path)
{
	const struct logrotate_settings *is = &s->is;
	const char *name = strrchr(path, '/') + 1;
	struct place at = is->rotate_at.line != 0 ? is->rotate_at : s->at;
	double rate = rotation_rate(in, file);
	double left = (double)is->every_us / 1e6;
	char span[32];

	if (is->rotate == 0) {
		say(k, &at, path,
		    "`rotate` is 0: the old log is deleted at once, and with it what was not read "
		    "yet");
		return;
	}
	if (is->size > 0 && rate > 0 && (double)is->size / rate > left)
		left = (double)is->size / rate;
	left *= is->rotate;
	if (left > 0 && left < ROTATION_SOON_S)
		problem_warn(k->p, at,
		    "%s rotates away in %s%s (%u old files are kept): an agent that is down for "
		    "longer loses lines",
		    name, rotation_span(left, span), is->size > 0 ? " at today's rate" : "",
		    is->rotate);
}

static void how(struct check *k, const struct logrotate_section *s, const char *path)
{
	const struct logrotate_settings *is = &s->is;
	bool copies = is->on[LOGROTATE_COPYTRUNCATE] || is->on[LOGROTATE_COPY];

	if (is->on[LOGROTATE_COPYTRUNCATE])
		say(k, &is->at[LOGROTATE_COPYTRUNCATE], path,
		    "copytruncate loses the lines written between copy and truncation, each time; "
		    "use create with a postrotate that makes the writer open its log anew");
	if (!copies && is->on[LOGROTATE_COMPRESS] && !is->on[LOGROTATE_DELAYCOMPRESS])
		say(k, &is->at[LOGROTATE_COMPRESS], path,
		    "compress without delaycompress: what a writer that has not opened its new log "
		    "yet adds to the old one is lost");
	if (!copies && !is->on[LOGROTATE_CREATE] && !is->on[LOGROTATE_SCRIPT])
		say(k, &s->at, path,
		    "rotation with neither create nor postrotate: the writer goes on in the "
		    "renamed "
		    "file, which is deleted in its turn");
	if (is->on[LOGROTATE_OLDDIR])
		say(k, &is->at[LOGROTATE_OLDDIR], path,
		    "olddir: an agent that was down looks for the old log beside the new one, and "
		    "won't find it there");
	if (is->on[LOGROTATE_EXTENSION])
		say(k, &is->at[LOGROTATE_EXTENSION], path,
		    "extension: an agent that was down looks for NAME.* and NAME-*, and won't find "
		    "the old log under another name");
}

/* file: path below the root. */
static void one_log(struct check *k, const struct input_config *in, const char *file)
{
	const char *path = file + strlen(k->root);
	const struct logrotate_section *s = logrotate_for(&k->settings, path);

	if (s != NULL) {
		how(k, s, path);
		how_soon(k, s, in, file, path);
	}
	rotation_auditd(in, k->root, path, k->p);
}

static void one_pattern(struct check *k, const struct input_config *in, const char *pattern)
{
	char full[PATH_MAX];
	glob_t g = { 0 };

	snprintf(full, sizeof(full), "%s%s", k->root, pattern);
	if (glob(full, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			one_log(k, in, g.gl_pathv[i]);
	else
		one_log(k, in, full); /* nothing there yet: by its name */
	globfree(&g);
}

void rotation_check(const struct config *c, const char *root, struct problems *p)
{
	static struct check k;
	const struct yaml *inputs = c->file.n > 0 ? yaml_get(&c->file.docs[0], "inputs") : NULL;
	bool journald = false;

	k = (struct check){ .root = root, .p = p };
	if (logrotate_load(&k.settings, root) != 0)
		return;
	for (unsigned i = 0; i < c->inputs.n; i++) {
		const struct input_config *in = config_input(c, i);

		for (unsigned f = 0; f < in->files.n; f++)
			one_pattern(&k, in, in->files.v[f]);
		journald = journald || (inputs != NULL && i < inputs->n &&
					   yaml_get(&inputs->child[i], "journald") != NULL);
	}
	if (journald)
		rotation_journald(root, p);
	logrotate_free(&k.settings);
}
