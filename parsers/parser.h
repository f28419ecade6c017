/*
 * parser.h - the interface of a parser: the lines of one event in, its attributes out.
 *
 * A parser is a pure function of the text and the context it is handed: no
 * state, no I/O, no clock. That is what makes it testable from a text file and
 * fuzzable as it stands. Values are slices of the text, of the context's arena,
 * or of static memory.
 */
#ifndef PARSERS_PARSER_H
#define PARSERS_PARSER_H

#include "base/event.h"

struct arena;
struct entry;
struct parser;
struct regex_ctx;

enum parse_result {
	PARSE_OK,  /* the event has its time and attributes */
	PARSE_BAD, /* not this format: the line is kept raw, flagged and counted */
};

/* How lines become events before a parser sees them; see agent/assemble.h. */
enum parse_grouping {
	PARSE_LINES,  /* a line is an event */
	PARSE_SERIAL, /* auditd: lines of one serial number are one event */
};

/* A stamp is often that of the line before: its text and what it meant. */
struct stamp_cache {
	char text[40];
	unsigned n;
	int64_t time_us;
};

struct parse_ctx {
	struct arena *arena;	   /* room for 4 bytes per byte of text is guaranteed */
	int64_t ref_us;		   /* year-less stamps are resolved against this time */
	int tz_s;		   /* zone of stamps that name none, as timefmt_from_civil() */
	struct stamp_cache *cache; /* may be NULL */
	const struct entry *entry; /* what the record has besides its text; NULL: a line */
	const struct parser *self; /* the one that is called; formats of a config need it */
	struct regex_ctx *regex;   /* and this to run their pattern */
};

struct parser {
	const char *name; /* as written in the config */
	const char *help; /* one line for `sekisho formats` */
	enum parse_grouping grouping;
	/* ev->body is set; fills ev->time_us and adds attributes. Nothing is added on PARSE_BAD. */
	enum parse_result (*parse)(const struct parse_ctx *c, struct event *ev);
	/*
	 * The attributes that its lines can have, names with blanks between them; a * at a name's
	 * end stands for any end, one by itself for any name. Says which rules can work.
	 */
	const char *gives;
	const void *data; /* of a format of the config: its struct user_format */
};

extern const struct parser parser_combined;
extern const struct parser parser_nginx_error;
extern const struct parser parser_apache_error;
extern const struct parser parser_syslog;
extern const struct parser parser_netfilter;
extern const struct parser parser_auditd;
extern const struct parser parser_json;
extern const struct parser parser_raw;
extern const struct parser parser_auto;
extern const struct parser parser_journald; /* of entries: no config names it */

/* All that a config can name, NULL at the end. */
extern const struct parser *const parsers[];

/* The parser of that name, or NULL. */
const struct parser *parser_find(struct slice name);

/* Does it give an attribute of that name? */
bool parser_gives(const struct parser *p, struct slice name);

/* What parsers share: an HTTP request line, "GET /p?q HTTP/1.1", into attributes. */
void parse_request(struct event *ev, struct slice request);

#define PARSE_REQUEST_GIVES                                                                 \
	"http.request.method http.request.method_original url.path url.query url.original " \
	"url.scheme server.address network.protocol.version "

/* A method by itself: one that the convention does not list is _OTHER. */
void parse_method(struct event *ev, struct slice method);

/* A request target, "/p?q" or "http://host/p?q". */
void parse_target(struct event *ev, struct slice target);

#endif
