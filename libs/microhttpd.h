/* libmicrohttpd: /metrics and the like, where `status.listen` is set. See late.h. */
#ifndef LIBS_MICROHTTPD_H
#define LIBS_MICROHTTPD_H

#include "libs/late.h"

#include <microhttpd.h>

#define MICROHTTPD_FUNCTIONS(X)            \
	X(MHD_add_response_header)         \
	X(MHD_create_response_from_buffer) \
	X(MHD_destroy_response)            \
	X(MHD_queue_response)              \
	X(MHD_start_daemon)                \
	X(MHD_stop_daemon)

LATE_DECLARE(microhttpd, MICROHTTPD_FUNCTIONS)

#define MHD_add_response_header		microhttpd_functions()->MHD_add_response_header
#define MHD_create_response_from_buffer microhttpd_functions()->MHD_create_response_from_buffer
#define MHD_destroy_response		microhttpd_functions()->MHD_destroy_response
#define MHD_queue_response		microhttpd_functions()->MHD_queue_response
#define MHD_start_daemon		microhttpd_functions()->MHD_start_daemon
#define MHD_stop_daemon			microhttpd_functions()->MHD_stop_daemon

#endif
