#include "base/slice.h"

bool slice_cut(struct slice s, char sep, struct slice *head, struct slice *rest)
{
	const char *at = s.n > 0 ? memchr(s.p, sep, s.n) : NULL;

	if (at == NULL) {
		*head = s;
		*rest = (struct slice){ 0 };
		return false;
	}

	size_t n = (size_t)(at - s.p);

	*head = (struct slice){ s.p, n };
	*rest = (struct slice){ at + 1, s.n - n - 1 };
	return true;
}

bool slice_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;

		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

bool slice_i64(struct slice s, int64_t *out)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (!slice_u64(neg ? slice_from(s, 1) : s, &v) || v > INT64_MAX)
		return false;
	*out = neg ? -(int64_t)v : (int64_t)v;
	return true;
}

bool slice_cut_str(struct slice s, struct slice sep, struct slice *head, struct slice *rest)
{
	const char *at = slice_find(s, sep);

	if (at == NULL) {
		*head = s;
		*rest = (struct slice){ 0 };
		return false;
	}

	size_t n = (size_t)(at - s.p);

	*head = (struct slice){ s.p, n };
	*rest = (struct slice){ at + sep.n, s.n - n - sep.n };
	return true;
}

bool slice_cut_last(struct slice s, char sep, struct slice *head, struct slice *rest)
{
	const char *at = s.n > 0 ? memrchr(s.p, sep, s.n) : NULL;

	if (at == NULL) {
		*head = s;
		*rest = (struct slice){ 0 };
		return false;
	}

	size_t n = (size_t)(at - s.p);

	*head = (struct slice){ s.p, n };
	*rest = (struct slice){ at + 1, s.n - n - 1 };
	return true;
}

const char *slice_find(struct slice s, struct slice what)
{
	if (what.n == 0)
		return s.p;
	return s.n < what.n ? NULL : memmem(s.p, s.n, what.p, what.n);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (slice_fold(a.p[i]) != slice_fold(b.p[i]))
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct slice slice_trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool slice_hex(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v * 16 + (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}
