/* units.h - quantities as people write them: 64MiB, 30s, 10%, and back. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/slice.h"

/* "4096", "64KiB", "2GiB", "10MB" (1000s). False: not a size. */
bool units_bytes(struct slice s, uint64_t *bytes);

/* "250ms", "30s", "10min" or "10m", "24h", "7d", "2w", microseconds out. A bare number is refused.
 */
bool units_duration(struct slice s, int64_t *us);

/* "10%": 0 to 100. */
bool units_percent(struct slice s, double *percent);

/* "1.5GiB" and "2h30m" style text for people, into to (32 bytes). Returns to. */
char *units_show_bytes(uint64_t bytes, char to[static 32]);
char *units_show_duration(int64_t us, char to[static 32]);

#endif
