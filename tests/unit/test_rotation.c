/* journald's settings: what they keep, from made files. The rest of rotation is in tests/e2e. */
#include "agent/rotation.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/sekisho-rotation-XXXXXX";

static void put(const char *path, const char *text, off_t size, time_t mtime)
{
	char full[256];
	struct timespec t[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *at = full + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		mkdir(full, 0755);
		*at = '/';
	}

	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (size > 0)
		assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

static void says(const char *conf, const char *words)
{
	struct problems p = { 0 };

	put("/etc/systemd/journald.conf", conf, 0, 1000000);
	rotation_journald(root, &p);
	assert_int_equal(p.errors, 0);
	assert_int_equal(p.warnings, words != NULL);
	buf_char(&p.text, '\0');
	if (words != NULL && strstr(p.text.p, words) == NULL)
		fail_msg("%s", p.text.p);
	problems_free(&p);
}

static void test_journald(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	put("/var/log/journal/0a/system@1.journal", "", 3 << 20, 1000000);
	put("/var/log/journal/0a/system@2.journal", "", 4 << 20, 1000050);
	put("/var/log/journal/0a/system.journal", "", 4 << 20, 1000100);
	says("[Journal]\nSystemMaxUse=16M\n", "journald.conf:2:1: warning: journald's entries are "
					      "gone in 3 min at today's rate");
	says("[Journal]\nSystemMaxUse=4G\n", NULL);
	says("[Journal]\n#SystemMaxUse=16M\n", NULL);
	says("[Journal]\nStorage=volatile\n", "when the host goes down");
	says("[Journal]\nStorage=none\n", "nothing to read");

	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_journald) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
