#include "detect/decoys.h"

enum { PATH_MAX_BYTES = 1024, PROFILE_MAX_BYTES = 64 };

static const char head[] =
    "title: A decoy was visited\n"
    "name: web.decoy.visited\n"
    "id: 6b2f2f0e-7d8e-4c55-9d0a-3c1f0a9d7e01\n"
    "status: stable\n"
    "description: A path or profile of the config's decoys, which no screen links to.\n"
    "tags: [attack.reconnaissance, attack.collection]\n"
    "category: recon\n"
    "level: high\n"
    "logsource: {category: webserver}\n"
    "detection:\n";

static const char correlations[] =
    "---\n"
    "title: An account visits a decoy\n"
    "name: web.decoy.by-account\n"
    "id: 6b2f2f0e-7d8e-4c55-9d0a-3c1f0a9d7e02\n"
    "category: recon\n"
    "level: high\n"
    "correlation: {type: event_count, rules: [web.decoy.visited], group-by: [user.name], "
    "timespan: 1h, condition: {gte: 1}}\n"
    "---\n"
    "title: A session visits a decoy\n"
    "name: web.decoy.by-session\n"
    "id: 6b2f2f0e-7d8e-4c55-9d0a-3c1f0a9d7e03\n"
    "category: recon\n"
    "level: high\n"
    "correlation: {type: event_count, rules: [web.decoy.visited], group-by: [session.id], "
    "timespan: 1h, condition: {gte: 1}}\n"
    "---\n"
    "title: A client visits a decoy\n"
    "name: web.decoy.by-client\n"
    "id: 6b2f2f0e-7d8e-4c55-9d0a-3c1f0a9d7e04\n"
    "category: recon\n"
    "level: high\n"
    "correlation: {type: event_count, rules: [web.decoy.visited], group-by: [client.address, "
    "user_agent.original], timespan: 1h, condition: {gte: 1}}\n";

bool decoy_is_path(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= PATH_MAX_BYTES && s.p[0] == '/';
}

bool decoy_is_profile(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			c == '-' || c == '_'))
			return false;
	}
	return s.n > 0 && s.n <= PROFILE_MAX_BYTES;
}

/* As a single-quoted scalar, what Sigma would take for a wildcard escaped. */
static void put_path(struct buf *out, struct slice s)
{
	buf_str(out, "      - '");
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '\\')
			buf_char(out, '\\');
		if (s.p[i] == '\'')
			buf_char(out, '\'');
		buf_char(out, s.p[i]);
	}
	buf_str(out, "'\n");
}

void decoys_rules(const char *const *paths, unsigned n_paths, const char *const *profiles,
    unsigned n_profiles, struct buf *out)
{
	if (n_paths + n_profiles == 0)
		return;
	buf_str(out, head);
	if (n_paths > 0)
		buf_str(out, "  paths:\n    cs-uri-stem:\n");
	for (unsigned i = 0; i < n_paths; i++)
		put_path(out, slice_of(paths[i]));
	if (n_profiles > 0)
		buf_str(out,
		    "  profiles:\n    cs-uri-stem|re|i: '/(?:profiles?|users?|members?|u)/(?:");
	for (unsigned i = 0; i < n_profiles; i++) {
		buf_str(out, i > 0 ? "|" : "");
		buf_str(out, profiles[i]);
	}
	if (n_profiles > 0)
		buf_str(out, ")(?:/|$)'\n");
	buf_str(out, "  condition: 1 of them\n");
	buf_str(out, correlations);
}
