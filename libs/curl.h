/* libcurl: HTTP. See late.h. */
#ifndef LIBS_CURL_H
#define LIBS_CURL_H

#include "libs/late.h"

#include <curl/curl.h>

/* They check types by macros of their names. */
#undef curl_easy_getinfo
#undef curl_easy_setopt

#define CURL_FUNCTIONS(X)           \
	X(curl_easy_cleanup)        \
	X(curl_easy_getinfo)        \
	X(curl_easy_init)           \
	X(curl_easy_reset)          \
	X(curl_easy_setopt)         \
	X(curl_easy_strerror)       \
	X(curl_global_init)         \
	X(curl_multi_add_handle)    \
	X(curl_multi_cleanup)       \
	X(curl_multi_info_read)     \
	X(curl_multi_init)          \
	X(curl_multi_perform)       \
	X(curl_multi_poll)          \
	X(curl_multi_remove_handle) \
	X(curl_slist_append)        \
	X(curl_slist_free_all)

LATE_DECLARE(curl, CURL_FUNCTIONS)

#define curl_easy_cleanup	 curl_functions()->curl_easy_cleanup
#define curl_easy_getinfo	 curl_functions()->curl_easy_getinfo
#define curl_easy_init		 curl_functions()->curl_easy_init
#define curl_easy_reset		 curl_functions()->curl_easy_reset
#define curl_easy_setopt	 curl_functions()->curl_easy_setopt
#define curl_easy_strerror	 curl_functions()->curl_easy_strerror
#define curl_global_init	 curl_functions()->curl_global_init
#define curl_multi_add_handle	 curl_functions()->curl_multi_add_handle
#define curl_multi_cleanup	 curl_functions()->curl_multi_cleanup
#define curl_multi_info_read	 curl_functions()->curl_multi_info_read
#define curl_multi_init		 curl_functions()->curl_multi_init
#define curl_multi_perform	 curl_functions()->curl_multi_perform
#define curl_multi_poll		 curl_functions()->curl_multi_poll
#define curl_multi_remove_handle curl_functions()->curl_multi_remove_handle
#define curl_slist_append	 curl_functions()->curl_slist_append
#define curl_slist_free_all	 curl_functions()->curl_slist_free_all

#endif
