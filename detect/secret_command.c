/* Passwords in URLs and among the arguments of programs. See secret_value.h. */
#include "detect/secret_text.h"
#include "detect/secret_value.h"

enum {
	USERINFO_MAX = 256,
	ARGUMENTS_MAX = 1024, /* bytes behind a program's name */
};

/* The letters of the options of a program that take a password. */
static const struct program {
	struct slice name;
	const char *options;
	bool apart; /* as the next argument too */
	bool user;  /* user:password */
} programs[] = {
	{ SLICE_INIT("mysql"), "p", false, false },
	{ SLICE_INIT("mariadb"), "p", false, false },
	{ SLICE_INIT("curl"), "uU", true, true },
	{ SLICE_INIT("sshpass"), "p", true, false },
};

/* Before `at`, in front of a slash that may be written \/; or at. */
static size_t before_slash(struct slice t, size_t at)
{
	if (at == 0 || t.p[at - 1] != '/')
		return at;
	return at > 1 && t.p[at - 2] == '\\' ? at - 2 : at - 1;
}

bool secret_value_userinfo(struct slice t, size_t at, struct edits *x)
{
	size_t colon = at;
	size_t i;

	for (i = at; i > 0 && at - i < USERINFO_MAX; i--) {
		char c = t.p[i - 1];

		if ((uint8_t)c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '/')
			break;
		if (c == ':')
			colon = i - 1;
	}
	x->spent += at - i;

	size_t second = before_slash(t, i);
	size_t first = before_slash(t, second);

	if (colon < at && second < i && first < second && first > 0 && t.p[first - 1] == ':') {
		edits_add(x, colon + 1, at);
		return true;
	}
	return false;
}

size_t secret_value_next(struct slice t, size_t i)
{
	size_t at = secret_text_blanks(t, i);

	if (at < t.n && t.p[at] == ',') {
		at = secret_text_blanks(t, at + 1);
		return secret_text_quote(t, at) ? at : i;
	}
	if (at + 2 >= t.n || t.p[at] != 'a' || t.p[at + 1] < '0' || t.p[at + 1] > '9')
		return i;
	for (at++; at < t.n && t.p[at] >= '0' && t.p[at] <= '9';)
		at++;
	return at + 1 < t.n && t.p[at] == '=' ? at + 1 : i;
}

/* An argument at i: all of it, or what follows its colon. */
static void argument(struct slice t, const struct program *p, size_t i, struct edits *x)
{
	size_t to = secret_text_word_end(t, i);
	bool closed;

	if (secret_text_quote(t, i)) {
		to = secret_text_quoted_end(t, i, &closed);
		i += secret_text_unit(t, i).n;
	}
	if (p->user && i < to) {
		const char *colon = memchr(t.p + i, ':', to - i);

		if (colon == NULL)
			return;
		i = (size_t)(colon - t.p) + 1;
	}
	edits_add(x, i, to);
}

/* Behind an option's letter at i. */
static void option(struct slice t, const struct program *p, size_t i, struct edits *x)
{
	size_t next;

	if (i >= t.n)
		return;
	if (t.p[i] != ' ' && t.p[i] != '"') {
		argument(t, p, i, x);
	} else if (p->apart) {
		next = t.p[i] == ' ' ? secret_text_blanks(t, i) : secret_value_next(t, i + 1);
		if (next < t.n && next > i + (t.p[i] == '"'))
			argument(t, p, next, x);
	}
}

/* The program whose name byte *at is in, which then is its first one. */
static const struct program *program_at(struct slice t, size_t *at)
{
	for (size_t k = 0; k < sizeof(programs) / sizeof(*programs); k++)
		for (size_t n = 0; n < programs[k].name.n && n <= *at; n++)
			if (slice_starts(slice_from(t, *at - n), programs[k].name)) {
				*at -= n;
				return &programs[k];
			}
	return NULL;
}

void secret_value_command(struct slice t, size_t at, struct edits *x)
{
	const struct program *p = program_at(t, &at);
	size_t from = at;

	if (p == NULL)
		return;
	for (; at + 2 < t.n && at - from < ARGUMENTS_MAX; at++) {
		if (t.p[at] == '\n' || t.p[at] == '|' || t.p[at] == ';')
			break;
		if ((t.p[at] != ' ' && t.p[at] != '"') || t.p[at + 1] != '-')
			continue;
		if (strchr(p->options, t.p[at + 2]) != NULL)
			option(t, p, at + 3, x);
		else if (p->user && slice_starts(slice_from(t, at + 1), SLICE("--user")) &&
			 at + 7 < t.n && t.p[at + 7] == ' ')
			option(t, p, at + 7, x);
	}
	x->spent += at - from;
}
