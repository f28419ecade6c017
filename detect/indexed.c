#include "detect/indexed.h"

#include <math.h>

bool indexed_of(const struct rule *r, const struct field *f, enum index_kind *kind)
{
	if (f->kind == FIELD_METHOD)
		*kind = INDEX_METHOD;
	else if (f->kind == FIELD_ATTR && f->key == ATTR_HTTP_STATUS)
		*kind = INDEX_STATUS;
	else if (f->kind == FIELD_ATTR && f->key == ATTR_PROCESS_NAME)
		*kind = INDEX_PROGRAM;
	else if (f->kind == FIELD_OTHER && r->classes == CLASS_AUDITD &&
		 slice_eq(f->name, SLICE("type")))
		*kind = INDEX_AUDIT_TYPE;
	else
		return false;
	return true;
}

bool indexed_fits(const struct matcher *m, unsigned status)
{
	switch (m->compare) {
	case COMPARE_LT:
		return status < m->number;
	case COMPARE_LTE:
		return status <= m->number;
	case COMPARE_GT:
		return status > m->number;
	case COMPARE_GTE:
		return status >= m->number;
	case COMPARE_EQ:
		return status <= m->number && status >= m->number;
	}
	return false;
}

static double status_share(struct slice v)
{
	if (v.n != 3 || v.p[0] == '2')
		return 0.8;
	return v.p[0] == '3' ? 0.1 : 0.02;
}

/* The share of honest events with that value. */
double indexed_cost(enum index_kind kind, const struct matcher *m)
{
	if (kind == INDEX_STATUS && m->kind == MATCH_COMPARE) {
		double sum = 0;

		for (unsigned s = 200; s < 600; s += 100)
			sum += indexed_fits(m, s) ? (s == 200 ? 0.8 : 0.03) : 0;
		return sum;
	}
	if (m->kind != MATCH_EQUAL)
		return HUGE_VAL;
	switch (kind) {
	case INDEX_STATUS:
		return status_share(m->text);
	case INDEX_METHOD:
		return slice_eq(m->text, SLICE("get"))	  ? 0.85
		       : slice_eq(m->text, SLICE("post")) ? 0.12
							  : 0.01;
	case INDEX_PROGRAM:
		return 0.02;
	case INDEX_AUDIT_TYPE:
		return 0.1;
	}
	return HUGE_VAL;
}
