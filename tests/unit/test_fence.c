/* The denied system calls: tried in a child, since nothing of it can be taken back. */
#include "agent/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fence_calls_deny() == 0 ? what() : 99);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int run_program(void)
{
	char name[] = "true";
	char *argv[] = { name, NULL };

	execv("/bin/true", argv);
	return 1;
}

static int trace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0) != 0;
}

static void *nothing(void *p)
{
	return p;
}

/* Bits say what went wrong. */
static int refused_and_allowed(void)
{
	pthread_t t;
	int bad = 0;
	void *code = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = 0;
	bad |= (syscall(SYS_open_by_handle_at, -1, NULL, 0) != -1 || errno != EPERM) << 0;
	errno = 0;
	bad |= (fork() != -1 || errno != EPERM) << 1;
	bad |= (socket(AF_NETLINK, SOCK_RAW, 0) != -1) << 2;
	bad |= (socket(AF_UNIX, SOCK_STREAM, 0) < 0) << 3;
	bad |= (pthread_create(&t, NULL, nothing, NULL) != 0 || pthread_join(t, NULL) != 0) << 4;
	bad |= (code == MAP_FAILED) << 5; /* PCRE2 needs it */
	errno = 0;
	bad |= (kill(getppid(), 0) != -1 || errno != EPERM) << 6;
	return bad;
}

static void test_programs_end_the_process(void **state)
{
	(void)state;

	int status = in_child(run_program);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = in_child(trace);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void test_others_are_refused_and_work_goes_on(void **state)
{
	(void)state;

	int status = in_child(refused_and_allowed);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs_end_the_process),
		cmocka_unit_test(test_others_are_refused_and_work_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
