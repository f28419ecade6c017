#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_MAX_LEN = 48 };

__attribute__((format(printf, 4, 0))) static void add(
    struct problems *p, struct place at, const char *kind, const char *fmt, va_list ap)
{
	char text[768];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (at.line > 0)
		buf_printf(&p->text, "%s:%u:%u: %s: %s\n", at.file, at.line, at.col, kind, text);
	else
		buf_printf(&p->text, "%s: %s: %s\n", at.file, kind, text);
}

void problem_error(struct problems *p, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, at, "error", fmt, ap);
	va_end(ap);
	p->errors++;
}

void problem_warn(struct problems *p, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, at, "warning", fmt, ap);
	va_end(ap);
	p->warnings++;
}

void problems_free(struct problems *p)
{
	buf_free(&p->text);
	*p = (struct problems){ 0 };
}

/* Edit distance with swaps of neighbours (optimal string alignment). */
static unsigned distance(struct slice a, struct slice b)
{
	unsigned row[3][NAME_MAX_LEN + 1];

	for (unsigned j = 0; j <= b.n; j++)
		row[1][j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *two = row[(i - 1) % 3];
		unsigned *last = row[i % 3];
		unsigned *now = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned cost = a.p[i - 1] != b.p[j - 1];
			unsigned v = last[j - 1] + cost;

			v = last[j] + 1 < v ? last[j] + 1 : v;
			v = now[j - 1] + 1 < v ? now[j - 1] + 1 : v;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && two[j - 2] + 1 < v)
				v = two[j - 2] + 1;
			now[j] = v;
		}
	}
	return row[(a.n + 1) % 3][b.n];
}

const char *problem_suggest(struct slice wrong, const char *const *names, unsigned n)
{
	const char *best = NULL;
	unsigned best_d = 0;

	if (wrong.n > NAME_MAX_LEN)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		struct slice name = slice_of(names[i]);
		unsigned longer = (unsigned)(name.n > wrong.n ? name.n : wrong.n);

		if (name.n > NAME_MAX_LEN)
			continue;

		unsigned d = distance(wrong, name);

		if (d <= (longer + 2) / 3 && (best == NULL || d < best_d)) {
			best = names[i];
			best_d = d;
		}
	}
	return best;
}
