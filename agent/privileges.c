#include "agent/privileges.h"

#include "agent/config.h"
#include "base/err.h"
#include "base/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

int privileges_drop(const struct config *c, struct err *e)
{
	const struct passwd *pw = NULL;
	bool keep;

	if (geteuid() != 0) {
		if (c->user != NULL)
			log_info("`user:` has no effect: not started as root", "user=%s", c->user);
		return 0;
	}
	if (c->user != NULL && (pw = getpwnam(c->user)) == NULL)
		return err_set(e, EINVAL, "user: there is no user '%s'", c->user);
	capng_get_caps_process();
	keep = c->read_all && capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH) != 0;
	if (c->read_all && !keep)
		log_warn(
		    "read_all: this container has no CAP_DAC_READ_SEARCH to keep; logs are read "
		    "by user and group alone",
		    "user=%s", pw != NULL ? pw->pw_name : "root");

	/* the bounding set goes only where that is allowed; without it nothing comes back either,
	 * since there is no exec and no_new_privs is set */
	bool bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;

	capng_clear(CAPNG_SELECT_BOTH);
	if (keep)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_READ_SEARCH);
	if (pw != NULL) {
		if (capng_change_id((int)pw->pw_uid, (int)pw->pw_gid,
			CAPNG_INIT_SUPP_GRP | (bound ? CAPNG_CLEAR_BOUNDING : 0)) != 0)
			return err_set(e, EPERM, "user: can't become '%s'", c->user);
	} else if (capng_apply(bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) != 0) {
		return err_set(e, EPERM, "capabilities could not be dropped");
	}
	return 0;
}
