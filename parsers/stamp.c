#include "parsers/stamp.h"

#include "base/timefmt.h"

/* 1990: a smaller number is a span or a count, not a time. */
#define EPOCH_MIN_US (631152000 * US_PER_S)

/* Seconds, or a finer unit if there are too many of them, with or without a fraction. */
static bool epoch(struct slice s, bool millis, int64_t *time_us)
{
	struct slice whole;
	struct slice frac;
	uint64_t v;
	uint64_t scale = 1000000; /* microseconds in a unit */
	uint64_t us = 0;

	slice_cut(s, '.', &whole, &frac);
	if (whole.n == 0 || whole.n > 19 || !slice_u64(whole, &v))
		return false;
	if (millis || (v >= 100000000000 && v < 100000000000000))
		scale = 1000;
	else if (v >= 100000000000000 && v < 100000000000000000)
		scale = 1;
	else if (v >= 100000000000000000) {
		v /= 1000;
		scale = 1;
	}
	for (uint64_t unit = scale / 10, i = 0; i < frac.n; i++, unit /= 10) {
		if (frac.p[i] < '0' || frac.p[i] > '9')
			return false;
		us += (uint64_t)(frac.p[i] - '0') * unit;
	}
	if (v > 253402300799000000 / scale) /* the year 9999 */
		return false;
	*time_us = (int64_t)(v * scale + us);
	return *time_us >= EPOCH_MIN_US;
}

static bool one_kind(
    const struct parse_ctx *c, struct slice s, enum stamp_kind kind, int64_t *time_us)
{
	int64_t t = 0;
	bool ok = false;

	switch (kind) {
	case STAMP_ANY:
		break;
	case STAMP_RFC3339:
		ok = timefmt_parse_rfc3339(s, c->tz_s, &t) == s.n;
		break;
	case STAMP_CLF:
		ok = timefmt_parse_clf(s, &t) == s.n;
		break;
	case STAMP_BSD:
		ok = timefmt_parse_bsd(s, c->tz_s, c->ref_us, &t) == s.n;
		break;
	case STAMP_EPOCH:
		ok = epoch(s, false, &t);
		break;
	case STAMP_EPOCH_MS:
		ok = epoch(s, true, &t);
		break;
	}
	if (ok)
		*time_us = t;
	return ok;
}

bool stamp_parse(const struct parse_ctx *c, struct slice s, enum stamp_kind kind, int64_t *time_us)
{
	s = slice_trim(s);
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct slice){ s.p + 1, s.n - 2 };
	if (s.n == 0)
		return false;
	if (kind != STAMP_ANY)
		return one_kind(c, s, kind, time_us);
	for (kind = STAMP_RFC3339; kind <= STAMP_EPOCH; kind++)
		if (one_kind(c, s, kind, time_us))
			return true;
	return false;
}
