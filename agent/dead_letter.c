#include "agent/dead_letter.h"

#include "base/err.h"
#include "base/json.h"
#include "base/record_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct dead_letter {
	char path[1024];
	const char *sink;
	int fd;	    /* -1: nothing was refused since the start */
	off_t size; /* of whole lines */
	uint64_t last_seq[JOURNAL_LANES];
	bool dirty;
	struct buf line;
};

static const char *const lane_names[JOURNAL_LANES] = { "control", "bulk" };

static void seen(struct dead_letter *d, const char *line)
{
	unsigned long long seq;
	char lane[16] = "";

	if (sscanf(line, "{\"seq\":%llu,\"lane\":\"%15[a-z]", &seq, lane) != 2)
		return;
	for (unsigned l = 0; l < JOURNAL_LANES; l++)
		if (strcmp(lane, lane_names[l]) == 0 && seq > d->last_seq[l])
			d->last_seq[l] = seq;
}

struct dead_letter *dead_letter_open(const char *journal_dir, const char *sink, struct err *e)
{
	struct dead_letter *d = calloc(1, sizeof(*d));
	FILE *fp;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (d == NULL) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	d->sink = sink;
	d->fd = -1;
	snprintf(d->path, sizeof(d->path), "%s/../dead/%s.ndjson", journal_dir, sink);
	fp = fopen(d->path, "re");
	while (fp != NULL && (n = getline(&line, &cap, fp)) > 0 && line[n - 1] == '\n') {
		d->size += n; /* what a crash cut off does not count, and comes again */
		seen(d, line);
	}
	free(line);
	if (fp != NULL)
		fclose(fp);
	return d;
}

static int open_file(struct dead_letter *d, struct err *e)
{
	char dir[1024];

	if (d->fd >= 0)
		return 0;
	snprintf(dir, sizeof(dir), "%s", d->path);
	*strrchr(dir, '/') = '\0';
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_set(e, errno, "%s: %s", dir, strerror(errno));
	d->fd = open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (d->fd < 0 || ftruncate(d->fd, d->size) != 0)
		return err_set(e, errno, "%s: %s", d->path, strerror(errno));
	return 0;
}

/* All of the line, or nothing of it. */
static int append(struct dead_letter *d, struct err *e)
{
	ssize_t n;

	if (d->line.full)
		return err_set(e, EMSGSIZE, "%s: a record that is too large", d->path);
	n = write(d->fd, d->line.p, d->line.n);
	if (n == (ssize_t)d->line.n) {
		d->size += n;
		return 0;
	}
	err_set(e, n < 0 ? errno : ENOSPC, "%s: %s", d->path, strerror(n < 0 ? errno : ENOSPC));
	if (n > 0 && ftruncate(d->fd, d->size) != 0) {
		close(d->fd); /* cut when it is opened again */
		d->fd = -1;
	}
	return -1;
}

int dead_letter_put(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e)
{
	struct json j = { .out = &d->line };
	char id[RECORD_ID_TEXT + 1];

	if (r->seq <= d->last_seq[lane])
		return 0;
	if (open_file(d, e) != 0)
		return -1;
	record_id_text(r->id, id);
	buf_reset(&d->line);
	json_open(&j, '{');
	json_member_u64(&j, "seq", r->seq);
	json_member_text(&j, "lane", slice_of(lane_names[lane]));
	json_member_text(&j, "sink", slice_of(d->sink));
	json_member_text(&j, "reason", slice_of(reason));
	json_member_text(&j, "id", slice_of(id));
	JSON_KEY(&j, "time");
	json_time(&j, r->ev.time_us);
	json_member_text(&j, "body", r->ev.body);
	JSON_KEY(&j, "attributes");
	record_json_attributes(&j, &r->ev);
	json_close(&j, '}');
	buf_char(&d->line, '\n');
	if (append(d, e) != 0)
		return -1;
	d->last_seq[lane] = r->seq;
	d->dirty = true;
	return 0;
}

int dead_letter_sync(struct dead_letter *d, struct err *e)
{
	if (!d->dirty)
		return 0;
	if (fdatasync(d->fd) != 0)
		return err_set(e, errno, "%s: %s", d->path, strerror(errno));
	d->dirty = false;
	return 0;
}

void dead_letter_close(struct dead_letter *d)
{
	if (d == NULL)
		return;
	if (d->fd >= 0)
		close(d->fd);
	buf_free(&d->line);
	free(d);
}
