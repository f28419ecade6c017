#include "agent/rule_feed.h"

#include "parsers/parser.h"

enum {
	AUDIT_CLASSES = CLASS_AUDITD | CLASS_PROCESS | CLASS_FILE | CLASS_NETWORK,
	ANY_FORMAT_CLASSES = CLASS_SYSLOG | CLASS_OTHER,
};

/* ---- what an input gives ---- */

static bool gives_identity(const struct input_config *in, struct slice name)
{
	const struct identity_config *id = in->identity.v;

	for (unsigned i = 0; i < in->identity.n; i++)
		if (slice_eq(name, slice_of(id[i].attribute)))
			return true;
	return false;
}

/* What is added to events of any format: no format gives a name of ours that is not listed. */
static bool is_added(struct slice name)
{
	static const struct slice added[] = { SLICE_INIT("log.file.path"),
		SLICE_INIT("network.peer.address"), SLICE_INIT("time") };

	for (unsigned i = 0; i < sizeof(added) / sizeof(*added); i++)
		if (slice_eq(name, added[i]))
			return true;
	if (!slice_starts(name, SLICE("sekisho.")))
		return false;
	for (const struct parser *const *p = parsers; *p != NULL; p++)
		if (!parser_gives(*p, SLICE("")) && parser_gives(*p, name))
			return false;
	return true;
}

static bool gives(const struct input_config *in, struct slice name)
{
	return parser_gives(in->parser, name) || gives_identity(in, name) || is_added(name);
}

static struct slice attribute_of(const struct field *f)
{
	switch (f->kind) {
	case FIELD_URI:
	case FIELD_EXTENSION:
		return SLICE("url.path");
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		return SLICE("url.query");
	case FIELD_KEYWORDS:
	case FIELD_PATH:
	case FIELD_QUERY:
	case FIELD_METHOD:
	case FIELD_BODY:
	case FIELD_ATTR:
	case FIELD_OTHER:
		break;
	}
	return field_output_name(f);
}

static bool gives_field(const struct input_config *in, const struct field *f)
{
	return f->kind == FIELD_KEYWORDS || f->kind == FIELD_BODY || gives(in, attribute_of(f));
}

static bool gives_requests(const struct input_config *in)
{
	static const struct slice of_http[] = { SLICE_INIT("url.path"),
		SLICE_INIT("http.request.method"), SLICE_INIT("http.response.status_code") };

	for (unsigned i = 0; i < sizeof(of_http) / sizeof(*of_http); i++)
		if (parser_gives(in->parser, of_http[i]))
			return true;
	return false;
}

/* As engine_classes() has it. */
static unsigned classes_of(const struct input_config *in)
{
	bool proxy = in->logsource != NULL && slice_eq(slice_of(in->logsource), SLICE("proxy"));
	unsigned requests = proxy ? CLASS_PROXY : CLASS_WEB;

	if (in->parser == &parser_auditd)
		return AUDIT_CLASSES;
	if (parser_gives(in->parser, SLICE(""))) /* whatever its lines say */
		return requests | AUDIT_CLASSES | ANY_FORMAT_CLASSES;
	return (gives_requests(in) ? requests : 0u) |
	       (parser_gives(in->parser, SLICE("process.name")) ||
			   parser_gives(in->parser, SLICE("sekisho.message"))
		       ? CLASS_SYSLOG
		       : CLASS_OTHER);
}

/* ---- what a rule needs ---- */

/* Can the part of a condition hold on events of the input? Conditions are SIGMA_DEPTH deep. */
static bool can_hold(
    const struct input_config *in, const struct rule *r, unsigned id, struct slice *missing)
{
	const struct node *n = &r->nodes[id];
	unsigned held = 0;

	switch (n->kind) {
	case NODE_ITEM:
		if (n->if_absent || gives_field(in, &n->field))
			return true;
		*missing = attribute_of(&n->field);
		return false;
	case NODE_AND:
	case NODE_OR:
		for (unsigned i = 0; i < n->n; i++)
			held += can_hold(in, r, n->child[i], missing);
		return n->kind == NODE_AND ? held == n->n : held > 0;
	case NODE_NOT:
	case NODE_NEVER:
		break;
	}
	return true;
}

static struct slice class_attribute(unsigned classes)
{
	return (classes & (CLASS_WEB | CLASS_PROXY)) != 0 ? SLICE("url.path")
	       : (classes & CLASS_SYSLOG) != 0		  ? SLICE("process.name")
	       : (classes & AUDIT_CLASSES) != 0		  ? SLICE("audit.serial")
							  : SLICE("sekisho.message");
}

static bool feeds(const struct input_config *in, const struct rule *r, struct slice *missing)
{
	if ((classes_of(in) & r->classes) == 0)
		return false;
	if (r->program.n > 0 && (r->classes & CLASS_SYSLOG) != 0 &&
	    !gives(in, SLICE("process.name"))) {
		*missing = SLICE("process.name");
		return false;
	}
	return can_hold(in, r, r->root, missing);
}

bool rule_is_fed(const struct config *c, const struct rule *r, struct slice *missing)
{
	*missing = class_attribute(r->classes);
	for (unsigned i = 0; i < c->inputs.n; i++)
		if (feeds(config_input(c, i), r, missing))
			return true;
	return false;
}

static bool asks_parent(const struct rule *r, unsigned id, bool inverted)
{
	const struct node *n = &r->nodes[id];

	if (n->kind == NODE_ITEM)
		return inverted && slice_starts(n->field.name, SLICE("process.parent."));
	for (unsigned i = 0; i < n->n; i++)
		if (asks_parent(r, n->child[i], inverted || n->kind == NODE_NOT))
			return true;
	return false;
}

bool rule_is_degraded(const struct rule *r)
{
	return asks_parent(r, r->root, false);
}

/* ---- correlations ---- */

/* Does an input feed the rule and give the field as well? */
static bool feeds_field(
    const struct config *c, const struct rule *r, const struct field *f, struct slice *missing)
{
	struct slice none;

	for (unsigned i = 0; i < c->inputs.n; i++)
		if (feeds(config_input(c, i), r, &none) && gives_field(config_input(c, i), f))
			return true;
	*missing = attribute_of(f);
	return false;
}

static bool member_is_fed(const struct config *c, const struct ruleset *rs,
    const struct correlation *k, unsigned member, struct slice *missing)
{
	const struct rule *r = &rs->rules[k->members[member].index];

	if (!rule_is_fed(c, r, missing))
		return false;
	for (unsigned i = 0; i < k->n_group; i++)
		if (!feeds_field(c, r,
			k->aliased != NULL ? &k->aliased[member * k->n_group + i] : &k->group[i],
			missing))
			return false;
	for (unsigned i = 0; i < k->n_value; i++)
		if (!feeds_field(c, r, &k->value[i], missing))
			return false;
	return true;
}

bool correlation_is_fed(const struct config *c, const struct ruleset *rs,
    const struct correlation *k, struct slice *missing)
{
	*missing = (struct slice){ 0 };
	for (unsigned i = 0; i < k->n_members; i++) {
		const struct correlation_member *m = &k->members[i];

		/* members come before, so depth falls with each step */
		if (m->chained ? correlation_is_fed(c, rs, &rs->correlations[m->index], missing)
			       : member_is_fed(c, rs, k, i, missing))
			return true;
	}
	return false;
}

unsigned rules_unfed(const struct config *c, const struct ruleset *rs)
{
	struct slice missing;
	unsigned n = 0;

	for (unsigned i = 0; i < rs->n_rules; i++)
		n += !rule_is_fed(c, &rs->rules[i], &missing);
	for (unsigned i = 0; i < rs->n_correlations; i++)
		n += !correlation_is_fed(c, rs, &rs->correlations[i], &missing);
	return n;
}
