#include "agent/assemble.h"

#include "agent/pipeline.h"
#include "match/regex.h"
#include "parsers/audit.h"

void assemble_begin(struct assembly *as, const struct line_rules *rules, const struct window_in *in,
    struct arena *a, struct regex_ctx *regex)
{
	*as = (struct assembly){
		.rules = rules, .in = in, .arena = a, .regex = regex, .line = in->line
	};
}

/* The line at `at`, with its end: false when there is no whole line (or last one) any more. */
static bool line_at(const struct window_in *in, size_t at, struct slice *line, size_t *end)
{
	const char *p = in->text.p + at;
	size_t left = in->text.n - at;
	const char *lf = left > 0 ? memchr(p, '\n', left) : NULL;

	if (lf == NULL && (left == 0 || !in->final))
		return false;
	*line = (struct slice){ p, lf != NULL ? (size_t)(lf - p) : left };
	*end = at + line->n + (lf != NULL);
	return true;
}

/* A writer without O_APPEND whose log was truncated leaves a hole of any size before its line. */
static size_t leading_nuls(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == '\0')
		n++;
	return n;
}

/* NUL bytes (a hole of a sparse file, a crash of the writer) are left out and counted. */
static struct slice without_nuls(struct arena *a, struct slice s, struct group *g)
{
	char *out = arena_alloc(a, s.n, 1);
	size_t n = 0;

	if (out == NULL)
		return s;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\0')
			out[n++] = s.p[i];
	g->nuls += s.n - n;
	return (struct slice){ out, n };
}

/* What every kind of group starts as: one line. */
static void from_line(
    struct assembly *as, struct slice line, size_t at, size_t end, struct group *g)
{
	bool ended = end > at + line.n;
	size_t true_n = line.n;
	size_t nuls = leading_nuls(line);

	line = slice_from(line, nuls);
	*g = (struct group){ .offset = as->in->offset + at,
		.span = end - at,
		.line = as->line,
		.n_lines = 1,
		.true_n = true_n,
		.nuls = nuls,
		.crc20 = pipeline_crc20(line) };
	if (as->line != 0)
		as->line++;
	if (!ended)
		g->flags |= EVENT_UNTERMINATED;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n > PIPELINE_LINE_MAX) {
		line.n = PIPELINE_LINE_MAX;
		g->flags |= EVENT_CUT;
	}
	if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL)
		line = without_nuls(as->arena, line, g);
	if (g->nuls > 0)
		g->flags |= EVENT_NUL;
	g->body = line;
}

/* A line longer than any window: all of it counts, the head of its text is kept. */
static bool long_line(struct assembly *as, struct group *g)
{
	const struct window_in *in = as->in;

	if (as->at > 0)
		return false;
	from_line(as, in->text, 0, in->text.n, g);
	g->span = in->long_span;
	g->true_n = in->long_span - in->long_ended;
	g->nuls += in->nuls;
	if (in->nuls > 0)
		g->flags |= EVENT_NUL;
	if (g->true_n - in->nuls > PIPELINE_LINE_MAX)
		g->flags |= EVENT_CUT;
	if (in->long_ended)
		g->flags &= ~(uint32_t)EVENT_UNTERMINATED;
	as->at = as->done = in->text.n + 1; /* there may be nothing but NULs */
	return true;
}

static bool next_line(struct assembly *as, struct group *g)
{
	struct slice line;
	size_t end;

	if (!line_at(as->in, as->at, &line, &end))
		return false;
	from_line(as, line, as->at, end, g);
	as->at = as->done = end;
	return true;
}

/* ---- a start pattern ---- */

static bool starts(const struct assembly *as, struct slice line)
{
	return regex_find(as->rules->start, as->regex, line, NULL) != REGEX_NO;
}

static bool next_block(struct assembly *as, struct group *g)
{
	const struct window_in *in = as->in;
	size_t from = as->at;
	struct slice line;
	size_t end;
	bool closed = false;

	if (!line_at(in, from, &line, &end))
		return false;
	from_line(as, line, from, end, g);
	while (line_at(in, end, &line, &as->at)) {
		if (starts(as, line)) {
			closed = true;
			break;
		}
		end = as->at;
		g->n_lines++;
		as->line += as->line != 0;
	}
	if (!closed && !in->final && !in->close_all) {
		as->at = from;
		return false;
	}
	if (!closed && !in->final)
		g->flags |= EVENT_INCOMPLETE;
	if (end == in->text.n && in->text.p[end - 1] != '\n')
		g->flags |= EVENT_UNTERMINATED;
	if (g->n_lines > 1) {
		g->body = (struct slice){ in->text.p + from, end - from };
		while (g->body.n > 0 && memchr("\r\n", g->body.p[g->body.n - 1], 2) != NULL)
			g->body.n--;
	}
	g->span = end - from;
	as->at = as->done = end;
	return true;
}

/* ---- auditd ---- */

/* Lines of one window: so few that their events never fill a batch half way through. */
enum { SERIAL_LINES = 768, SERIAL_OPEN = 64, SERIAL_WAIT_US = 2000000 };

struct serial_line {
	size_t at, end;
	struct slice text;
	unsigned group;
};

struct serial_group {
	uint64_t serial;
	int64_t time_us;
	unsigned first, last; /* lines */
	unsigned n;
	bool closed, forced;
};

struct serial_table {
	struct serial_line lines[SERIAL_LINES];
	struct serial_group groups[SERIAL_LINES];
	unsigned n_lines, n_groups;
	unsigned open[SERIAL_OPEN];
	unsigned n_open;
	int64_t newest_us;
};

static void close_open(struct serial_table *t, unsigned k, bool forced)
{
	t->groups[t->open[k]].closed = true;
	t->groups[t->open[k]].forced = forced;
	t->open[k] = t->open[--t->n_open];
}

static void put_line(struct serial_table *t, const struct serial_line *l)
{
	struct audit_head h = { .single = true };
	bool known = audit_head(l->text, &h);
	unsigned k = 0;

	if (known && h.time_us > t->newest_us)
		t->newest_us = h.time_us;
	for (unsigned i = 0; i < t->n_open;) /* the kernel never comes back to one that old */
		if (t->groups[t->open[i]].time_us + SERIAL_WAIT_US < t->newest_us)
			close_open(t, i, true);
		else
			i++;
	while (k < t->n_open && (h.single || t->groups[t->open[k]].serial != h.serial))
		k++;
	if (k == t->n_open) {
		if (t->n_open == SERIAL_OPEN)
			close_open(t, 0, true);
		k = t->n_open++;
		t->open[k] = t->n_groups++;
		t->groups[t->open[k]] = (struct serial_group){
			.serial = h.serial, .time_us = h.time_us, .first = t->n_lines
		};
	}

	struct serial_group *g = &t->groups[t->open[k]];

	g->n++;
	g->last = t->n_lines;
	t->lines[t->n_lines] = *l;
	t->lines[t->n_lines++].group = t->open[k];
	if (h.single || h.last)
		close_open(t, k, false);
}

/*
 * How many lines may be released: none of them, and none behind them, belongs to a
 * group that is open or lies on both sides.
 */
static unsigned releasable(const struct serial_table *t)
{
	unsigned limit = t->n_lines;

	for (unsigned g = t->n_groups; g-- > 0;) {
		const struct serial_group *x = &t->groups[g];

		if (x->first < limit && (!x->closed || x->last >= limit))
			limit = x->first;
	}
	return limit;
}

static bool make_table(struct assembly *as)
{
	struct serial_table *t = arena_alloc(as->arena, sizeof(*t), _Alignof(struct serial_table));
	struct serial_line l;

	if (t == NULL)
		return false;
	while (t->n_lines < SERIAL_LINES && line_at(as->in, as->at, &l.text, &l.end)) {
		l.at = as->at;
		as->at = l.end;
		put_line(t, &l);
	}
	if (t->n_lines < SERIAL_LINES)
		while ((as->in->final || as->in->close_all) && t->n_open > 0)
			close_open(t, 0, !as->in->final);
	as->n_ready = releasable(t);
	if (as->n_ready == 0 && t->n_lines == SERIAL_LINES) {
		while (t->n_open > 0)
			close_open(t, 0, true);
		as->n_ready = releasable(t);
	}
	as->serials = t;
	as->done = as->n_ready > 0 ? t->lines[as->n_ready - 1].end : 0;
	return true;
}

/* The lines of a group as one text: in place where they follow each other. */
static struct slice join(struct assembly *as, const struct serial_group *g)
{
	const struct serial_line *first = &as->serials->lines[g->first];
	const struct serial_line *last = &as->serials->lines[g->last];
	size_t n = 0;

	if (g->last - g->first + 1 == g->n)
		return (struct slice){ first->text.p,
			(size_t)(last->text.p + last->text.n - first->text.p) };
	for (const struct serial_line *l = first; l <= last; l++)
		n += l->group == first->group ? l->text.n + 1 : 0;

	char *out = arena_alloc(as->arena, n, 1);

	if (out == NULL)
		return first->text;
	n = 0;
	for (const struct serial_line *l = first; l <= last; l++) {
		if (l->group != first->group)
			continue;
		memcpy(out + n, l->text.p, l->text.n);
		n += l->text.n;
		out[n++] = '\n';
	}
	return (struct slice){ out, n - 1 };
}

static bool next_serial(struct assembly *as, struct group *g)
{
	struct serial_table *t;

	if (as->serials == NULL && !make_table(as))
		return false;
	t = as->serials;
	if (as->next_serial == t->n_groups || t->groups[as->next_serial].first >= as->n_ready)
		return false;

	const struct serial_group *x = &t->groups[as->next_serial++];
	const struct serial_line *first = &t->lines[x->first];
	uint64_t line = as->in->line != 0 ? as->in->line + x->first : 0;

	as->line = line;
	from_line(as, first->text, first->at, first->end, g);
	g->line = line;
	if (x->n == 1)
		return true;
	g->body = join(as, x);
	g->span = 0;
	for (unsigned i = x->first; i <= x->last; i++)
		if (t->lines[i].group == first->group)
			g->span += t->lines[i].end - t->lines[i].at;
	g->n_lines = x->n;
	if (x->forced)
		g->flags |= EVENT_INCOMPLETE;
	return true;
}

bool assemble_next(struct assembly *as, struct group *g)
{
	if (as->in->long_span > 0)
		return long_line(as, g);
	if (as->rules->start != NULL)
		return next_block(as, g);
	if (as->rules->parser->grouping == PARSE_SERIAL)
		return next_serial(as, g);
	return next_line(as, g);
}

size_t assemble_end(struct assembly *as)
{
	return as->in->long_span > 0 && as->done > 0 ? as->in->long_span : as->done;
}
