/*
 * auth.c - what messages about authentication have in common, and those of Linux-PAM
 * (modules/pam_unix/support.c, libpam/pam_syslog.c). The programs are in auth_*.c.
 */
#include "parsers/auth.h"

#include "base/ip.h"
#include "parsers/auth_parts.h"

enum { HOST_MAX = 253 }; /* of a name in the DNS (RFC 1035, section 2.3.4) */

void auth_result(struct event *ev, bool ok)
{
	event_set(ev, ATTR_AUTH_RESULT, ok ? SLICE("success") : SLICE("failure"));
}

void auth_user(struct event *ev, struct slice name)
{
	if (name.n > 0)
		event_set(ev, ATTR_USER_NAME, name);
}

bool auth_is_address(struct slice s)
{
	struct ip a;

	return ip_parse(s, &a);
}

bool auth_client(struct event *ev, struct slice addr, struct slice port, struct slice provenance)
{
	struct slice zone;
	struct slice v4 = auth_strip(addr, SLICE("::ffff:"));
	uint64_t n;

	slice_cut(addr, '%', &addr, &zone); /* fe80::1%eth0 */
	if (v4.n < addr.n && memchr(v4.p, '.', v4.n) != NULL)
		addr = v4;
	if (!auth_is_address(addr))
		return false;
	event_set(ev, ATTR_CLIENT_ADDRESS, addr);
	if (provenance.n > 0)
		event_set(ev, ATTR_CLIENT_PROVENANCE, provenance);
	if (slice_u64(port, &n) && n > 0 && n <= 65535)
		event_set(ev, ATTR_CLIENT_PORT, port);
	return true;
}

void auth_host(struct event *ev, struct slice name)
{
	bool point = false;
	bool letter = false;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool alpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!alpha && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
			return;
		point = point || c == '.';
		letter = letter || alpha;
	}
	if (!point || !letter || name.n > HOST_MAX)
		return;
	event_set(ev, ATTR_CLIENT_ADDRESS, name);
	event_set(ev, ATTR_CLIENT_PROVENANCE, AUTH_CLAIMED);
}

struct slice auth_strip(struct slice s, struct slice head)
{
	return slice_starts(s, head) ? slice_from(s, head.n) : s;
}

bool auth_skip(struct slice *s, struct slice head)
{
	if (!slice_starts(*s, head))
		return false;
	*s = slice_from(*s, head.n);
	return true;
}

bool auth_has(struct slice s, struct slice what)
{
	return slice_find(s, what) != NULL;
}

struct slice auth_after(struct slice s, struct slice what)
{
	const char *at = slice_find(s, what);
	struct slice rest;

	if (at == NULL)
		return (struct slice){ 0 };
	slice_cut(slice_from(s, (size_t)(at - s.p) + what.n), ' ', &s, &rest);
	return s;
}

bool auth_cut_last(struct slice s, struct slice sep, struct slice *head, struct slice *rest)
{
	for (size_t end = s.n; end >= sep.n && sep.n > 0;) {
		const char *at = memrchr(s.p, sep.p[0], end - sep.n + 1);

		if (at == NULL)
			return false;
		if (memcmp(at, sep.p, sep.n) == 0) {
			size_t n = (size_t)(at - s.p);

			*head = slice_head(s, n);
			*rest = slice_from(s, n + sep.n);
			return true;
		}
		end = (size_t)(at - s.p) + sep.n - 1;
	}
	return false;
}

/*
 * "authentication failure; logname=L uid=0 euid=0 tty=T ruser=R rhost=H  user=U". R and U can
 * be anything that the other side sent, blanks and "rhost=" too; user= is missing when
 * the account is unknown. Whatever is read here is `claimed`.
 */
static void pam_fields(struct event *ev, struct slice m)
{
	struct slice ruser;
	struct slice rest;
	struct slice host;
	struct slice user;
	struct slice msg;
	struct slice port = { 0 };

	if (!slice_cut_str(m, SLICE(" ruser="), &host, &rest))
		rest = m;
	if (slice_starts(rest, SLICE(" rhost="))) {
		ruser = (struct slice){ 0 };
		rest = slice_from(rest, 7);
	} else if (!auth_cut_last(rest, SLICE(" rhost="), &ruser, &rest)) {
		return;
	}
	slice_cut(rest, ' ', &host, &rest);
	slice_cut_str(rest, SLICE(" msg="), &rest, &msg); /* Proxmox, which also writes a port */
	if (host.n > 1 && host.p[0] == '[')
		slice_cut(slice_from(host, 1), ']', &host, &port);
	auth_skip(&port, SLICE(":"));
	user = slice_trim(rest);
	if (auth_skip(&user, SLICE("user=")))
		auth_user(ev, user);
	else
		auth_user(ev, ruser);
	if (!auth_client(ev, host, port, AUTH_CLAIMED))
		auth_host(ev, host);
}

/* "for user root(uid=0) by alice(uid=1000)", "for user root by (uid=0)", "for user root" */
static void pam_session(struct event *ev, struct slice m)
{
	struct slice name = auth_after(m, SLICE(" for user "));
	struct slice uid;
	uint64_t n;

	if (slice_cut(name, '(', &name, &uid) && auth_skip(&uid, SLICE("uid=")) && uid.n > 1 &&
	    uid.p[uid.n - 1] == ')') {
		uid.n--;
		if (slice_u64(uid, &n))
			event_set(ev, ATTR_USER_ID, uid);
	}
	auth_user(ev, name);
}

bool auth_pam(struct event *ev, struct slice m)
{
	struct slice module = { 0 };
	struct slice count = { 0 };
	struct slice rest;
	uint64_t n;

	/* "pam_unix(sshd:auth): text", "(pam_unix) text", "PAM 2 more authentication failures;" */
	if (slice_starts(m, SLICE("pam_"))) {
		if (!slice_cut_str(m, SLICE(": "), &module, &m))
			return true;
	} else if (slice_starts(m, SLICE("(pam_"))) {
		slice_cut_str(m, SLICE(") "), &module, &m);
	} else if (auth_skip(&m, SLICE("PAM ")) && slice_cut(m, ' ', &count, &rest) &&
		   slice_u64(count, &n) && auth_skip(&rest, SLICE("more "))) {
		m = rest;
	}
	if (slice_starts(m, SLICE("authentication failure")) &&
	    (module.n > 0 || count.n > 0 || auth_has(m, SLICE(" rhost=")))) {
		event_set(ev, ATTR_AUTH_METHOD, SLICE("pam"));
		/* sshd tells of each of these itself: whoever counts failures counts one */
		if (!auth_has(module, SLICE("(sshd:")))
			auth_result(ev, false);
		if (count.n > 0)
			event_set(ev, ATTR_REPEATED, count);
		pam_fields(ev, m);
		return true;
	}
	if (slice_starts(m, SLICE("authentication success;"))) {
		event_set(ev, ATTR_AUTH_METHOD, SLICE("pam"));
		auth_result(ev, true);
		pam_fields(ev, m);
		return true;
	}
	if (slice_starts(m, SLICE("session opened for user ")) ||
	    slice_starts(m, SLICE("session closed for user "))) {
		pam_session(ev, m);
		return true;
	}
	if (slice_starts(m, SLICE("password changed for "))) {
		auth_user(ev, auth_after(m, SLICE(" for ")));
		return true;
	}
	if (slice_starts(m, SLICE("Consecutive login failures for user "))) {
		auth_user(ev, auth_after(m, SLICE(" for user ")));
		return true;
	}
	return false;
}

void auth_message(struct event *ev, struct slice program, struct slice m)
{
	static const struct {
		struct slice program;
		void (*read)(struct event *ev, struct slice m);
		bool all; /* what the reader passes over says nothing of logins */
	} programs[] = {
#define PROGRAM(name, read) { { name, sizeof(name) - 1 }, read, true }
#define TOO(name, read)                                 \
	{                                               \
		{ name, sizeof(name) - 1 }, read, false \
	}
		PROGRAM("sshd", auth_sshd),
		PROGRAM("sshd-session", auth_sshd),
		PROGRAM("sshd-auth", auth_sshd),
		PROGRAM("sudo", auth_sudo),
		PROGRAM("su", auth_su),
		PROGRAM("login", auth_login),
		PROGRAM("systemd-logind", auth_logind),
		PROGRAM("useradd", auth_accounts),
		PROGRAM("adduser", auth_accounts),
		PROGRAM("userdel", auth_accounts),
		PROGRAM("usermod", auth_accounts),
		PROGRAM("groupadd", auth_accounts),
		PROGRAM("groupdel", auth_accounts),
		PROGRAM("groupmod", auth_accounts),
		PROGRAM("gpasswd", auth_accounts),
		PROGRAM("passwd", auth_accounts),
		PROGRAM("chpasswd", auth_accounts),
		PROGRAM("chage", auth_accounts),
		PROGRAM("chfn", auth_accounts),
		PROGRAM("chsh", auth_accounts),
		TOO("vsftpd", auth_vsftpd),
		TOO("proftpd", auth_proftpd),
		TOO("pure-ftpd", auth_pureftpd),
		TOO("dovecot", auth_dovecot),
		TOO("postfix/smtpd", auth_postfix),
		TOO("postfix/submission/smtpd", auth_postfix),
		TOO("postfix/smtps/smtpd", auth_postfix),
		TOO("dropbear", auth_dropbear),
		TOO("webmin", auth_webmin),
#undef PROGRAM
#undef TOO
	};

	if (auth_pam(ev, m))
		return;
	for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (slice_eq(program, programs[i].program)) {
			programs[i].read(ev, m);
			if (programs[i].all)
				return;
		}
	auth_any(ev, m);
}
