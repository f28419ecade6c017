/* The forms of a value: what each undoes, and that nothing is written beyond the input's length. */
#include "detect/canon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum step { UNESCAPE, PERCENT, PERCENT_PLUS, SQUASH, SQUASH_PATH, BASE64 };

static size_t run(enum step step, struct slice in, char *out)
{
	switch (step) {
	case UNESCAPE:
		return canon_unescape(in, out);
	case PERCENT:
	case PERCENT_PLUS:
		return canon_percent(in, step == PERCENT_PLUS, out);
	case SQUASH:
	case SQUASH_PATH:
		return canon_squash(in, step == SQUASH_PATH, out);
	case BASE64:
		return canon_base64(in, out);
	}
	return 0;
}

struct row {
	enum step step;
	struct slice in, want;
};

#define ROW(step, in, want)                    \
	{                                      \
		step, { in, sizeof(in) - 1 },  \
		{                              \
			want, sizeof(want) - 1 \
		}                              \
	}

static const struct row rows[] = {
	/* log escapes of nginx and Apache */
	ROW(UNESCAPE, "a\\x22b\\x5Cc\\x0d", "a\"b\\c\r"),
	ROW(UNESCAPE, "\\\"\\\\\\n\\r\\t\\v\\b", "\"\\\r\r\t\v\b"),
	ROW(UNESCAPE, "\\x0a\\xFF\\x00", "\r\xff\0"),
	ROW(UNESCAPE, "\\xg1\\x2\\q\\", "\\xg1\\x2\\q\\"),
	ROW(UNESCAPE, "\\\\x41", "\\x41"),
	/* percent */
	ROW(PERCENT, "%41%2f%2F%00+", "A//\0+"),
	ROW(PERCENT_PLUS, "a+b%2Bc", "a b+c"),
	ROW(PERCENT, "%2527", "%27"),
	ROW(PERCENT, "%0a%", "\r%"),
	ROW(PERCENT, "%4", "%4"),
	ROW(PERCENT, "%g1%1g%%41", "%g1%1g%A"),
	/* entities */
	ROW(SQUASH,
	    "a\xa0"
	    "b",
	    "a b"),
	ROW(SQUASH,
	    "a\xc2\xa0"
	    "b",
	    "a b"),
	ROW(SQUASH, "\xe3\x81\xa0", "\xe3\x81\xa0"), /* no blank: a part of a letter */
	ROW(SQUASH, "&lt;&GT;&quot;&#60;&#x3c;&#X3C;", "<>\"<<<"),
	ROW(SQUASH, "&#60x&#0000060;&#x3cz", "<x<<z"),
	ROW(SQUASH, "&#;&#x;&nosuch;&lt &", "&#;&#x;&nosuch;&lt &"),
	ROW(SQUASH, "jav&Tab;a&NewLine;b&colon;", "jav a b:"),
	/* %u, overlong UTF-8, full width */
	ROW(SQUASH, "%u0041%U003c%uff1c%u00e9", "A<<\xc3\xa9"),
	ROW(SQUASH, "%u00", "%u00"),
	ROW(SQUASH, "\xc0\xaf\xc1\x81\xe0\x80\xaf", "/A/"),
	ROW(SQUASH, "\xef\xbc\x9cscript\xef\xbc\x9e", "<script>"),
	ROW(SQUASH, "\xc3\xa9\xe2\x82\xac\xc0", "\xc3\xa9\xe2\x82\xac\xc0"),
	/* escapes of JavaScript and JSON */
	ROW(SQUASH, "\\u003cb\\x3c\\74\\u00e9", "<b<<\xc3\xa9"),
	ROW(SQUASH, "\\u003\\x3\\7\\q\\", "\\u003\\x3\\7\\q\\"),
	/* comments and white space */
	ROW(SQUASH, "union/**/select/* x */1", "union select 1"),
	ROW(SQUASH, "a \t\r\v\f\0 b", "a b"),
	ROW(SQUASH, "a/*b", "a/*b"),
	ROW(SQUASH, "/*!50000union*/select", " union select"),
	ROW(SQUASH, "a/**//**/b", "a b"),
	ROW(SQUASH, "/*!union*/select", " union select"),
	/* paths */
	ROW(SQUASH_PATH, "/a/./b//c/../d", "/a/b/d"),
	ROW(SQUASH_PATH, "/../../etc/passwd", "/etc/passwd"),
	ROW(SQUASH_PATH, "\\a\\..\\b", "/b"),
	ROW(SQUASH_PATH, "/a/..", "/"),
	ROW(SQUASH_PATH, "/a/.", "/a"),
	ROW(SQUASH_PATH, "/a.b/..c/.d", "/a.b/..c/.d"),
	ROW(SQUASH, "/a/../b", "/a/../b"),
	/* base64: 8 characters at least, and text */
	ROW(BASE64, "dW5pb24gc2VsZWN0IDE=", "union select 1"),
	ROW(BASE64, "dW5pb24gc2VsZWN0IDE", "union select 1"),
	ROW(BASE64, "PHNjcmlwdD4/Pz8-Pj4_", "<script>??\x3f>>>?"),
	ROW(BASE64, "dW5pb24gc2Vs", "union sel"),
	ROW(BASE64, "O2lkOw==", ""),
	ROW(BASE64, "cGFzc3dvcmQ", "password"),
	ROW(BASE64, "password", ""),
	ROW(BASE64, "dW5pb24gc2VsZWN0I", ""),
	ROW(BASE64, "dW5pb24gc2VsZWN0 IDE=", ""),
	ROW(BASE64, "AAECAwQFBgcICQoLDA0ODw==", ""),
};

static void every_form_undoes_its_encodings(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		char *in = malloc(r->in.n); /* exactly: sanitizers see a byte too many */
		char *out = malloc(r->in.n);

		assert_non_null(in);
		assert_non_null(out);
		memcpy(in, r->in.p, r->in.n);

		size_t n = run(r->step, (struct slice){ in, r->in.n }, out);

		if (!slice_eq((struct slice){ out, n }, r->want))
			fail_msg("row %u, %.*s: %.*s, expected %.*s", i, SLICE_ARG(r->in), (int)n,
			    out, SLICE_ARG(r->want));
		free(in);
		free(out);
	}
}

/* canon_look() may promise too much, and never too little: then a form would not be made. */
static void what_is_looked_for_is_found(void **state)
{
	static const char parts[][8] = { "a", "%41", "+", "\\x22", "//", "/.", "&lt;", "&#60", "/*",
		" ", "  ", "\t", "\xc0\xaf", "%u0041", "\\u0041", "=", "..", "bcdefgh" };
	enum { N = sizeof(parts) / sizeof(*parts) };
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		char text[128];
		char out[128];
		size_t n = 0;

		for (unsigned k = x % 12; k > 0; k--) {
			const char *part = parts[(x = x * 1664525 + 1013904223, (x >> 16) % N)];

			memcpy(text + n, part, strlen(part));
			n += strlen(part);
		}
		x = x * 1664525 + 1013904223;

		struct slice in = { text, n };
		unsigned bits = canon_look(in);

		if ((!(bits & CANON_ESCAPE) && canon_unescape(in, out) != n) ||
		    (!(bits & CANON_PERCENT) && canon_percent(in, false, out) != n) ||
		    (!(bits & (CANON_PLUS | CANON_PERCENT)) &&
			!slice_eq((struct slice){ out, canon_percent(in, true, out) }, in)) ||
		    (!(bits & (CANON_SQUASH | CANON_PERCENT | CANON_ESCAPE)) &&
			!slice_eq((struct slice){ out, canon_squash(in, false, out) }, in)) ||
		    (!(bits & (CANON_SQUASH | CANON_PERCENT | CANON_PATH | CANON_ESCAPE)) &&
			n > 0 && !slice_eq((struct slice){ out, canon_squash(in, true, out) }, in)))
			fail_msg("%.*s: bits %u", (int)n, text, bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_undoes_its_encodings),
		cmocka_unit_test(what_is_looked_for_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
