#include "detect/secret_name.h"

enum {
	PLAIN = SECRET_VALUE,
	STRONG = SECRET_VALUE | SECRET_NUMBER | SECRET_DEEP,
	DIGITS = SECRET_VALUE | SECRET_NUMBER,
	BOUND = 1 << 8,	    /* only as a word of its own: apitoken, but not bypass */
	EXACT = 1 << 9,	    /* only as the whole name */
	TWICE = 1 << 10,    /* forms ask for it twice */
	REPEAT = 1 << 11,   /* what they write behind its name then */
	NAME_MAX_USED = 64, /* bytes of a name that are looked at, from its end */
};

struct word {
	struct slice text;
	unsigned flags;
};

#define WORDS(...)                     \
	(const struct word[])          \
	{                              \
		__VA_ARGS__,           \
		{                      \
			{ NULL, 0 }, 0 \
		}                      \
	}

/* Ends of names, without _ and -, each in the list of its last letter: most names end in none. */
static const struct word *const words['z' - 'a' + 1] = {
	['c' - 'a'] = WORDS({ SLICE_INIT("cvc"), DIGITS | BOUND }),
	['d' - 'a'] = WORDS({ SLICE_INIT("password"), STRONG | TWICE },
	    { SLICE_INIT("passwd"), STRONG | TWICE }, { SLICE_INIT("pwd"), PLAIN | BOUND | TWICE },
	    { SLICE_INIT("sid"), PLAIN | BOUND }, { SLICE_INIT("sessid"), PLAIN },
	    { SLICE_INIT("sessionid"), PLAIN }, { SLICE_INIT("awsaccesskeyid"), PLAIN | BOUND },
	    { SLICE_INIT("repeated"), REPEAT }),
	['e' - 'a'] = WORDS({ SLICE_INIT("passphrase"), STRONG | TWICE },
	    { SLICE_INIT("authcode"), STRONG }, { SLICE_INIT("authorizationcode"), STRONG },
	    { SLICE_INIT("pincode"), DIGITS }, { SLICE_INIT("passcode"), STRONG },
	    { SLICE_INIT("signature"), PLAIN }, { SLICE_INIT("cookie"), SECRET_COOKIE | BOUND }),
	['g' - 'a'] = WORDS({ SLICE_INIT("sig"), PLAIN | BOUND }),
	['h' - 'a'] = WORDS({ SLICE_INIT("auth"), PLAIN | BOUND }),
	['l' - 'a'] = WORDS({ SLICE_INIT("credential"), STRONG }),
	['m' - 'a'] = WORDS({ SLICE_INIT("confirm"), REPEAT }),
	['n' - 'a'] = WORDS({ SLICE_INIT("confirmation"), REPEAT }, { SLICE_INIT("again"), REPEAT },
	    { SLICE_INIT("token"), PLAIN | SECRET_DEEP },
	    { SLICE_INIT("authorization"), SECRET_AUTH | BOUND },
	    { SLICE_INIT("session"), PLAIN | EXACT }, { SLICE_INIT("pin"), DIGITS | BOUND }),
	['p' - 'a'] = WORDS({ SLICE_INIT("otp"), DIGITS }),
	['r' - 'a'] = WORDS({ SLICE_INIT("codeverifier"), PLAIN | BOUND }),
	['s' - 'a'] =
	    WORDS({ SLICE_INIT("credentials"), STRONG }, { SLICE_INIT("passwords"), STRONG },
		{ SLICE_INIT("secrets"), STRONG }, { SLICE_INIT("pass"), PLAIN | BOUND }),
	['t' - 'a'] = WORDS({ SLICE_INIT("secret"), STRONG }, { SLICE_INIT("jwt"), STRONG },
	    { SLICE_INIT("repeat"), REPEAT }),
	['v' - 'a'] = WORDS({ SLICE_INIT("cvv"), DIGITS | BOUND }),
	['w' - 'a'] = WORDS({ SLICE_INIT("pw"), PLAIN | BOUND }),
	['y' - 'a'] = WORDS({ SLICE_INIT("apikey"), STRONG }, { SLICE_INIT("authkey"), STRONG },
	    { SLICE_INIT("accesskey"), STRONG }, { SLICE_INIT("privatekey"), STRONG },
	    { SLICE_INIT("secretkey"), STRONG }, { SLICE_INIT("encryptionkey"), STRONG },
	    { SLICE_INIT("signingkey"), STRONG }, { SLICE_INIT("sessionkey"), STRONG },
	    { SLICE_INIT("verify"), REPEAT }),
};

/* A name in lower case without what joins its words; where words begin. */
struct squashed {
	char text[NAME_MAX_USED];
	bool begins[NAME_MAX_USED];
	size_t n;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_joint(char c)
{
	return c == '_' || c == '-';
}

static void squash(struct squashed *s, struct slice name)
{
	size_t i = name.n > NAME_MAX_USED ? name.n - NAME_MAX_USED : 0;
	char last = i > 0 ? name.p[i - 1] : '_';

	s->n = 0;
	for (; i < name.n; i++) {
		char c = name.p[i];
		bool upper = c >= 'A' && c <= 'Z';

		if (!is_joint(c)) {
			s->begins[s->n] = is_joint(last) || (upper && last >= 'a' && last <= 'z');
			s->text[s->n++] = (char)(upper ? c | 0x20 : c);
		}
		last = c;
	}
}

/* The list of a letter, in lower case. NULL: no word ends in it. */
static const struct word *list_of(char c)
{
	return c >= 'a' && c <= 'z' ? words[c - 'a'] : NULL;
}

/* The word that the first n letters end in, if it has all the flags of `least`. */
static const struct word *end_of(const struct squashed *s, size_t n, unsigned least)
{
	const struct word *w = n > 0 ? list_of(s->text[n - 1]) : NULL;

	for (; w != NULL && w->text.p != NULL; w++) {
		size_t from = n - w->text.n;

		if (w->text.n > n || memcmp(s->text + from, w->text.p, w->text.n) != 0)
			continue;
		if (((w->flags & BOUND) == 0 || s->begins[from]) &&
		    ((w->flags & EXACT) == 0 || from == 0) && (w->flags & least) == least)
			return w;
	}
	return NULL;
}

/* Not so for most names, as their last letters tell, whatever joins them. */
static bool may_be_secret(struct slice name)
{
	size_t n = name.n;
	const struct word *w;

	while (n > 0 && (is_digit(name.p[n - 1]) || is_joint(name.p[n - 1])))
		n--;
	w = n > 0 ? list_of(slice_fold(name.p[n - 1])) : NULL;
	if (w == NULL || n < 2 || is_joint(name.p[n - 2]))
		return w != NULL;
	for (; w->text.p != NULL; w++) {
		size_t at = w->text.n - 2;

		if (slice_fold(name.p[n - 2]) == w->text.p[at] &&
		    (at == 0 || n < 3 || is_joint(name.p[n - 3]) ||
			slice_fold(name.p[n - 3]) == w->text.p[at - 1]))
			return true;
	}
	return false;
}

unsigned secret_name(struct slice name)
{
	struct squashed s;
	const struct word *w;
	size_t n;

	if (!may_be_secret(name))
		return 0;
	squash(&s, name);
	for (n = s.n; n > 0 && s.n - n < 2 && is_digit(s.text[n - 1]); n--) /* password2 */
		;
	w = end_of(&s, n, 0);
	if (w != NULL && (w->flags & REPEAT) != 0)
		w = end_of(&s, n - w->text.n, TWICE);
	return w != NULL ? w->flags & 0xff : 0;
}

unsigned secret_name_of_attribute(struct slice name)
{
	bool last = true;

	while (name.n > 0) {
		size_t from;
		size_t to = name.n;

		while (to > 0 && (name.p[to - 1] == ']' || name.p[to - 1] == '[')) /* token[] */
			to--;
		for (from = to; from > 0 && name.p[from - 1] != '.' && name.p[from - 1] != '[' &&
				name.p[from - 1] != ']';)
			from--;

		unsigned found = secret_name((struct slice){ name.p + from, to - from });

		if (found != 0 && (last || (found & SECRET_DEEP) != 0))
			return found;
		last = last && to - from > 0 && is_digit(name.p[to - 1]) &&
		       to - from < 4; /* token.0 */
		name.n = from > 0 ? from - 1 : 0;
	}
	return 0;
}
