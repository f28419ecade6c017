/* libnftables: the host firewall, in the blocker process alone. See late.h. */
#ifndef LIBS_NFTABLES_H
#define LIBS_NFTABLES_H

#include "libs/late.h"

#include <nftables/libnftables.h>

#define NFTABLES_FUNCTIONS(X)        \
	X(nft_ctx_buffer_error)      \
	X(nft_ctx_buffer_output)     \
	X(nft_ctx_free)              \
	X(nft_ctx_get_error_buffer)  \
	X(nft_ctx_get_output_buffer) \
	X(nft_ctx_new)               \
	X(nft_run_cmd_from_buffer)

LATE_DECLARE(nftables, NFTABLES_FUNCTIONS)

#define nft_ctx_buffer_error	  nftables_functions()->nft_ctx_buffer_error
#define nft_ctx_buffer_output	  nftables_functions()->nft_ctx_buffer_output
#define nft_ctx_free		  nftables_functions()->nft_ctx_free
#define nft_ctx_get_error_buffer  nftables_functions()->nft_ctx_get_error_buffer
#define nft_ctx_get_output_buffer nftables_functions()->nft_ctx_get_output_buffer
#define nft_ctx_new		  nftables_functions()->nft_ctx_new
#define nft_run_cmd_from_buffer	  nftables_functions()->nft_run_cmd_from_buffer

#endif
