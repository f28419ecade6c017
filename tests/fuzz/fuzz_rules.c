/*
 * Any bytes as a file of rules: what is loaded can be compiled to triggers and run over a line,
 * everything else is a problem that is named.
 */
#include "agent/pipeline.h"
#include "base/err.h"
#include "detect/redact.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char lines[] =
    "203.0.113.7 - bob [23/Nov/2026:06:00:00 +0000] \"GET "
    "/a/../b?q=1%27+union/**/select&x=%3Cscript "
    "HTTP/1.1\" 404 12 \"http://h/?r\" \"sqlmap/1.0\"\n"
    "Nov 23 06:00:01 web sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2\n";

static void detect(struct ruleset *rs)
{
	struct err e;
	struct trigger_plan *plan = trigger_plan_new(rs, NULL, NULL, &e);
	struct line_rules lr = { .parser = &parser_auto, .ref_us = 1795413600000000 };
	struct window_in in = { .text = { lines, sizeof(lines) - 1 }, .line = 1, .final = true };
	static struct pipeline p;

	if (plan == NULL || (p.events == NULL ? pipeline_init(&p, plan, NULL, &e)
					      : pipeline_use(&p, plan, &e)) != 0)
		abort();
	pipeline_window(&p, &lr, &in);
	if (p.n_events != 2)
		abort();
	trigger_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems p = { 0 };
	struct ruleset *rs;

	if (size > 1 << 14)
		return 0;
	rs = ruleset_load_text("fuzz", (struct slice){ (const char *)data, size }, &p);
	if (rs == NULL || (p.errors > 0 && p.text.n == 0))
		abort();
	if (rs->n_rules > 0 && size % 4 == 0) /* dear: many bytes are found by loading alone */
		detect(rs);
	problems_free(&p);
	ruleset_free(rs);
	return 0;
}
