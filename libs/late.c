#include "libs/late.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* All of its functions, or none. */
static bool resolve(struct late *l, void *handle)
{
	for (unsigned i = 0; i < l->n; i++) {
		void *f = dlsym(handle, l->names[i]);

		if (f == NULL)
			return false;
		memcpy((char *)l->functions + i * sizeof(f), &f, sizeof(f));
	}
	return true;
}

const char *late_open(struct late *l)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static _Thread_local char why[256];
	const char *out = NULL;

	if (atomic_load_explicit(&l->is_open, memory_order_acquire))
		return NULL;
	pthread_mutex_lock(&lock);
	if (!atomic_load_explicit(&l->is_open, memory_order_acquire)) {
		void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);

		if (handle != NULL && resolve(l, handle)) {
			atomic_store_explicit(&l->is_open, true, memory_order_release);
		} else {
			snprintf(
			    why, sizeof(why), "%s: install the package that has it", dlerror());
			out = why;
		}
	}
	pthread_mutex_unlock(&lock);
	return out;
}

const void *late_need(struct late *l)
{
	const char *why = late_open(l);

	if (why != NULL) {
		fprintf(stderr, "sekisho: %s\n", why);
		exit(EX_UNAVAILABLE);
	}
	return l->functions;
}
