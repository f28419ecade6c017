#include "agent/offline.h"
#include "agent/cache_dir.h"

#include "base/err.h"
#include "detect/redact.h"

#include <stdio.h>
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

static int load_rules(struct offline *o, const struct offline_options *opt)
{
	struct problems p = { 0 };
	const char *dirs[4];
	unsigned n = 0;

	if (opt->rules.n > 0)
		o->rs = ruleset_load(opt->rules.v, opt->rules.n, &p);
	else if ((n = offline_rule_dirs(dirs)) > 0)
		o->rs = ruleset_load(dirs, n, &p);
	else
		problem_error(&p, (struct place){ "rules", 0, 0 },
		    "there are no rules in /etc/sekisho/rules or /usr/share/sekisho/rules; name a "
		    "folder with --rules");
	if (p.errors > 0)
		fwrite(p.text.p, 1, p.text.n, stderr);

	bool bad = p.errors > 0 || o->rs == NULL;

	problems_free(&p);
	return bad ? EX_CONFIG : 0;
}

static int build(struct offline *o, const struct offline_options *opt, uint64_t key, struct err *e)
{
	o->plan = trigger_plan_new(o->rs, cache_dir(), e);
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

int offline_open(struct offline *o, const struct offline_options *opt, uint64_t key)
{
	struct err e;
	int rc;

	*o = (struct offline){ 0 };
	o->rules.parser = parser_find(slice_of(opt->parser != NULL ? opt->parser : "auto"));
	if (o->rules.parser == NULL) {
		fprintf(stderr, "sekisho: there is no parser '%s'; `sekisho formats` lists them\n",
		    opt->parser);
		return EX_USAGE;
	}
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
	*o = (struct offline){ 0 };
}
