#include "detect/field.h"

struct alias {
	const char *name;
	enum field_kind kind;
	enum attr_key key;
	const char *attr; /* FIELD_OTHER: the attribute */
};

static const struct alias aliases[] = {
	/* Sigma taxonomy: webserver and proxy */
	{ "c-uri", FIELD_URI, ATTR_OTHER, NULL },
	{ "cs-uri", FIELD_URI, ATTR_OTHER, NULL },
	{ "cs-uri-stem", FIELD_PATH, ATTR_OTHER, NULL },
	{ "c-uri-stem", FIELD_PATH, ATTR_OTHER, NULL },
	{ "cs-uri-query", FIELD_QUERY, ATTR_OTHER, NULL },
	{ "c-uri-query", FIELD_QUERY, ATTR_OTHER, NULL },
	{ "c-uri-extension", FIELD_EXTENSION, ATTR_OTHER, NULL },
	{ "cs-method", FIELD_METHOD, ATTR_HTTP_METHOD, NULL },
	{ "sc-status", FIELD_ATTR, ATTR_HTTP_STATUS, NULL },
	{ "sc-bytes", FIELD_ATTR, ATTR_HTTP_RESPONSE_SIZE, NULL },
	{ "cs-bytes", FIELD_ATTR, ATTR_HTTP_REQUEST_SIZE, NULL },
	{ "time-taken", FIELD_ATTR, ATTR_HTTP_DURATION, NULL },
	{ "cs-user-agent", FIELD_ATTR, ATTR_USER_AGENT, NULL },
	{ "c-useragent", FIELD_ATTR, ATTR_USER_AGENT, NULL },
	{ "cs-referer", FIELD_ATTR, ATTR_HTTP_REFERER, NULL },
	{ "cs-referrer", FIELD_ATTR, ATTR_HTTP_REFERER, NULL },
	{ "cs-cookie", FIELD_ATTR, ATTR_HTTP_COOKIE, NULL },
	{ "cs-host", FIELD_ATTR, ATTR_SERVER_ADDRESS, NULL },
	{ "cs-username", FIELD_ATTR, ATTR_USER_NAME, NULL },
	{ "cs-version", FIELD_ATTR, ATTR_PROTOCOL_VERSION, NULL },
	{ "c-ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS, NULL },
	{ "src_ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS, NULL },
	{ "SourceIp", FIELD_ATTR, ATTR_CLIENT_ADDRESS, NULL },
	/* Sigma taxonomy: process_creation and its like */
	{ "Image", FIELD_ATTR, ATTR_PROCESS_EXE, NULL },
	{ "CommandLine", FIELD_ATTR, ATTR_PROCESS_COMMAND, NULL },
	{ "CurrentDirectory", FIELD_ATTR, ATTR_PROCESS_CWD, NULL },
	{ "ProcessId", FIELD_ATTR, ATTR_PROCESS_PID, NULL },
	{ "User", FIELD_ATTR, ATTR_USER_NAME, NULL },
	{ "ParentProcessId", FIELD_ATTR, ATTR_PROCESS_PPID, NULL },
	{ "ParentImage", FIELD_OTHER, ATTR_OTHER, "process.parent.executable.path" },
	{ "ParentCommandLine", FIELD_OTHER, ATTR_OTHER, "process.parent.command_line" },
	/* file_event, network_connection */
	{ "TargetFilename", FIELD_OTHER, ATTR_OTHER, "sekisho.file.path" },
	{ "DestinationIp", FIELD_OTHER, ATTR_OTHER, "destination.address" },
	{ "DestinationPort", FIELD_OTHER, ATTR_OTHER, "destination.port" },
	{ "Initiated", FIELD_OTHER, ATTR_OTHER, "sekisho.network.initiated" },
	/* OpenTelemetry names that are more than one attribute */
	{ "url.path", FIELD_PATH, ATTR_OTHER, NULL },
	{ "url.query", FIELD_QUERY, ATTR_OTHER, NULL },
	{ "url.full", FIELD_URI, ATTR_OTHER, NULL },
	{ "url.extension", FIELD_EXTENSION, ATTR_OTHER, NULL },
	{ "http.request.method", FIELD_METHOD, ATTR_HTTP_METHOD, NULL },
	{ "http.method", FIELD_METHOD, ATTR_HTTP_METHOD, NULL },
	{ "http.status_code", FIELD_ATTR, ATTR_HTTP_STATUS, NULL },
	{ "http.target", FIELD_URI, ATTR_OTHER, NULL },
	{ "http.url", FIELD_URI, ATTR_OTHER, NULL },
	{ "http.user_agent", FIELD_ATTR, ATTR_USER_AGENT, NULL },
	{ "http.client_ip", FIELD_ATTR, ATTR_CLIENT_ADDRESS, NULL },
	{ "sekisho.param.name", FIELD_PARAM_NAME, ATTR_OTHER, NULL },
	{ "sekisho.param.value", FIELD_PARAM_VALUE, ATTR_OTHER, NULL },
	{ "body", FIELD_BODY, ATTR_OTHER, NULL },
};

struct field field_find(struct slice name)
{
	for (unsigned i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (slice_eq(name, slice_of(aliases[i].name)))
			return (struct field){ aliases[i].kind, aliases[i].key,
				aliases[i].attr != NULL ? slice_of(aliases[i].attr) : name };

	enum attr_key key = attr_find(name);

	return (struct field){ key != ATTR_OTHER ? FIELD_ATTR : FIELD_OTHER, key, name };
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
