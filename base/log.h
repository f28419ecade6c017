/*
 * log.h - the agent's own log: one logfmt line an event, on stderr.
 *
 * Under systemd (JOURNAL_STREAM set) lines carry the <N> prefix of sd-daemon(3)
 * instead of a time. Each call site says at most LOG_BURST lines a minute, then
 * counts, and says how many it held back. Only agent/ logs; everything below
 * it returns a struct err.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_site {
	atomic_llong minute;
	atomic_uint said;
	atomic_uint held;
};

void log_set_level(enum log_level level);
bool log_level_parse(const char *name, enum log_level *out);

/* Lines that were held back or could not be written, since the start. */
uint64_t log_held_back(void);

/* `event` is a short name in words; fmt gives key=value pairs, already logfmt. */
void log_write(struct log_site *site, enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define LOG_AT(level, event, ...)                                         \
	do {                                                              \
		static struct log_site log_site_here;                     \
		log_write(&log_site_here, (level), (event), __VA_ARGS__); \
	} while (0)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
