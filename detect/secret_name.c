#include "detect/secret_name.h"

enum {
	PLAIN = SECRET_VALUE,
	STRONG = SECRET_VALUE | SECRET_NUMBER | SECRET_DEEP,
	DIGITS = SECRET_VALUE | SECRET_NUMBER,
	BOUND = 1 << 8,	    /* only as a word of its own: apitoken, but not bypass */
	EXACT = 1 << 9,	    /* only as the whole name */
	NAME_MAX_USED = 64, /* bytes of a name that are looked at, from its end */
};

/* Ends of names, without _ and -, each in the list of its last letter. */
static const struct word {
	struct slice text;
	unsigned flags;
} words[] = {
	{ SLICE_INIT("password"), STRONG },
	{ SLICE_INIT("passwd"), STRONG },
	{ SLICE_INIT("pwd"), PLAIN | BOUND },
	{ SLICE_INIT("sid"), PLAIN | BOUND },
	{ SLICE_INIT("sessid"), PLAIN },
	{ SLICE_INIT("sessionid"), PLAIN },
	{ SLICE_INIT("awsaccesskeyid"), PLAIN | BOUND },
	{ SLICE_INIT("passphrase"), STRONG },
	{ SLICE_INIT("authcode"), STRONG },
	{ SLICE_INIT("authorizationcode"), STRONG },
	{ SLICE_INIT("pincode"), DIGITS },
	{ SLICE_INIT("passcode"), STRONG },
	{ SLICE_INIT("signature"), PLAIN },
	{ SLICE_INIT("cookie"), SECRET_COOKIE | BOUND },
	{ SLICE_INIT("secret"), STRONG },
	{ SLICE_INIT("jwt"), STRONG },
	{ SLICE_INIT("token"), PLAIN | SECRET_DEEP },
	{ SLICE_INIT("authorization"), SECRET_AUTH | BOUND },
	{ SLICE_INIT("session"), PLAIN | EXACT },
	{ SLICE_INIT("pin"), DIGITS | BOUND },
	{ SLICE_INIT("apikey"), STRONG },
	{ SLICE_INIT("authkey"), STRONG },
	{ SLICE_INIT("accesskey"), STRONG },
	{ SLICE_INIT("privatekey"), STRONG },
	{ SLICE_INIT("secretkey"), STRONG },
	{ SLICE_INIT("encryptionkey"), STRONG },
	{ SLICE_INIT("signingkey"), STRONG },
	{ SLICE_INIT("sessionkey"), STRONG },
	{ SLICE_INIT("credential"), STRONG },
	{ SLICE_INIT("credentials"), STRONG },
	{ SLICE_INIT("passwords"), STRONG },
	{ SLICE_INIT("secrets"), STRONG },
	{ SLICE_INIT("pass"), PLAIN | BOUND },
	{ SLICE_INIT("otp"), DIGITS },
	{ SLICE_INIT("pw"), PLAIN | BOUND },
	{ SLICE_INIT("sig"), PLAIN | BOUND },
	{ SLICE_INIT("auth"), PLAIN | BOUND },
	{ SLICE_INIT("codeverifier"), PLAIN | BOUND },
	{ SLICE_INIT("cvv"), DIGITS | BOUND },
	{ SLICE_INIT("cvc"), DIGITS | BOUND },
};

/* What forms write behind the name of a password that is asked for twice. */
static const struct slice repeats[] = { SLICE_INIT("confirmation"), SLICE_INIT("confirm"),
	SLICE_INIT("again"), SLICE_INIT("repeat"), SLICE_INIT("repeated"), SLICE_INIT("verify") };

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

static void squash(struct squashed *s, struct slice name)
{
	size_t i = name.n > NAME_MAX_USED ? name.n - NAME_MAX_USED : 0;
	char last = i > 0 ? name.p[i - 1] : '_';

	s->n = 0;
	for (; i < name.n; i++) {
		char c = name.p[i];
		bool upper = c >= 'A' && c <= 'Z';

		if (c != '_' && c != '-') {
			s->begins[s->n] =
			    last == '_' || last == '-' || (upper && last >= 'a' && last <= 'z');
			s->text[s->n++] = (char)(upper ? c | 0x20 : c);
		}
		last = c;
	}
}

static unsigned end_of(const struct squashed *s, size_t n, unsigned least)
{
	for (const struct word *w = words; w < words + sizeof(words) / sizeof(*words); w++) {
		size_t from = n - w->text.n;

		if (w->text.n > n || w->text.p[w->text.n - 1] != s->text[n - 1] ||
		    memcmp(s->text + from, w->text.p, w->text.n) != 0)
			continue;
		if (((w->flags & BOUND) != 0 && !s->begins[from]) ||
		    ((w->flags & EXACT) != 0 && from > 0) || (w->flags & least) != least)
			continue;
		return w->flags & 0xff;
	}
	return 0;
}

unsigned secret_name(struct slice name)
{
	struct squashed s = { .n = 0 };
	unsigned found;
	size_t n;

	squash(&s, name);
	for (n = s.n; n > 0 && s.n - n < 2 && is_digit(s.text[n - 1]); n--) /* password2 */
		;
	if (n == 0)
		return 0;
	found = end_of(&s, n, 0);
	for (size_t i = 0; found == 0 && i < sizeof(repeats) / sizeof(*repeats); i++)
		if (n > repeats[i].n &&
		    memcmp(s.text + n - repeats[i].n, repeats[i].p, repeats[i].n) == 0)
			found = end_of(&s, n - repeats[i].n, STRONG);
	return found;
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
