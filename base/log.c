#include "base/log.h"

#include "base/clock.h"
#include "base/timefmt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_BURST = 20 };

static enum log_level max_level = LOG_LEVEL_INFO;
static atomic_ullong held_total;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_set_level(enum log_level level)
{
	max_level = level;
}

bool log_level_parse(const char *name, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

uint64_t log_held_back(void)
{
	return atomic_load(&held_total);
}

/* May this site speak now? Sets *before to the lines it held back in its last minute. */
static bool may_say(struct log_site *site, unsigned *before)
{
	long long minute = clock_boot_us() / 60000000 + 1;

	*before = 0;
	if (atomic_load(&site->minute) != minute) {
		atomic_store(&site->minute, minute);
		*before = atomic_exchange(&site->held, 0);
		atomic_store(&site->said, 0);
	}
	if (atomic_fetch_add(&site->said, 1) < LOG_BURST)
		return true;
	atomic_fetch_add(&site->held, 1);
	atomic_fetch_add(&held_total, 1);
	return false;
}

void log_write(struct log_site *site, enum log_level level, const char *event, const char *fmt, ...)
{
	static const char priority[] = { '3', '4', '6', '7' };
	char line[1024];
	char when[TIMEFMT_MAX];
	unsigned before;
	size_t n;

	if (level > max_level || !may_say(site, &before))
		return;
	if (getenv("JOURNAL_STREAM") != NULL) {
		n = (size_t)snprintf(line, sizeof(line), "<%c>", priority[level]);
	} else {
		when[timefmt_rfc3339(clock_now_us(), when)] = '\0';
		n = (size_t)snprintf(line, sizeof(line), "time=%s ", when);
	}
	n += (size_t)snprintf(
	    line + n, sizeof(line) - n, "level=%s event=\"%s\" ", level_names[level], event);
	if (before > 0)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "held_back=%u ", before);

	va_list ap;

	va_start(ap, fmt);

	int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);

	va_end(ap);
	n += m < 0 ? 0 : (size_t)m;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (size_t i = 0; i < n; i++) /* one event is one line, whatever a value holds */
		if ((unsigned char)line[i] < 0x20)
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		atomic_fetch_add(&held_total, 1);
}
