/* `field|modifier|modifier`: which there are, and which go together (Sigma modifiers appendix 2.1).
 */
#include "detect/sigma.h"

enum modifier {
	MOD_CONTAINS,
	MOD_STARTSWITH,
	MOD_ENDSWITH,
	MOD_ALL,
	MOD_RE,
	MOD_I,
	MOD_M,
	MOD_S,
	MOD_CASED,
	MOD_CIDR,
	MOD_FIELDREF,
	MOD_EXISTS,
	MOD_WINDASH,
	MOD_BASE64,
	MOD_BASE64OFFSET,
	MOD_NEQ,
	MOD_EXPAND,
	MOD_LT, /* from here in the order of enum compare */
	MOD_LTE,
	MOD_GT,
	MOD_GTE,
	MOD_WIDE,
	MOD_UTF16LE,
	MOD_UTF16BE,
	MOD_UTF16,
	MOD_MINUTE, /* from here in the order of enum time_part */
	MOD_HOUR,
	MOD_DAY,
	MOD_WEEK,
	MOD_MONTH,
	MOD_YEAR,
	MOD_N
};

static const char *const names[MOD_N] = { "contains", "startswith", "endswith", "all", "re", "i",
	"m", "s", "cased", "cidr", "fieldref", "exists", "windash", "base64", "base64offset", "neq",
	"expand", "lt", "lte", "gt", "gte", "wide", "utf16le", "utf16be", "utf16", "minute", "hour",
	"day", "week", "month", "year" };

static void set(struct modifiers *mod, enum modifier m)
{
	bool *const flags[] = { &mod->contains, &mod->starts, &mod->ends, &mod->all, &mod->re,
		&mod->re_i, &mod->re_m, &mod->re_s, &mod->cased, &mod->cidr, &mod->fieldref,
		&mod->exists, &mod->windash, &mod->base64, &mod->base64offset, &mod->neq,
		&mod->expand };

	if (m >= MOD_MINUTE)
		mod->part = (enum time_part)(m - MOD_MINUTE + TIME_MINUTE);
	else if (m >= MOD_WIDE)
		mod->wide = m == MOD_UTF16     ? WIDE_UTF16
			    : m == MOD_UTF16BE ? WIDE_UTF16BE
					       : WIDE_UTF16LE;
	else if (m >= MOD_LT)
		mod->compare = (int)(m - MOD_LT);
	else
		*flags[m] = true;
}

/* Modifiers are applied in their order: what changes a text can't come after its coding. */
static const char *out_of_order(const struct modifiers *mod, enum modifier m)
{
	if ((m == MOD_I || m == MOD_M || m == MOD_S) && !mod->re)
		return "stands after re";
	if ((mod->base64 || mod->base64offset) &&
	    (m == MOD_WINDASH || m == MOD_EXPAND || (m >= MOD_WIDE && m <= MOD_UTF16)))
		return "stands before base64 and base64offset";
	return NULL;
}

/* What a value is taken for: only one of these. */
static unsigned types(const struct modifiers *mod)
{
	return (unsigned)mod->re + mod->cidr + mod->exists + mod->fieldref +
	       (mod->compare >= 0 || mod->part != TIME_NONE);
}

static const char *contradiction(const struct modifiers *mod)
{
	bool place = mod->contains || mod->starts || mod->ends;
	bool coded = mod->windash || mod->base64 || mod->base64offset || mod->wide != WIDE_NONE;

	if (types(mod) > 1)
		return "only one of re, cidr, exists, fieldref, comparisons and parts of a date "
		       "can be said of a value";
	if (mod->contains + mod->starts + mod->ends > 1)
		return "only one of contains, startswith and endswith";
	if (types(mod) == 1 && coded)
		return "windash and codings are for plain values";
	if (types(mod) == 1 && place && !mod->fieldref && !mod->re)
		return "contains, startswith and endswith are for text";
	if (mod->re && (mod->starts || mod->ends))
		return "a pattern says itself where it starts and ends: use ^ and $";
	if (mod->base64 && mod->base64offset)
		return "only one of base64 and base64offset";
	return NULL;
}

bool sigma_modifiers(
    struct loader *l, const struct yaml *item, struct slice *field, struct modifiers *mod)
{
	struct slice rest;
	const char *why;

	*mod = (struct modifiers){ .compare = -1 };
	slice_cut(item->key, '|', field, &rest);
	while (rest.n > 0) {
		struct slice name;
		unsigned m = 0;

		slice_cut(rest, '|', &name, &rest);
		while (m < MOD_N && !slice_eq(name, slice_of(names[m])))
			m++;
		if (m == MOD_N) {
			const char *s = problem_suggest(name, names, MOD_N);

			sigma_key_error(l, item, "modifier '%.*s' is not known%s%s%s",
			    SLICE_ARG(name), s != NULL ? "; did you mean '" : "",
			    s != NULL ? s : "", s != NULL ? "'?" : "");
			return false;
		}
		why = out_of_order(mod, (enum modifier)m);
		if (why != NULL) {
			sigma_key_error(l, item, "modifier '%s' %s", names[m], why);
			return false;
		}
		set(mod, (enum modifier)m);
	}
	why = contradiction(mod);
	if (why != NULL)
		sigma_key_error(l, item, "modifiers that contradict each other: %s", why);
	return why == NULL;
}
