/* secret.h - a secret from a file or the environment: it never stands in the config. */
#ifndef SINKS_SECRET_H
#define SINKS_SECRET_H

#include <stddef.h>

struct err;

enum { SECRET_MAX = 4096 };

/*
 * The file's first bytes without their last line end, or the variable's value; `what` is for
 * messages. 0, and to[0] is NUL when neither is named; -1 with *e: it is not there, empty, too
 * long.
 */
int secret_read(
    const char *what, const char *file, const char *env, char to[SECRET_MAX], struct err *e);

#endif
