/* auth_who.c - the address and the user in a message, by the words around them. */
#include "parsers/auth_who.h"

#include "base/ip.h"
#include "parsers/auth_parts.h"

enum {
	KEY_BYTES = 32,
	WORDS_BACK = 4,	    /* words looked at before an address */
	ADDRESSES_MAX = 32, /* looked at in one message */
	FAR = -100,	    /* a value that can't be the other side's address */
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_address_byte(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' ||
	       c == ':';
}

struct found {
	size_t from, to; /* where it is in the text */
	struct slice addr, port;
	int score;
	bool strong; /* a word before it says that it is the other side's */
};

/* ---- where addresses are ---- */

static bool is_port(struct slice s)
{
	uint64_t n;

	return s.n > 0 && s.n <= 5 && slice_u64(s, &n) && n > 0 && n <= 65535;
}

/* The run of address bytes r: an address, with or without a port behind : . or #. */
static bool split(struct slice r, struct found *f)
{
	struct slice head;
	struct slice port;

	while (r.n > 1 && (r.p[r.n - 1] == '.' || (r.p[r.n - 1] == ':' && r.p[r.n - 2] != ':')))
		r.n--;
	f->port = (struct slice){ 0 };
	f->addr = r;
	f->to = f->from + r.n;
	if (auth_is_address(r))
		return true;
	/* 192.0.2.1::5900 */
	if (slice_cut_str(r, SLICE("::"), &head, &port) && is_port(port) &&
	    memchr(head.p, '.', head.n) != NULL && auth_is_address(head)) {
		f->addr = head;
		f->port = port;
		return true;
	}
	if (!slice_cut_last(r, ':', &head, &port) || !is_port(port) || !auth_is_address(head)) {
		/* 192.0.2.1.50550, as tools of BSD write it */
		if (!slice_cut_last(r, '.', &head, &port) || !is_port(port) || port.n < 4 ||
		    !auth_is_address(head))
			return false;
	}
	f->addr = head;
	f->port = port;
	return true;
}

/* "#port", "|port" and "]:port" behind an address that ends at `at`. */
static struct slice port_behind(struct slice s, size_t at)
{
	struct slice rest = slice_from(s, at);
	size_t n = 0;

	if (!auth_skip(&rest, SLICE("#")) && !auth_skip(&rest, SLICE("|")) &&
	    !auth_skip(&rest, SLICE("]:")))
		return (struct slice){ 0 };
	while (n < rest.n && is_digit(rest.p[n]))
		n++;
	/* behind a | it may be the next address */
	return is_port(slice_head(rest, n)) && (n == rest.n || rest.p[n] != '.')
		   ? slice_head(rest, n)
		   : (struct slice){ 0 };
}

/* The next address at or behind *i. */
static bool next_address(struct slice s, size_t *i, struct found *f)
{
	for (; *i < s.n; ++*i) {
		size_t end = *i;
		char before = *i > 0 ? s.p[*i - 1] : ' ';

		if (!is_address_byte(s.p[*i]) || s.p[*i] == '.' || is_alnum(before) ||
		    strchr(".-_", before) != NULL)
			continue;
		while (end < s.n && end - *i < 64 && is_address_byte(s.p[end]))
			end++;
		if (end - *i < 3)
			continue;
		f->from = *i;
		if (end < s.n && (is_alnum(s.p[end]) || s.p[end] == '_'))
			continue; /* 192.0.2.1.example.net */
		if (end + 1 < s.n && s.p[end] == '-' && is_alnum(s.p[end + 1]))
			continue;
		if (!split((struct slice){ s.p + *i, end - *i }, f))
			continue;
		if (f->port.n == 0)
			f->port = port_behind(s, f->to);
		*i = f->to > *i ? f->to : *i + 1;
		return true;
	}
	return false;
}

/* ---- whose they are ---- */

/* The word that ends at or before *at, in small letters; *at becomes its start. Points and _ belong
 * to it. */
static struct slice word_before(struct slice s, size_t *at, char to[static KEY_BYTES])
{
	size_t end = *at;
	size_t i;

	while (end > 0 && !is_alnum(s.p[end - 1]))
		end--;
	for (i = end; i > 0 && (is_alnum(s.p[i - 1]) || strchr("._-", s.p[i - 1]) != NULL); i--)
		;
	*at = i;
	if (end - i > KEY_BYTES)
		i = end - KEY_BYTES;
	for (size_t k = i; k < end; k++)
		to[k - i] = (char)(s.p[k] >= 'A' && s.p[k] <= 'Z' ? s.p[k] + 32 : s.p[k]);
	return (struct slice){ to, end - i };
}

enum side { SIDE_UNKNOWN, SIDE_THROUGH, SIDE_OTHER, SIDE_OURS, SIDE_USER };

struct side_word {
	struct slice text;
	enum side side;
};

#define IS(text, side)                           \
	{                                        \
		{ text, sizeof(text) - 1 }, side \
	}

/* A whole word, or the last part of one: "pop3_client", "req.remoteAddress". */
static const struct side_word sides[] = {
	IS("from", SIDE_OTHER),
	IS("client", SIDE_OTHER),
	IS("rip", SIDE_OTHER),
	IS("oip", SIDE_OTHER), /* Zimbra: behind its proxy, which is ip= */
	IS("rhost", SIDE_OTHER),
	IS("raddr", SIDE_OTHER),
	IS("relay", SIDE_OTHER),
	IS("caller", SIDE_OTHER),
	IS("intruder", SIDE_OTHER),
	IS("attacker", SIDE_OTHER),
	IS("visitor", SIDE_OTHER),
	IS("src", SIDE_OTHER),
	IS("ip", SIDE_THROUGH),
	IS("ips", SIDE_THROUGH),
	IS("ipv4", SIDE_THROUGH),
	IS("ipv6", SIDE_THROUGH),
	IS("inet", SIDE_THROUGH),
	IS("udp", SIDE_THROUGH),
	IS("tcp", SIDE_THROUGH),
	IS("tls", SIDE_THROUGH),
	IS("wss", SIDE_THROUGH),
	IS("addr", SIDE_THROUGH),
	IS("address", SIDE_THROUGH),
	IS("ipaddress", SIDE_THROUGH),
	IS("ipaddr", SIDE_THROUGH),
	IS("host", SIDE_THROUGH),
	IS("hostname", SIDE_THROUGH),
	IS("localhost", SIDE_THROUGH),
	IS("forwarded", SIDE_THROUGH),
	IS("x-forwarded-for", SIDE_THROUGH),
	IS("is", SIDE_THROUGH),
	IS("was", SIDE_THROUGH),
	IS("the", SIDE_THROUGH),
	IS("i", SIDE_OURS), /* I=[...], the interface of Exim */
	IS("lip", SIDE_OURS),
	IS("laddr", SIDE_OURS),
	IS("dst", SIDE_OURS),
	IS("server", SIDE_OURS),
	IS("upstream", SIDE_OURS),
	IS("to", SIDE_OURS),
	IS("via", SIDE_OURS),
	IS("on", SIDE_OURS),
	IS("at", SIDE_OURS),
	IS("into", SIDE_OURS),
	IS("http", SIDE_OURS),
	IS("https", SIDE_OURS),
	IS("referer", SIDE_OURS),
	IS("referrer", SIDE_OURS),
	IS("proxy", SIDE_OURS),
	IS("gateway", SIDE_OURS),
	IS("nas", SIDE_OURS),
	IS("version", SIDE_OURS),
	IS("helo", SIDE_OURS),
	IS("ehlo", SIDE_OURS),
	IS("sip", SIDE_OURS),
	IS("user", SIDE_USER),
	IS("username", SIDE_USER),
	IS("login", SIDE_USER),
	IS("account", SIDE_USER),
	IS("acct", SIDE_USER),
	IS("uid", SIDE_USER),
};

/* Anywhere in a word. */
static const struct side_word parts[] = {
	IS("remote", SIDE_OTHER),
	IS("client", SIDE_OTHER),
	IS("source", SIDE_OTHER),
	IS("src", SIDE_OTHER),
	IS("peer", SIDE_OTHER),
	IS("local", SIDE_OURS),
	IS("dest", SIDE_OURS),
	IS("dst", SIDE_OURS),
	IS("listen", SIDE_OURS),
	IS("target", SIDE_OURS),
	IS("bind", SIDE_OURS),
	IS("server", SIDE_OURS),
};
#undef IS

static enum side side_of(struct slice w)
{
	struct slice head;
	struct slice last = { 0 };

	for (unsigned i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
		struct slice t = sides[i].text;

		if (slice_eq(w, t) || (w.n > t.n && slice_ends(w, t) && t.n > 2 &&
					  strchr("._-", w.p[w.n - t.n - 1]) != NULL))
			return sides[i].side;
	}
	/* of "req.remoteAddress" and of "client.example.com" the last part counts */
	bool name = slice_cut_last(w, '.', &head, &last) || memchr(w.p, '-', w.n) != NULL;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (slice_find(last.n > 0 ? last : w, parts[i].text) != NULL &&
		    (!name || parts[i].side == SIDE_OTHER))
			return parts[i].side;
	/* a host's name before its address */
	return name ? SIDE_THROUGH : SIDE_UNKNOWN;
}

/* Only quotes, blanks, slashes and signs of equality before a value: what precedes is its key. */
static bool is_key(struct slice between)
{
	for (size_t i = 0; i < between.n; i++)
		if (memchr(" =:\"'`<[(/", between.p[i], 10) == NULL)
			return false;
	return true;
}

/* What the words before an address say of it. */
static int by_words(struct slice s, size_t at, bool *strong)
{
	char low[KEY_BYTES];
	int score = 0;

	*strong = false;
	for (unsigned i = 0; i < WORDS_BACK && at > 0; i++) {
		size_t end = at;
		struct slice w = word_before(s, &at, low);
		struct slice gap = slice_head(slice_from(s, at), end - at);

		gap = slice_from(gap, w.n < gap.n ? w.n : gap.n);
		if (w.n == 0 || !is_key(gap) || auth_is_address(w))
			return score;
		if (slice_eq(gap, SLICE("(")) && slice_starts(w, SLICE("http")))
			continue; /* "failed from https(192.0.2.1)", as FortiOS says by what */
		switch (side_of(w)) {
		case SIDE_OTHER:
			*strong = true;
			return 10;
		case SIDE_OURS:
			/* "login by ann at 192.0.2.1" */
			if (slice_eq(w, SLICE("at")) && auth_has(slice_head(s, at), SLICE(" by ")))
				return 2;
			return -10;
		case SIDE_USER:
			return score > 0 ? score : -12;
		case SIDE_THROUGH:
			if (memchr(w.p, '.', w.n) == NULL && score == 0)
				score = 6; /* "ip=": somebody's, and whose else */
			*strong = *strong || score == 6;
			break;
		case SIDE_UNKNOWN:
			return score;
		}
	}
	return score;
}

static bool is_loopback(const struct ip *a)
{
	static const struct ip one = { .b = { [15] = 1 } };

	return ip_is_v4(a) ? a->b[12] == 127 : memcmp(a, &one, sizeof(one)) == 0;
}

static int judge(struct slice s, struct found *f)
{
	char before = f->from > 0 ? s.p[f->from - 1] : ' ';
	char after = f->to < s.n ? s.p[f->to] : ' ';
	struct ip a;
	uint64_t port = 0;
	int score;

	if (!ip_parse(f->addr, &a) || slice_eq(f->addr, SLICE("0.0.0.0")) ||
	    slice_eq(f->addr, SLICE("::")))
		return FAR;
	score = by_words(s, f->from, &f->strong);
	if (f->port.n > 0 && slice_u64(f->port, &port))
		score += port >= 1024 ? 1 : -2;
	if (before == '@' ||
	    (f->from > 1 && slice_eq((struct slice){ s.p + f->from - 2, 2 }, SLICE("@["))))
		score -= 8;
	if (f->from > 1 && s.p[f->from - 2] == '(' && before == '[')
		score -= 3; /* ([name]): what the client calls itself */
	if (after == '"' || (after == ']' && f->to + 1 < s.n && s.p[f->to + 1] == '"'))
		score -= before == '"' ? 0 : 1; /* ends a quotation, which may be the client's */
	if (after == '/' && f->to + 1 < s.n && is_digit(s.p[f->to + 1]) && f->port.n == 0)
		score -= 6; /* a network */
	if (after == '@')
		score -= 4;
	if (is_loopback(&a))
		score -= 5; /* of two sides this one is ours */
	return score;
}

/* ---- the user ---- */

static const struct slice user_keys[] = { { "user", 4 }, { "username", 8 }, { "user_name", 9 },
	{ "login", 5 }, { "account", 7 }, { "accountid", 9 }, { "acct", 4 }, { "uname", 5 },
	{ "userid", 6 }, { "loginname", 9 }, { "set_id", 6 }, { "account_name", 12 },
	{ "sasl_username", 13 } };

/* Words that stand behind "user" and are nobody's name. */
static const struct slice no_names[] = { { "not", 3 }, { "was", 3 }, { "is", 2 }, { "has", 3 },
	{ "name", 4 }, { "from", 4 }, { "tried", 5 }, { "or", 2 }, { "and", 3 }, { "unknown", 7 },
	{ "failed", 6 }, { "failure", 7 }, { "login", 5 }, { "authentication", 14 },
	{ "attempt", 7 }, { "attempts", 8 }, { "doesn't", 7 }, { "does", 4 }, { "password", 8 },
	{ "error", 5 }, { "with", 4 }, { "for", 3 }, { "in", 2 }, { "on", 2 }, { "by", 2 },
	{ "incorrect", 9 }, { "invalid", 7 }, { "agent", 5 }, { "credentials", 11 } };

static bool is_one_of(struct slice w, const struct slice *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(w, list[i]))
			return true;
	return false;
}

/* A value that begins at i: in quotes or brackets, or up to a blank or comma. */
static struct slice value_at(struct slice s, size_t i)
{
	static const char opens[] = "\"'`<[(";
	static const char closes[] = "\"''>])";
	const char *open = i < s.n ? memchr(opens, s.p[i], sizeof(opens) - 1) : NULL;
	size_t end;

	if (open != NULL) {
		char close = closes[open - opens];

		for (end = ++i; end < s.n && s.p[end] != close; end++)
			;
		return end < s.n ? (struct slice){ s.p + i, end - i } : (struct slice){ 0 };
	}
	for (end = i; end < s.n && strchr(" ,;\"'()<>[]|", s.p[end]) == NULL; end++)
		;
	while (end > i && strchr(".:", s.p[end - 1]) != NULL)
		end--;
	return (struct slice){ s.p + i, end - i };
}

static struct slice user_of(struct slice s)
{
	struct slice best = { 0 };
	size_t i = 0;

	while (i < s.n) {
		size_t from = i;
		struct slice key;
		struct slice v;

		while (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '_'))
			i++;
		if (i == from) {
			i++;
			continue;
		}
		key = (struct slice){ s.p + from, i - from };
		if (!is_one_of(key, user_keys, sizeof(user_keys) / sizeof(*user_keys)))
			continue;

		size_t at = i;
		bool told = false; /* user=, user: or a quote: it is meant as a name */

		for (; at < s.n && at < i + 4 && strchr("\"=: ", s.p[at]) != NULL; at++)
			told = told || s.p[at] == '=' || s.p[at] == ':';
		if (at > i && s.p[at - 1] == '"')
			at--; /* user: "name" */
		v = at > i && at < s.n ? value_at(s, at) : (struct slice){ 0 };
		if (v.n == 0 || v.n > 128 ||
		    is_one_of(v, no_names, sizeof(no_names) / sizeof(*no_names)))
			continue;
		if (told)
			return v;
		if (best.n == 0 && !slice_eq_nocase(key, SLICE("login")))
			best = v;
	}
	return best;
}

static bool is_list(struct slice s, const struct found *a, const struct found *b)
{
	size_t gap = b->from - a->to;

	return gap <= 2 && memchr(", ", s.p[a->to], 2) != NULL;
}

void auth_who(struct slice text, struct auth_who *who)
{
	struct found best = { .score = FAR };
	struct found f = { 0 };
	struct found last = { 0 };
	size_t i = 0;

	*who = (struct auth_who){ 0 };
	for (unsigned n = 0; n < ADDRESSES_MAX && next_address(text, &i, &f); n++) {
		bool list = n > 0 && is_list(text, &last, &f);

		f.score = judge(text, &f);
		/* of equals the first, unless something could have been put before the last one's
		 * "from" */
		if (f.score > best.score || (f.score == best.score && f.strong && best.strong &&
						!list && !slice_eq(f.addr, best.addr)))
			best = f;
		last = f;
	}
	if (best.score > -8) {
		who->addr = best.addr;
		who->port = best.port;
	}
	who->user = user_of(text);
}
