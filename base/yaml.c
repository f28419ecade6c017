#include "base/yaml.h"

#include "base/utf8.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

enum { YAML_DEPTH = 64, YAML_NODES = 1 << 20, YAML_MAX_BYTES = 16 << 20 };

/* Memory comes in blocks that are freed together. */
struct block {
	struct block *next;
	max_align_t data[];
};

struct load {
	struct yaml_file *f;
	struct problems *p;
	unsigned nodes;
	struct slice source;
};

static void *take(struct yaml_file *f, size_t n)
{
	struct block *b = calloc(1, sizeof(*b) + n + 1);

	if (b == NULL)
		return NULL;
	b->next = f->blocks;
	f->blocks = b;
	return b->data;
}

void yaml_free(struct yaml_file *f)
{
	for (struct block *b = f->blocks; b != NULL;) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
	*f = (struct yaml_file){ 0 };
}

static struct slice copy_text(struct yaml_file *f, const char *p, size_t n)
{
	char *to = take(f, n);

	if (to == NULL)
		return (struct slice){ 0 };
	if (n > 0)
		memcpy(to, p, n);
	return (struct slice){ to, n };
}

/* The place of the first scalar in a node: libfyaml keeps no other. */
static void mark(struct fy_node *node, unsigned *line, unsigned *col)
{
	for (unsigned i = 0; node != NULL && !fy_node_is_scalar(node) && i < YAML_DEPTH; i++)
		node = fy_node_is_sequence(node)
			   ? fy_node_sequence_get_by_index(node, 0)
			   : fy_node_pair_key(fy_node_mapping_get_by_index(node, 0));

	struct fy_token *tok = node != NULL ? fy_node_get_scalar_token(node) : NULL;
	const struct fy_mark *m = tok != NULL ? fy_token_start_mark(tok) : NULL;

	*line = m != NULL ? (unsigned)m->line + 1 : 1;
	*col = m != NULL ? (unsigned)m->column + 1 : 1;
}

static int bad(struct load *l, const struct yaml *at, const char *what)
{
	problem_error(l->p, yaml_place(l->f, at), "%s", what);
	return -1;
}

static int convert(struct load *l, struct fy_node *from, struct yaml *to, unsigned depth);

/*
 * A text in single quotes on one line, from its source: libfyaml 0.7.12 makes three quotes of
 * '''', which stands for two (YAML 1.2, section 7.3.2). False: it isn't one.
 */
static bool single_quoted(struct load *l, struct fy_node *from, struct slice *out)
{
	struct fy_token *tok = fy_node_get_scalar_token(from);
	const struct fy_mark *start = tok != NULL ? fy_token_start_mark(tok) : NULL;
	const struct fy_mark *end = tok != NULL ? fy_token_end_mark(tok) : NULL;
	size_t n = 0;
	char *to;

	if (start == NULL || end == NULL || fy_node_get_style(from) != FYNS_SINGLE_QUOTED ||
	    start->line != end->line || start->input_pos > end->input_pos ||
	    end->input_pos > l->source.n)
		return false;

	struct slice raw = { l->source.p + start->input_pos, end->input_pos - start->input_pos };

	to = take(l->f, raw.n);
	for (size_t i = 0; to != NULL && i < raw.n; i++) {
		to[n++] = raw.p[i];
		i += raw.p[i] == '\'' && i + 1 < raw.n && raw.p[i + 1] == '\'';
	}
	*out = (struct slice){ to, n };
	return to != NULL;
}

static int convert_scalar(struct load *l, struct fy_node *from, struct yaml *to)
{
	size_t n = 0;
	const char *p = fy_node_get_scalar(from, &n);

	to->kind = YAML_SCALAR;
	to->plain = fy_node_get_style(from) == FYNS_PLAIN;
	if (single_quoted(l, from, &to->text))
		return 0;
	if (fy_node_get_style(from) == FYNS_SINGLE_QUOTED && p != NULL &&
	    memmem(p, n, "''", 2) != NULL)
		return bad(
		    l, to, "two quotes in a text of several lines: write it on one, or as |");
	to->text = copy_text(l->f, p, n);
	return 0;
}

static int convert_seq(struct load *l, struct fy_node *from, struct yaml *to, unsigned depth)
{
	void *it = NULL;
	struct fy_node *item;

	to->kind = YAML_SEQ;
	to->child = take(l->f, sizeof(*to->child) * (size_t)fy_node_sequence_item_count(from));
	if (to->child == NULL)
		return bad(l, to, "out of memory");
	while ((item = fy_node_sequence_iterate(from, &it)) != NULL)
		if (convert(l, item, &to->child[to->n++], depth) != 0)
			return -1;
	return 0;
}

static int convert_map(struct load *l, struct fy_node *from, struct yaml *to, unsigned depth)
{
	void *it = NULL;
	struct fy_node_pair *pair;

	to->kind = YAML_MAP;
	to->child = take(l->f, sizeof(*to->child) * (size_t)fy_node_mapping_item_count(from));
	if (to->child == NULL)
		return bad(l, to, "out of memory");
	while ((pair = fy_node_mapping_iterate(from, &it)) != NULL) {
		struct fy_node *key = fy_node_pair_key(pair);
		struct fy_node *value = fy_node_pair_value(pair);
		struct yaml *c = &to->child[to->n++];
		size_t n = 0;

		if (key == NULL || !fy_node_is_scalar(key))
			return bad(l, to, "a key must be a plain name");

		const char *p = fy_node_get_scalar(key, &n);

		c->key = copy_text(l->f, p, n);
		mark(key, &c->key_line, &c->key_col);
		c->line = c->key_line;
		c->col = c->key_col;
		if (slice_eq(c->key, SLICE("<<")))
			return bad(l, c, "merge keys (<<) are not supported: write the keys out");
		if (value == NULL) { /* "key:" alone: an empty plain scalar */
			c->kind = YAML_SCALAR;
			c->plain = true;
			c->text = copy_text(l->f, "", 0);
		} else if (convert(l, value, c, depth) != 0) {
			return -1;
		}
	}
	return 0;
}

/* Recursion is bounded by YAML_DEPTH; libfyaml has its own bound on flow nesting. */
static int convert(struct load *l, struct fy_node *from, struct yaml *to, unsigned depth)
{
	mark(from, &to->line, &to->col);
	if (to->line < to->key_line) { /* an empty value has no place of its own */
		to->line = to->key_line;
		to->col = to->key_col;
	}
	if (depth == YAML_DEPTH || ++l->nodes > YAML_NODES)
		return bad(l, to, "nested too deeply, or too many values");
	if (fy_node_is_alias(from))
		return bad(l, to, "aliases (*name) are not supported: write the value out");
	if (fy_node_is_scalar(from))
		return convert_scalar(l, from, to);
	if (fy_node_is_sequence(from))
		return convert_seq(l, from, to, depth + 1);
	return convert_map(l, from, to, depth + 1);
}

/* libfyaml explains itself to a stream: "FILE:LINE:COL: error: text" and the source line. */
static void report(struct load *l, struct fy_diag *diag)
{
	void *it = NULL;
	struct fy_diag_error *err;
	bool any = false;

	while ((err = fy_diag_errors_iterate(diag, &it)) != NULL) {
		struct place at = { l->f->name, (unsigned)err->line, (unsigned)err->column };

		problem_error(l->p, at, "%s", err->msg);
		any = true;
	}
	if (!any)
		problem_error(l->p, (struct place){ l->f->name, 0, 0 }, "not valid YAML");
}

static int load_docs(struct load *l, struct slice text)
{
	struct fy_diag_cfg dc;

	fy_diag_cfg_default(&dc);
	dc.fp = NULL;

	struct fy_diag *diag = fy_diag_create(&dc);
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag };
	struct fy_parser *fyp = fy_parser_create(&cfg);
	struct fy_document *doc;
	int rc = -1;

	if (diag == NULL || fyp == NULL)
		goto out;
	fy_diag_set_collect_errors(diag, true);
	if (fy_parser_set_string(fyp, text.p, text.n) != 0)
		goto out;
	rc = 0;
	while (rc == 0 && (doc = fy_parse_load_document(fyp)) != NULL) {
		struct yaml *docs =
		    take(l->f, sizeof(*docs) * (l->f->n + 1)); /* documents are few */
		struct fy_node *root = fy_document_root(doc);

		if (docs == NULL) {
			rc = -1;
		} else {
			if (l->f->n > 0)
				memcpy(docs, l->f->docs, sizeof(*docs) * l->f->n);
			l->f->docs = docs;
			docs[l->f->n].line = docs[l->f->n].col = 1;
			if (root != NULL)
				rc = convert(l, root, &docs[l->f->n], 0);
			l->f->n++;
		}
		fy_parse_document_destroy(fyp, doc);
	}
	if (rc == 0 && fy_diag_got_error(diag)) {
		report(l, diag);
		rc = -1;
	}
out:
	fy_parser_destroy(fyp);
	fy_diag_destroy(diag);
	return rc;
}

static int read_file(struct load *l, struct slice *out)
{
	FILE *fp = fopen(l->f->name, "re");
	struct place whole = { l->f->name, 0, 0 };

	if (fp == NULL) {
		problem_error(l->p, whole, "%s", strerror(errno));
		return -1;
	}

	struct buf b = { .max = YAML_MAX_BYTES };
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), fp)) > 0)
		buf_put(&b, chunk, n);

	bool ok = !ferror(fp) && !b.full;

	fclose(fp);
	if (ok)
		*out = copy_text(l->f, b.p, b.n);
	else
		problem_error(l->p, whole, "can't be read, or is larger than 16 MiB");
	buf_free(&b);
	return ok ? 0 : -1;
}

/* YAML 1.2 section 5.1: a text is Unicode. libfyaml 0.8 never ends on some bytes that are not. */
static bool is_unicode(struct slice s, const char *name, struct problems *p)
{
	unsigned line = 1;
	size_t start = 0;

	for (size_t i = 0; i < s.n;) {
		size_t n = s.p[i] == '\0' ? 0 : utf8_char(slice_from(s, i));

		if (n == 0) {
			problem_error(p, (struct place){ name, line, (unsigned)(i - start) + 1 },
			    "the byte \\x%02X is not UTF-8 text", (unsigned)(uint8_t)s.p[i]);
			return false;
		}
		i += n;
		if (s.p[i - 1] == '\n') {
			line++;
			start = i;
		}
	}
	return true;
}

int yaml_load(const char *name, const struct slice *text, struct yaml_file *out, struct problems *p)
{
	struct load l = { .f = out, .p = p };
	struct slice s;
	unsigned before = p->errors;

	*out = (struct yaml_file){ 0 };
	out->name = name;

	struct slice own = copy_text(out, name, strlen(name));

	if (own.p != NULL)
		out->name = own.p;
	if (text != NULL)
		s = *text;
	else if (read_file(&l, &s) != 0)
		return -1;
	if (!is_unicode(s, name, p))
		return -1;
	l.source = s;
	if (s.n > 0 && load_docs(&l, s) != 0 && p->errors == before)
		problem_error(p, (struct place){ name, 0, 0 }, "can't be read as YAML");
	return p->errors == before ? 0 : -1;
}

const struct yaml *yaml_get(const struct yaml *m, const char *key)
{
	if (m == NULL || m->kind != YAML_MAP)
		return NULL;
	for (unsigned i = 0; i < m->n; i++)
		if (slice_eq(m->child[i].key, slice_of(key)))
			return &m->child[i];
	return NULL;
}

bool yaml_is_null(const struct yaml *n)
{
	return n == NULL || (n->kind == YAML_SCALAR && n->text.n == 0 && n->plain) ||
	       (n->kind == YAML_SCALAR && n->plain &&
		   (slice_eq(n->text, SLICE("null")) || slice_eq(n->text, SLICE("~"))));
}
