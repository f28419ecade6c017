/*
 * fence_calls.c - system calls that the agent never makes, and what happens when it does.
 *
 * Two answers. What only code that isn't ours would call ends the process (the kernel
 * logs it, the service manager starts it anew): an agent that was taken over must not go on.
 * What a library may well try and do without gets EPERM: a harmless attempt must not cost
 * the host its detection. Everything else stays allowed, executable mappings too, since
 * PCRE2 compiles patterns to machine code: a list of what is allowed would have to
 * foresee each C library, and fail on the hosts that matter.
 */
#include "agent/fence.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const deadly[] = { "execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "init_module", "finit_module", "delete_module", "create_module",
	"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "pivot_root" };

static const char *const refused[] = {
	/* files by other ways than their paths, which is all Landlock and permissions see */
	"open_by_handle_at", "name_to_handle_at", "fanotify_init", "mount", "umount", "umount2",
	"move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"chroot", "setns", "unshare", "pidfd_getfd",
	/* much kernel behind a small door, also where it needs no privilege */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "keyctl", "add_key", "request_key", "kcmp", "process_madvise",
	"move_pages", "migrate_pages", "lookup_dcookie", "modify_ldt", "vmsplice",
	/* the machine's own business */
	"acct", "quotactl", "quotactl_fd", "syslog", "vhangup", "iopl", "ioperm", "personality",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "mknod", "mknodat",
	/* other processes, and new ones */
	"kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open",
	"fork", "vfork"
};

static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		int rc = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, nr, 0);

		if (rc != 0 && rc != -EDOM) /* not on this architecture */
			return rc;
	}
	return 0;
}

/* Threads and no processes: clone3 keeps its flags where no filter sees them, so libc has to use
 * clone. */
static int add_clone(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return rc;
}

/* Sockets: local ones and TCP or UDP. No netlink, packets, or what else the kernel has. */
static int add_socket(scmp_filter_ctx ctx)
{
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
	    SCMP_A0(SCMP_CMP_GT, AF_INET6, 0));

	for (unsigned family = AF_INET + 1; family < AF_INET6 && rc == 0; family++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, family, 0));
	return rc;
}

static int add_others(scmp_filter_ctx ctx)
{
	/* keys typed into somebody's terminal; the kernel looks at 32 bits of the number */
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
	    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));

	if (rc == 0) /* abort() may, to itself */
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));
	return rc;
}

int fence_calls_deny(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0) /* 32-bit calls have other numbers: the list would say nothing of them */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc =
		    add_names(ctx, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(*deadly));
	if (rc == 0)
		rc = add_names(
		    ctx, SCMP_ACT_ERRNO(EPERM), refused, sizeof(refused) / sizeof(*refused));
	if (rc == 0)
		rc = add_clone(ctx);
	if (rc == 0)
		rc = add_socket(ctx);
	if (rc == 0)
		rc = add_others(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
