/*
 * timefmt.h - calendar time. All times are UTC microseconds since 1970.
 *
 * Proleptic Gregorian, no leap seconds, no dependence on TZ except where a zone
 * offset is passed in.
 */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include "base/slice.h"

#include <limits.h>

enum { TIMEFMT_MAX = 40 };

#define US_PER_S 1000000LL

struct civil {
	int year, month, day;	  /* month 1-12, day 1-31 */
	int hour, minute, second; /* second 0-60 */
	int us;
};

/* Days since 1970-01-01; month 1-12. */
int64_t timefmt_days(int year, int month, int day);

/* For an offset: that of the host's zone on that day, summer time or not. */
#define TIMEFMT_HOST_ZONE INT_MIN

/*
 * Microseconds of a civil time at an offset in seconds east of UTC; false when out of range. Of an
 * hour that comes twice, as summer time ends, it is one of both.
 */
bool timefmt_from_civil(const struct civil *c, int offset_s, int64_t *time_us);

void timefmt_to_civil(int64_t time_us, struct civil *c);

/* "2026-11-23T06:00:00.000000Z" into to (at least TIMEFMT_MAX bytes); its length. */
size_t timefmt_rfc3339(int64_t time_us, char *to);

/*
 * The stamps that logs use, at the start of s. On success the number of bytes
 * used and the time; 0 when s does not start so. tz_s: offset for stamps that
 * name no zone.
 *   rfc3339: 2026-11-23T06:00:00[.,fraction][Z|+09:00|+0900], a blank for the T
 *   clf:     23/Nov/2026:06:00:00[.fraction] +0900
 *   bsd:     Nov 23 06:00:00, Nov  3 06:00:00, Nov 3 06:00:00, with or without a year; the year
 *            is the one that puts the stamp nearest to, and not over a day after, ref_us
 */
size_t timefmt_parse_rfc3339(struct slice s, int tz_s, int64_t *time_us);
size_t timefmt_parse_clf(struct slice s, int64_t *time_us);
size_t timefmt_parse_bsd(struct slice s, int tz_s, int64_t ref_us, int64_t *time_us);

/*
 * A civil time without a year: *c gets the year that puts it nearest to, and not over a day
 * after, ref_us. False when there is no such date.
 */
bool timefmt_yearless(struct civil *c, int tz_s, int64_t ref_us, int64_t *time_us);

/* 1-12 for "Jan".."Dec", else 0. */
int timefmt_month(const char *p);

#endif
