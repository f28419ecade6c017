/*
 * Masking of any text: no byte is read that is not there, and what comes out is bounded and the
 * same with and without padding. Between two parts of the input stands a secret in each of the
 * forms that are promised (docs/operations.md): it never survives, not in the line, nor in an
 * attribute, nor in evidence.
 *
 * First byte: the form and the name; second and third: of what an attribute is; then both parts,
 * apart by a NUL.
 */
#include "base/arena.h"
#include "base/err.h"
#include "detect/redact.h"
#include "match/filter.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "Hunter2hunter2HUNTER9"

enum { PART_MAX = 4096, FORM_MAX = 128, EDITS = 64, MASK_BYTES = 24, MATCH_MAX = 256 };

/* @ is a name. Each begins with what no name, code or quotation goes on over. */
static const char *const forms[] = {
	"?@=" SECRET "&",
	" @=" SECRET " ",
	"{\"@\":\"" SECRET "\"}",
	",\"@\" : \"" SECRET "\",",
	"{\\\"@\\\":\\\"" SECRET "\\\"}",
	"{\\x22@\\x22:\\x22" SECRET "\\x22}",
	" @=\"" SECRET "\" ",
	"{\"@\":[\"a\",\"" SECRET "\"]}",
	"{'@': '" SECRET "'}",
	"{\"@\"=>\"" SECRET "\"}",
	"?x=%3F@%3D" SECRET "%26",
	"?p%61ssword=" SECRET "&",
	"?user[@]=" SECRET "&",
	"{\"p\\u0061ssword\":\"" SECRET "\"}",
	" Authorization: Basic " SECRET " ",
	" Cookie: a=" SECRET "; b=" SECRET " ",
	" https://u:" SECRET "@h/",
	" x --password " SECRET " ",
	" mysql -p" SECRET " ",
	" bearer " SECRET " ",
};

static const char *const names[] = { "password", "token", "api_key", "sessionid", "pwd", "otp",
	"secretKey", "password_again" };

enum {
	N_FORMS = sizeof(forms) / sizeof(*forms),
	N_NAMES = sizeof(names) / sizeof(*names),
};

static struct arena arena;
static struct redactor *redactor;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool has(struct slice s)
{
	return slice_find(s, SLICE(SECRET)) != NULL;
}

/* A copy of t with no byte around it that may be read; or, padded, with those that may. */
static struct slice masked(struct slice t, bool padded)
{
	char *memory = malloc(FILTER_BEFORE + t.n + FILTER_AFTER);
	char *exact = malloc(t.n > 0 ? t.n : 1);
	struct event ev = { .body = { padded ? memory + FILTER_BEFORE : exact, t.n } };

	must(memory != NULL && exact != NULL);
	memset(memory, '\n', FILTER_BEFORE + t.n + FILTER_AFTER);
	memcpy(memory + FILTER_BEFORE, t.p, t.n);
	memcpy(exact, t.p, t.n);
	redact_event(redactor, &arena, &ev, padded);
	ev.body = arena_copy(&arena, ev.body);
	free(memory);
	free(exact);
	must(ev.body.n <= t.n + (size_t)EDITS * MASK_BYTES);
	return ev.body;
}

/* Body, an attribute and evidence that are any part of it, and an attribute that is not. */
static void nowhere(struct slice t, const uint8_t at[static 2], bool is_audit)
{
	struct attr attrs[EVENT_MAX_ATTRS];
	size_t from = t.n * at[0] / 256;
	size_t n = (t.n - from) * at[1] / 255;
	struct detection d = { .field = SLICE("url.query"),
		.match = { t.p + from, n < MATCH_MAX ? n : MATCH_MAX } };
	struct event ev = { .body = t, .attrs = attrs, .detections = &d, .n_detections = 1 };

	if (is_audit)
		event_add(&ev, ATTR_AUDIT_SERIAL, SLICE("1"));
	event_add(&ev, ATTR_MESSAGE, (struct slice){ t.p + from, n });
	event_add_named(&ev, SLICE("user.password"), SLICE(SECRET));
	redact_event(redactor, &arena, &ev, false);
	must(!has(ev.body) && !has(d.match));
	for (unsigned i = 0; i < ev.n_attrs; i++)
		must(!has((struct slice){ attrs[i].p, attrs[i].n }));
}

static void planted(const uint8_t *head, struct slice a, struct slice b)
{
	const char *form = forms[head[0] % N_FORMS];
	const char *name = names[head[0] / N_FORMS % N_NAMES];
	const char *at = strchr(form, '@');
	char text[2 * PART_MAX + FORM_MAX];
	size_t n = a.n;

	memcpy(text, a.p, a.n);
	if (at != NULL && strstr(form, "@h/") == NULL)
		n += (size_t)snprintf(
		    text + n, FORM_MAX, "%.*s%s%s", (int)(at - form), form, name, at + 1);
	else
		n += (size_t)snprintf(text + n, FORM_MAX, "%s", form);
	if (b.n > 0)
		memcpy(text + n, b.p, b.n);
	n += b.n;
	nowhere((struct slice){ text, n }, head + 1, head[0] % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = { (const char *)data, size };
	struct slice a, b, once;
	struct err e;

	if (redactor == NULL)
		must(arena_init(&arena, 1 << 20, &e) == 0 &&
		     (redactor = redactor_new(1, &e)) != NULL);
	arena_reset(&arena);
	if (size < 3)
		return 0;
	slice_cut(slice_from(all, 3), '\0', &a, &b);
	if (a.n > PART_MAX || b.n > PART_MAX || has(a) || has(b))
		return 0;
	once = masked(a, true);
	must(slice_eq(masked(a, false), once));
	planted(data, a, b);
	return 0;
}
