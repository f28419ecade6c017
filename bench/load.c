/*
 * load.c - requests at a fixed rate over kept-alive connections, and how long they took.
 *
 *	load PORT RATE SECONDS  prints: requests, p50_us, p99_us, max_us
 *
 * Each request has a time at which it is due. Latency counts from then, so that a server that
 * stalls is charged for the requests that had to wait, and not only for the one it stalled on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 64, REPLY_MAX = 65536 };

struct connection {
	int fd;
	int64_t due_ns; /* of the request on its way; 0: idle */
};

static struct connection all[CONNECTIONS];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void open_all(uint16_t port, int ep)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1;

	for (int i = 0; i < CONNECTIONS; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t)i };

		all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(all[i].fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
			perror("connect");
			exit(1);
		}
		setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		epoll_ctl(ep, EPOLL_CTL_ADD, all[i].fd, &ev);
	}
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a;
	const int64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void ask(struct connection *c, int64_t due_ns, uint64_t n)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
	    "GET /shop/catalog/%llu?q=summer+jacket&page=%llu HTTP/1.1\r\nHost: localhost\r\n"
	    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n"
	    "Referer: https://www.example.com/shop/\r\n\r\n",
	    (unsigned long long)(n % 1000), (unsigned long long)(n % 7));

	if (write(c->fd, text, (size_t)len) != len) {
		perror("write");
		exit(1);
	}
	c->due_ns = due_ns;
}

int main(int argc, char **argv)
{
	static char reply[REPLY_MAX];
	struct epoll_event ready[CONNECTIONS];
	int ep = epoll_create1(0);
	double rate = argc > 2 ? atof(argv[2]) : 0;
	uint64_t want = argc > 3 ? (uint64_t)(rate * atof(argv[3])) : 0;
	int64_t *took = malloc(sizeof(*took) * (want + 1));
	uint64_t sent = 0;
	uint64_t done = 0;
	unsigned next = 0;
	int64_t start;

	if (want == 0 || took == NULL)
		return 2;
	open_all((uint16_t)atoi(argv[1]), ep);
	start = now_ns();
	while (done < want) {
		int64_t due = start + (int64_t)((double)sent * 1e9 / rate);
		int64_t now = now_ns();
		unsigned tries = 0;

		while (sent < want && due <= now && tries++ < CONNECTIONS) {
			struct connection *c = &all[next++ % CONNECTIONS];

			if (c->due_ns != 0)
				continue;
			ask(c, due, sent++);
			due = start + (int64_t)((double)sent * 1e9 / rate);
			tries = 0;
		}

		int wait_ms = due > now ? (int)((due - now) / 1000000) : 1;
		int n = epoll_wait(ep, ready, CONNECTIONS, sent < want ? wait_ms : 1000);

		for (int i = 0; i < n; i++) {
			struct connection *c = &all[ready[i].data.u32];

			if (read(c->fd, reply, sizeof(reply)) <= 0) {
				fprintf(stderr, "the server closed a connection\n");
				return 1;
			}
			if (c->due_ns == 0)
				continue;
			took[done++] = now_ns() - c->due_ns;
			c->due_ns = 0;
		}
	}
	qsort(took, done, sizeof(*took), by_value);
	printf("%llu %lld %lld %lld\n", (unsigned long long)done, (long long)took[done / 2] / 1000,
	    (long long)took[done * 99 / 100] / 1000, (long long)took[done - 1] / 1000);
	return 0;
}
