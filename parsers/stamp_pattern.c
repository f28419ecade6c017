#include "parsers/stamp_pattern.h"

#include "base/err.h"
#include "base/timefmt.h"

#include <errno.h>

struct reading {
	const char *p, *end;
	struct civil c; /* year 0: not named */
	int offset_s;
	int pm;		 /* 0: not named, 1: AM, 2: PM */
	int64_t epoch_s; /* by %s; -1: not named */
};

int stamp_pattern_check(struct slice pattern, struct err *e)
{
	bool day = false;
	bool month = false;

	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] != '%')
			continue;
		if (++i == pattern.n)
			return err_set(e, EINVAL, "a %% at the end of '%.*s'", SLICE_ARG(pattern));

		char d = pattern.p[i];

		if (d == '\0' || strchr("YymdebBaAFHIpMSfTzZs%", d) == NULL)
			return err_set(e, EINVAL,
			    "'%.*s': %%%c is not known here; use %%Y %%y %%m "
			    "%%d %%e %%b %%B %%a %%A %%F %%H %%I %%p %%M %%S "
			    "%%f %%T %%z %%Z %%s",
			    SLICE_ARG(pattern), d);
		day = day || strchr("deFs", d) != NULL;
		month = month || strchr("mbBFs", d) != NULL;
	}
	if (!day || !month)
		return err_set(e, EINVAL,
		    "'%.*s' names no day (rfc3339, clf, bsd, epoch, epoch_ms, or a pattern with "
		    "%%d and %%m or %%b)",
		    SLICE_ARG(pattern));
	return 0;
}

/* At most max digits, at least one; a blank may stand for the first of them when padded. */
static bool number(struct reading *r, int max, bool padded, int *out)
{
	int n = 0;

	*out = 0;
	if (padded && r->p < r->end && *r->p == ' ') {
		r->p++;
		max--;
	}
	for (; n < max && r->p < r->end && *r->p >= '0' && *r->p <= '9'; n++)
		*out = *out * 10 + (*r->p++ - '0');
	return n > 0;
}

static bool literal(struct reading *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* One of n names of which the first three letters tell; the rest may be there. The index, or -1. */
static int name(struct reading *r, const char *const *names, int n)
{
	for (int i = 0; i < n && r->end - r->p >= 3; i++) {
		size_t len = strlen(names[i]);

		if (!slice_eq_nocase((struct slice){ r->p, 3 }, (struct slice){ names[i], 3 }))
			continue;
		if (len > (size_t)(r->end - r->p) ||
		    !slice_eq_nocase((struct slice){ r->p, len }, (struct slice){ names[i], len }))
			len = 3;
		r->p += len;
		return i;
	}
	return -1;
}

static bool month_name(struct reading *r)
{
	static const char *const months[] = { "January", "February", "March", "April", "May",
		"June", "July", "August", "September", "October", "November", "December" };

	r->c.month = name(r, months, 12) + 1;
	return r->c.month > 0;
}

static bool day_name(struct reading *r)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday" };

	return name(r, days, 7) >= 0;
}

static bool half_of_day(struct reading *r)
{
	if (r->end - r->p < 2)
		return false;
	if (slice_eq_nocase((struct slice){ r->p, 2 }, SLICE("am")))
		r->pm = 1;
	else if (slice_eq_nocase((struct slice){ r->p, 2 }, SLICE("pm")))
		r->pm = 2;
	else
		return false;
	r->p += 2;
	return true;
}

static bool fraction(struct reading *r)
{
	int unit = 100000;
	const char *from = r->p;

	r->c.us = 0;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; unit /= 10)
		r->c.us += (*r->p++ - '0') * unit;
	return r->p > from;
}

/* Z, +09, +0900 or +09:00 */
static bool zone(struct reading *r)
{
	int hours;
	int minutes = 0;

	if (literal(r, 'Z')) {
		r->offset_s = 0;
		return true;
	}

	bool west = r->p < r->end && *r->p == '-';

	if (r->p == r->end || (*r->p != '+' && *r->p != '-'))
		return false;
	r->p++;
	if (!number(r, 2, false, &hours))
		return false;
	if (literal(r, ':') || (r->p < r->end && *r->p >= '0' && *r->p <= '9'))
		if (!number(r, 2, false, &minutes))
			return false;
	if (hours > 14 || minutes > 59)
		return false;
	r->offset_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

static bool zone_name(struct reading *r)
{
	static const struct slice names[] = { { "UTC", 3 }, { "GMT", 3 }, { "Z", 1 } };
	struct slice rest = { r->p, (size_t)(r->end - r->p) };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_starts(rest, names[i])) {
			r->p += names[i].n;
			r->offset_s = 0;
			return true;
		}
	return false;
}

static bool seconds_since_1970(struct reading *r)
{
	const char *from = r->p;
	uint64_t v;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	if (!slice_u64((struct slice){ from, (size_t)(r->p - from) }, &v) || v > 253402300799)
		return false;
	r->epoch_s = (int64_t)v;
	return true;
}

static bool year_of_two(struct reading *r)
{
	if (!number(r, 2, false, &r->c.year))
		return false;
	r->c.year +=
	    r->c.year < 70 ? 2000 : 1900; /* as POSIX, but for 1969, which has no time here */
	return true;
}

static bool date_or_time(struct reading *r, char d)
{
	if (d == 'F')
		return number(r, 4, false, &r->c.year) && literal(r, '-') &&
		       number(r, 2, false, &r->c.month) && literal(r, '-') &&
		       number(r, 2, false, &r->c.day);
	return number(r, 2, false, &r->c.hour) && literal(r, ':') &&
	       number(r, 2, false, &r->c.minute) && literal(r, ':') &&
	       number(r, 2, false, &r->c.second);
}

static bool directive(struct reading *r, char d)
{
	switch (d) {
	case 'Y':
		return number(r, 4, false, &r->c.year);
	case 'y':
		return year_of_two(r);
	case 'm':
		return number(r, 2, false, &r->c.month);
	case 'd':
	case 'e':
		return number(r, 2, d == 'e', &r->c.day);
	case 'H':
	case 'I':
		return number(r, 2, false, &r->c.hour);
	case 'M':
		return number(r, 2, false, &r->c.minute);
	case 'S':
		return number(r, 2, false, &r->c.second);
	case 'b':
	case 'B':
		return month_name(r);
	case 'a':
	case 'A':
		return day_name(r);
	case 'F':
	case 'T':
		return date_or_time(r, d);
	case 'p':
		return half_of_day(r);
	case 'f':
		return fraction(r);
	case 'z':
		return zone(r);
	case 'Z':
		return zone_name(r);
	case 's':
		return seconds_since_1970(r);
	default:
		return literal(r, '%');
	}
}

/* Everything of the pattern, at the start of r. */
static bool directives(struct reading *r, struct slice pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (pattern.p[i] == '%' && i + 1 < pattern.n) {
			if (!directive(r, pattern.p[++i]))
				return false;
		} else if (!literal(r, pattern.p[i])) {
			return false;
		}
	return true;
}

static bool to_time(const struct parse_ctx *c, struct reading *r, int64_t *time_us)
{
	if (r->epoch_s >= 0) {
		*time_us = r->epoch_s * US_PER_S + r->c.us;
		return true;
	}
	if (r->pm != 0) {
		if (r->c.hour < 1 || r->c.hour > 12)
			return false;
		r->c.hour = r->c.hour % 12 + (r->pm == 2 ? 12 : 0);
	}
	if (r->c.year == 0)
		return timefmt_yearless(&r->c, r->offset_s, c->ref_us, time_us);
	return timefmt_from_civil(&r->c, r->offset_s, time_us);
}

bool stamp_pattern_parse(
    const struct parse_ctx *c, struct slice pattern, struct slice s, int64_t *time_us)
{
	struct reading r = { .p = s.p, .end = s.p + s.n, .offset_s = c->tz_s, .epoch_s = -1 };

	return directives(&r, pattern) && r.p == r.end && to_time(c, &r, time_us);
}

size_t stamp_pattern_head(
    const struct parse_ctx *c, struct slice pattern, struct slice s, int64_t *time_us)
{
	struct reading r = { .p = s.p, .end = s.p + s.n, .offset_s = c->tz_s, .epoch_s = -1 };
	const char *end;

	if (!directives(&r, pattern))
		return 0;
	/* what may follow any: a fraction, and a zone, with a blank before it or none */
	end = r.p;
	if (r.end - r.p > 1 && (*r.p == '.' || *r.p == ',')) {
		r.p++;
		r.p = fraction(&r) ? r.p : end;
	}
	end = r.p;
	if (r.p < r.end && *r.p == ' ')
		r.p++;
	if (!zone(&r) && !zone_name(&r))
		r.p = end;
	if (!to_time(c, &r, time_us))
		return 0;
	return (size_t)(r.p - s.p);
}
