/* Landlock: which files the agent still gets at. See fence.h; the interface is landlock(7). */
#include "agent/fence.h"

#include "agent/cache_dir.h"
#include "agent/config.h"
#include "agent/offline.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/log.h"
#include "detect/trigger.h"
#include "sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the oldest header this is built with; which are known is asked at run time. */
#define ACCESS_TRUNCATE	 (UINT64_C(1) << 14) /* ABI 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP	 UINT64_C(1)	     /* ABI 4 */
#define NET_CONNECT_TCP	 UINT64_C(2)
#define SCOPE_SIGNAL	 UINT64_C(2) /* ABI 6 */
#define RULE_NET_PORT	 2
#define KAFKA_PORT	 9092 /* of brokers without one */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct net_port {
	uint64_t access, port;
};

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                   \
	(READS | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define TREE	(WRITES | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define SOCKETS (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define OF_FILES                                                        \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_EXECUTE | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)

struct fence {
	int fd;
	uint64_t handled;
	int failed; /* errno of the first rule that could not be made */
};

/*
 * What libraries read by themselves: names, zones, certificates, the C library's parts
 * and its look at the machine. Public on every host. journald's folders are logs.
 */
static const char *const always[] = { "/var/log/journal", "/run/log/journal", "/etc/machine-id",
	"/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
	"/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/localtime",
	"/usr/share/zoneinfo", "/etc/ld.so.cache", "/usr/lib", "/usr/lib64", "/lib", "/lib64",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/usr/share/ca-certificates",
	"/etc/pki/tls/certs", "/proc/self", "/proc/sys/kernel/random", "/proc/sys/vm",
	"/proc/meminfo", "/sys/devices/system/cpu", "/dev/urandom" };

static void allow(struct fence *f, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule;
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		access &= OF_FILES;
	rule = (struct landlock_path_beneath_attr){ .allowed_access = access & f->handled,
		.parent_fd = fd };
	if (syscall(SYS_landlock_add_rule, f->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 &&
	    f->failed == 0)
		f->failed = errno;
	close(fd);
}

/* The folder of a path: cut at its last slash; "." where there is none. */
static void folder_of(const char *path, char to[PATH_MAX])
{
	char *slash;

	snprintf(to, PATH_MAX, "%s", path);
	slash = strrchr(to, '/');
	if (slash == NULL)
		snprintf(to, PATH_MAX, ".");
	else
		slash[slash == to] = '\0';
}

/*
 * Reading below a folder or, while it isn't there, below the nearest one above it. `/` and
 * /etc are never opened for that: the fence would be none. A rule is bound to the folder and not
 * to its name; packages remove and make theirs again below /var/log, so that is opened whole.
 */
static void allow_logs(struct fence *f, const char *dir)
{
	char at[PATH_MAX];
	char above[PATH_MAX];
	struct stat st;

	if (strncmp(dir, "/var/log/", 9) == 0)
		dir = "/var/log";
	snprintf(at, sizeof(at), "%s", dir);
	while (stat(at, &st) != 0 && strchr(at, '/') != NULL && strcmp(at, "/") != 0) {
		folder_of(at, above);
		memcpy(at, above, sizeof(at));
	}
	if (strcmp(at, "/") == 0 || strcmp(at, "/etc") == 0)
		log_warn(
		    "the folder can't be read within the fence: it isn't there, or is too much; "
		    "make it, or set `sandbox_read`, and start again",
		    "dir=%s nearest=%s", dir, at);
	else
		allow(f, at, READS);
}

/*
 * Logs that are links now, made by root or by the agent's user, are meant: their files'
 * folders are opened. Links of anybody else, and later ones, lead nowhere.
 */
static void allow_links(struct fence *f, const char *pattern)
{
	glob_t g = { 0 };

	if (glob(pattern, GLOB_NOSORT, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char dir[PATH_MAX];
		struct stat st;
		char *to;

		if (lstat(g.gl_pathv[i], &st) != 0 || !S_ISLNK(st.st_mode) ||
		    (st.st_uid != 0 && st.st_uid != geteuid()) ||
		    (to = realpath(g.gl_pathv[i], NULL)) == NULL)
			continue;
		folder_of(to, dir);
		allow_logs(f, dir);
		free(to);
	}
	globfree(&g);
}

/* A file (a bundle) is replaced by another of its name: so its folder is opened. */
static void allow_rules(struct fence *f, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		folder_of(path, dir);
		path = dir;
	}
	allow_logs(f, path);
}

/* What a sink with a network reads of its own. */
static void allow_credentials(struct fence *f, const struct sink_config *s)
{
	const char *const files[] = { s->credentials, s->ca_file, s->secret_file, s->token_file,
		s->password_file };
	const char *env = getenv("GOOGLE_APPLICATION_CREDENTIALS");
	const char *home = getenv("HOME");
	char dir[PATH_MAX];

	if (!sink_is_remote(s->type))
		return;
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i] != NULL)
			allow(f, files[i], READS);
	for (unsigned i = 0; i < s->options.n; i++) {
		const struct sink_option *o = (const struct sink_option *)s->options.v + i;

		if (strstr(o->name, ".location") != NULL)
			allow(f, o->value, READS);
	}
	if (s->type != SINK_PUBSUB && s->type != SINK_BIGQUERY && s->type != SINK_CLOUD_LOGGING)
		return;
	/* google.c looks at gcloud's folder, too */
	if (env != NULL)
		allow(f, env, READS);
	snprintf(dir, sizeof(dir), "%s/.config/gcloud", home != NULL ? home : "/root");
	allow(f, dir, READS);
}

static void allow_reading(struct fence *f, const struct config *c)
{
	const char *shipped = cache_shipped_dir();
	const char *dirs[4];
	unsigned n = c->rules.n > 0 ? 0 : offline_rule_dirs(dirs);
	char dir[PATH_MAX];

	for (unsigned i = 0; i < c->inputs.n; i++) {
		const struct input_config *in = config_input(c, i);

		for (unsigned k = 0; k < in->files.n; k++) {
			folder_of(in->files.v[k], dir);
			allow_logs(f, dir);
			allow_links(f, in->files.v[k]);
		}
		for (unsigned k = 0; k < in->journald.files.n; k++) {
			folder_of(in->journald.files.v[k], dir);
			allow_logs(f, dir);
		}
		if (in->journald.dir != NULL)
			allow_logs(f, in->journald.dir);
	}
	for (unsigned i = 0; i < c->rules.n; i++)
		allow_rules(f, c->rules.v[i]);
	for (unsigned i = 0; i < n; i++)
		allow(f, dirs[i], READS);
	for (unsigned i = 0; i < c->sinks.n; i++)
		allow_credentials(f, config_sink(c, i));
	for (unsigned i = 0; i < c->sandbox_read.n; i++)
		allow(f, c->sandbox_read.v[i], READS);
	for (unsigned i = 0; i < sizeof(always) / sizeof(*always); i++)
		allow(f, always[i], READS);
	allow(f, c->file.name, READS);
	if (shipped != NULL) {
		snprintf(dir, sizeof(dir), "%s/" TRIGGER_CACHE, shipped);
		allow(f, dir, READS);
	}
}

static void allow_new(struct fence *f, const char *dir, mode_t mode, uint64_t access)
{
	mkdir(dir, mode); /* whoever needs it says why it isn't there */
	allow(f, dir, access);
}

static void allow_writing(struct fence *f, const struct config *c)
{
	const char *cache = cache_dir();
	char dir[PATH_MAX];

	if (cache != NULL)
		allow(f, cache, WRITES);
	allow_new(f, c->journal.dir, 0750, WRITES);
	snprintf(dir, sizeof(dir), "%s/../dead", c->journal.dir);
	allow_new(f, dir, 0750, WRITES);
	snprintf(dir, sizeof(dir), "%s/../imported", c->journal.dir);
	allow_new(f, dir, 0750, WRITES);
	for (unsigned i = 0; i < c->sinks.n; i++) {
		const struct sink_config *s = config_sink(c, i);

		if (s->type == SINK_FILE)
			allow_new(f, s->path, 0750, TREE);
		if (s->type != SINK_SQLITE)
			continue;
		folder_of(s->path, dir); /* its log and index come and go beside it */
		allow(f, dir, WRITES);
	}
	folder_of(c->status.socket, dir);
	allow_new(f, dir, 0755, SOCKETS);
	allow(f, "/dev/null", READS | LANDLOCK_ACCESS_FS_WRITE_FILE);
}

static void allow_port(struct fence *f, unsigned port, uint64_t access)
{
	struct net_port rule = { .access = access, .port = port };

	if (port == 0 || port > 65535)
		return;
	if (syscall(SYS_landlock_add_rule, f->fd, RULE_NET_PORT, &rule, 0) != 0 && f->failed == 0)
		f->failed = errno;
}

/* The port of http://host:8080/path; those without one have 80 and 443, which are open anyway. */
static unsigned port_of(const char *url)
{
	const char *host = url != NULL ? strstr(url, "://") : NULL;
	const char *p = host != NULL ? host + 3 : url;

	if (p == NULL)
		return 0;
	p += strcspn(p, "/?");
	while (p > url && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return p > url && p[-1] == ':' ? (unsigned)strtoul(p, NULL, 10) : 0;
}

static unsigned dns_port_of(const char *resolver)
{
	struct ip ignored;
	unsigned port;

	return ip_parse_port(slice_of(resolver), &ignored, &port) ? port : 53;
}

/* What sinks and their credentials, and DNS, connect to: by port, which is all that Landlock knows.
 */
static void allow_connecting(struct fence *f, const struct config *c)
{
	static const unsigned always_open[] = { 53, 80, 443 };
	static const char *const env[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
		"ALL_PROXY", "PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "GCE_METADATA_HOST",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT" };
	bool remote = false;

	if (c->crawlers.verify && c->crawlers.resolver.n == 0)
		allow_port(f, 53, NET_CONNECT_TCP); /* answers that are too long for UDP */
	for (unsigned i = 0; i < c->crawlers.resolver.n && c->crawlers.verify; i++)
		allow_port(f, dns_port_of(c->crawlers.resolver.v[i]), NET_CONNECT_TCP);
	for (unsigned i = 0; i < c->sinks.n; i++) {
		const struct sink_config *s = config_sink(c, i);

		if (!sink_is_remote(s->type))
			continue;
		remote = true;
		allow_port(f, port_of(s->endpoint), NET_CONNECT_TCP);
		allow_port(f, port_of(s->url), NET_CONNECT_TCP);
		for (unsigned k = 0; k < s->brokers.n; k++)
			allow_port(f, port_of(s->brokers.v[k]), NET_CONNECT_TCP);
		if (s->type == SINK_KAFKA)
			allow_port(f, KAFKA_PORT, NET_CONNECT_TCP);
	}
	if (!remote)
		return;
	for (unsigned i = 0; i < sizeof(always_open) / sizeof(*always_open); i++)
		allow_port(f, always_open[i], NET_CONNECT_TCP);
	for (unsigned i = 0; i < sizeof(env) / sizeof(*env); i++)
		allow_port(f, port_of(getenv(env[i])), NET_CONNECT_TCP);
	for (unsigned i = 0; i < c->sandbox_connect.n; i++)
		allow_port(
		    f, (unsigned)strtoul(c->sandbox_connect.v[i], NULL, 10), NET_CONNECT_TCP);
}

static void allow_ports(struct fence *f, const struct config *c)
{
	unsigned port;
	struct ip ignored;

	if (c->status.listen != NULL && ip_parse_port(slice_of(c->status.listen), &ignored, &port))
		allow_port(f, port, NET_BIND_TCP);
	allow_connecting(f, c);
}

static uint64_t handled_by(long abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	all |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
	all |= abi >= 3 ? ACCESS_TRUNCATE : 0;
	return all | (abi >= 5 ? ACCESS_IOCTL_DEV : 0);
}

static int close_files(const struct config *c, long abi, struct err *e)
{
	struct ruleset_attr attr = { handled_by(abi), abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
		abi >= 6 ? SCOPE_SIGNAL : 0 };
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8; /* older kernels refuse longer ones */
	struct fence f = { .handled = attr.fs };
	int rc = 0;

	f.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (f.fd < 0)
		return err_set(e, errno, "sandbox: Landlock: %s", strerror(errno));
	allow_writing(&f, c);
	allow_reading(&f, c);
	if (abi >= 4)
		allow_ports(&f, c);
	if (f.failed != 0)
		rc = err_set(e, f.failed, "sandbox: a rule of Landlock: %s", strerror(f.failed));
	else if (syscall(SYS_landlock_restrict_self, f.fd, 0) != 0)
		rc = err_set(e, errno, "sandbox: Landlock: %s", strerror(errno));
	close(f.fd);
	return rc;
}

int fence_close(const struct config *c, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int calls;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, errno, "no_new_privs: %s", strerror(errno));
	if (c->sandbox == SANDBOX_OFF) {
		log_warn("the sandbox is off by the config", "landlock=off seccomp=off");
		return 0;
	}
	if (abi < 1)
		log_warn("this kernel offers no Landlock: the agent can read all that its user may",
		    "why=\"%s\"", strerror(errno));
	else if (close_files(c, abi, e) != 0)
		return -1;
	calls = fence_calls_deny();
	if (calls != 0)
		log_warn("no seccomp: no system call is denied", "why=\"%s\"", strerror(-calls));
	if (abi > 0 || calls == 0)
		log_info("fenced", "landlock_abi=%ld seccomp=%s", abi > 0 ? abi : 0,
		    calls == 0 ? "on" : "off");
	return 0;
}
