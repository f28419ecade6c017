/*
 * level.h - how bad a detection or an alert is: the five levels of Sigma.
 */
#ifndef BASE_LEVEL_H
#define BASE_LEVEL_H

#include "base/slice.h"

enum level { LEVEL_INFORMATIONAL, LEVEL_LOW, LEVEL_MEDIUM, LEVEL_HIGH, LEVEL_CRITICAL, LEVEL_N };

/* As rules, records and the config have them. */
#define LEVEL_NAMES "informational", "low", "medium", "high", "critical"
extern const char *const level_names[LEVEL_N];

/* LEVEL_N: it is none. */
enum level level_of(struct slice name);

#endif
