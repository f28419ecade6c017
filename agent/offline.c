#include "agent/offline.h"
#include "agent/cache_dir.h"
#include "agent/formats.h"

#include "base/err.h"
#include "detect/decoys.h"
#include "detect/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

unsigned offline_rule_dirs(const char *dirs[4])
{
	static const char *const installed[] = { "/etc/sekisho/rules", "/usr/share/sekisho/rules" };
	unsigned n = 0;

	if (access("rules", R_OK) == 0 && access("detect/sigma.h", F_OK) == 0) {
		dirs[n++] = "rules"; /* in a checkout */
		return n;
	}
	for (unsigned i = 0; i < 2; i++)
		if (access(installed[i], R_OK) == 0)
			dirs[n++] = installed[i];
	if (n == 0 && access("rules", R_OK) == 0)
		dirs[n++] = "rules";
	return n;
}

struct ruleset *offline_load_rules(
    const char *const *dirs, unsigned n, const struct config *c, struct problems *p)
{
	struct buf more = { 0 };
	struct ruleset *rs;

	if (c != NULL)
		decoys_rules(c->decoys.paths.v, c->decoys.paths.n, c->decoys.profiles.v,
		    c->decoys.profiles.n, &more);
	rs = ruleset_load(dirs, n, buf_as_slice(&more), p);
	buf_free(&more);
	return rs;
}

/* Named ones, else the config's, else the installed ones. */
static const char *const *rule_paths(
    const struct offline_options *opt, const struct config *c, const char *dirs[4], unsigned *n)
{
	if (opt->rules.n > 0) {
		*n = opt->rules.n;
		return opt->rules.v;
	}
	if (c != NULL && c->rules.n > 0) {
		*n = c->rules.n;
		return c->rules.v;
	}
	*n = offline_rule_dirs(dirs);
	return dirs;
}

static int load_rules(struct offline *o, const struct offline_options *opt)
{
	struct problems p = { 0 };
	const char *dirs[4];
	unsigned n;
	const char *const *paths = rule_paths(opt, o->config, dirs, &n);

	if (n > 0)
		o->rs = offline_load_rules(paths, n, o->config, &p);
	else
		problem_error(&p, (struct place){ "rules", 0, 0 },
		    "there are no rules in /etc/sekisho/rules or /usr/share/sekisho/rules; name a "
		    "folder with --rules");
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);

	bool bad = p.errors > 0 || o->rs == NULL;

	problems_free(&p);
	return bad ? EX_CONFIG : 0;
}

static int build(struct offline *o, const struct offline_options *opt, uint64_t key, struct err *e)
{
	o->plan = trigger_plan_new(o->rs, cache_dir(), cache_shipped_dir(), e);
	if (o->plan == NULL)
		return -1;
	if (!opt->raw && (o->redactor = redactor_new(key, e)) == NULL)
		return -1;
	if (pipeline_init(&o->pipeline, o->plan, o->redactor, e) != 0)
		return -1;
	o->pipeline.engine->no_canonical = opt->no_canonical;
	o->pipeline.engine->reference = opt->reference;
	o->correlator = correlator_new(o->rs, key);
	return o->correlator != NULL ? 0 : err_set(e, 0, "no memory for correlation");
}

static int load_config(struct offline *o, const char *path)
{
	struct problems p = { 0 };
	int rc = EX_OSERR;

	o->config = calloc(1, sizeof(*o->config));
	if (o->config != NULL)
		rc = config_load(path, o->config, &p) == 0 ? 0 : EX_CONFIG;
	if (p.text.n > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);
	problems_free(&p);
	return rc;
}

/* As the agent would read lines of that input. */
static int use_input(struct offline *o, const struct input_config *in)
{
	struct identity_map *map = calloc(in->identity.n + 1, sizeof(*map));

	if (map == NULL)
		return EX_OSERR;
	for (unsigned i = 0; i < in->identity.n; i++) {
		const struct identity_config *c =
		    (const struct identity_config *)in->identity.v + i;

		map[i] = (struct identity_map){ slice_of(c->attribute), slice_of(c->field) };
	}
	o->rules.identity = map;
	o->rules.n_identity = in->identity.n;
	o->rules.client = in->client;
	o->rules.start = in->start;
	o->rules.proxy = in->logsource != NULL;
	o->rules.tz_s = in->tz_s;
	return 0;
}

/* The parser, and what the first input that has it says of its lines. */
static int choose_parser(struct offline *o, const char *name)
{
	const struct input_config *in = NULL;

	if (name == NULL)
		name = o->config != NULL ? config_input(o->config, 0)->parser_name : "auto";
	o->rules.parser = formats_find(o->config, slice_of(name));
	if (o->rules.parser == NULL) {
		const char *s = formats_suggest(o->config, slice_of(name));

		fprintf(stderr,
		    "sekisho: there is no parser '%s'%s%s%s; `sekisho formats` lists them\n", name,
		    s != NULL ? "; did you mean '" : "", s != NULL ? s : "", s != NULL ? "'?" : "");
		return EX_USAGE;
	}
	for (unsigned i = 0; o->config != NULL && in == NULL && i < o->config->inputs.n; i++)
		if (config_input(o->config, i)->parser == o->rules.parser)
			in = config_input(o->config, i);
	return in != NULL ? use_input(o, in) : 0;
}

int offline_open(struct offline *o, const struct offline_options *opt, uint64_t key)
{
	struct err e;
	int rc = 0;

	*o = (struct offline){ 0 };
	if (opt->config != NULL)
		rc = load_config(o, opt->config);
	if (rc == 0)
		rc = choose_parser(o, opt->parser);
	if (rc == 0)
		rc = load_rules(o, opt);
	if (rc == 0 && build(o, opt, key, &e) != 0) {
		fprintf(stderr, "sekisho: %s\n", e.msg);
		rc = EX_OSERR;
	}
	if (rc != 0)
		offline_close(o);
	return rc;
}

void offline_close(struct offline *o)
{
	correlator_free(o->correlator);
	if (o->pipeline.events != NULL)
		pipeline_free(&o->pipeline);
	redactor_free(o->redactor);
	trigger_plan_free(o->plan);
	ruleset_free(o->rs);
	free((void *)(uintptr_t)o->rules.identity);
	if (o->config != NULL)
		config_free(o->config);
	free(o->config);
	*o = (struct offline){ 0 };
}

int offline_rule_paths(const struct offline_options *opt, struct offline_paths *out)
{
	struct offline o = { 0 };
	const char *dirs[4];
	const char *const *v;
	int rc = opt->config != NULL ? load_config(&o, opt->config) : 0;

	*out = (struct offline_paths){ 0 };
	if (rc == 0) {
		v = rule_paths(opt, o.config, dirs, &out->n);
		out->v = calloc(out->n + 1, sizeof(*out->v));
		for (unsigned i = 0; i < out->n && out->v != NULL; i++) /* the config goes */
			out->v[i] = strdup(v[i]);
		if (out->v == NULL || (out->n > 0 && out->v[out->n - 1] == NULL))
			rc = EX_OSERR;
	}
	offline_close(&o);
	return rc;
}

void offline_free_paths(struct offline_paths *p)
{
	for (unsigned i = 0; i < p->n && p->v != NULL; i++)
		free(p->v[i]);
	free(p->v);
	*p = (struct offline_paths){ 0 };
}
