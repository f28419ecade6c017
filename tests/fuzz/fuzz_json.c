/*
 * JSON in and out against jansson: what the writer makes of any bytes is JSON and says the same,
 * and the parser takes every object that jansson takes.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/record_json.h"
#include "base/utf8.h"
#include "parsers/parser.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_utf8(struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_char(slice_from(s, i));

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* Text as a value and as a key. */
static void written_text_is_json(struct slice text)
{
	struct buf b = { 0 };
	struct json j = { .out = &b };
	json_t *v;
	json_error_t e;

	json_open(&j, '[');
	json_text(&j, text);
	json_open(&j, '{');
	json_key(&j, text);
	json_i64(&j, 1);
	json_close(&j, '}');
	json_close(&j, ']');
	v = json_loadb(b.p, b.n, JSON_ALLOW_NUL, &e);
	if (v == NULL && json_error_code(&e) != json_error_null_byte_in_key)
		abort();
	if (v != NULL && is_utf8(text) &&
	    (json_string_length(json_array_get(v, 0)) != text.n ||
		memcmp(json_string_value(json_array_get(v, 0)), text.p, text.n) != 0))
		abort();
	json_decref(v);
	buf_free(&b);
}

static unsigned depth_of(struct slice s)
{
	unsigned depth = 0;

	for (size_t i = 0; i < s.n; i++)
		depth += s.p[i] == '{' || s.p[i] == '[';
	return depth; /* at most: it may be less */
}

/* What was read, written again: still JSON. */
static void attributes_are_json(const struct event *ev)
{
	struct buf b = { 0 };
	struct json j = { .out = &b };
	json_t *v;
	json_error_t e;

	record_json_attributes(&j, ev);
	v = json_loadb(b.p, b.n, JSON_ALLOW_NUL, &e);
	if (v == NULL && json_error_code(&e) != json_error_null_byte_in_key)
		abort();
	json_decref(v);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	static struct attr attrs[EVENT_MAX_ATTRS];
	struct parse_ctx c = { .arena = &arena, .ref_us = 1795413600000000 };
	json_error_t je;
	struct err e;

	if (size > 1 << 14 || (arena.base == NULL && arena_init(&arena, 1 << 20, &e) != 0))
		return 0;

	char *text = malloc(size > 0 ? size : 1);
	struct event ev = { .body = { text, size }, .attrs = attrs };

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	written_text_is_json(ev.body);

	json_t *v = json_loadb(text, size, JSON_ALLOW_NUL, &je);
	bool ok = parser_json.parse(&c, &ev) == PARSE_OK;

	if (json_is_object(v) && !ok && depth_of(ev.body) <= 32)
		abort();
	attributes_are_json(&ev);
	json_decref(v);
	arena_reset(&arena);
	free(text);
	return 0;
}
