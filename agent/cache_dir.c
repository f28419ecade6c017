#include "agent/cache_dir.h"

#include "detect/trigger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int choose(char *to, size_t n)
{
	const char *dir = getenv("CACHE_DIRECTORY");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (dir != NULL && dir[0] == '/')
		return snprintf(to, n, "%s", dir);
	if (geteuid() == 0)
		return snprintf(to, n, "/var/cache/sekisho");
	if (xdg != NULL && xdg[0] == '/')
		return snprintf(to, n, "%s/sekisho", xdg);
	return home != NULL && home[0] == '/' ? snprintf(to, n, "%s/.cache/sekisho", home) : -1;
}

const char *cache_shipped_dir(void)
{
	static const char *const places[] = { "/../share/sekisho", "" };
	static char dir[1024];
	char program[900];
	char path[sizeof(dir) + sizeof(TRIGGER_CACHE) + 1];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	program[n] = '\0';
	slash = strrchr(program, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(dir, sizeof(dir), "%s%s", program, places[i]);
		snprintf(path, sizeof(path), "%s/" TRIGGER_CACHE, dir);
		if (access(path, R_OK) == 0)
			return dir;
	}
	return NULL;
}

const char *cache_dir(void)
{
	static char dir[1024];
	int n = choose(dir, sizeof(dir));

	if (n < 0 || (size_t)n >= sizeof(dir))
		return NULL;
	return mkdir(dir, 0755) == 0 || errno == EEXIST ? dir : NULL;
}
