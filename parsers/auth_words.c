/*
 * auth_words.c - failure and success, by the words of a message.
 *
 * No program's messages are known here. What is known: what a login is called (a subject),
 * how its failing is called, and what else fails every day (connections, files, names). A word
 * of failure goes with the nearest of those; "no", "0" and "never" before it take it back.
 */
#include "parsers/auth_words.h"

enum { WORDS_MAX = 256, WORD_BYTES = 24, NEAR = 6, NEAR_ACCOUNT = 4, NEAR_ERROR = 2 };

enum {
	SUBJECT = 1 << 0,  /* a login, or what is shown for it */
	ACCOUNT = 1 << 1,  /* whose it is: fails only by being unknown, wrong and the like */
	FAILED = 1 << 2,   /* fails what stands beside it */
	IDENTITY = 1 << 3, /* of these: what can be said of an account */
	ERROR = 1 << 4,	   /* says little, unless it stands directly beside a login */
	NOT = 1 << 5,
	DONE = 1 << 6, /* with "not" before it: a failure */
	REFUSED = 1 << 7,
	NOISE = 1 << 8, /* fails every day, and nobody's login with it */
	SUCCESS = 1 << 9,
	FALSE = 1 << 10,
	LITTLE = 1 << 11, /* not counted when words are */
	GRANT = 1 << 12,  /* "not allowed" is a verdict, whatever it is about */
	TOO = 1 << 13,
	MANY = 1 << 14,
	FROM = 1 << 15,
	SENDER = 1 << 16,  /* an address behind "from" */
	ENTERED = 1 << 17, /* success, if an account did it */
	DAILY = 1 << 18,   /* with noise before it: no verdict */
	FAULT = 1 << 19,   /* the server's: nobody's password was looked at */
	HEDGE = 1 << 20,   /* what follows is a guess */
	MISSING = 1 << 21, /* nothing was shown, so nothing failed */
	HALF = 1 << 22,	   /* "log" and "sign": a login with "in" or "on" behind it */
	PAST = 1 << 23,	   /* what fails behind it was told when it did */
	REPLY = 1 << 24,   /* of a mail server: the user behind it is a recipient */
	FORM = 1 << 25,	   /* how a login is sent: wrong before anybody's password is looked at */
	QUERY = 1 << 26,   /* noise, but for that of a login */
	NOBODY = 1 << 27,  /* a visitor who showed nothing yet */
	AGAIN = 1 << 28,   /* the verdict before it is not the last */
	EMPTY = 1 << 29,   /* an empty name is nobody's, an empty password somebody's try */
	UNDONE = 1 << 30,  /* what failed before is forgotten with it */
};

static const struct word {
	struct slice text;
	unsigned kinds;
} words[] = {
#define WORD(text, kinds)                         \
	{                                         \
		{ text, sizeof(text) - 1 }, kinds \
	}
#include "parsers/auth_words.inc"
#undef WORD
};

static unsigned kinds_of(struct slice w)
{
	size_t lo = 0;
	size_t hi = sizeof(words) / sizeof(*words);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct slice *m = &words[mid].text;
		int d = memcmp(m->p, w.p, m->n < w.n ? m->n : w.n);

		if (d == 0 && m->n == w.n)
			return words[mid].kinds;
		if (d < 0 || (d == 0 && m->n < w.n))
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_byte(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

/*
 * Where the word that begins at i ends: at another byte, or before a capital behind a small
 * letter. An address, a time and a number with a point are one word.
 */
static size_t word_end(struct slice s, size_t i)
{
	bool mail = false;

	for (i++; i < s.n; i++) {
		if (s.p[i] == '@' && i + 1 < s.n && is_word_byte(s.p[i + 1]))
			mail = true;
		if (mail && (is_word_byte(s.p[i]) || memchr("@.-_", s.p[i], 4) != NULL))
			continue; /* somebody's address is one word, and nothing in it is any */
		if (is_digit(s.p[i - 1]) && i + 1 < s.n && is_digit(s.p[i + 1]) &&
		    (s.p[i] == '.' || s.p[i] == ':'))
			continue;
		if (s.p[i] == '\'' && i + 1 < s.n && is_lower(s.p[i + 1]) && is_lower(s.p[i - 1]))
			continue; /* doesn't */
		if (!is_word_byte(s.p[i]) || (is_upper(s.p[i]) && is_lower(s.p[i - 1])))
			break;
	}
	return i;
}

/*
 * A path or the rest of a URL, which begins at i, is somebody's name for something. Behind ": "
 * ("File does not exist: /a b") it may have blanks: it is the last that is said.
 */
static size_t path_end(struct slice s, size_t i)
{
	bool last = i > 1 && s.p[i - 1] == ' ' && s.p[i - 2] == ':';

	for (size_t k = i; last && k < s.n && s.p[k] != ' '; k++)
		last = k + 1 == s.n || s.p[k] != ':' || s.p[k + 1] != ' '; /* "x: /bin/y: failed" */
	if (last)
		return s.n;
	while (i < s.n && memchr(" \"',;)]|", s.p[i], 9) == NULL)
		i++;
	return i;
}

/* "user test-1" from i to end: letters alone may be the program's own word ("user login failed").
 */
static bool is_user_name(struct slice s, size_t i, size_t end)
{
	bool odd = false;

	for (size_t k = i; k < end; k++)
		odd = odd || is_digit(s.p[k]) || memchr("-_", s.p[k], 2) != NULL;
	return odd && (slice_ends(slice_head(s, i), SLICE(" user ")) ||
			  slice_ends(slice_head(s, i), SLICE(" User ")));
}

/*
 * The end of a name for something, or i where none begins: $password, a file (failed-login.txt), a
 * user (user test-1), and what is said to be a thing (column "password").
 */
static size_t name_end(struct slice s, size_t i)
{
	static const char *const kinds[] = { ".txt", ".log", ".php", ".html", ".htm", ".js", ".css",
		".json", ".xml", ".yml", ".yaml", ".conf", ".pdf", ".png", ".jpg", ".csv", ".zip",
		".gz" };
	static const char *const things[] = { "relation ", "column ", "table ", "index ", "file ",
		"function ", "variable " };
	char before = i > 0 ? s.p[i - 1] : ' ';
	size_t end = i;

	if (is_word_byte(before) || memchr("./_-", before, 4) != NULL)
		return i;
	while (end < s.n && (is_word_byte(s.p[end]) || memchr("./_-", s.p[end], 4) != NULL))
		end++;
	if (before == '$' || is_user_name(s, i, end))
		return end;
	for (unsigned k = 0; before == '"' && k < sizeof(things) / sizeof(*things); k++)
		if (slice_ends(slice_head(s, i - 1), slice_of(things[k])))
			return end;
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (slice_ends((struct slice){ s.p + i, end - i }, slice_of(kinds[k])))
			return end;
	return i;
}

/* 'a' and "" at i, behind the blanks: a name is quoted there, and it is empty. */
static bool is_empty_name(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] == ' ')
		i++;
	return i + 1 < s.n && (s.p[i] == '\'' || s.p[i] == '"') && s.p[i + 1] == s.p[i];
}

/*
 * Behind the last of some words in quotes at i, or i: `search for "login failed"`. What stands
 * behind a key, a sign or "with" is the program's own (msg="login failed").
 */
static size_t quotation_end(struct slice s, size_t i)
{
	static const char *const own[] = { "with ", "error in ", "reason ", "message ", "error ",
		"status ", "failed ", "failure " };
	const char *end = memchr(s.p + i + 1, '"', s.n - i - 1);

	if (s.p[i] != '"' || i < 2 || s.p[i - 1] != ' ' || !is_word_byte(s.p[i - 2]) ||
	    end == NULL || memchr(s.p + i, ' ', (size_t)(end - s.p) - i) == NULL)
		return i;
	for (unsigned k = 0; k < sizeof(own) / sizeof(*own); k++)
		if (slice_ends(slice_head(s, i), slice_of(own[k])))
			return i;
	return (size_t)(end - s.p) + 1;
}

/* " in", "-on" and the like at i, where the word "log" or "sign" ended. */
static bool other_half(struct slice s, size_t i)
{
	return i + 2 < s.n && memchr(" -_", s.p[i], 3) != NULL && memchr("iIoO", s.p[i + 1], 4) &&
	       (s.p[i + 2] == 'n' || s.p[i + 2] == 'N') &&
	       (i + 3 == s.n || !is_word_byte(s.p[i + 3]));
}

/* Of the word of s from i to end. from: it stands behind "from". */
static unsigned word_kinds(struct slice s, size_t i, size_t end, bool from)
{
	char low[WORD_BYTES];

	if (end + 1 < s.n && s.p[end] == '[' && is_digit(s.p[end + 1]))
		return 0; /* "unknown[192.0.2.1]": a host's name */
	if (is_digit(s.p[i]) && from && end - i >= 7 && memchr(s.p + i, '.', end - i) != NULL)
		return SENDER;
	if (end - i > WORD_BYTES)
		return 0;
	for (size_t k = i; k < end; k++)
		low[k - i] = (char)(is_upper(s.p[k]) ? s.p[k] + 32 : s.p[k]);
	return kinds_of((struct slice){ low, end - i });
}

/* The kinds of each word of s. */
static unsigned read_words(struct slice s, unsigned to[static WORDS_MAX])
{
	unsigned n = 0;
	bool from = false; /* was the last word */

	for (size_t i = 0; i < s.n && n < WORDS_MAX;) {
		size_t end;

		if (s.p[i] == '/' && i > 0 && !is_word_byte(s.p[i - 1])) {
			i = path_end(s, i);
			continue;
		}
		if (!is_word_byte(s.p[i])) {
			end = quotation_end(s, i);
			i = end > i ? end : i + 1;
			continue;
		}
		if (name_end(s, i) > i) {
			i = name_end(s, i);
			from = false;
			to[n++] = 0;
			continue;
		}
		end = word_end(s, i);
		to[n] = word_kinds(s, i, end, from);
		if ((to[n] & HALF) && other_half(s, end))
			to[n] = SUBJECT;
		if (end - i == 1 && s.p[i] == '0' && end < s.n && s.p[end] == ' ')
			to[n] |= NOT; /* "0 failed logins" */
		if (n > 0 && (to[n] & ACCOUNT) && (to[n - 1] & IDENTITY) && is_empty_name(s, end))
			to[n - 1] = EMPTY | MISSING; /* "unknown user ''" */
		if ((to[n] & EMPTY) && !slice_starts(slice_from(s, end), SLICE(" user")))
			to[n] = 0;
		from = (to[n] & FROM) != 0;
		n += !(to[n] & LITTLE);
		i = end;
	}
	return n;
}

/*
 * Before anybody's password is looked at: "invalid Authorization header", "empty username", "not
 * authorized to anonymous", "rejected by ACL, falling back to Digest auth". A browser that was not
 * yet asked for a password gets there, and so does a client that is set up wrongly.
 */
static void join_unseen(unsigned *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool login = (w[i] & SUBJECT) && i + 1 < n;
		unsigned back = 0;
		unsigned no_more = FAILED | REFUSED | GRANT;

		if (login && (w[i + 1] & QUERY))
			w[i + 1] = 0;
		if (login && (w[i + 1] & FORM)) {
			w[i] = w[i + 1] = MISSING;
			back = NEAR;
		} else if ((w[i] & EMPTY) ||
			   ((w[i] & MISSING) && i + 1 < n && (w[i + 1] & SUBJECT))) {
			back = NEAR_ACCOUNT;
		} else if (w[i] & AGAIN) {
			back = NEAR;
		} else if (w[i] & NOBODY) {
			back = NEAR_ACCOUNT;
			no_more = GRANT;
		}
		for (unsigned k = 1; k <= back && k <= i; k++)
			if (w[i - k] & no_more)
				w[i - k] = 0;
		for (unsigned k = i + 1; (w[i] & UNDONE) && k < n && k <= i + NEAR; k++)
			if (w[k] & FAILED)
				w[k] = 0;
	}
}

/*
 * Words that only mean something together become one: "not found", "no such", "could not
 * authenticate" are failures, `success: false` is one too, and "no auth", "0 failed" are nothing.
 */
static void join_words(unsigned *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if ((w[i] & SUCCESS) && i + 1 < n && (w[i + 1] & (FALSE | NOT))) {
			w[i] = FAILED | SUBJECT;
			continue;
		}
		if ((w[i] & (ERROR | FAILED)) && i + 1 < n && (w[i + 1] & FALSE)) {
			w[i] = 0;
			continue;
		}
		for (unsigned k = i + 1; (w[i] & PAST) && k < n && k <= i + 2; k++)
			if (w[k] & (FAILED | SUBJECT | SUCCESS))
				w[k] = 0; /* "last failed login" */
		if ((w[i] & REPLY) && i + 1 < n && (w[i + 1] & ACCOUNT))
			w[i + 1] = REFUSED; /* "550 User unknown" */
		if ((w[i] & TOO) && i + 1 < n && (w[i + 1] & MANY))
			w[i + 1] |= REFUSED;
		if (!(w[i] & NOT))
			continue;
		for (unsigned k = i + 1; k < n && k <= i + 3; k++)
			if (w[k] & DONE) {
				w[k] = FAILED | IDENTITY | (w[k] & SUBJECT) |
				       (w[k] & GRANT ? REFUSED : 0);
				w[i] = 0;
			} else if (w[k] & (FAILED | SUBJECT)) {
				break;
			}
		if (w[i] != 0 && i + 1 < n && (w[i + 1] & (SUBJECT | FAILED | REFUSED)))
			w[i + 1] = 0;
	}
}

/* Words from i to the nearest of a kind; NEAR + 1: there is none so near. */
static unsigned distance(const unsigned *w, unsigned n, unsigned i, unsigned kind)
{
	for (unsigned d = 1; d <= NEAR; d++)
		if ((i >= d && (w[i - d] & kind)) || (i + d < n && (w[i + d] & kind)))
			return d;
	return NEAR + 1;
}

static bool login_failed(const unsigned *w, unsigned n, unsigned i)
{
	unsigned subject = w[i] & SUBJECT ? 0 : distance(w, n, i, SUBJECT);
	unsigned noise = distance(w, n, i, NOISE);

	if (w[i] & ERROR)
		return subject <= NEAR_ERROR && subject <= noise;
	if (!(w[i] & FAILED) || distance(w, n, i, MISSING) <= NEAR_ACCOUNT)
		return false;
	if (!(w[i] & IDENTITY) && distance(w, n, i, FAULT) <= NEAR)
		return false;
	if (subject <= NEAR && subject <= noise)
		return true;
	return (w[i] & IDENTITY) && distance(w, n, i, ACCOUNT) <= NEAR_ACCOUNT &&
	       distance(w, n, i, ACCOUNT) <= noise;
}

/*
 * "connection refused" is daily life, "refused connection from" is a verdict; "could indicate an
 * attack" is none.
 */
static bool is_verdict(const unsigned *w, unsigned i)
{
	for (unsigned d = 1; d <= NEAR_ACCOUNT && d <= i; d++)
		if (w[i - d] & HEDGE)
			return false;
	return (w[i] & REFUSED) && (i == 0 || !(w[i - 1] & NOISE) || !(w[i] & DAILY));
}

/* "failure from 192.0.2.1", of what is not said: nothing that fails every day stands near. */
static bool somebody_failed(const unsigned *w, unsigned n, unsigned i)
{
	unsigned noise = distance(w, n, i, NOISE);

	if (!(w[i] & FAILED))
		return false;
	for (unsigned d = 1; d <= 3 && i + d < n; d++)
		if (w[i + d] & SENDER)
			return noise > d + 1;
	return false;
}

/*
 * What the program itself says: not what another server answered us ("host x said: 535
 * authentication failed"), not what it got from a client, and no field of a visitor's. Drupal
 * writes URL|SECONDS|TYPE|ADDRESS|URL|REFERER|UID|LINK|MESSAGE, and both URLs are the visitor's.
 */
static struct slice own_words(struct slice text)
{
	static const struct slice others[] = { SLICE_INIT(" said: "), SLICE_INIT(" received: "),
		SLICE_INIT(", referer: ") };
	const char *at = text.p;
	struct slice more;
	unsigned fields = 0;

	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		slice_cut_str(text, others[i], &text, &more);
	for (const char *end = text.p + text.n; fields < 8 && at < end; fields++) {
		const char *bar = memchr(at, '|', (size_t)(end - at));

		if (bar == NULL || (fields == 1 && (bar - at != 10 || !is_digit(*at))))
			break;
		at = bar + 1;
	}
	if (fields == 8 && slice_cut_last(text, '|', &more, &text) && text.n == 0)
		text = more;
	return text;
}

enum auth_saying auth_saying(struct slice text)
{
	unsigned w[WORDS_MAX];
	unsigned n = read_words(own_words(text), w);
	enum auth_saying says = AUTH_SAYS_NOTHING;

	join_unseen(w, n);
	join_words(w, n);
	for (unsigned i = 0; i < n; i++) {
		if (login_failed(w, n, i))
			return AUTH_SAYS_FAILURE;
		if (is_verdict(w, i) || somebody_failed(w, n, i))
			says = AUTH_SAYS_REFUSED;
		else if ((w[i] & SUCCESS) && says == AUTH_SAYS_NOTHING &&
			 distance(w, n, i, SUBJECT | (w[i] & ENTERED ? ACCOUNT : 0U)) <=
			     NEAR_ACCOUNT)
			says = AUTH_SAYS_SUCCESS;
	}
	return says;
}
