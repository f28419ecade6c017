/*
 * honest LINES SEED START: the access log of a dating service at evening peak, as nginx behind a
 * balancer writes it, without a single attack: whoever is blocked because of it is an honest user.
 *
 * The format is `combined` with the account as the user and X-Forwarded-For at the end:
 *
 *	10.0.1.7 - u0012345 [stamp] "GET /profiles/88 HTTP/1.1" 200 512 "-" "agent" "203.0.113.50"
 *
 * 8,000 users are active at any time, each with a request every four seconds; 2,000 of them sit
 * behind one address (a campus), 4,000 behind addresses that forty share (mobile carriers), the
 * others at home, one or two an address. They mistype and forget passwords, meet deleted profiles
 * and photos, use apps and browsers, and search in words that attackers use, too. START: seconds
 * since 1970 of the first line; 2,000 lines are a second.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { USERS = 8000, CAMPUS = 2000, CARRIER = 4000, SHARED = 40, LINES_A_SECOND = 2000 };

#define PICK(a) ((a)[below(sizeof(a) / sizeof(*(a)))])

struct user {
	uint32_t account; /* 0: not logged in yet */
	uint32_t will_be;
	unsigned agent;
	unsigned wrong;	  /* passwords so far */
	bool forgot;	  /* the password: wrong until it is reset */
	uint32_t profile; /* last seen */
};

static const char *const agents[] = {
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
	"like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
	"Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
	"Gecko) Mobile/15E148 Safari Line/13.5.0",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Linux; Android 13; SO-52C) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/125.0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Linux; Android 12; SM-A536E) AppleWebKit/537.36 (KHTML, like Gecko) "
	"SamsungBrowser/21.0 Chrome/110.0.5481.154 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	"Version/17.5 Safari/605.1.15",
	"DateApp/8.4.1 (jp.example.date; build:2210; iOS 17.5.1) Alamofire/5.8.1",
	"DateApp/8.4.0 (jp.example.date; build:2204; iOS 16.7.2) Alamofire/5.8.1",
	"DateApp/8.4.1 (Android 14; SM-S918B) okhttp/4.12.0",
	"DateApp/8.3.9 (Android 11; XIG03) okhttp/4.12.0",
};

static const char *const searches[] = { "%E6%97%85%E8%A1%8C", "cafe%20and%20cats", "O%27Brien",
	"select%20wines", "union%20square", "rock%20%26%20roll", "100%25%20vegan", "guitar",
	"%E5%B1%B1%E7%99%BB%E3%82%8A", "it%27s%20me%20or%20you", "drop%20in%20%3A%29", "a%3Db",
	"travel%3B%20food%3B%20music", "where%20to%20go%20from%20here", "%3C3%20dogs" };

static uint64_t state;

static uint32_t below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * n >> 32);
}

static bool chance(double share)
{
	return below(1000000) < share * 1000000;
}

static uint32_t next_account;

static void arrive(struct user *u)
{
	*u = (struct user){ .will_be = ++next_account,
		.agent = below(sizeof(agents) / sizeof(*agents)),
		.forgot = chance(0.02) };
}

static void print_address(unsigned i)
{
	if (i < CAMPUS)
		printf("198.51.100.50");
	else if (i < CAMPUS + CARRIER)
		printf(
		    "100.70.%u.%u", (i - CAMPUS) / SHARED / 200, (i - CAMPUS) / SHARED % 200 + 1);
	else
		printf("101.%u.%u.%u", i % 7 + 100, i / 2 / 250, i / 2 % 250 + 1);
}

/* Method, target and status of what a user does next. */
static int act(struct user *u, char *target, size_t n, const char **method)
{
	unsigned what = below(1000);

	*method = "GET";
	if (u->account == 0) {
		bool wrong = u->forgot ? u->wrong < 3 + u->will_be % 3 : chance(0.04);

		if (u->forgot && !wrong && u->wrong > 0) {
			u->forgot = false;
			u->wrong = 0;
			snprintf(target, n, "/password/reset?ticket=%08x%08x", below(1ull << 32),
			    below(1ull << 32));
			return 200;
		}
		*method = "POST";
		snprintf(target, n, "/login");
		u->wrong += wrong;
		u->account = wrong ? 0 : u->will_be;
		return wrong ? 401 : 302;
	}
	if (what < 450) {
		snprintf(target, n, "/photos/%u/%u.jpg?w=640", u->profile, below(6));
		return chance(0.004) ? 404 : chance(0.1) ? 304 : 200;
	}
	if (what < 600)
		snprintf(target, n, "/api/v2/messages?thread=%u&after=%u", below(1u << 20),
		    below(1u << 30));
	else if (what < 720)
		snprintf(target, n, "/api/v2/notifications");
	else if (what < 800) {
		u->profile = below(2000000) + 1;
		snprintf(target, n, "/profiles/%u", u->profile);
		return chance(0.01) ? 404 : 200;
	} else if (what < 880)
		snprintf(target, n, "/search?age_min=%u&age_max=%u&area=%u&q=%s&sort=new",
		    20 + below(10), 30 + below(20), below(47), PICK(searches));
	else if (what < 930) {
		*method = "POST";
		snprintf(target, n, "/api/v2/likes?to=%u", u->profile);
		return chance(0.02) ? 409 : 200;
	} else if (what < 970) {
		*method = "POST";
		snprintf(target, n, "/api/v2/messages");
		return chance(0.01) ? 422 : 200;
	} else if (what < 996)
		snprintf(target, n, "/static/js/app.%08x.js", u->agent * 2654435761u);
	else {
		arrive(u);
		snprintf(target, n, "/");
	}
	return 200;
}

int main(int argc, char **argv)
{
	static struct user users[USERS];
	uint64_t lines = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	time_t start = argc > 3 ? (time_t)strtoll(argv[3], NULL, 10) : 1795000000;
	char stamp[40] = "";
	char target[200];

	state = 0x9e3779b97f4a7c15u ^ (argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
	for (unsigned i = 0; i < USERS; i++) {
		arrive(&users[i]);
		if (chance(0.9)) /* here for a while */
			users[i].account = users[i].will_be;
		users[i].profile = below(2000000) + 1;
	}
	for (uint64_t i = 0; i < lines; i++) {
		unsigned who = below(USERS);
		struct user *u = &users[who];
		uint32_t account = u->account;
		const char *method;

		if (i % LINES_A_SECOND == 0) {
			time_t now = start + (time_t)(i / LINES_A_SECOND);

			strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S +0000", gmtime(&now));
		}

		int status = act(u, target, sizeof(target), &method);

		printf("10.0.1.%u - ", who % 3 + 5);
		if (account != 0)
			printf("u%07" PRIu32, account);
		else
			putchar('-');
		printf(" [%s] \"%s %s HTTP/1.1\" %d %u \"-\" \"%s\" \"", stamp, method, target,
		    status, below(60000), agents[u->agent]);
		print_address(who);
		printf("\"\n");
	}
	return ferror(stdout) ? 1 : 0;
}
