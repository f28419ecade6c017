#include "parsers/audit.h"

static bool digits_until(struct slice *s, char stop, uint64_t *out)
{
	struct slice head;
	struct slice rest;

	if (!slice_cut(*s, stop, &head, &rest) || head.n > 19 || !slice_u64(head, out))
		return false;
	*s = rest;
	return true;
}

/*
 * Record types of user space: numbers 1100-1299 and 2100-2999 of linux/audit.h and
 * libaudit.h. Each is an event of its own. The kernel's types may share a serial with
 * a SYSCALL record, even LOGIN and CONFIG_CHANGE; only the two that it writes outside
 * of any system call stand alone.
 */
static bool is_single(struct slice type)
{
	static const struct slice heads[] = {
		{ "USER", 4 },
		{ "CRED_", 5 },
		{ "SERVICE_", 8 },
		{ "SYSTEM_", 7 },
		{ "DAEMON_", 7 },
		{ "ADD_", 4 },
		{ "DEL_", 4 },
		{ "GRP_", 4 },
		{ "ROLE_", 5 },
		{ "ACCT_", 5 },
		{ "CHGRP_ID", 8 },
		{ "CHUSER_ID", 9 },
		{ "CRYPTO_", 7 },
		{ "VIRT_", 5 },
		{ "RESP_", 5 },
		{ "LABEL_", 6 },
		{ "DEV_", 4 },
		{ "FS_RELABEL", 10 },
		{ "DAC_CHECK", 9 },
		{ "MAC_CHECK", 9 },
		{ "USYS_CONFIG", 11 },
		{ "TEST", 4 },
		{ "TRUSTED_APP", 11 },
		{ "SOFTWARE_UPDATE", 15 },
		{ "ANOM_LOGIN_", 11 },
		{ "ANOM_ROOT_TRANS", 15 },
		{ "ANOM_MAX_", 9 },
		{ "ANOM_ABEND", 10 },
		{ "SECCOMP", 7 },
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (type.n >= heads[i].n && type.p[0] == heads[i].p[0] &&
		    slice_starts(type, heads[i]))
			return true;
	return false;
}

/* audit(1696431255.037:8272): */
static bool stamp(struct slice *s, struct audit_head *out)
{
	uint64_t seconds;
	uint64_t millis;
	struct slice frac;
	struct slice rest;

	if (!digits_until(s, '.', &seconds) || seconds > INT64_MAX / 2000000 ||
	    !slice_cut(*s, ':', &frac, &rest) || frac.n != 3 || !slice_u64(frac, &millis))
		return false;
	*s = rest;
	if (!digits_until(s, ')', &out->serial) || s->n < 1 || s->p[0] != ':')
		return false;
	out->time_us = (int64_t)seconds * 1000000 + (int64_t)millis * 1000;
	*s = slice_from(*s, 1);
	return true;
}

bool audit_head(struct slice line, struct audit_head *out)
{
	struct slice s = line;
	struct slice node;
	struct slice type;

	if (slice_starts(s, SLICE("node=")) && !slice_cut(s, ' ', &node, &s))
		return false;
	if (!slice_starts(s, SLICE("type=")) || !slice_cut(slice_from(s, 5), ' ', &type, &s) ||
	    type.n == 0 || type.n > 64 || !slice_starts(s, SLICE("msg=audit(")))
		return false;
	s = slice_from(s, 10);

	struct audit_head h = { .type = type };

	if (!stamp(&s, &h))
		return false;
	h.rest = s;
	h.single = is_single(type);
	h.last = slice_eq(type, SLICE("EOE")) || slice_eq(type, SLICE("PROCTITLE"));
	*out = h;
	return true;
}
