/* Libraries that are opened late: those of the build are here, and a wrong one is told. */
#include "libs/crypto.h"
#include "libs/curl.h"
#include "libs/microhttpd.h"
#include "libs/nftables.h"
#include "libs/rdkafka.h"
#include "libs/sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void all_can_be_had(void **state)
{
	struct late *all[] = { &crypto_late, &curl_late, &microhttpd_late, &nftables_late,
		&rdkafka_late, &sqlite_late };

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *why = late_open(all[i]);

		if (why != NULL)
			fail_msg("%s", why);
		assert_ptr_equal(late_need(all[i]), all[i]->functions);
	}
	assert_string_equal(sqlite3_libversion(), SQLITE_VERSION);
	assert_int_equal(rd_kafka_version() >> 16, RD_KAFKA_VERSION >> 16);
}

static void what_is_missing_is_told(void **state)
{
	static const char *const names[] = { "deflate", "no_such_function" };
	void *table[2];
	struct late no_library = { .file = "libno.such.so.9", .names = names, .functions = table };
	struct late no_function = {
		.file = "libz.so.1", .names = names, .functions = table, .n = 2
	};
	struct late whole = { .file = "libz.so.1", .names = names, .functions = table, .n = 1 };

	(void)state;
	assert_non_null(strstr(late_open(&no_library), "libno.such.so.9"));
	assert_non_null(strstr(late_open(&no_function), "no_such_function"));
	assert_non_null(late_open(&no_function)); /* again */
	assert_null(late_open(&whole));
	assert_null(late_open(&whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_can_be_had),
		cmocka_unit_test(what_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
