/* auth_parts.h - shared by the auth*.c files. */
#ifndef PARSERS_AUTH_PARTS_H
#define PARSERS_AUTH_PARTS_H

#include "base/event.h"

/* Who says so: see client.provenance in the guide. */
#define AUTH_PEER    SLICE("peer")
#define AUTH_CLAIMED SLICE("claimed")
#define AUTH_INPUT   SLICE("") /* a web server: what its input's client_address says of it */

void auth_result(struct event *ev, bool ok);
void auth_user(struct event *ev, struct slice name);

/*
 * The address of the other side; port may be empty. Nothing is added, and false
 * returned, for a host name: a name is whatever its owner's name server says.
 */
bool auth_client(struct event *ev, struct slice addr, struct slice port, struct slice provenance);

/*
 * The other side by name, where a daemon that looks names up (sshd's UseDNS) says no address:
 * client.address is the name, which may alert and never blocks. What can be no name adds nothing.
 */
void auth_host(struct event *ev, struct slice name);

bool auth_is_address(struct slice s);

/* s without head, if it begins so. */
struct slice auth_strip(struct slice s, struct slice head);

/* The same, telling whether it did. */
bool auth_skip(struct slice *s, struct slice head);

bool auth_has(struct slice s, struct slice what);

/* The word behind `what` at its first occurrence, up to a blank. */
struct slice auth_after(struct slice s, struct slice what);

/* Split s at the last occurrence of sep; false, with both untouched, where there is none. */
bool auth_cut_last(struct slice s, struct slice sep, struct slice *head, struct slice *rest);

/* What PAM modules write under any program's name; false: m is not of that kind. */
bool auth_pam(struct event *ev, struct slice m);

/*
 * What a message of any program says: somebody's failed or successful login, or that he was
 * refused something (sekisho.access.result). Keeps the result and the address that ev has already.
 */
void auth_any(struct event *ev, struct slice m);

/* The messages of one program each. */
void auth_sshd(struct event *ev, struct slice m);
void auth_sudo(struct event *ev, struct slice m);
void auth_su(struct event *ev, struct slice m);
void auth_login(struct event *ev, struct slice m);
void auth_accounts(struct event *ev, struct slice m);
void auth_logind(struct event *ev, struct slice m);
void auth_vsftpd(struct event *ev, struct slice m);
void auth_proftpd(struct event *ev, struct slice m);
void auth_pureftpd(struct event *ev, struct slice m);
void auth_dovecot(struct event *ev, struct slice m);
void auth_postfix(struct event *ev, struct slice m);
void auth_dropbear(struct event *ev, struct slice m);
void auth_webmin(struct event *ev, struct slice m);

#endif
