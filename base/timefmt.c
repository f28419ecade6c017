#include "base/timefmt.h"

#include "base/clock.h"

#include <stdio.h>

/* Days from civil, after Howard Hinnant's public description of the algorithm. */
int64_t timefmt_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? (int64_t)year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/*
 * The host zone's offset at a local time. Of an hour that comes twice, as summer time ends, a log
 * that is being written means the later one as soon as that can be. The last answer is kept, by
 * quarters of an hour, as long as it does not depend on when it is asked for.
 */
static int host_offset_s(int64_t local_s)
{
	enum { SLOT_S = 900, DAY_S = 86400, AHEAD_S = 60 };
	static _Thread_local int64_t slot = -1;
	static _Thread_local int kept_s;
	int before_s;
	int after_s;

	if (local_s / SLOT_S == slot)
		return kept_s;
	before_s = clock_local_offset_s((local_s - DAY_S) * US_PER_S);
	after_s = clock_local_offset_s((local_s + DAY_S) * US_PER_S);
	if (before_s != after_s) { /* near a change */
		int64_t late_s = local_s - after_s;
		bool can_be_late = clock_local_offset_s(late_s * US_PER_S) == after_s;
		bool can_be_early =
		    clock_local_offset_s((local_s - before_s) * US_PER_S) == before_s;

		if (can_be_early && can_be_late)
			return late_s <= clock_now_us() / US_PER_S + AHEAD_S ? after_s : before_s;
		return can_be_late ? after_s : before_s;
	}
	slot = local_s / SLOT_S;
	kept_s = after_s;
	return kept_s;
}

bool timefmt_from_civil(const struct civil *c, int offset_s, int64_t *time_us)
{
	static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (c->year < 1970 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
	    c->day > month_days[c->month - 1] ||
	    (c->month == 2 && c->day == 29 && !is_leap(c->year)) || c->hour < 0 || c->hour > 23 ||
	    c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 60)
		return false;

	int64_t s = timefmt_days(c->year, c->month, c->day) * 86400 + c->hour * 3600 +
		    c->minute * 60 + c->second;

	s -= offset_s == TIMEFMT_HOST_ZONE ? host_offset_s(s) : offset_s;
	*time_us = s * US_PER_S + c->us;
	return true;
}

void timefmt_to_civil(int64_t time_us, struct civil *c)
{
	int64_t s = time_us / US_PER_S;
	int64_t us = time_us % US_PER_S;

	if (us < 0) {
		us += US_PER_S;
		s--;
	}

	int64_t z = (s >= 0 ? s : s - 86399) / 86400;
	int64_t rest = s - z * 86400;

	z += 719468;

	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = (int)(yoe + era * 400 + (c->month <= 2));
	c->hour = (int)(rest / 3600);
	c->minute = (int)(rest / 60 % 60);
	c->second = (int)(rest % 60);
	c->us = (int)us;
}

static void put_digits(char *to, int v, int n)
{
	while (n-- > 0) {
		to[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

size_t timefmt_rfc3339(int64_t time_us, char *to)
{
	/* Logs have many lines a second: that second's text is kept. Zeroed, it is no second's. */
	static _Thread_local struct {
		int64_t second;
		char text[28];
	} last;
	int64_t second = time_us / US_PER_S;
	struct civil c;

	if (second > 0 && second == last.second) {
		memcpy(to, last.text, sizeof(last.text));
		put_digits(to + 20, (int)(time_us % US_PER_S), 6);
		return 27;
	}
	timefmt_to_civil(time_us, &c);
	if (c.year < 0 || c.year > 9999)
		c = (struct civil){ .year = 1970, .month = 1, .day = 1 };
	memcpy(to, "0000-00-00T00:00:00.000000Z", 28);
	put_digits(to, c.year, 4);
	put_digits(to + 5, c.month, 2);
	put_digits(to + 8, c.day, 2);
	put_digits(to + 11, c.hour, 2);
	put_digits(to + 14, c.minute, 2);
	put_digits(to + 17, c.second, 2);
	put_digits(to + 20, c.us, 6);
	if (c.year != 1970 || second < 366 * 86400) {
		memcpy(last.text, to, sizeof(last.text));
		last.second = second;
	}
	return 27;
}

int timefmt_month(const char *p)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int m = 0; m < 12; m++)
		if (memcmp(names + 3 * m, p, 3) == 0)
			return m + 1;
	return 0;
}

/* n digits at p, or -1 */
static int digits(const char *p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* HH:MM:SS at p */
static bool clock_time(const char *p, struct civil *c)
{
	c->hour = digits(p, 2);
	c->minute = digits(p + 3, 2);
	c->second = digits(p + 6, 2);
	return p[2] == ':' && p[5] == ':' && c->hour >= 0 && c->minute >= 0 && c->second >= 0;
}

/* ".123456" or ",123" at s[i]: the new i, microseconds in *us. More digits are cut. */
static size_t fraction(struct slice s, size_t i, int *us)
{
	int unit = 100000;

	if (i + 1 >= s.n || (s.p[i] != '.' && s.p[i] != ',') || digits(s.p + i + 1, 1) < 0)
		return i;
	*us = 0;
	for (i++; i < s.n && digits(s.p + i, 1) >= 0; i++) {
		*us += digits(s.p + i, 1) * unit;
		unit /= 10;
	}
	return i;
}

/* Z, +09:00, +0900, +09 at s[i]: the new i, seconds east in *offset_s. */
static size_t zone(struct slice s, size_t i, int *offset_s)
{
	if (i < s.n && (s.p[i] == 'Z' || s.p[i] == 'z')) {
		*offset_s = 0;
		return i + 1;
	}
	if (i + 3 > s.n || (s.p[i] != '+' && s.p[i] != '-') || digits(s.p + i + 1, 2) < 0)
		return i;

	int sign = s.p[i] == '-' ? -1 : 1;
	int v = digits(s.p + i + 1, 2) * 3600;

	i += 3;
	if (i + 3 <= s.n && s.p[i] == ':' && digits(s.p + i + 1, 2) >= 0) {
		v += digits(s.p + i + 1, 2) * 60;
		i += 3;
	} else if (i + 2 <= s.n && digits(s.p + i, 2) >= 0) {
		v += digits(s.p + i, 2) * 60;
		i += 2;
	}
	*offset_s = sign * v;
	return i;
}

size_t timefmt_parse_rfc3339(struct slice s, int tz_s, int64_t *time_us)
{
	struct civil c = { 0 };

	if (s.n < 19 || s.p[4] != '-' || s.p[7] != '-' || (s.p[10] != 'T' && s.p[10] != ' '))
		return 0;
	c.year = digits(s.p, 4);
	c.month = digits(s.p + 5, 2);
	c.day = digits(s.p + 8, 2);
	if (!clock_time(s.p + 11, &c))
		return 0;

	size_t i = zone(s, fraction(s, 19, &c.us), &tz_s);

	return timefmt_from_civil(&c, tz_s, time_us) ? i : 0;
}

size_t timefmt_parse_clf(struct slice s, int64_t *time_us)
{
	struct civil c = { 0 };
	int tz_s = 0;

	if (s.n < 20 || s.p[2] != '/' || s.p[6] != '/' || s.p[11] != ':')
		return 0;
	c.day = digits(s.p, 2);
	c.month = timefmt_month(s.p + 3);
	c.year = digits(s.p + 7, 4);
	if (!clock_time(s.p + 12, &c))
		return 0;

	size_t i = fraction(s, 20, &c.us);

	if (i < s.n && s.p[i] == ' ')
		i = zone(s, i + 1, &tz_s);
	return timefmt_from_civil(&c, tz_s, time_us) ? i : 0;
}

bool timefmt_yearless(struct civil *c, int tz_s, int64_t ref_us, int64_t *time_us)
{
	struct civil ref;
	bool found = false;

	timefmt_to_civil(ref_us, &ref);
	for (int year = ref.year + 1; year >= ref.year - 8 && !found; year--) {
		c->year = year;
		/* 29 February exists only in leap years: look further back */
		if (c->month == 2 && c->day == 29 && !is_leap(year))
			continue;
		if (!timefmt_from_civil(c, tz_s, time_us))
			return false;
		found = *time_us <= ref_us + 86400 * US_PER_S;
	}
	return found;
}

size_t timefmt_parse_bsd(struct slice s, int tz_s, int64_t ref_us, int64_t *time_us)
{
	struct civil c = { 0 };
	size_t i = 7;

	if (s.n < 14 || s.p[3] != ' ' || (c.month = timefmt_month(s.p)) == 0)
		return 0;
	if (s.p[5] == ' ') { /* some writers do not pad the day */
		c.day = digits(s.p + 4, 1);
		i = 6;
	} else if (s.p[6] == ' ') {
		c.day = s.p[4] == ' ' ? digits(s.p + 5, 1) : digits(s.p + 4, 2);
	} else {
		return 0;
	}
	if (s.n >= i + 13 && s.p[i + 4] == ' ' && digits(s.p + i, 4) >= 1970) {
		c.year = digits(s.p + i, 4);
		i += 5;
	}
	if (s.n < i + 8)
		return 0;
	if (c.day < 1 || !clock_time(s.p + i, &c))
		return 0;
	i = fraction(s, i + 8, &c.us);
	if (c.year != 0)
		return timefmt_from_civil(&c, tz_s, time_us) ? i : 0;
	return timefmt_yearless(&c, tz_s, ref_us, time_us) ? i : 0;
}
