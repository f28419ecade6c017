/* One detection rule from its document. */
#include "detect/sigma.h"

/* logsource to event classes; design: what is not in the table is refused by name. */
struct source {
	const char *product, *category, *service; /* NULL: not given */
	unsigned classes;
	const char *program; /* syslog program */
};

static const struct source sources[] = {
	{ NULL, "webserver", NULL, CLASS_WEB, NULL },
	{ NULL, "proxy", NULL, CLASS_PROXY, NULL },
	{ "linux", "process_creation", NULL, CLASS_PROCESS, NULL },
	{ "linux", "file_event", NULL, CLASS_FILE, NULL },
	{ "linux", "network_connection", NULL, CLASS_NETWORK, NULL },
	{ "linux", NULL, "auditd", CLASS_AUDITD, NULL },
	{ "linux", NULL, "syslog", CLASS_SYSLOG, NULL },
	{ "linux", NULL, "auth", CLASS_SYSLOG, NULL },
	{ "linux", NULL, "sshd", CLASS_SYSLOG, "sshd" },
	{ "linux", NULL, "sudo", CLASS_SYSLOG, "sudo" },
	{ "linux", NULL, "su", CLASS_SYSLOG, "su" },
	{ "linux", NULL, "login", CLASS_SYSLOG, "login" },
	{ "linux", NULL, "useradd", CLASS_SYSLOG, "useradd" },
	{ "linux", NULL, "cron", CLASS_SYSLOG, "cron" },
	{ "linux", NULL, "vsftpd", CLASS_SYSLOG, "vsftpd" },
	{ "linux", NULL, "clamav", CLASS_SYSLOG, "clamd" },
	{ "linux", NULL, "guacamole", CLASS_SYSLOG, "guacd" },
	{ "linux", NULL, NULL, CLASS_SYSLOG | CLASS_AUDITD, NULL },
	{ "linux", NULL, "netfilter", CLASS_SYSLOG, "kernel" },
	{ NULL, NULL, "nginx", CLASS_WEB | CLASS_SYSLOG, NULL },
	{ NULL, NULL, "apache", CLASS_WEB | CLASS_SYSLOG, NULL },
	{ NULL, "error_log", NULL, CLASS_WEB | CLASS_SYSLOG, NULL },
	{ NULL, "authentication", NULL, CLASS_SYSLOG | CLASS_WEB | CLASS_OTHER, NULL },
	{ NULL, "application", NULL, CLASS_OTHER, NULL },
};

static bool fits(const char *want, const struct yaml *got)
{
	if (want == NULL)
		return got == NULL;
	return got != NULL && slice_eq(got->text, slice_of(want));
}

/* A product is optional where category or service says enough (webserver, sshd on linux...). */
static bool fits_product(const struct source *s, const struct yaml *product)
{
	if (product == NULL)
		return s->category != NULL || s->service != NULL;
	if (s->product != NULL)
		return slice_eq(product->text, slice_of(s->product));
	return slice_eq(product->text, SLICE("linux")) || slice_eq(product->text, SLICE("nginx")) ||
	       slice_eq(product->text, SLICE("apache"));
}

static bool read_logsource(struct loader *l, const struct yaml *doc, struct rule *r)
{
	static const char *const known[] = { "product", "category", "service", "definition" };
	const struct yaml *y = yaml_get(doc, "logsource");
	const struct yaml *product = yaml_get(y, "product");
	const struct yaml *category = yaml_get(y, "category");
	const struct yaml *service = yaml_get(y, "service");

	if (y == NULL || y->kind != YAML_MAP) {
		sigma_error(l, doc, "the rule has no logsource: which events is it about?");
		return false;
	}
	for (unsigned i = 0; i < y->n; i++) {
		bool ok = false;

		for (unsigned k = 0; k < sizeof(known) / sizeof(*known); k++)
			ok = ok || slice_eq(y->child[i].key, slice_of(known[k]));
		if (!ok)
			problem_warn(l->p, yaml_key_place(l->file, &y->child[i]),
			    "logsource key '%.*s' is not known and has no effect",
			    SLICE_ARG(y->child[i].key));
	}
	for (unsigned i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		const struct source *s = &sources[i];

		if (fits_product(s, product) && fits(s->category, category) &&
		    fits(s->service, service)) {
			r->classes = s->classes;
			r->program = slice_of(s->program);
			return true;
		}
	}
	sigma_error(l, y,
	    "logsource %.*s%s%.*s%s%.*s is not supported: no log that is read here has such events "
	    "(docs/rules.md lists those that are)",
	    product != NULL ? (int)product->text.n : 1, product != NULL ? product->text.p : "-",
	    "/", category != NULL ? (int)category->text.n : 1,
	    category != NULL ? category->text.p : "-", "/",
	    service != NULL ? (int)service->text.n : 1, service != NULL ? service->text.p : "-");
	return false;
}

bool sigma_detection(struct loader *l, const struct yaml *y, unsigned *root)
{
	const struct yaml *condition = yaml_get(y, "condition");

	if (y->kind != YAML_MAP || condition == NULL) {
		sigma_error(l, y, "expected selections and a `condition:`");
		return false;
	}
	l->n_selections = 0;
	for (unsigned i = 0; i < y->n; i++) {
		const struct yaml *s = &y->child[i];

		if (slice_eq(s->key, SLICE("condition")) ||
		    (slice_eq(s->key, SLICE("rules")) && slice_eq(y->key, SLICE("filter"))))
			continue;
		if (slice_eq(s->key, SLICE("timeframe"))) {
			sigma_key_error(l, s,
			    "timeframe belongs to the old aggregation syntax: write a correlation");
			continue;
		}
		if (l->n_selections == SIGMA_MAX_SELECTIONS || s->key.n == 0) {
			sigma_key_error(l, s, "more than %d selections, or one without a name",
			    SIGMA_MAX_SELECTIONS);
			return false;
		}
		l->selections[l->n_selections].name = s->key;
		l->selections[l->n_selections].node = sigma_selection(l, s);
		l->n_selections++;
	}
	*root = sigma_condition(l, condition);
	return true;
}

static bool read_detection(
    struct loader *l, const struct yaml *doc, const struct sigma_head *h, struct rule *r)
{
	const struct yaml *y = yaml_get(doc, "detection");

	if (y == NULL) {
		sigma_error(
		    l, doc, "the rule needs `detection:` with selections and a `condition:`");
		return false;
	}
	l->n_nodes = 0;
	l->mixed = 0;
	if (!sigma_detection(l, y, &r->root))
		return false;
	r->root = sigma_filter_join(l, doc, h, r->root);
	if (l->mixed != 0)
		r->hash ^= l->mixed;
	r->nodes = sigma_alloc(l, sizeof(*r->nodes) * (l->n_nodes + 1), _Alignof(struct node));
	if (r->nodes == NULL)
		return false;
	memcpy(r->nodes, l->nodes, sizeof(*r->nodes) * l->n_nodes);
	r->n_nodes = l->n_nodes;
	return true;
}

/* A yes or no of ours; def when absent. */
static bool flag(struct loader *l, const struct yaml *doc, const char *key, bool def)
{
	const struct yaml *y = yaml_get(doc, key);

	if (y == NULL)
		return def;
	if (slice_eq(y->text, SLICE("true")))
		return true;
	if (!slice_eq(y->text, SLICE("false")))
		sigma_error(l, y, "%s: expected true or false", key);
	return false;
}

static bool is_domain(struct slice s)
{
	bool dot = false;

	for (size_t i = 0; i < s.n; i++) {
		dot = dot || (s.p[i] == '.' && i > 0 && i + 1 < s.n);
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			s.p[i] == '-' || s.p[i] == '.'))
			return false;
	}
	return dot && s.p[0] != '.' && s.n <= RULE_DOMAIN_MAX;
}

/* Where the names of a crawler's addresses are: what DNS is asked for (agent/crawlers.h). */
static void read_domains(struct loader *l, const struct yaml *doc, struct rule *r)
{
	const struct yaml *y = yaml_get(doc, "crawler_domains");

	if (y == NULL)
		return;
	if (y->kind != YAML_SEQ || y->n == 0 || y->n > RULE_MAX_DOMAINS) {
		sigma_error(
		    l, y, "crawler_domains: expected a list of 1 to %d domains", RULE_MAX_DOMAINS);
		return;
	}
	r->domains = sigma_alloc(l, sizeof(*r->domains) * y->n, _Alignof(struct slice));
	for (unsigned i = 0; i < y->n && r->domains != NULL; i++) {
		if (!is_domain(y->child[i].text))
			sigma_error(l, &y->child[i],
			    "crawler_domains: expected a domain in lower case, such as "
			    "googlebot.com");
		r->domains[r->n_domains++] = y->child[i].text;
	}
}

static void read_ours(struct loader *l, const struct yaml *doc, struct rule *r)
{
	const struct yaml *evidence = yaml_get(doc, "evidence");
	const struct yaml *weight = yaml_get(doc, "weight");
	uint64_t w;

	r->canonical = flag(l, doc, "canonical", true);
	/* whether a rule that only feeds correlations makes detections is settled by ruleset.c */
	r->generate = flag(l, doc, "generate", true);
	read_domains(l, doc, r);
	if (evidence != NULL) {
		r->conclusive = slice_eq(evidence->text, SLICE("conclusive"));
		if (!r->conclusive && !slice_eq(evidence->text, SLICE("supporting")))
			sigma_error(l, evidence, "evidence: expected conclusive or supporting");
	}
	if (weight != NULL) {
		if (!slice_u64(weight->text, &w) || w < 1 || w > 10)
			sigma_error(l, weight, "weight: expected a number from 1 to 10");
		else
			r->weight = (unsigned)w;
	}
}

/* A name that nobody knows has no effect: most often it is a typing mistake. */
static void check_keys(struct loader *l, const struct yaml *doc)
{
	static const char *const known[] = { "title", "id", "name", "related", "status",
		"description", "license", "references", "author", "date", "modified", "tags",
		"logsource", "detection", "fields", "falsepositives", "level", "taxonomy", "scope",
		"category", "evidence", "tests", "weight", "canonical", "generate", "enabled",
		"crawler_domains", "regression_tests_path", "simulation" };

	for (unsigned i = 0; i < doc->n; i++) {
		const struct yaml *c = &doc->child[i];
		bool ok = false;

		for (unsigned k = 0; k < sizeof(known) / sizeof(*known); k++)
			ok = ok || slice_eq(c->key, slice_of(known[k]));
		if (ok)
			continue;

		const char *s = problem_suggest(c->key, known, sizeof(known) / sizeof(*known));

		problem_warn(l->p, yaml_key_place(l->file, c),
		    "attribute '%.*s' is not known%s%s%s", SLICE_ARG(c->key),
		    s != NULL ? "; did you mean '" : " and has no effect", s != NULL ? s : "",
		    s != NULL ? "'?" : "");
	}
}

bool sigma_rule(struct loader *l, const struct yaml *doc, struct slice stem)
{
	unsigned before = l->p->errors;
	struct sigma_head h;
	struct rule *r = &l->rs->rules[l->rs->n_rules];

	memset(r, 0, sizeof(*r));
	check_keys(l, doc);
	sigma_head(l, doc, stem, &h);
	r->name = h.name;
	r->id = h.id;
	r->title = h.title;
	r->file = slice_of(l->file->name);
	r->line = doc->line;
	r->hash = h.hash;
	r->tags = h.tags;
	r->n_tags = h.n_tags;
	r->level = h.level;
	r->tests = h.tests;
	r->n_tests = h.n_tests;
	r->disabled = h.disabled;
	if (!read_logsource(l, doc, r) || !read_detection(l, doc, &h, r))
		return false;
	r->category = h.has_category				      ? h.category
		      : (r->classes & (CLASS_WEB | CLASS_PROXY)) != 0 ? CATEGORY_PROTOCOL
								      : CATEGORY_EXECUTION;
	read_ours(l, doc, r);
	if (l->p->errors != before)
		return false;
	l->rs->n_rules++;
	return true;
}
