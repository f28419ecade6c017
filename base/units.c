#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
	struct slice name;
	uint64_t factor;
};

/* A decimal number with up to 6 places, then a unit of the table; times its factor. */
static bool quantity(struct slice s, const struct unit *units, size_t n_units, uint64_t *out)
{
	uint64_t whole = 0;
	uint64_t frac = 0;
	uint64_t scale = 1;
	size_t i = 0;

	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		if (whole > UINT64_MAX / 16)
			return false;
		whole = whole * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (i == 0)
		return false;
	if (i + 1 < s.n && s.p[i] == '.')
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && scale < 1000000; i++) {
			frac = frac * 10 + (uint64_t)(s.p[i] - '0');
			scale *= 10;
		}
	for (s = slice_from(s, i); s.n > 0 && s.p[0] == ' ';)
		s = slice_from(s, 1);
	for (size_t u = 0; u < n_units; u++)
		if (slice_eq(s, units[u].name)) {
			if (whole > UINT64_MAX / units[u].factor / 2)
				return false;
			*out = whole * units[u].factor + frac * units[u].factor / scale;
			return true;
		}
	return false;
}

bool units_bytes(struct slice s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ { "", 0 }, 1 },
		{ { "B", 1 }, 1 },
		{ { "KiB", 3 }, 1ULL << 10 },
		{ { "MiB", 3 }, 1ULL << 20 },
		{ { "GiB", 3 }, 1ULL << 30 },
		{ { "TiB", 3 }, 1ULL << 40 },
		{ { "kB", 2 }, 1000 },
		{ { "KB", 2 }, 1000 },
		{ { "MB", 2 }, 1000000 },
		{ { "GB", 2 }, 1000000000 },
	};

	return quantity(s, units, sizeof(units) / sizeof(*units), bytes);
}

bool units_duration(struct slice s, int64_t *us)
{
	static const struct unit units[] = {
		{ { "us", 2 }, 1 },
		{ { "ms", 2 }, 1000 },
		{ { "s", 1 }, 1000000 },
		{ { "m", 1 }, 60000000 },
		{ { "min", 3 }, 60000000 },
		{ { "h", 1 }, 3600000000 },
		{ { "d", 1 }, 86400000000 },
		{ { "w", 1 }, 604800000000 },
	};
	uint64_t v;

	if (!quantity(s, units, sizeof(units) / sizeof(*units), &v) || v > INT64_MAX)
		return false;
	*us = (int64_t)v;
	return true;
}

bool units_percent(struct slice s, double *percent)
{
	static const struct unit units[] = { { { "%", 1 }, 1000000 } };
	uint64_t v;

	if (!quantity(s, units, 1, &v) || v > 100000000)
		return false;
	*percent = (double)v / 1e6;
	return true;
}

char *units_show_bytes(uint64_t bytes, char to[static 32])
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned i = 0;

	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	snprintf(to, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, names[i]);
	return to;
}

char *units_show_duration(int64_t us, char to[static 32])
{
	int64_t s = us / 1000000;

	if (us < 1000000)
		snprintf(to, 32, "%" PRId64 "ms", us / 1000);
	else if (s < 120)
		snprintf(to, 32, "%" PRId64 "s", s);
	else if (s < 7200)
		snprintf(to, 32, "%" PRId64 "min", s / 60);
	else if (s < 172800)
		snprintf(to, 32, "%" PRId64 "h", s / 3600);
	else
		snprintf(to, 32, "%" PRId64 "d", s / 86400);
	return to;
}
