/*
 * yaml.h - YAML 1.2 (and JSON) documents as a plain tree with positions.
 *
 * libfyaml reads; this keeps what the readers of configs and rules need: kinds,
 * text, and line and column of each node. A tree owns all of its text.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/problem.h"

enum yaml_kind { YAML_SCALAR, YAML_SEQ, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	bool plain;	    /* a scalar without quotes: null, true and numbers mean themselves */
	unsigned line, col; /* 1-based */
	struct slice text;  /* of a scalar; NUL-terminated behind its end */
	struct slice key;   /* of a member of a map */
	unsigned key_line, key_col;
	unsigned n;	    /* children of a sequence or map */
	struct yaml *child; /* n of them, in order */
};

struct yaml_file {
	const char *name;  /* as given; owned */
	unsigned n;	   /* documents */
	struct yaml *docs; /* n of them; an empty document is a scalar without text */
	void *blocks;	   /* the memory behind it */
};

/*
 * Read all documents of a file, or of `text` when it is not NULL (name is then
 * only for messages). -1: a problem was added. Aliases, merge keys, duplicate
 * keys, more than 64 levels or 1 M nodes are problems.
 */
int yaml_load(
    const char *name, const struct slice *text, struct yaml_file *out, struct problems *p);
void yaml_free(struct yaml_file *f);

/* The member of that name, or NULL; also NULL when m is NULL or no map. */
const struct yaml *yaml_get(const struct yaml *m, const char *key);

/* A plain null, ~ or nothing at all. */
bool yaml_is_null(const struct yaml *n);

static inline struct place yaml_place(const struct yaml_file *f, const struct yaml *n)
{
	return (struct place){ f->name, n->line, n->col };
}

static inline struct place yaml_key_place(const struct yaml_file *f, const struct yaml *n)
{
	return (struct place){ f->name, n->key_line, n->key_col };
}

#endif
