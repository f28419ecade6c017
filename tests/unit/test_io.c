#include "base/crc32c.h"
#include "base/err.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void crc32c_agrees_with_the_published_vectors(void **state)
{
	uint8_t buf[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32c_table(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32c(0, NULL, 0), 0);
	memset(buf, 0, sizeof(buf)); /* RFC 3720 B.4 */
	assert_int_equal(crc32c(0, buf, sizeof(buf)), 0x8a9136aau);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(crc32c(0, buf, sizeof(buf)), 0x62a8ab43u);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, buf, sizeof(buf)), 0x46dd794eu);
}

static void crc32c_is_the_same_by_instruction_and_by_table(void **state)
{
	static const size_t sizes[] = { 1, 7, 8, 9, 63, 1024, 65535, 65536, 65543, 70000, 200000 };
	uint8_t *buf = malloc(200016);
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < 200016; i++) {
		x = x * 1664525u + 1013904223u;
		buf[i] = (uint8_t)(x >> 24);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t at = 0; at < 16; at++) {
			size_t half = sizes[i] / 2;
			uint32_t whole = crc32c_table(7, buf + at, sizes[i]);

			assert_int_equal(crc32c(7, buf + at, sizes[i]), whole);
			assert_int_equal(
			    crc32c(crc32c(7, buf + at, half), buf + at + half, sizes[i] - half),
			    whole);
		}
	}
	free(buf);
}

static char dir[] = "/tmp/sekisho-io-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void a_file_is_replaced_whole_and_read_back(void **state)
{
	char path[128];
	char *text = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(io_replace(dir, "a", "first", 5, 0600, &e), 0);
	assert_int_equal(io_replace(dir, "a", "second one", 10, 0600, &e), 0);
	assert_int_equal(io_read_file(path, 10, &text, &n, &e), 0);
	assert_int_equal(n, 10);
	assert_string_equal(text, "second one");
	free(text);
	assert_int_equal(io_read_file(path, 9, &text, &n, &e), -1);
	assert_int_equal(e.code, EFBIG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(io_read_file(path, 9, &text, &n, &e), -1);
	assert_int_equal(e.code, ENOENT);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(io_replace("/nonexistent", "a", "", 0, 0600, &e), -1);
	assert_int_equal(e.code, ENOENT);
}

static void reads_and_writes_are_whole(void **state)
{
	char path[128];
	char got[16];

	(void)state;
	snprintf(path, sizeof(path), "%s/b", dir);

	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, "hello", 5, 3), 0);
	assert_int_equal(io_pread(fd, got, sizeof(got), 0), 8);
	assert_memory_equal(got, "\0\0\0hello", 8);
	assert_int_equal(io_pread(fd, got, sizeof(got), 8), 0);
	close(fd);
	assert_int_equal(io_pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(io_pread(fd, got, 1, 0), -1);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_agrees_with_the_published_vectors),
		cmocka_unit_test(crc32c_is_the_same_by_instruction_and_by_table),
		cmocka_unit_test(a_file_is_replaced_whole_and_read_back),
		cmocka_unit_test(reads_and_writes_are_whole),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
