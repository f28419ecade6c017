/* Every key of the config, with its default and what it does. docs/configuration.md is made from
 * this. */
#include "agent/config.h"
#include "agent/drop.h"
#include "base/level.h"
#include "sinks/sink.h"

#define AT(s, m) offsetof(struct s, m)
#define GIB	 (UINT64_C(1) << 30)
#define MIB	 (UINT64_C(1) << 20)
#define SECOND	 UINT64_C(1000000)
#define YEAR	 (366 * 86400 * SECOND)
#define END                  \
	{                    \
		.name = NULL \
	}

static const char *const lanes[] = { "auto", "bulk", "control", NULL };
static const char *const client_logs[] = { "peer", "realip", "xff", NULL };
static const char *const keep_body_names[] = { "always", "unparsed", "detected", NULL };
static const char *const sink_types[] = { "sqlite", "file", "null", "pubsub", "bigquery", "webhook",
	"kafka", "cloud_logging", NULL };
static const char *const transports[] = { "auto", "grpc", "rest", NULL };
static const char *const bigquery_modes[] = { "insert_all", "storage_write", NULL };
static const char *const log_entries[] = { "notable", "alerts", "all", NULL };
static const char *const templates[] = { "json", "slack", "pagerduty", NULL };
static const char *const min_levels[] = { "default", LEVEL_NAMES, NULL };
static const char *const modes[] = { "shadow", "canary", "enforce", NULL };
static const char *const sandbox_modes[] = { "auto", "off", NULL };
static const char *const rule_modes[] = { "shadow", "canary", "enforce", "default", NULL };
static const char *const actions[] = { "block", "challenge", "limit", "notify", "observe",
	"default", NULL };

static const struct config_key client_keys[] = {
	{ "log", CONFIG_ENUM, AT(input_config, client_address.log), .def = "peer",
	    .help = "what the address field holds: the socket's peer, what nginx realip made of "
		    "it, or the peer with X-Forwarded-For beside it",
	    .names = client_logs },
	{ "hops", CONFIG_TEXTS, AT(input_config, client_address.hops),
	    .help = "names of `networks` in front of this server, nearest first" },
	END,
};

static const struct config_key identity_keys[] = {
	{ "attribute", CONFIG_TEXT, AT(identity_config, attribute),
	    .help = "user.name, session.id or another attribute", .required = true },
	{ "field", CONFIG_TEXT, AT(identity_config, field),
	    .help = "the field of the log that holds it", .required = true },
	END,
};

static const struct config_key journald_keys[] = {
	{ "units", CONFIG_TEXTS, AT(input_config, journald.units),
	    .help = "units such as `ssh.service`, and names without a suffix, such as `sudo`, for "
		    "programs (SYSLOG_IDENTIFIER); default: everything" },
	{ "dir", CONFIG_TEXT, AT(input_config, journald.dir),
	    .help = "folder of journal files, instead of this host's journal" },
	{ "file", CONFIG_TEXTS, AT(input_config, journald.files),
	    .help = "journal files, instead of this host's journal" },
	END,
};

static const struct config_key input_keys[] = {
	{ "files", CONFIG_TEXTS, AT(input_config, files),
	    .help =
		"paths of files to follow; behind the last `/` also patterns (`*`, `?`, `[a-z]`)" },
	{ "journald", CONFIG_SECTION, AT(input_config, journald), .help = "the systemd journal",
	    .keys = journald_keys },
	{ "stdin", CONFIG_BOOL, AT(input_config, from_stdin),
	    .help = "true: lines of standard input; the agent ends with it when there is no other "
		    "input" },
	{ "parser", CONFIG_TEXT, AT(input_config, parser_name), .def = "auto",
	    .help = "format of the lines; `sekisho formats` lists them" },
	{ "service", CONFIG_TEXT, AT(input_config, service),
	    .help = "service name of these events, instead of the general one" },
	{ "logsource", CONFIG_TEXT, AT(input_config, logsource),
	    .help = "`proxy`: rules of Sigma's category proxy apply" },
	{ "lane", CONFIG_ENUM, AT(input_config, lane), .def = "auto",
	    .help =
		"control: events are never shed for space; auto: control for auth and audit logs "
		"and for journald",
	    .names = lanes },
	{ "start_at", CONFIG_TEXT, AT(input_config, start_at), .def = "beginning",
	    .help =
		"beginning, end or a span such as 24h: for what is there at the very first start" },
	{ "multiline", CONFIG_TEXT, AT(input_config, start_pattern),
	    .help = "a pattern (PCRE2): an event begins at a line that matches" },
	{ "time_zone", CONFIG_TEXT, AT(input_config, zone),
	    .help = "zone of stamps that name none, such as +09:00 (default: the host's)" },
	{ "client_address", CONFIG_SECTION, AT(input_config, client_address),
	    .help = "whose address is in the log", .keys = client_keys },
	{ "identity", CONFIG_LIST, AT(input_config, identity),
	    .help = "fields that hold accounts and sessions", .keys = identity_keys,
	    .item_size = sizeof(struct identity_config) },
	END,
};

static const char *const securities[] = { "ssl", "sasl_ssl", "plaintext", NULL };
static const char *const mechanisms[] = { "scram-sha-512", "scram-sha-256", "plain", NULL };

static const struct config_key option_value[] = {
	{ "", CONFIG_TEXT, AT(sink_option, value), .help = "text" },
	END,
};

static const struct config_key drop_keys[] = {
	{ "when", CONFIG_TEXTS, AT(drop_config, when),
	    .help = "terms NAME=VALUE or NAME!=VALUE, all of which must hold: file (where the line "
		    "was; journald), parser, body or an attribute; `*` stands for any text",
	    .required = true },
	END,
};

static const struct config_key sink_keys[] = {
	{ "type", CONFIG_ENUM, AT(sink_config, type), .help = "where to", .names = sink_types,
	    .required = true },
	{ "path", CONFIG_TEXT, AT(sink_config, path),
	    .help = "sqlite: the database; file: the folder" },
	{ "keep", CONFIG_DURATION, AT(sink_config, keep_us), .def = "7d",
	    .help = "how long rows and files are kept", .min = SECOND },
	{ "max_size", CONFIG_BYTES, AT(sink_config, max_size), .def = "1GiB",
	    .help = "the oldest rows or files go when it is larger", .min = MIB },
	{ "max_lag", CONFIG_DURATION, AT(sink_config, max_lag_us),
	    .help = "how far the sink may fall behind before events other than detections are "
		    "skipped and counted as shed for it; default: as far as the journal holds",
	    .min = SECOND },
	{ "services", CONFIG_TEXTS, AT(sink_config, drop.services),
	    .help = "only events of these services (`service`, `inputs[].service`); others are "
		    "counted as dropped; default: of all" },
	{ "drop", CONFIG_LIST, AT(sink_config, drop.rules),
	    .help = "events without detections that this sink is not to get; they are counted as "
		    "dropped",
	    .keys = drop_keys, .item_size = sizeof(struct drop_config) },
	{ "compress", CONFIG_BOOL, AT(sink_config, compress), .def = "true", .help = "file: gzip" },
	{ "rotate", CONFIG_DURATION, AT(sink_config, rotate_us), .def = "5m",
	    .help = "file: a file is closed after this time", .min = SECOND },
	{ "rotate_size", CONFIG_BYTES, AT(sink_config, rotate_bytes), .def = "64MiB",
	    .help = "file: or at this size", .min = 65536 },
	{ "keep_body", CONFIG_ENUM, AT(sink_config, keep_body), .def = "unparsed",
	    .help = "pubsub, bigquery, kafka, cloud_logging: which events keep the line itself "
		    "besides its "
		    "attributes: "
		    "always; unparsed: "
		    "those that no parser understood, and raw ones; detected: those with "
		    "detections as well",
	    .names = keep_body_names },
	{ "project", CONFIG_TEXT, AT(sink_config, project),
	    .help = "pubsub, bigquery, cloud_logging: Google's project" },
	{ "topic", CONFIG_TEXT, AT(sink_config, topic),
	    .help = "pubsub, kafka: the topics are TOPIC-events, -alerts, -blocks, -rejects and "
		    "-ledger; "
		    "default: "
		    "sekisho" },
	{ "dataset", CONFIG_TEXT, AT(sink_config, dataset),
	    .help = "bigquery: where the tables are" },
	{ "log", CONFIG_TEXT, AT(sink_config, log), .def = "sekisho",
	    .help = "cloud_logging: the logs are LOG-events, -alerts, -blocks and -ledger" },
	{ "entries", CONFIG_ENUM, AT(sink_config, entries), .def = "notable",
	    .help = "cloud_logging: notable: alerts, decisions, the ledger, and events with "
		    "detections, a status from 500 or a severity from error on; alerts: without "
		    "those events; all",
	    .names = log_entries },
	{ "transport", CONFIG_ENUM, AT(sink_config, transport), .def = "auto",
	    .help = "pubsub: auto: gRPC, and REST where no HTTP/2 gets through and for an "
		    "`endpoint` of http; grpc and rest: that one only",
	    .names = transports },
	{ "topic_schema", CONFIG_BOOL, AT(sink_config, topic_schema), .def = "false",
	    .help = "pubsub: the topics have the schemas of `sekisho schema pubsub`: JSON columns "
		    "are sent as texts" },
	{ "mode", CONFIG_ENUM, AT(sink_config, mode), .def = "insert_all",
	    .help = "bigquery: insert_all: REST, for hosts of few events; storage_write: the "
		    "Storage Write API by gRPC, for busy ones",
	    .names = bigquery_modes },
	{ "requests", CONFIG_UINT, AT(sink_config, requests), .def = "4",
	    .help = "pubsub, bigquery, cloud_logging: under way at once, of one commit's rows",
	    .min = 1, .max = 16 },
	{ "endpoint", CONFIG_TEXT, AT(sink_config, endpoint),
	    .help = "pubsub, bigquery, cloud_logging: another server, such as "
		    "https://asia-northeast1-pubsub.googleapis.com; "
		    "without `credentials` it is taken for an emulator" },
	{ "credentials", CONFIG_TEXT, AT(sink_config, credentials),
	    .help = "pubsub, bigquery, cloud_logging: a file; default: Google's application "
		    "default credentials" },
	{ "ca_file", CONFIG_TEXT, AT(sink_config, ca_file),
	    .help = "of sinks with a network: certificates to trust instead of the system's" },
	{ "url", CONFIG_TEXT, AT(sink_config, url),
	    .help = "webhook: where alerts are posted to; default for pagerduty: its own" },
	{ "template", CONFIG_ENUM, AT(sink_config, template), .def = "json",
	    .help = "webhook: what is posted: the alert's row, a message for Slack, or an event "
		    "for PagerDuty (Events API v2)",
	    .names = templates },
	{ "secret_file", CONFIG_TEXT, AT(sink_config, secret_file),
	    .help = "webhook: a file that holds the secret which requests are signed with "
		    "(X-Sekisho-Signature); json needs one" },
	{ "secret_env", CONFIG_TEXT, AT(sink_config, secret_env),
	    .help = "webhook: or the name of an environment variable that holds it" },
	{ "token_file", CONFIG_TEXT, AT(sink_config, token_file),
	    .help = "webhook: a file that holds PagerDuty's routing key, or the end of Slack's URL "
		    "(T.../B.../...), which is put behind `url`" },
	{ "token_env", CONFIG_TEXT, AT(sink_config, token_env),
	    .help = "webhook: or the name of an environment variable that holds it" },
	{ "min_level", CONFIG_ENUM, AT(sink_config, min_level), .def = "default",
	    .help = "webhook: alerts below are not sent; default: high, and for pagerduty alerts "
		    "with `page`, and once a day for each rule those that block or are critical",
	    .names = min_levels },
	{ "per_minute", CONFIG_UINT, AT(sink_config, per_minute), .def = "10",
	    .help = "webhook: alerts a minute, and as many with `page`; the next message says how "
		    "many were held back",
	    .min = 1, .max = 100 },
	{ "brokers", CONFIG_TEXTS, AT(sink_config, brokers),
	    .help = "kafka: host:port of some brokers; ports of others than these need "
		    "`sandbox_connect`" },
	{ "security", CONFIG_ENUM, AT(sink_config, security), .def = "ssl",
	    .help = "kafka: TLS, TLS with user and password, or neither", .names = securities },
	{ "sasl_mechanism", CONFIG_ENUM, AT(sink_config, sasl_mechanism), .def = "scram-sha-512",
	    .help = "kafka: how the password is proved; scram to Kafka 4.0 and later needs "
		    "librdkafka 2.6.1 (Debian 12 has 2.0.2)",
	    .names = mechanisms },
	{ "username", CONFIG_TEXT, AT(sink_config, username), .help = "kafka: for sasl_ssl" },
	{ "password_file", CONFIG_TEXT, AT(sink_config, password_file),
	    .help = "kafka: a file that holds the password" },
	{ "password_env", CONFIG_TEXT, AT(sink_config, password_env),
	    .help = "kafka: or the name of an environment variable that holds it" },
	{ "options", CONFIG_MAP, AT(sink_config, options),
	    .help = "kafka: settings of librdkafka, such as `linger.ms: 200` or "
		    "`ssl.certificate.location`",
	    .keys = option_value, .item_size = sizeof(struct sink_option) },
	END,
};

static const struct config_key pair_value[] = {
	{ "", CONFIG_TEXT, AT(format_pair, value), .help = "text" },
	END,
};

static const struct config_key sample_keys[] = {
	{ "line", CONFIG_TEXT, AT(format_sample, line), .help = "a line of such a log",
	    .required = true },
	{ "expect", CONFIG_MAP, AT(format_sample, expect),
	    .help = "attributes it must get, and their values; '': it must not have that one; "
		    "`time` is the time",
	    .keys = pair_value, .item_size = sizeof(struct format_pair) },
	{ "bad", CONFIG_BOOL, AT(format_sample, bad), .def = "false",
	    .help = "the line must not be of this format" },
	END,
};

static const struct config_key time_keys[] = {
	{ "field", CONFIG_TEXT, AT(format_config, time.field),
	    .help = "name of the group that holds it" },
	{ "format", CONFIG_TEXT, AT(format_config, time.format), .def = "rfc3339",
	    .help = "rfc3339, clf, bsd, epoch, epoch_ms or directives as strptime has them "
		    "(`%d.%m.%Y %H:%M:%S`)" },
	END,
};

static const struct config_key format_keys[] = {
	{ "pattern", CONFIG_TEXT, AT(format_config, pattern),
	    .help = "PCRE2 with named groups, which matches a whole line", .required = true },
	{ "time", CONFIG_SECTION, AT(format_config, time), .help = "the event's time",
	    .keys = time_keys },
	{ "attributes", CONFIG_MAP, AT(format_config, attributes),
	    .help = "group: attribute, for groups whose name does not say it", .keys = pair_value,
	    .item_size = sizeof(struct format_pair) },
	{ "samples", CONFIG_LIST, AT(format_config, samples),
	    .help = "lines and what must become of them; checked whenever the config is read",
	    .keys = sample_keys, .item_size = sizeof(struct format_sample) },
	END,
};

static const struct config_key network_value[] = {
	{ "", CONFIG_PREFIXES, AT(network_config, set), .help = "networks" },
	END,
};

static const struct config_key journal_keys[] = {
	{ "dir", CONFIG_TEXT, AT(config, journal.dir), .def = "/var/lib/sekisho/journal",
	    .help = "folder of the journal" },
	{ "max_size", CONFIG_BYTES, AT(config, journal.max_size), .def = "2GiB",
	    .help = "on disk; beyond it the oldest bulk events are shed and counted",
	    .min = 16 * MIB },
	{ "min_free", CONFIG_SPACE, AT(config, journal.min_free), .def = "10%",
	    .help = "of the file system, never used" },
	{ "segment_size", CONFIG_BYTES, AT(config, journal.segment_size), .def = "64MiB",
	    .help = "of one file", .min = MIB, .max = GIB },
	END,
};

static const struct config_key dead_letter_keys[] = {
	{ "max_size", CONFIG_BYTES, AT(config, dead_letter.max_size), .def = "256MiB",
	    .help =
		"of the records that one sink refused for good; beyond it the oldest go and are "
		"counted",
	    .min = MIB },
	END,
};

static const struct config_key response_rule_keys[] = {
	{ "rule", CONFIG_TEXT, AT(response_rule, rule), .help = "name, `*` stands for anything" },
	{ "tag", CONFIG_TEXT, AT(response_rule, tag),
	    .help = "a tag of the rule or correlation, `*` stands for anything" },
	{ "level", CONFIG_TEXT, AT(response_rule, level), .help = "level of the alert" },
	{ "category", CONFIG_TEXT, AT(response_rule, category), .help = "category of the alert" },
	{ "action", CONFIG_ENUM, AT(response_rule, action), .def = "default", .help = "what to do",
	    .names = actions },
	{ "mode", CONFIG_ENUM, AT(response_rule, mode), .def = "default",
	    .help = "shadow, canary or enforce for these alerts alone", .names = rule_modes },
	{ "ttl", CONFIG_DURATION, AT(response_rule, ttl_us), .help = "length of the first block",
	    .max = YEAR },
	END,
};

static const struct config_key response_keys[] = {
	{ "mode", CONFIG_ENUM, AT(config, response.mode), .def = "shadow",
	    .help = "shadow: decide and record; canary: block on a stable share of hosts; enforce: "
		    "block",
	    .names = modes },
	{ "canary", CONFIG_PERCENT, AT(config, response.canary), .def = "10%",
	    .help = "share of hosts that block in mode canary" },
	{ "never_block", CONFIG_PREFIXES, AT(config, response.never_block),
	    .help = "networks that nothing may block; own addresses, gateways, resolvers and all "
		    "hops are added" },
	{ "planes", CONFIG_TEXTS, AT(config, response.planes),
	    .help = "where blocks are made: nftables or dry-run" },
	{ "ttl", CONFIG_DURATION, AT(config, response.ttl_us), .def = "1h",
	    .help = "length of a first block; each repetition within a week is four times as long",
	    .min = SECOND, .max = YEAR },
	{ "max_ttl", CONFIG_DURATION, AT(config, response.max_ttl_us), .def = "7d",
	    .help = "no block is longer", .min = SECOND, .max = YEAR },
	{ "max_event_age", CONFIG_DURATION, AT(config, response.max_event_age_us), .def = "10m",
	    .help = "an older event may alert but starts no block", .min = SECOND, .max = YEAR },
	{ "max_per_minute", CONFIG_UINT, AT(config, response.max_per_minute), .def = "30",
	    .help = "new blocks a minute; beyond it blocking stops and says so", .min = 1 },
	{ "max_blocks", CONFIG_UINT, AT(config, response.max_blocks), .def = "10000",
	    .help = "blocks at one time", .min = 1, .max = 100000 },
	{ "max_collateral", CONFIG_UINT, AT(config, response.max_collateral), .def = "3",
	    .help = "accounts, else sessions, else user agents that may share a blocked address; "
		    "from 8 on: any number" },
	{ "rules", CONFIG_LIST, AT(config, response.rules),
	    .help = "other responses for some alerts; the first that fits counts",
	    .keys = response_rule_keys, .item_size = sizeof(struct response_rule) },
	END,
};

static const struct config_key status_keys[] = {
	{ "socket", CONFIG_TEXT, AT(config, status.socket), .def = "/run/sekisho/status.sock",
	    .help = "Unix socket of status, tap, audit and blocks" },
	{ "listen", CONFIG_TEXT, AT(config, status.listen),
	    .help = "address:port of /metrics, /healthz and /readyz; absent: off" },
	END,
};

static const struct config_key log_keys[] = {
	{ "level", CONFIG_TEXT, AT(config, log.level), .def = "info",
	    .help = "error, warn, info or debug" },
	END,
};

static const struct config_key crawler_keys[] = {
	{ "verify", CONFIG_BOOL, AT(config, crawlers.verify), .def = "true",
	    .help = "ask DNS whether who calls itself a known crawler (rules with crawler_domains) "
		    "is one; verified ones are never blocked" },
	{ "resolver", CONFIG_TEXTS, AT(config, crawlers.resolver),
	    .help = "ADDRESS or ADDRESS:PORT to ask; default: those of /etc/resolv.conf" },
	END,
};

static const struct config_key decoy_keys[] = {
	{ "paths", CONFIG_TEXTS, AT(config, decoys.paths),
	    .help = "paths, such as /admin-old/; letters of either case" },
	{ "profiles", CONFIG_TEXTS, AT(config, decoys.profiles),
	    .help = "ids of profiles, as in /profiles/ID, /users/ID, /members/ID and /u/ID" },
	END,
};

const struct config_key config_keys[] = {
	{ "service", CONFIG_TEXT, AT(config, service),
	    .help = "service.name of all events; default: the host's name" },
	{ "service_version", CONFIG_TEXT, AT(config, service_version),
	    .help = "service.version of all events" },
	{ "environment", CONFIG_TEXT, AT(config, environment),
	    .help = "deployment.environment.name of all events" },
	{ "user", CONFIG_TEXT, AT(config, user), .help = "user to run as when started as root" },
	{ "read_all", CONFIG_BOOL, AT(config, read_all), .def = "true",
	    .help = "started as root, keep CAP_DAC_READ_SEARCH and no other capability; false: "
		    "none, logs are read by user and group" },
	{ "sandbox", CONFIG_ENUM, AT(config, sandbox), .def = "auto",
	    .help = "auto: only files and system calls that this config needs (Landlock, seccomp), "
		    "as far as the kernel offers it; off: neither",
	    .names = sandbox_modes },
	{ "sandbox_connect", CONFIG_TEXTS, AT(config, sandbox_connect),
	    .help = "further TCP ports that sinks may connect to; 53, 80, 443 and those of "
		    "endpoints and "
		    "proxies are open when a sink needs the network" },
	{ "sandbox_read", CONFIG_TEXTS, AT(config, sandbox_read),
	    .help = "further files and folders to read, such as those that log files will link "
		    "to" },
	{ "inputs", CONFIG_LIST, AT(config, inputs), .help = "what to read", .keys = input_keys,
	    .item_size = sizeof(struct input_config), .required = true },
	{ "parsers", CONFIG_MAP, AT(config, formats), .help = "formats of your own, by name",
	    .keys = format_keys, .item_size = sizeof(struct format_config) },
	{ "networks", CONFIG_MAP, AT(config, networks),
	    .help = "names for lists of networks, used by hops", .keys = network_value,
	    .item_size = sizeof(struct network_config) },
	{ "rules", CONFIG_TEXTS, AT(config, rules),
	    .help = "folders of Sigma rules, or bundles of `rules bundle`; default: "
		    "/etc/sekisho/rules, then "
		    "/usr/share/sekisho/rules" },
	{ "decoys", CONFIG_SECTION, AT(config, decoys),
	    .help = "what no screen links to: whoever comes there is worth an alert",
	    .keys = decoy_keys },
	{ "crawlers", CONFIG_SECTION, AT(config, crawlers), .help = "search engines and the like",
	    .keys = crawler_keys },
	{ "check_one_in", CONFIG_UINT, AT(config, check_one_in), .def = "10000",
	    .help = "one event in so many is also decided without filters; a difference raises an "
		    "alert "
		    "and the rule goes without one from then on; 0: none" },
	{ "journal", CONFIG_SECTION, AT(config, journal),
	    .help = "the log on disk that everything goes through", .keys = journal_keys },
	{ "sinks", CONFIG_MAP, AT(config, sinks), .help = "where events and alerts are delivered",
	    .keys = sink_keys, .item_size = sizeof(struct sink_config) },
	{ "dead_letter", CONFIG_SECTION, AT(config, dead_letter),
	    .help = "what sinks refused, beside the journal", .keys = dead_letter_keys },
	{ "response", CONFIG_SECTION, AT(config, response), .help = "what alerts lead to",
	    .keys = response_keys },
	{ "status", CONFIG_SECTION, AT(config, status), .help = "how to ask the running agent",
	    .keys = status_keys },
	{ "log", CONFIG_SECTION, AT(config, log), .help = "the agent's own log", .keys = log_keys },
	END,
};
