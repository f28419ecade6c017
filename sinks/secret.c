#include "sinks/secret.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_file(const char *what, const char *file, char to[SECRET_MAX], struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, to, SECRET_MAX) : -1;

	if (n < 0)
		err_set(e, errno, "%s: %s: %s", what, file, strerror(errno));
	else if (n == SECRET_MAX)
		err_set(e, EMSGSIZE, "%s: %s is longer than %d bytes", what, file, SECRET_MAX - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0 || n == SECRET_MAX)
		return -1;
	while (n > 0 && (to[n - 1] == '\n' || to[n - 1] == '\r'))
		n--;
	to[n] = '\0';
	return 0;
}

int secret_read(
    const char *what, const char *file, const char *env, char to[SECRET_MAX], struct err *e)
{
	const char *v;

	to[0] = '\0';
	if (file == NULL && env == NULL)
		return 0;
	if (file != NULL) {
		if (read_file(what, file, to, e) != 0)
			return -1;
	} else if ((v = getenv(env)) == NULL) {
		return err_set(e, ENOENT, "%s: the environment has no %s", what, env);
	} else if ((size_t)snprintf(to, SECRET_MAX, "%s", v) >= SECRET_MAX) {
		return err_set(e, EMSGSIZE, "%s: %s is too long", what, env);
	}
	return to[0] != '\0' ? 0 : err_set(e, EINVAL, "%s: %s is empty", what, file ? file : env);
}
