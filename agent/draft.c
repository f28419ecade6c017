#include "agent/draft.h"

#include "base/err.h"
#include "base/io.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int draft_open(struct draft *t, const char *path, const char *like, struct err *e)
{
	struct stat st;

	t->size = 0;
	snprintf(t->path, sizeof(t->path), "%s.tmp", path);
	t->fp = fopen(t->path, "we");
	if (t->fp == NULL)
		return err_set(e, errno, "%s: %s", t->path, strerror(errno));
	if (stat(like, &st) == 0 && (fchmod(fileno(t->fp), st.st_mode & 0777) != 0 ||
					fchown(fileno(t->fp), st.st_uid, st.st_gid) != 0))
		return err_set(e, errno, "%s: %s", t->path, strerror(errno));
	return 0;
}

void draft_line(struct draft *t, const char *line, size_t n)
{
	t->size += (off_t)fwrite(line, 1, n, t->fp);
}

int draft_take(struct draft *t, const char *path, struct err *e)
{
	bool good = fflush(t->fp) == 0 && !ferror(t->fp) && fsync(fileno(t->fp)) == 0;
	char dir[1040];
	int why = errno;

	good = fclose(t->fp) == 0 && good;
	t->fp = NULL;
	if (!good || rename(t->path, path) != 0) {
		why = good ? errno : why;
		unlink(t->path);
		return err_set(e, why, "%s: %s", path, strerror(why));
	}
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	return io_sync_dir(dir, e);
}

void draft_drop(struct draft *t)
{
	if (t->fp == NULL)
		return;
	fclose(t->fp);
	unlink(t->path);
	t->fp = NULL;
}
