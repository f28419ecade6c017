/* The tables of all libraries that are opened late. Their SONAMEs are those of the build
 * (Makefile). */
#include "libs/crypto.h"
#include "libs/curl.h"
#include "libs/microhttpd.h"
#include "libs/nftables.h"
#include "libs/rdkafka.h"
#include "libs/sqlite.h"

LATE_DEFINE(crypto, CRYPTO_SONAME, CRYPTO_FUNCTIONS);
LATE_DEFINE(curl, CURL_SONAME, CURL_FUNCTIONS);
LATE_DEFINE(microhttpd, MICROHTTPD_SONAME, MICROHTTPD_FUNCTIONS);
LATE_DEFINE(nftables, NFTABLES_SONAME, NFTABLES_FUNCTIONS);
LATE_DEFINE(rdkafka, RDKAFKA_SONAME, RDKAFKA_FUNCTIONS);
LATE_DEFINE(sqlite, SQLITE_SONAME, SQLITE_FUNCTIONS);
