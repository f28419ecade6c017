#include "blockers/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

/*
 * What libnftables and this loop were seen to call (strace of adding, removing, refilling,
 * rebuilding), and what the C library may call instead on another machine. EPERM and not
 * the process's end for the rest: a blocker that dies blocks nobody.
 */
static const char *const allowed[] = { "recvmsg", "recvfrom", "recv", "sendto", "sendmsg", "send",
	"read", "write", "writev", "close", "lseek", "poll", "ppoll", "select", "pselect6",
	"getsockopt", "setsockopt", "bind", "getsockname", "brk", "munmap", "mremap", "madvise",
	"futex", "fcntl", "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getpid", "gettid", "getuid", "geteuid", "getppid", "exit", "exit_group", "rt_sigreturn",
	"rt_sigprocmask", "rt_sigaction", "sigreturn", "restart_syscall", "newfstatat", "fstat",
	"fstatat64", "fstat64", "statx", "getrandom", "set_robust_list" };

int confine_blocker(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = ctx != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed) && rc == 0; i++) {
		int nr = seccomp_syscall_resolve_name(allowed[i]);

		rc = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
		rc = rc == -EDOM ? 0 : rc;
	}
	if (rc == 0)
		rc = seccomp_rule_add(
		    ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0));
	if (rc == 0) /* memory, but no new code */
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	return rc;
}
