/* Reading the config file and resolving what its parts say of each other. */
#include "agent/config.h"
#include "agent/formats.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "base/units.h"
#include "detect/decoys.h"
#include "match/regex.h"
#include "parsers/parser.h"

#include <stdio.h>
#include <time.h>

enum { CONFIG_ARENA = 16 << 20 };

static const struct network_config *find_network(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->networks.n; i++) {
		const struct network_config *n = (const struct network_config *)c->networks.v + i;

		if (strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

static void resolve_hops(struct config *c, struct input_config *in, struct problems *p)
{
	const char *names[64];
	unsigned n_names = 0;

	for (unsigned i = 0; i < c->networks.n && n_names < 64; i++)
		names[n_names++] = ((const struct network_config *)c->networks.v + i)->name;
	in->client.log = (enum client_log)in->client_address.log;
	for (unsigned i = 0; i < in->client_address.hops.n; i++) {
		const char *name = in->client_address.hops.v[i];
		const struct network_config *n = find_network(c, name);

		if (n == NULL) {
			const char *s = problem_suggest(slice_of(name), names, n_names);

			problem_error(p, in->client_address.hops.at[i],
			    "hop '%s' is not a name under `networks`%s%s%s", name,
			    s != NULL ? "; did you mean '" : "", s != NULL ? s : "",
			    s != NULL ? "'?" : "");
		} else if (in->client.n_hops == CLIENT_MAX_HOPS) {
			problem_error(
			    p, in->client_address.hops.at[i], "more than %d hops", CLIENT_MAX_HOPS);
		} else {
			in->client.hops[in->client.n_hops++] = &n->set;
		}
	}
	if (in->client.log == CLIENT_XFF && in->client.n_hops == 0)
		problem_error(p, in->at,
		    "client_address: xff needs `hops`: without them anybody could name any "
		    "address");
}

static void resolve_parser(struct config *c, struct input_config *in, struct problems *p)
{
	in->parser = formats_find(c, slice_of(in->parser_name));
	if (in->parser != NULL)
		return;

	const char *s = formats_suggest(c, slice_of(in->parser_name));

	problem_error(p, in->at, "there is no parser '%s'%s%s%s; `sekisho formats` lists them",
	    in->parser_name, s != NULL ? "; did you mean '" : "", s != NULL ? s : "",
	    s != NULL ? "'?" : "");
}

static void resolve_start(struct input_config *in, struct problems *p)
{
	struct err e;

	if (strcmp(in->start_at, "end") == 0)
		in->from_end = true;
	else if (strcmp(in->start_at, "beginning") != 0 &&
		 !units_duration(slice_of(in->start_at), &in->start_span_us))
		problem_error(p, in->at,
		    "start_at: expected beginning, end or a span such as 24h, not '%s'",
		    in->start_at);
	if (in->start_pattern != NULL) {
		in->start = regex_compile(slice_of(in->start_pattern), 0, &e);
		if (in->start == NULL)
			problem_error(p, in->at, "multiline: %s", e.msg);
	}
}

static void resolve_zone(struct input_config *in, struct problems *p)
{
	int hours;
	int minutes;
	char sign;

	tzset(); /* the zone's file is read now: later the agent may be fenced in */
	in->tz_s = TIMEFMT_HOST_ZONE;
	if (in->zone == NULL)
		return;
	if (strcmp(in->zone, "UTC") == 0 || strcmp(in->zone, "Z") == 0)
		in->tz_s = 0;
	else if (sscanf(in->zone, "%c%2d:%2d", &sign, &hours, &minutes) == 3 &&
		 (sign == '+' || sign == '-') && hours <= 14 && minutes < 60)
		in->tz_s = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	else
		problem_error(p, in->at,
		    "time_zone: expected an offset such as +09:00 or UTC, not '%s'", in->zone);
}

static bool is_auth_log(const struct input_config *in)
{
	static const char *const names[] = { "auth.log", "secure", "audit.log", "authlog" };

	for (unsigned i = 0; i < in->files.n; i++)
		for (unsigned k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (strstr(in->files.v[i], names[k]) != NULL)
				return true;
	return false;
}

static void check_path(const char *path, struct place at, struct problems *p)
{
	const char *slash = strrchr(path, '/');
	size_t wild = strcspn(path, "*?[");

	if (path[0] != '/')
		problem_error(p, at, "files: '%s' is not an absolute path", path);
	else if (path[wild] != '\0' && path + wild < slash)
		problem_error(p, at,
		    "files: '%s': a pattern can stand only behind the last '/': name each folder",
		    path);
}

/* An input is one kind of source, and some keys are not for all of them. */
static void resolve_source(struct input_config *in, const struct yaml *y, struct problems *p)
{
	in->from_journald = yaml_get(y, "journald") != NULL;
	if ((in->files.n > 0) + in->from_journald + in->from_stdin != 1)
		problem_error(p, in->at,
		    "an input needs `files:`, `journald:` or `stdin: true`, and only one of them");
	for (unsigned k = 0; k < in->files.n; k++)
		check_path(in->files.v[k], in->files.at[k], p);
	if (!in->from_journald)
		return;
	if (yaml_get(y, "parser") != NULL || yaml_get(y, "multiline") != NULL)
		problem_error(p, in->at,
		    "journald: entries have fields and ends of their own; `parser` and "
		    "`multiline` are for lines");
	if (in->journald.dir != NULL && in->journald.files.n > 0)
		problem_error(p, in->at, "journald: `dir` or `file`, not both");
	if (in->journald.dir != NULL && in->journald.dir[0] != '/')
		problem_error(
		    p, in->at, "journald: dir: '%s' is not an absolute path", in->journald.dir);
	for (unsigned k = 0; k < in->journald.files.n; k++)
		if (in->journald.files.v[k][0] != '/')
			problem_error(p, in->journald.files.at[k],
			    "journald: file: '%s' is not an absolute path",
			    in->journald.files.v[k]);
}

static bool same_texts(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What can be read only once is read by one input. */
static void check_once(
    const struct config *c, unsigned i, const struct input_config *in, struct problems *p)
{
	for (unsigned k = 0; k < i; k++) {
		const struct input_config *o = config_input(c, k);

		if (in->from_stdin && o->from_stdin)
			problem_error(p, in->at, "stdin: another input reads it already");
		if (in->from_journald && o->from_journald && in->journald.files.n == 0 &&
		    o->journald.files.n == 0 && same_texts(in->journald.dir, o->journald.dir))
			problem_error(p, in->at,
			    "journald: another input reads the same journal; name all units in "
			    "one");
	}
}

static void resolve_input(struct config *c, unsigned i, const struct yaml *y, struct problems *p)
{
	struct input_config *in = (struct input_config *)c->inputs.v + i;

	in->at = yaml_place(&c->file, y);
	resolve_source(in, y, p);
	check_once(c, i, in, p);
	if (in->logsource != NULL && strcmp(in->logsource, "proxy") != 0)
		problem_error(
		    p, in->at, "logsource: only `proxy` can be said here, not '%s'", in->logsource);
	resolve_parser(c, in, p);
	if (in->from_journald)
		in->parser = &parser_journald;
	resolve_start(in, p);
	resolve_zone(in, p);
	resolve_hops(c, in, p);
	in->control = in->lane == LANE_IS_CONTROL ||
		      (in->lane == LANE_AUTO && (in->from_journald || is_auth_log(in)));
}

static void check_response(struct config *c, const struct yaml *y, struct problems *p)
{
	const struct response_config *r = &c->response;
	struct place at =
	    y != NULL ? yaml_place(&c->file, y) : (struct place){ c->file.name, 0, 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < r->planes.n; i++) {
		bool nft = strcmp(r->planes.v[i], "nftables") == 0;

		n += nft;
		if (!nft && strcmp(r->planes.v[i], "dry-run") != 0)
			problem_error(p, r->planes.at[i],
			    "planes: '%s' is neither nftables nor dry-run", r->planes.v[i]);
	}
	if (r->mode != MODE_SHADOW && r->planes.n == 0)
		problem_error(p, at,
		    "mode %s needs `planes:`, where blocks are made (nftables or dry-run)",
		    r->mode == MODE_CANARY ? "canary" : "enforce");
	if (r->max_ttl_us < r->ttl_us)
		problem_error(p, at, "max_ttl is shorter than ttl");
	(void)n;
}

static void check_crawlers(const struct config *c, struct problems *p)
{
	for (unsigned i = 0; i < c->crawlers.resolver.n; i++) {
		struct slice s = slice_of(c->crawlers.resolver.v[i]);
		unsigned port;
		struct ip a;

		if (!ip_parse(s, &a) && !ip_parse_port(s, &a, &port))
			problem_error(p, c->crawlers.resolver.at[i],
			    "resolver: '%s' is neither ADDRESS nor ADDRESS:PORT",
			    c->crawlers.resolver.v[i]);
	}
}

static void check_decoys(const struct config *c, struct problems *p)
{
	for (unsigned i = 0; i < c->decoys.paths.n; i++)
		if (!decoy_is_path(slice_of(c->decoys.paths.v[i])))
			problem_error(p, c->decoys.paths.at[i],
			    "decoys: '%s' is no path; a path begins with / and has no query",
			    c->decoys.paths.v[i]);
	for (unsigned i = 0; i < c->decoys.profiles.n; i++)
		if (!decoy_is_profile(slice_of(c->decoys.profiles.v[i])))
			problem_error(p, c->decoys.profiles.at[i],
			    "decoys: '%s' is no id of a profile (letters, digits, - and _, at most "
			    "64)",
			    c->decoys.profiles.v[i]);
}

static int load(const char *path, const struct slice *text, struct config *c, struct problems *p)
{
	struct err e;

	*c = (struct config){ 0 };
	if (arena_init(&c->arena, CONFIG_ARENA, &e) != 0) {
		problem_error(p, (struct place){ path, 0, 0 }, "%s", e.msg);
		return -1;
	}
	if (yaml_load(path, text, &c->file, p) != 0)
		return -1;

	struct arena arena = c->arena;
	struct yaml_file file = c->file;
	struct config_reader r = { .arena = &arena, .file = &file, .p = p };
	const struct yaml *doc = file.n > 0 ? &file.docs[0] : NULL;
	unsigned before = p->errors;

	if (file.n > 1)
		problem_error(p, yaml_place(&file, &file.docs[1]),
		    "a second document (---): the config is one");
	config_read(&r, doc, config_keys, c, sizeof(*c));
	c->arena = arena;
	c->file = file;
	if (p->errors != before)
		return -1;

	formats_resolve(c, yaml_get(doc, "parsers"), p);

	const struct yaml *inputs = yaml_get(doc, "inputs");

	for (unsigned i = 0; i < c->inputs.n; i++)
		resolve_input(c, i, &inputs->child[i], p);
	if (c->inputs.n == 0)
		problem_error(p, yaml_place(&file, inputs), "inputs: nothing to read");
	config_check_sinks(c, yaml_get(doc, "sinks"), p);
	check_response(c, yaml_get(doc, "response"), p);
	check_decoys(c, p);
	check_crawlers(c, p);
	return p->errors == before ? 0 : -1;
}

int config_load(const char *path, struct config *c, struct problems *p)
{
	return load(path, NULL, c, p);
}

int config_load_text(const char *name, struct slice text, struct config *c, struct problems *p)
{
	return load(name, &text, c, p);
}

void config_free(struct config *c)
{
	for (unsigned i = 0; i < c->inputs.n; i++)
		regex_free(((struct input_config *)c->inputs.v + i)->start);
	formats_free(c);
	yaml_free(&c->file);
	arena_free(&c->arena);
	*c = (struct config){ 0 };
}
