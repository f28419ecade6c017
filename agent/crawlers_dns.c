#include "agent/crawlers_dns.h"

#include "base/err.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* RFC 1035 sections 3.2.2 and 3.2.4, RFC 3596. */
enum { CLASS_IN = 1, TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, REVERSE_BYTES = 80 };
/* One or two a server; the library's macros can't shift into the sign bit for all sixteen. */
enum { SOCKETS = ARES_GETSOCK_MAXNUM / 2 };
enum { AT_ONCE = 32, NAMES_MAX = 4, NAME_BYTES = 256, TIMEOUT_MS = 2000, TRIES = 2 };

struct lookup {
	struct crawlers_dns *d;
	struct crawler_question q;
	bool used;
	unsigned waiting; /* forward lookups under way */
	bool leads_back;
	bool unsure; /* one of them had no answer */
};

struct crawlers_dns {
	struct crawlers_options o;
	crawlers_dns_cb *cb;
	void *ctx;
	ares_channel channel;
	bool ending;
	unsigned n_used;
	struct lookup lookups[AT_ONCE];
};

static int open_channel(struct crawlers_dns *d, struct err *e)
{
	/* names as they are: no search domains, no aliases */
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.lookups = (char *)(uintptr_t) "b" };
	char servers[512] = "";
	size_t n = 0;
	int rc = ares_init_options(
	    &d->channel, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);

	for (unsigned i = 0; i < d->o.n_resolvers && n < sizeof(servers); i++)
		n += (size_t)snprintf(
		    servers + n, sizeof(servers) - n, "%s%s", i > 0 ? "," : "", d->o.resolvers[i]);
	if (rc == ARES_SUCCESS && servers[0] != '\0')
		rc = ares_set_servers_ports_csv(d->channel, servers);
	return rc == ARES_SUCCESS ? 0 : err_set(e, EINVAL, "crawlers: %s", ares_strerror(rc));
}

struct crawlers_dns *crawlers_dns_new(
    const struct crawlers_options *o, crawlers_dns_cb *cb, void *ctx, struct err *e)
{
	struct crawlers_dns *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		err_set(e, ENOMEM, "no memory for DNS");
		return NULL;
	}
	d->o = *o;
	d->cb = cb;
	d->ctx = ctx;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || open_channel(d, e) != 0) {
		free(d);
		return NULL;
	}
	return d;
}

void crawlers_dns_free(struct crawlers_dns *d)
{
	if (d == NULL)
		return;
	d->ending = true;
	if (d->channel != NULL)
		ares_destroy(d->channel); /* calls back for all that is under way */
	ares_library_cleanup();
	free(d);
}

static void answer(struct lookup *l, enum crawler_state state)
{
	struct crawlers_dns *d = l->d;

	l->used = false;
	d->n_used--;
	if (!d->ending)
		d->cb(d->ctx, &l->q, state);
}

/* That there is none is an answer, too. */
static bool is_definite(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA;
}

static bool has_address(const struct hostent *h, const struct ip *a)
{
	for (char **p = h->h_addr_list; p != NULL && *p != NULL; p++)
		if (h->h_addrtype == AF_INET
			? ip_is_v4(a) && memcmp(*p, a->b + 12, 4) == 0
			: h->h_addrtype == AF_INET6 && memcmp(*p, a->b, 16) == 0)
			return true;
	return false;
}

static void on_forward(void *arg, int status, int timeouts, unsigned char *p, int n)
{
	struct lookup *l = arg;
	struct hostent *h = NULL;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = ip_is_v4(&l->q.address) ? ares_parse_a_reply(p, n, &h, NULL, NULL)
						 : ares_parse_aaaa_reply(p, n, &h, NULL, NULL);
	if (!is_definite(status))
		l->unsure = true;
	else if (h != NULL && has_address(h, &l->q.address))
		l->leads_back = true;
	if (h != NULL)
		ares_free_hostent(h);
	if (--l->waiting > 0)
		return;
	answer(l, l->leads_back ? CRAWLER_VERIFIED
		  : l->unsure	? CRAWLER_UNVERIFIED
				: CRAWLER_FORGED);
}

/* The domain itself, or below it. */
static bool is_below(const char *name, const char *domain)
{
	size_t n = strlen(name);
	size_t m = strlen(domain);

	n -= n > 0 && name[n - 1] == '.';
	return n >= m && strncasecmp(name + n - m, domain, m) == 0 &&
	       (n == m || name[n - m - 1] == '.');
}

static bool is_wanted(const struct lookup *l, const char *name)
{
	for (const char *d = l->q.domains; *d != '\0'; d += strlen(d) + 1)
		if (is_below(name, d))
			return true;
	return false;
}

static unsigned add_name(
    const struct lookup *l, const char *name, char names[NAMES_MAX][NAME_BYTES], unsigned n)
{
	size_t bytes = name != NULL ? strlen(name) : 0;

	if (n == NAMES_MAX || bytes == 0 || bytes >= NAME_BYTES || !is_wanted(l, name))
		return n;
	for (unsigned i = 0; i < n; i++)
		if (strcasecmp(names[i], name) == 0)
			return n;
	memcpy(names[n], name, bytes + 1);
	return n + 1;
}

/* The names that are wanted; how many, or -1: the reply can't be read. */
static int names_of(
    const struct lookup *l, const unsigned char *p, int bytes, char names[NAMES_MAX][NAME_BYTES])
{
	const struct ip *a = &l->q.address;
	bool v4 = ip_is_v4(a);
	struct hostent *h = NULL;
	unsigned n = 0;
	int status = ares_parse_ptr_reply(
	    p, bytes, v4 ? a->b + 12 : a->b, v4 ? 4 : 16, v4 ? AF_INET : AF_INET6, &h);

	if (!is_definite(status))
		return -1;
	if (h == NULL)
		return 0;
	n = add_name(l, h->h_name, names, n);
	for (char **alias = h->h_aliases; alias != NULL && *alias != NULL; alias++)
		n = add_name(l, *alias, names, n);
	ares_free_hostent(h);
	return (int)n;
}

static void on_reverse(void *arg, int status, int timeouts, unsigned char *p, int bytes)
{
	struct lookup *l = arg;
	char names[NAMES_MAX][NAME_BYTES];
	int n = 0;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		n = names_of(l, p, bytes, names);
	if (!is_definite(status) || n < 0 || l->d->ending) {
		answer(l, CRAWLER_UNVERIFIED);
		return;
	}
	if (n == 0) {
		answer(l, CRAWLER_FORGED);
		return;
	}
	l->waiting = (unsigned)n; /* all of them before the first may answer at once */
	for (int i = 0; i < n; i++)
		ares_query(l->d->channel, names[i], CLASS_IN,
		    ip_is_v4(&l->q.address) ? TYPE_A : TYPE_AAAA, on_forward, l);
}

/* RFC 1035 section 3.5, RFC 3596 section 2.5. */
static void reverse_name(const struct ip *a, char to[REVERSE_BYTES])
{
	int n = 0;

	if (ip_is_v4(a)) {
		snprintf(to, REVERSE_BYTES, "%u.%u.%u.%u.in-addr.arpa", a->b[15], a->b[14],
		    a->b[13], a->b[12]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		n += snprintf(to + n, REVERSE_BYTES - (size_t)n, "%x.%x.", a->b[i] & 15u,
		    (unsigned)a->b[i] >> 4);
	snprintf(to + n, REVERSE_BYTES - (size_t)n, "ip6.arpa");
}

bool crawlers_dns_ask(struct crawlers_dns *d, const struct crawler_question *q)
{
	struct lookup *l = NULL;
	char name[REVERSE_BYTES];
	struct err ignored;

	/* a port that nobody could guess meanwhile, and resolv.conf as it is now */
	if (d->n_used == 0) {
		if (d->channel != NULL)
			ares_destroy(d->channel);
		d->channel = NULL;
		if (open_channel(d, &ignored) != 0)
			d->channel = NULL;
	}
	for (unsigned i = 0; i < AT_ONCE && l == NULL; i++)
		if (!d->lookups[i].used)
			l = &d->lookups[i];
	if (l == NULL || d->channel == NULL)
		return false;
	*l = (struct lookup){ .d = d, .q = *q, .used = true };
	d->n_used++;
	/* not ares_gethostbyaddr(): that says "not found" of a server that failed, too */
	reverse_name(&q->address, name);
	ares_query(d->channel, name, CLASS_IN, TYPE_PTR, on_reverse, l);
	return true;
}

void crawlers_dns_wait(struct crawlers_dns *d, int wake_fd, int timeout_ms)
{
	struct pollfd p[1 + SOCKETS] = { { .fd = wake_fd, .events = POLLIN } };
	ares_socket_t s[SOCKETS];
	int bits = d->channel != NULL ? ares_getsock(d->channel, s, SOCKETS) : 0;
	unsigned n = 1;
	struct timeval most = { timeout_ms / 1000, (timeout_ms % 1000) * 1000 };
	struct timeval next;
	struct timeval *t = &most;

	for (int i = 0; i < SOCKETS; i++) {
		short events = (short)((ARES_GETSOCK_READABLE(bits, i) ? POLLIN : 0) |
				       (ARES_GETSOCK_WRITABLE(bits, i) ? POLLOUT : 0));

		if (events != 0)
			p[n++] = (struct pollfd){ .fd = s[i], .events = events };
	}
	if (d->channel != NULL)
		t = ares_timeout(d->channel, &most, &next);
	poll(p, n, (int)(t->tv_sec * 1000 + (t->tv_usec + 999) / 1000));
	if (d->channel == NULL)
		return;
	for (unsigned i = 1; i < n; i++)
		if (p[i].revents != 0)
			ares_process_fd(d->channel,
			    (p[i].revents & ~POLLOUT) != 0 ? p[i].fd : ARES_SOCKET_BAD,
			    (p[i].revents & POLLOUT) != 0 ? p[i].fd : ARES_SOCKET_BAD);
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what timed out */
}
