#include "agent/control.h"

#include "agent/agent.h"
#include "agent/audit.h"
#include "agent/commands.h"
#include "agent/control_request.h"
#include "agent/redrive.h"
#include "agent/report.h"
#include "agent/tap.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum { REQUEST_MAX = 1024, ANSWER_MS = 5000 };

struct control {
	struct agent *a;
	int fd;
	pthread_t thread;
	struct tap_set *taps;
	char path[108];
};

/* One question about blocks, answered by the committer. */
struct question {
	struct slice request;
	struct buf *out;
	bool ok;
};

static void ask_blocks(void *committer, void *arg)
{
	struct question *q = arg;
	struct policy *p = committer_agent(committer)->policy;
	struct policy_call call = { .now_us = clock_now_us(),
		.out = q->out,
		.cb = committer_block_cb(),
		.ctx = committer };

	q->ok = control_blocks(p, q->request, &call);
}

static void answer(struct control *c, struct slice request, struct buf *out)
{
	struct question q = { .request = request, .out = out };
	struct slice word[CONTROL_WORDS];
	unsigned n = control_words(request, word);
	bool ok = true;

	if (n == 0) {
		ok = false;
	} else if (slice_eq(word[0], SLICE("status"))) {
		report_status(c->a, n > 1 && slice_eq(word[1], SLICE("json")), out);
	} else if (slice_eq(word[0], SLICE("check"))) {
		ok = report_ready(c->a);
		buf_str(out, ok ? "ready\n" : "not ready\n");
	} else if (slice_eq(word[0], SLICE("audit"))) {
		ok = audit_answer(c->a, word, n, out);
	} else if (slice_eq(word[0], SLICE("metrics"))) {
		report_metrics(c->a, out);
	} else if (slice_eq(word[0], SLICE("redrive"))) {
		ok = redrive_answer(c->a, word, n, out);
	} else if (slice_eq(word[0], SLICE("forget"))) {
		ok = forget_answer(c->a, word, n, out);
	} else if (slice_eq(word[0], SLICE("blocks")) && n > 1) {
		agent_ask(c->a, ask_blocks, &q);
		ok = q.ok;
	} else {
		ok = false;
		buf_str(out, "not understood\n");
	}
	buf_printf(out, "exit %d\n", ok ? 0 : 1);
}

static void serve(struct control *c, int fd)
{
	struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
	char request[REQUEST_MAX] = "";
	struct buf out = { .max = 16 << 20 };
	size_t n = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (n < sizeof(request)) {
		ssize_t k = read(fd, request + n, sizeof(request) - n);

		if (k <= 0)
			break;
		n += (size_t)k;
		if (memchr(request, '\n', n) != NULL)
			break;
	}

	const char *lf = memchr(request, '\n', n);

	if (lf != NULL && n > 3 && memcmp(request, "tap", 3) == 0) {
		tap_serve(c->taps, fd, (struct slice){ request + 3, (size_t)(lf - request) - 3 });
		return; /* the connection is the tap's */
	}
	if (lf != NULL) {
		answer(c, (struct slice){ request, (size_t)(lf - request) }, &out);
		for (size_t at = 0; at < out.n;) {
			ssize_t k = write(fd, out.p + at, out.n - at);

			if (k <= 0)
				break;
			at += (size_t)k;
		}
	}
	buf_free(&out);
	close(fd);
}

static void *control_main(void *arg)
{
	struct control *c = arg;

	for (;;) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve(c, fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			return NULL; /* shut down by control_stop() */
	}
}

static int open_socket(struct control *c, const char *path, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[sizeof(a.sun_path)];
	char *slash;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, ENAMETOOLONG, "status.socket: path of more than %zu bytes",
		    sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	memcpy(c->path, path, strlen(path) + 1);
	memcpy(dir, path, strlen(path) + 1);
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		mkdir(dir, 0755); /* its parent is the package's business */
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path); /* of a predecessor: the journal's lock says that it is gone */
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    chmod(path, 0660) != 0 || listen(c->fd, 16) != 0)
		return err_set(e, errno, "status.socket %s: %s", path, strerror(errno));
	return 0;
}

struct control *control_start(struct agent *a, struct err *e)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		err_set(e, ENOMEM, "no memory for the status socket");
		return NULL;
	}
	c->a = a;
	c->taps = tap_open(a);
	if (c->taps == NULL)
		err_set(e, ENOMEM, "no memory for the status socket");
	if (c->taps == NULL || open_socket(c, a->cfg.status.socket, e) != 0) {
		if (c->fd > 0)
			close(c->fd);
		tap_close(c->taps);
		free(c);
		return NULL;
	}
	pthread_create(&c->thread, NULL, control_main, c);
	return c;
}

void control_stop(struct control *c)
{
	if (c == NULL)
		return;
	shutdown(c->fd, SHUT_RDWR);
	pthread_join(c->thread, NULL);
	tap_close(c->taps);
	close(c->fd);
	unlink(c->path);
	free(c);
}

/* ---- the other side ---- */

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int control_connect(const char *config_path, struct slice request, int *exit_code)
{
	static struct config cfg;
	struct problems p = { 0 };
	int fd = -1;

	*exit_code = EX_CONFIG;
	if (config_load(config_path, &cfg, &p) != 0) {
		fwrite(p.text.p, 1, p.text.n, stderr);
	} else {
		fd = connect_to(cfg.status.socket);
		*exit_code = fd >= 0 ? 0 : EX_UNAVAILABLE;
		if (fd < 0)
			fprintf(stderr, "sekisho: %s: %s; is the agent running?\n",
			    cfg.status.socket, strerror(errno));
		else if (send(fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
			fprintf(stderr, "sekisho: %s: %s\n", cfg.status.socket, strerror(errno));
	}
	problems_free(&p);
	config_free(&cfg);
	return fd;
}

int control_ask(const char *config_path, const char *request)
{
	struct buf in = { .max = 16 << 20 };
	char chunk[65536];
	ssize_t n;
	int code = EX_UNAVAILABLE;
	int fd;

	snprintf(chunk, sizeof(chunk), "%s\n", request);
	fd = control_connect(config_path, slice_of(chunk), &code);
	if (fd < 0)
		return code;
	code = EX_UNAVAILABLE;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_put(&in, chunk, (size_t)n);
	close(fd);

	/* the last line is the exit code */
	const char *tail = in.n > 1 ? memrchr(in.p, '\n', in.n - 1) : NULL;
	size_t text_n = tail != NULL ? (size_t)(tail - in.p) + 1 : 0;

	if (in.n - text_n > 5 && sscanf(in.p + text_n, "exit %d", &code) != 1)
		code = EX_PROTOCOL;
	fwrite(in.p, 1, text_n, stdout);
	buf_free(&in);
	return code;
}
