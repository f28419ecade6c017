/*
 * attr.h - the names of attributes, in one table.
 *
 * Names are OpenTelemetry semantic conventions (v1.44); what has none there is
 * `sekisho.*` or `audit.*`. An attribute with a column is a column of the
 * `events` table; all others are kept in its JSON column `attributes`.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include "base/slice.h"

/* name of the constant, attribute, column or NULL, type */
#define ATTR_TABLE(X)                                                                       \
	X(OTHER, "", NULL, TEXT)                                                            \
	X(CLIENT_ADDRESS, "client.address", "client_address", TEXT)                         \
	X(CLIENT_PORT, "client.port", NULL, INT)                                            \
	X(CLIENT_PROVENANCE, "sekisho.client.provenance", "client_provenance", TEXT)        \
	X(PEER_ADDRESS, "network.peer.address", NULL, TEXT)                                 \
	X(HTTP_METHOD, "http.request.method", "http_request_method", TEXT)                  \
	X(HTTP_METHOD_ORIGINAL, "http.request.method_original", NULL, TEXT)                 \
	X(URL_PATH, "url.path", "url_path", TEXT)                                           \
	X(URL_QUERY, "url.query", "url_query", TEXT)                                        \
	X(URL_ORIGINAL, "url.original", NULL, TEXT)                                         \
	X(URL_SCHEME, "url.scheme", NULL, TEXT)                                             \
	X(HTTP_STATUS, "http.response.status_code", "http_response_status_code", INT)       \
	X(HTTP_RESPONSE_SIZE, "http.response.body.size", "http_response_body_size", INT)    \
	X(HTTP_REQUEST_SIZE, "http.request.size", NULL, INT)                                \
	X(HTTP_DURATION, "http.server.request.duration", NULL, FLOAT)                       \
	X(HTTP_REFERER, "http.request.header.referer", "http_request_header_referer", TEXT) \
	X(HTTP_COOKIE, "http.request.header.cookie", NULL, TEXT)                            \
	X(HTTP_XFF, "http.request.header.x-forwarded-for", NULL, TEXT)                      \
	X(USER_AGENT, "user_agent.original", "user_agent_original", TEXT)                   \
	X(UA_SYNTHETIC, "user_agent.synthetic.type", "user_agent_synthetic_type", TEXT)     \
	X(PROTOCOL_NAME, "network.protocol.name", NULL, TEXT)                               \
	X(PROTOCOL_VERSION, "network.protocol.version", NULL, TEXT)                         \
	X(SERVER_ADDRESS, "server.address", "server_address", TEXT)                         \
	X(USER_NAME, "user.name", "user_name", TEXT)                                        \
	X(USER_ID, "user.id", NULL, INT)                                                    \
	X(SESSION_ID, "session.id", "session_id", TEXT)                                     \
	X(AUTH_RESULT, "sekisho.auth.result", "auth_result", TEXT)                          \
	X(AUTH_METHOD, "sekisho.auth.method", NULL, TEXT)                                   \
	X(PROCESS_NAME, "process.name", "process_name", TEXT)                               \
	X(PROCESS_PID, "process.pid", NULL, INT)                                            \
	X(PROCESS_PPID, "process.parent_pid", NULL, INT)                                    \
	X(PROCESS_EXE, "process.executable.path", NULL, TEXT)                               \
	X(PROCESS_COMMAND, "process.command_line", NULL, TEXT)                              \
	X(PROCESS_CWD, "process.working_directory", NULL, TEXT)                             \
	X(PROCESS_TTY, "process.tty", NULL, TEXT)                                           \
	X(THREAD_ID, "thread.id", NULL, INT)                                                \
	X(SEVERITY, "severity_text", "severity_text", TEXT)                                 \
	X(SYSLOG_FACILITY, "syslog.facility.name", NULL, TEXT)                              \
	X(SYSLOG_HOSTNAME, "syslog.hostname", NULL, TEXT)                                   \
	X(SYSLOG_MSGID, "syslog.msg.id", NULL, TEXT)                                        \
	X(MESSAGE, "sekisho.message", NULL, TEXT)                                           \
	X(REPEATED, "sekisho.repeated", NULL, INT)                                          \
	X(AUDIT_TYPE, "audit.type", NULL, TEXT)                                             \
	X(AUDIT_SERIAL, "audit.serial", NULL, INT)                                          \
	X(AUDIT_AUID, "audit.auid", NULL, TEXT)                                             \
	X(AUDIT_TTY, "audit.tty", NULL, TEXT)                                               \
	X(AUDIT_KEY, "audit.key", NULL, TEXT)                                               \
	X(AUDIT_SYSCALL, "audit.syscall", NULL, TEXT)                                       \
	X(ERROR_CODE, "error.code", NULL, TEXT)                                             \
	X(LOG_FILE_PATH, "log.file.path", "log_file_path", TEXT)                            \
	X(PARSE_ERROR, "sekisho.parse_error", NULL, TEXT)                                   \
	X(LINE_LENGTH, "sekisho.line.length", NULL, INT)                                    \
	X(UNTERMINATED, "sekisho.unterminated", NULL, BOOL)                                 \
	X(INCOMPLETE, "sekisho.incomplete", NULL, BOOL)                                     \
	X(NULS_SKIPPED, "sekisho.nul_bytes", NULL, INT)                                     \
	X(BODY_ESCAPED, "sekisho.body.escaped", NULL, BOOL)                                 \
	X(TIME_ORIGINAL, "sekisho.time.original", NULL, TEXT)                               \
	X(TIME_REPLACED, "sekisho.time.replaced", NULL, TEXT)                               \
	X(MATCH_BUDGET, "sekisho.match_budget", NULL, TEXT)                                 \
	X(JOURNALD_CURSOR, "sekisho.journald.cursor", NULL, TEXT)

enum attr_key {
#define ATTR_ENUM(id, name, column, type) ATTR_##id,
	ATTR_TABLE(ATTR_ENUM)
#undef ATTR_ENUM
	    ATTR_N
};

enum attr_type { ATTR_TYPE_TEXT, ATTR_TYPE_INT, ATTR_TYPE_FLOAT, ATTR_TYPE_BOOL };

struct attr_def {
	const char *name;   /* dotted attribute name */
	const char *column; /* column of `events`, or NULL: in the JSON column */
	enum attr_type type;
	uint8_t name_n; /* strlen(name) */
};

extern const struct attr_def attr_defs[ATTR_N];

/* The key of that name; ATTR_OTHER when the table has no such name. */
enum attr_key attr_find(struct slice name);

#endif
