/*
 * config.h - a YAML file into a struct, by a table of keys.
 *
 * The table is all there is: reading, checking, defaults and the reference in docs/
 * come from it. Reading is strict: an unknown key, a wrong type or a value out of
 * range is a problem with its place and, where one is near, the name that was meant.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/yaml.h"

enum config_type {
	CONFIG_TEXT,	 /* const char * */
	CONFIG_SECRET,	 /* const char *: the text, or file:PATH, or env:NAME */
	CONFIG_BOOL,	 /* bool */
	CONFIG_UINT,	 /* uint64_t */
	CONFIG_BYTES,	 /* uint64_t: 64MiB */
	CONFIG_DURATION, /* int64_t, microseconds: 30s */
	CONFIG_PERCENT,	 /* double: 10% */
	CONFIG_SPACE,	 /* struct config_space: bytes or a share */
	CONFIG_ENUM,	 /* unsigned: index into names */
	CONFIG_TEXTS,	 /* struct config_texts: one or a list */
	CONFIG_PREFIXES, /* struct ip_set: one or a list */
	CONFIG_SECTION,	 /* keys of its own, with offsets in the same struct */
	CONFIG_LIST,	 /* struct config_items of sections */
	CONFIG_MAP,	 /* the same by name: the item's first member is const char *name */
};

struct config_space {
	uint64_t bytes;
	double percent;
};

struct config_texts {
	const char **v;
	struct place *at; /* of each */
	unsigned n;
};

struct config_items {
	void *v; /* n items of key.item_size */
	unsigned n;
};

struct config_key {
	const char *name; /* NULL ends a table */
	enum config_type type;
	size_t offset;	 /* in the struct that the table is for */
	const char *def; /* as one would write it; NULL: absent or zero */
	const char *help;
	const char *const *names;      /* ENUM: NULL at the end */
	const struct config_key *keys; /* SECTION, LIST, MAP */
	size_t item_size;	       /* LIST, MAP */
	uint64_t min, max;	       /* UINT, BYTES, DURATION; max 0: none */
	bool required;
};

struct config_reader {
	struct arena *arena; /* everything lives here */
	const struct yaml_file *file;
	struct problems *p;
};

/*
 * Read the map y (NULL: nothing was written) into *out, which is zeroed first.
 * Defaults are filled in. Goes on after problems; the caller looks at r->p.
 */
void config_read(struct config_reader *r, const struct yaml *y, const struct config_key *keys,
    void *out, size_t size);

/* All keys as JSON Schema (draft 2020-12), so that editors complete and check. */
void config_schema(const struct config_key *keys, struct buf *out);

/* The reference, as Markdown: a line a key. */
void config_reference(const struct config_key *keys, const char *prefix, struct buf *out);

#endif
