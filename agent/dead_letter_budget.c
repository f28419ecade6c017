/* Dead letters within their budget: the oldest go. See dead_letter.h. */
#include "agent/dead_letter.h"
#include "agent/draft.h"
#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Read over lines until no more than `keep` bytes are left; how many of ours they were. */
static uint64_t skip_oldest(struct dead_letter *d, FILE *fp, off_t keep, off_t *at)
{
	uint64_t gone = 0;
	ssize_t n;

	*at = 0;
	while (d->size - *at > keep && (n = getline(&d->text, &d->text_cap, fp)) > 0) {
		enum journal_lane lane;
		uint64_t seq;

		*at += n;
		gone += dead_letter_key(d->text, &lane, &seq);
	}
	return gone;
}

static int rewrite(struct dead_letter *d, FILE *fp, off_t keep, struct err *e)
{
	struct draft to = { 0 };
	char head[64];
	off_t at;
	uint64_t gone = d->gone + skip_oldest(d, fp, keep, &at);
	int n = snprintf(head, sizeof(head), "{\"gone\":%" PRIu64 "}\n", gone);
	ssize_t line;
	int rc = draft_open(&to, d->path, d->path, e);

	if (rc == 0) {
		draft_line(&to, head, (size_t)n);
		while (at < d->size && (line = getline(&d->text, &d->text_cap, fp)) > 0) {
			at += line;
			draft_line(&to, d->text, (size_t)line);
		}
		rc = draft_take(&to, d->path, e);
	}
	draft_drop(&to);
	if (rc != 0)
		return -1;
	d->gone = gone;
	d->size = to.size;
	if (d->fd >= 0)
		close(d->fd); /* of the file that was replaced */
	d->fd = -1;
	return 0;
}

/* A quarter at once, so that it is not written anew for every line. */
int dead_letter_make_room(struct dead_letter *d, size_t n, struct err *e)
{
	off_t keep = (off_t)(d->max_bytes / 4 * 3);
	FILE *fp;
	int rc;

	if (d->max_bytes == 0 || d->size == 0 || (uint64_t)d->size + n <= d->max_bytes)
		return 0;
	fp = fopen(d->path, "re");
	if (fp == NULL)
		return err_set(e, errno, "%s: %s", d->path, strerror(errno));
	rc = rewrite(d, fp, keep, e);
	fclose(fp);
	return rc;
}
