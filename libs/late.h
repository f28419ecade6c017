/*
 * late.h - libraries that only some configurations need, opened when something calls them.
 *
 * A library that the program is linked with is mapped and relocated at every start, and so
 * are those that it needs itself: libcurl alone brings some thirty. An agent that
 * ships to a file would pay 7 MB of memory and a third of its start for calls it never makes.
 *
 * libs/NAME.h includes the library's own header and lists the functions we call. Code calls
 * them by their names, as if it were linked; the first call opens the library, and nothing
 * closes it. Open it by late_open() first where an error can be told.
 */
#ifndef LIBS_LATE_H
#define LIBS_LATE_H

#include <stdatomic.h>

struct late {
	const char *file;	  /* its SONAME when we were built: the same functions */
	const char *const *names; /* of the n functions */
	void *functions;	  /* n pointers to functions, in the same order */
	unsigned n;
	atomic_bool is_open;
};

/* NULL, or why it can't be had and what to do: valid in this thread until the next call. */
const char *late_open(struct late *l);

/* Its functions. Where it can't be had the program ends with a message, as at its start. */
const void *late_need(struct late *l);

#define LATE_MEMBER(f) __typeof__(f) *f;
#define LATE_NAME(f)   #f,

/* In libs/NAME.h. list(X): X(function) for each; expanded before their names become macros. */
#define LATE_DECLARE(lib, list)                                           \
	struct lib##_functions {                                          \
		list(LATE_MEMBER)                                         \
	};                                                                \
	extern struct late lib##_late;                                    \
	static inline const struct lib##_functions *lib##_functions(void) \
	{                                                                 \
		return late_need(&lib##_late);                            \
	}

/* In libs/NAME.c. */
#define LATE_DEFINE(lib, soname, list)                                                            \
	static struct lib##_functions lib##_table;                                                \
	static const char *const lib##_names[] = { list(LATE_NAME) };                             \
	struct late lib##_late = { .file = soname,                                                \
		.names = lib##_names,                                                             \
		.functions = &lib##_table,                                                        \
		.n = sizeof(lib##_names) / sizeof(*lib##_names) };                                \
	_Static_assert(                                                                           \
	    sizeof(lib##_table) == sizeof(void *) * (sizeof(lib##_names) / sizeof(*lib##_names)), \
	    "one pointer a function")

#endif
