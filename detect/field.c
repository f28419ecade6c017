#include "detect/field.h"

struct alias {
	const char *name;
	enum field_kind kind;
	enum attr_key key;
};

static const struct alias aliases[] = {
	/* Sigma taxonomy: webserver and proxy */
	{ "c-uri", FIELD_URI, ATTR_OTHER },
	{ "cs-uri", FIELD_URI, ATTR_OTHER },
	{ "cs-uri-stem", FIELD_PATH, ATTR_OTHER },
	{ "c-uri-stem", FIELD_PATH, ATTR_OTHER },
	{ "cs-uri-query", FIELD_QUERY, ATTR_OTHER },
	{ "c-uri-query", FIELD_QUERY, ATTR_OTHER },
	{ "c-uri-extension", FIELD_EXTENSION, ATTR_OTHER },
	{ "cs-method", FIELD_METHOD, ATTR_HTTP_METHOD },
	{ "sc-status", FIELD_ATTR, ATTR_HTTP_STATUS },
	{ "sc-bytes", FIELD_ATTR, ATTR_HTTP_RESPONSE_SIZE },
	{ "cs-bytes", FIELD_ATTR, ATTR_HTTP_REQUEST_SIZE },
	{ "time-taken", FIELD_ATTR, ATTR_HTTP_DURATION },
	{ "cs-user-agent", FIELD_ATTR, ATTR_USER_AGENT },
	{ "c-useragent", FIELD_ATTR, ATTR_USER_AGENT },
	{ "cs-referer", FIELD_ATTR, ATTR_HTTP_REFERER },
	{ "cs-referrer", FIELD_ATTR, ATTR_HTTP_REFERER },
	{ "cs-cookie", FIELD_ATTR, ATTR_HTTP_COOKIE },
	{ "cs-host", FIELD_ATTR, ATTR_SERVER_ADDRESS },
	{ "cs-username", FIELD_ATTR, ATTR_USER_NAME },
	{ "cs-version", FIELD_ATTR, ATTR_PROTOCOL_VERSION },
	{ "c-ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS },
	{ "src_ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS },
	{ "SourceIp", FIELD_ATTR, ATTR_CLIENT_ADDRESS },
	/* Sigma taxonomy: process_creation and its like */
	{ "Image", FIELD_ATTR, ATTR_PROCESS_EXE },
	{ "CommandLine", FIELD_ATTR, ATTR_PROCESS_COMMAND },
	{ "CurrentDirectory", FIELD_ATTR, ATTR_PROCESS_CWD },
	{ "ProcessId", FIELD_ATTR, ATTR_PROCESS_PID },
	{ "User", FIELD_ATTR, ATTR_USER_NAME },
	/* OpenTelemetry names that are more than one attribute */
	{ "url.path", FIELD_PATH, ATTR_OTHER },
	{ "url.query", FIELD_QUERY, ATTR_OTHER },
	{ "url.full", FIELD_URI, ATTR_OTHER },
	{ "url.extension", FIELD_EXTENSION, ATTR_OTHER },
	{ "http.request.method", FIELD_METHOD, ATTR_HTTP_METHOD },
	{ "http.method", FIELD_METHOD, ATTR_HTTP_METHOD },
	{ "http.status_code", FIELD_ATTR, ATTR_HTTP_STATUS },
	{ "http.target", FIELD_URI, ATTR_OTHER },
	{ "http.url", FIELD_URI, ATTR_OTHER },
	{ "http.user_agent", FIELD_ATTR, ATTR_USER_AGENT },
	{ "http.client_ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS },
	{ "sekisho.param.name", FIELD_PARAM_NAME, ATTR_OTHER },
	{ "sekisho.param.value", FIELD_PARAM_VALUE, ATTR_OTHER },
	{ "body", FIELD_BODY, ATTR_OTHER },
};

struct field field_find(struct slice name)
{
	for (unsigned i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (slice_eq(name, slice_of(aliases[i].name)))
			return (struct field){ aliases[i].kind, aliases[i].key, name };

	enum attr_key key = attr_find(name);

	return (struct field){ key != ATTR_OTHER ? FIELD_ATTR : FIELD_OTHER, key, name };
}

bool field_is_web(const struct field *f)
{
	switch (f->kind) {
	case FIELD_URI:
	case FIELD_PATH:
	case FIELD_QUERY:
	case FIELD_EXTENSION:
	case FIELD_PARAM_NAME:
	case FIELD_PARAM_VALUE:
		return true;
	case FIELD_ATTR:
		return f->key == ATTR_USER_AGENT || f->key == ATTR_HTTP_REFERER ||
		       f->key == ATTR_HTTP_COOKIE;
	case FIELD_KEYWORDS:
	case FIELD_METHOD:
	case FIELD_BODY:
	case FIELD_OTHER:
		break;
	}
	return false;
}

struct slice field_output_name(const struct field *f)
{
	switch (f->kind) {
	case FIELD_KEYWORDS:
	case FIELD_BODY:
		return SLICE("body");
	case FIELD_URI:
		return SLICE("url.full");
	case FIELD_PATH:
		return SLICE("url.path");
	case FIELD_QUERY:
		return SLICE("url.query");
	case FIELD_EXTENSION:
		return SLICE("url.extension");
	case FIELD_PARAM_NAME:
		return SLICE("sekisho.param.name");
	case FIELD_PARAM_VALUE:
		return SLICE("sekisho.param.value");
	case FIELD_METHOD:
		return SLICE("http.request.method");
	case FIELD_ATTR:
		return slice_of(attr_defs[f->key].name);
	case FIELD_OTHER:
		break;
	}
	return f->name;
}
