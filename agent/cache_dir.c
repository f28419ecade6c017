#include "agent/cache_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

const char *cache_dir(void)
{
	static char dir[1024];
	int n = choose(dir, sizeof(dir));

	if (n < 0 || (size_t)n >= sizeof(dir))
		return NULL;
	return mkdir(dir, 0755) == 0 || errno == EEXIST ? dir : NULL;
}
