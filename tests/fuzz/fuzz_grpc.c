/* What a server of gRPC may answer: frames, details of errors, and the messages that we read. */
#include "base/protobuf.h"
#include "sinks/bigquery_write.h"
#include "sinks/grpc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const char *copy, size_t n, struct slice s)
{
	if (s.n > 0 && (s.p < copy || s.n > n || s.p + s.n > copy + n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	struct slice s = { copy, size };
	struct cut c = { .s = s };
	struct append_reply reply;
	struct append_error one;
	struct slice names[8];
	struct grpc_status status;
	struct pb_field f;
	struct slice m;
	size_t fields = 0;
	struct buf unzipped = { 0 };
	int64_t ms;

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	while (pb_next(&c, &f)) {
		inside(copy, size, f.bytes);
		fields++;
	}
	if (fields * 2 > size)
		abort();
	if (grpc_unframe(s, &unzipped, &m) && copy[0] == 0)
		inside(copy, size, m);
	if (grpc_status_read(s, &status) && grpc_status_detail(&status, "StorageError", &m))
		inside(copy, size, m);
	if (append_reply_read(s, &reply)) {
		c = (struct cut){ .s = reply.whole };
		while (append_reply_next(&c, &one))
			inside(copy, size, one.message);
	}
	for (unsigned i = write_stream_columns(s, names, 8); i > 0; i--)
		inside(copy, size, names[i - 1]);
	ms = grpc_retry_of(s);
	if (ms < 0 || ms > INT64_C(86401000))
		abort();
	buf_free(&unzipped);
	free(copy);
	return 0;
}
