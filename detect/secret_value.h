/*
 * secret_value.h - the values of secret names, and of command lines, in a text.
 *
 * Each is called with a place that the filter of redact_find.c found, and adds to x what must
 * not be kept. What they read is counted in x->spent.
 */
#ifndef DETECT_SECRET_VALUE_H
#define DETECT_SECRET_VALUE_H

#include "detect/edits.h"

/* The value of the name that byte `at` is in, if it is the name of a secret. */
void secret_value_named(struct slice t, size_t at, struct edits *x);

/* The value of a name of that kind (SECRET_*), all of [from, to). */
void secret_value_whole(struct slice t, unsigned kind, size_t from, size_t to, struct edits *x);

/* Behind the closing quote of an argument at i: where the next one begins, or i. */
size_t secret_value_next(struct slice t, size_t i);

/* The password before the @ at `at` in a URL. True: there is one. */
bool secret_value_userinfo(struct slice t, size_t at, struct edits *x);

/* The password among the arguments of the program whose name is at `at`. */
void secret_value_command(struct slice t, size_t at, struct edits *x);

#endif
