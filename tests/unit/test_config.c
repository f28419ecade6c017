/*
 * The reader of configs and the YAML behind it: values, defaults, and where a mistake is.
 * The place of what stands in brackets or quotes is that of its first byte within.
 */
#include "base/config.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
	const char *name;
	uint64_t n;
};

struct out {
	const char *text;
	bool flag;
	uint64_t number, bytes;
	int64_t span;
	double share;
	struct config_space space;
	unsigned choice;
	struct config_texts texts;
	struct ip_set nets;
	struct {
		uint64_t deep;
	} section;
	struct config_items list, map;
};

#define AT(m) offsetof(struct out, m)
#define END                  \
	{                    \
		.name = NULL \
	}

static const char *const choices[] = { "red", "green", NULL };

static const struct config_key item_keys[] = {
	{ "n", CONFIG_UINT, offsetof(struct item, n), .def = "7", .help = "a number" },
	END,
};

static const struct config_key section_keys[] = {
	{ "deep", CONFIG_UINT, AT(section.deep), .def = "3", .help = "a number" },
	END,
};

static const struct config_key keys[] = {
	{ "text", CONFIG_TEXT, AT(text), .def = "abc", .help = "text" },
	{ "flag", CONFIG_BOOL, AT(flag), .def = "true", .help = "a flag" },
	{ "number", CONFIG_UINT, AT(number), .help = "a number", .min = 2, .max = 9 },
	{ "bytes", CONFIG_BYTES, AT(bytes), .def = "1KiB", .help = "a size" },
	{ "span", CONFIG_DURATION, AT(span), .def = "1s", .help = "a span", .min = 1000000 },
	{ "share", CONFIG_PERCENT, AT(share), .def = "5%", .help = "a share" },
	{ "space", CONFIG_SPACE, AT(space), .def = "10%", .help = "a space" },
	{ "choice", CONFIG_ENUM, AT(choice), .def = "green", .help = "a colour", .names = choices },
	{ "texts", CONFIG_TEXTS, AT(texts), .help = "texts" },
	{ "nets", CONFIG_PREFIXES, AT(nets), .help = "networks" },
	{ "section", CONFIG_SECTION, AT(section), .help = "a section", .keys = section_keys },
	{ "list", CONFIG_LIST, AT(list), .help = "a list", .keys = item_keys,
	    .item_size = sizeof(struct item) },
	{ "map", CONFIG_MAP, AT(map), .help = "a map", .keys = item_keys,
	    .item_size = sizeof(struct item) },
	END,
};

static struct arena arena;
static struct yaml_file file;
static struct problems problems;

/* false: there were problems. */
static bool read_text(const char *text, struct out *o)
{
	struct slice s = slice_of(text);
	struct config_reader r = { .arena = &arena, .file = &file, .p = &problems };

	arena_reset(&arena);
	problems_free(&problems);
	problems = (struct problems){ 0 };
	yaml_free(&file);
	file = (struct yaml_file){ 0 };
	if (yaml_load("f", &s, &file, &problems) == 0)
		config_read(&r, file.n > 0 ? &file.docs[0] : NULL, keys, o, sizeof(*o));
	return problems.errors == 0;
}

static void defaults_are_filled_in(void **state)
{
	static const char *const nothing[] = { "", "# only a comment\n", "text: abc\n",
		"section:\n" };

	(void)state;
	for (unsigned i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
		struct out o;

		assert_true(read_text(nothing[i], &o));
		assert_string_equal(o.text, "abc");
		assert_true(o.flag);
		assert_int_equal(o.number, 0);
		assert_int_equal(o.bytes, 1024);
		assert_int_equal(o.span, 1000000);
		assert_int_equal(o.choice, 1);
		assert_int_equal(o.section.deep, 3);
		assert_int_equal(o.list.n + o.map.n + o.texts.n + o.nets.n, 0);
	}
}

static void every_type_is_read(void **state)
{
	struct out o;

	(void)state;
	assert_true(read_text("text: 'a: b'\nflag: false\nnumber: 9\nbytes: 2MiB\nspan: 1.5m\n"
			      "share: 50%\nspace: 3GiB\nchoice: red\ntexts: one\n"
			      "nets: [10.0.0.0/8, '2001:db8::/32']\nsection: {deep: 5}\n"
			      "list:\n  - n: 1\n  - {}\nmap: {x: {n: 4}, y: {}}\n",
	    &o));
	assert_string_equal(o.text, "a: b");
	assert_false(o.flag);
	assert_int_equal(o.number, 9);
	assert_int_equal(o.bytes, 2 << 20);
	assert_int_equal(o.span, 90000000);
	assert_true(o.share > 49.9 && o.share < 50.1);
	assert_int_equal(o.space.bytes, UINT64_C(3) << 30);
	assert_int_equal(o.choice, 0);
	assert_int_equal(o.texts.n, 1);
	assert_string_equal(o.texts.v[0], "one");
	assert_int_equal(o.nets.n, 2);
	assert_int_equal(o.section.deep, 5);
	assert_int_equal(o.list.n, 2);
	assert_int_equal(((struct item *)o.list.v)[0].n, 1);
	assert_int_equal(((struct item *)o.list.v)[1].n, 7);
	assert_int_equal(o.map.n, 2);
	assert_string_equal(((struct item *)o.map.v)[1].name, "y");
	assert_int_equal(((struct item *)o.map.v)[0].n, 4);
}

static void a_mistake_is_named_with_its_place(void **state)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "txet: a\n", "f:1:1: error: unknown key 'txet'; did you mean 'text'?" },
		{ "quite_another: a\n",
		    "f:1:1: error: unknown key 'quite_another'; known here: text," },
		{ "\nflag: yes\n", "f:2:7: error: flag: expected true or false, not 'yes'" },
		{ "text: [a]\n", "f:1:8: error: text: expected a single value, not a list" },
		{ "text: {a: b}\n", "f:1:8: error: text: expected a single value, not a map" },
		{ "text:\n", "f:1:1: error: text: has no value" },
		{ "text: ~\n", "f:1:1: error: text: has no value" },
		{ "number: 1\n", "f:1:9: error: number: '1' is out of range: 2 to 9" },
		{ "number: 10\n", "number: '10' is out of range: 2 to 9" },
		{ "number: -3\n", "number: expected a whole number" },
		{ "span: 10\n", "f:1:7: error: span: expected a span with its unit" },
		{ "span: 1ms\n", "out of range" },
		{ "bytes: 5 apples\n", "bytes: expected a size" },
		{ "choice: gren\n", "f:1:9: error: choice: 'gren' is not one of red, green; did "
				    "you mean 'green'?" },
		{ "texts: [a, [b]]\n", "f:1:13: error: texts: expected a value" },
		{ "nets:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n",
		    "f:3:5: error: nets: expected an address" },
		{ "list:\n  - n: 1\n  - m: 1\n", "f:3:5: error: unknown key 'm'" },
		{ "list: {n: 1}\n", "f:1:8: error: list: expected a list" },
		{ "map:\n  a:\n    n: x\n", "f:3:8: error: n: expected a whole number, not 'x'" },
		{ "map: [a]\n", "map: expected a map of names" },
		{ "section: 5\n", "f:1:10: error: expected keys and values here" },
		{ "- a\n", "expected keys and values here" },
		{ "text: a\ntext: b\n", "f:2:1: error: duplicate key" },
		{ "text: *a\n", "f:1:" },
		{ "text: 'a\n", "f:" },
		{ "\ttext: a\n", "f:1:" },
		{ "text: a\n# \xc3\xa9 \xff\n", "f:2:6: error: the byte \\xFF is not UTF-8 text" },
		{ "%?\xed\xff\xff\xff", "f:1:3: error: the byte \\xED is not UTF-8 text" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct out o;

		if (read_text(t[i].text, &o) ||
		    slice_find(buf_as_slice(&problems.text), slice_of(t[i].want)) == NULL)
			fail_msg("'%s': '%.*s', expected '%s'", t[i].text, (int)problems.text.n,
			    problems.text.p, t[i].want);
	}
}

static void one_run_names_them_all(void **state)
{
	struct out o;

	(void)state;
	assert_false(read_text("flag: 5\nnumber: x\nchoice: blue\nlist: [{n: y}, {k: 1}]\n", &o));
	assert_int_equal(problems.errors, 5);
}

static void places_of_nodes(void **state)
{
	struct slice s = SLICE("a: 1\nb:\n  - x\n  -   y\nc: {d: [e, f]}\n---\nsecond: 2\n");
	struct problems p = { 0 };
	struct yaml_file f;
	const struct yaml *y;

	(void)state;
	assert_int_equal(yaml_load("f", &s, &f, &p), 0);
	assert_int_equal(f.n, 2);
	y = yaml_get(&f.docs[0], "b");
	assert_int_equal(y->key_line, 2);
	assert_int_equal(y->child[1].line, 4);
	assert_int_equal(y->child[1].col, 7);
	y = yaml_get(yaml_get(&f.docs[0], "c"), "d");
	assert_int_equal(y->key_line, 5);
	assert_int_equal(y->key_col, 5);
	assert_int_equal(y->child[1].col, 12);
	assert_int_equal(yaml_get(&f.docs[1], "second")->key_line, 7);
	assert_null(yaml_get(&f.docs[0], "nosuch"));
	yaml_free(&f);
}

static void depth_is_bounded(void **state)
{
	static char text[4000];
	struct out o;

	(void)state;
	memset(text, '[', 2000);
	memset(text + 2000, ']', 1999);
	assert_false(read_text(text, &o));
	memset(text, 0, sizeof(text));
	for (int i = 0; i < 500; i++)
		strcat(text, "{a: ");
	assert_false(read_text(text, &o));
}

static void two_quotes_in_single_quotes_are_one(void **state)
{
	/* four in a row stand for two: libfyaml 0.7.12 makes three of them */
	struct slice s = SLICE("a: 'x''''y''z'\nb: ''''''\n'c''d': \"e''f\"\n");
	struct yaml_file f;
	struct problems p = { 0 };

	(void)state;
	assert_int_equal(yaml_load("f", &s, &f, &p), 0);
	assert_true(slice_eq(yaml_get(&f.docs[0], "a")->text, SLICE("x''y'z")));
	assert_true(slice_eq(yaml_get(&f.docs[0], "b")->text, SLICE("''")));
	assert_true(slice_eq(yaml_get(&f.docs[0], "c'd")->text, SLICE("e''f")));
	yaml_free(&f);
	problems_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_quotes_in_single_quotes_are_one),
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(a_mistake_is_named_with_its_place),
		cmocka_unit_test(one_run_names_them_all),
		cmocka_unit_test(places_of_nodes),
		cmocka_unit_test(depth_is_bounded),
	};
	struct err e;

	if (arena_init(&arena, 1 << 20, &e) != 0)
		return 1;

	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	problems_free(&problems);
	yaml_free(&file);
	arena_free(&arena);
	return rc;
}
