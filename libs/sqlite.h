/* SQLite. See late.h. */
#ifndef LIBS_SQLITE_H
#define LIBS_SQLITE_H

#include "libs/late.h"

#include <sqlite3.h>

#define SQLITE_FUNCTIONS(X)     \
	X(sqlite3_bind_blob)    \
	X(sqlite3_bind_int64)   \
	X(sqlite3_bind_null)    \
	X(sqlite3_bind_text)    \
	X(sqlite3_busy_timeout) \
	X(sqlite3_close)        \
	X(sqlite3_column_blob)  \
	X(sqlite3_column_bytes) \
	X(sqlite3_column_int64) \
	X(sqlite3_column_text)  \
	X(sqlite3_errcode)      \
	X(sqlite3_errmsg)       \
	X(sqlite3_exec)         \
	X(sqlite3_finalize)     \
	X(sqlite3_libversion)   \
	X(sqlite3_open_v2)      \
	X(sqlite3_prepare_v2)   \
	X(sqlite3_prepare_v3)   \
	X(sqlite3_reset)        \
	X(sqlite3_snprintf)     \
	X(sqlite3_step)         \
	X(sqlite3_table_column_metadata)

LATE_DECLARE(sqlite, SQLITE_FUNCTIONS)

#define sqlite3_bind_blob	      sqlite_functions()->sqlite3_bind_blob
#define sqlite3_bind_int64	      sqlite_functions()->sqlite3_bind_int64
#define sqlite3_bind_null	      sqlite_functions()->sqlite3_bind_null
#define sqlite3_bind_text	      sqlite_functions()->sqlite3_bind_text
#define sqlite3_busy_timeout	      sqlite_functions()->sqlite3_busy_timeout
#define sqlite3_close		      sqlite_functions()->sqlite3_close
#define sqlite3_column_blob	      sqlite_functions()->sqlite3_column_blob
#define sqlite3_column_bytes	      sqlite_functions()->sqlite3_column_bytes
#define sqlite3_column_int64	      sqlite_functions()->sqlite3_column_int64
#define sqlite3_column_text	      sqlite_functions()->sqlite3_column_text
#define sqlite3_errcode		      sqlite_functions()->sqlite3_errcode
#define sqlite3_errmsg		      sqlite_functions()->sqlite3_errmsg
#define sqlite3_exec		      sqlite_functions()->sqlite3_exec
#define sqlite3_finalize	      sqlite_functions()->sqlite3_finalize
#define sqlite3_libversion	      sqlite_functions()->sqlite3_libversion
#define sqlite3_open_v2		      sqlite_functions()->sqlite3_open_v2
#define sqlite3_prepare_v2	      sqlite_functions()->sqlite3_prepare_v2
#define sqlite3_prepare_v3	      sqlite_functions()->sqlite3_prepare_v3
#define sqlite3_reset		      sqlite_functions()->sqlite3_reset
#define sqlite3_snprintf	      sqlite_functions()->sqlite3_snprintf
#define sqlite3_step		      sqlite_functions()->sqlite3_step
#define sqlite3_table_column_metadata sqlite_functions()->sqlite3_table_column_metadata

#endif
