#include "agent/dead_letter.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/record_json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const lane_names[JOURNAL_LANES] = { "control", "bulk" };

bool dead_letter_key(const char *line, enum journal_lane *lane, uint64_t *seq)
{
	unsigned long long n;
	char name[16] = "";

	if (sscanf(line, "{\"seq\":%llu,\"lane\":\"%15[a-z]", &n, name) != 2)
		return false;
	*seq = n;
	*lane = strcmp(name, lane_names[JOURNAL_BULK]) == 0 ? JOURNAL_BULK : JOURNAL_CONTROL;
	return *lane == JOURNAL_BULK || strcmp(name, lane_names[JOURNAL_CONTROL]) == 0;
}

/* Whole lines of a file, which may be absent; what a crash cut off does not count. */
static off_t look_through(struct dead_letter *d, const char *path, uint64_t *lines)
{
	FILE *fp = fopen(path, "re");
	off_t size = 0;
	ssize_t n;

	while (
	    fp != NULL && (n = getline(&d->text, &d->text_cap, fp)) > 0 && d->text[n - 1] == '\n') {
		enum journal_lane lane;
		uint64_t seq;

		size += n;
		if (!dead_letter_key(d->text, &lane, &seq)) {
			sscanf(d->text, "{\"gone\":%" SCNu64 "}", &d->gone);
			continue;
		}
		++*lines;
		if (seq > d->last_seq[lane])
			d->last_seq[lane] = seq;
	}
	if (fp != NULL)
		fclose(fp);
	return size;
}

struct dead_letter *dead_letter_open(const char *journal_dir, const char *sink, struct err *e)
{
	struct dead_letter *d = calloc(1, sizeof(*d));
	uint64_t lines = 0;

	if (d == NULL) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	snprintf(d->sink, sizeof(d->sink), "%s", sink);
	d->fd = -1;
	snprintf(d->path, sizeof(d->path), "%s/../dead/%s.ndjson", journal_dir, sink);
	snprintf(d->queue_path, sizeof(d->queue_path), "%s/../dead/%s.redrive", journal_dir, sink);
	d->size = look_through(d, d->path, &lines);
	look_through(d, d->queue_path, &d->queued);
	d->gone_before = d->gone;
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

/* The record alone, so that it can be delivered as if it came from the journal. */
static void put_record(struct dead_letter *d, struct json *j, const struct record *r)
{
	struct buf chunk = { 0 };

	record_begin(&d->writer, r->context);
	if (r->kind == RECORD_EVENT)
		record_put_event(&d->writer, record_put_origin(&d->writer, r->origin), &r->ev);
	else
		record_put_fields(&d->writer, r->kind, r->id, &r->ev);
	record_end(&d->writer, NULL, &chunk);
	JSON_KEY(j, "record");
	buf_char(&d->line, '"');
	base64_put(&d->line, buf_as_slice(&chunk));
	d->line.full = d->line.full || chunk.full;
	buf_char(&d->line, '"');
	j->comma = true;
	buf_free(&chunk);
}

static void put_line(
    struct dead_letter *d, enum journal_lane lane, const struct record *r, const char *reason)
{
	struct json j = { .out = &d->line };
	char id[RECORD_ID_TEXT + 1];

	record_id_text(r->id, id);
	buf_reset(&d->line);
	json_open(&j, '{');
	json_member_u64(&j, "seq", r->seq);
	json_member_text(&j, "lane", slice_of(lane_names[lane]));
	json_member_text(&j, "sink", slice_of(d->sink));
	json_member_text(&j, "reason", slice_of(reason));
	JSON_KEY(&j, "refused");
	json_time(&j, clock_now_us());
	json_member_text(&j, "id", slice_of(id));
	JSON_KEY(&j, "time");
	json_time(&j, r->ev.time_us);
	json_member_text(&j, "body", r->ev.body);
	JSON_KEY(&j, "attributes");
	record_json_attributes(&j, &r->ev);
	put_record(d, &j, r);
	json_close(&j, '}');
	buf_char(&d->line, '\n');
}

static int write_line(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e)
{
	put_line(d, lane, r, reason);
	if (dead_letter_make_room(d, d->line.n, e) != 0 || open_file(d, e) != 0 ||
	    append(d, e) != 0)
		return -1;
	d->dirty = true;
	return 0;
}

int dead_letter_put(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	if (r->seq > d->last_seq[lane]) {
		rc = write_line(d, lane, r, reason, e);
		if (rc == 0)
			d->last_seq[lane] = r->seq;
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static bool has(struct dead_letter *d, enum journal_lane lane, uint64_t seq)
{
	FILE *fp = fopen(d->path, "re");
	char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (fp != NULL && !found && getline(&line, &cap, fp) > 0) {
		enum journal_lane l;
		uint64_t n;

		found = dead_letter_key(line, &l, &n) && l == lane && n == seq;
	}
	free(line);
	if (fp != NULL)
		fclose(fp);
	return found;
}

int dead_letter_put_again(struct dead_letter *d, enum journal_lane lane, const struct record *r,
    const char *reason, struct err *e)
{
	int rc;

	pthread_mutex_lock(&d->lock);
	rc = has(d, lane, r->seq) ? 0 : write_line(d, lane, r, reason, e);
	pthread_mutex_unlock(&d->lock);
	return rc;
}

int dead_letter_sync(struct dead_letter *d, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	/* without a file: what it held was moved, and is durable where it is */
	if (d->dirty && d->fd >= 0 && fdatasync(d->fd) != 0)
		rc = err_set(e, errno, "%s: %s", d->path, strerror(errno));
	else
		d->dirty = false;
	pthread_mutex_unlock(&d->lock);
	return rc;
}

uint64_t dead_letter_gone(struct dead_letter *d, bool ever)
{
	uint64_t n;

	pthread_mutex_lock(&d->lock);
	n = d->gone - (ever ? 0 : d->gone_before);
	pthread_mutex_unlock(&d->lock);
	return n;
}

void dead_letter_close(struct dead_letter *d)
{
	if (d == NULL)
		return;
	if (d->fd >= 0)
		close(d->fd);
	if (d->queue != NULL)
		fclose(d->queue);
	free(d->text);
	free(d->item);
	buf_free(&d->line);
	record_writer_free(&d->writer);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
