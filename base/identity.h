/*
 * identity.h - who is this host, and which log is this?
 *
 * An origin is named by what its log begins with, never by path or inode: a hash of
 * the first line (LF included, cut at 1,024 bytes) and a number that tells apart logs
 * with the same head.
 */
#ifndef BASE_IDENTITY_H
#define BASE_IDENTITY_H

#include "base/slice.h"

enum { IDENTITY_HEAD_MAX = 1024 };

struct host_identity {
	uint64_t id;  /* of the host, for event ids: from the machine id */
	uint64_t key; /* secret of the host, for keyed hashes */
	char name[256];
};

/* From /etc/machine-id (by libsystemd's application-specific hash), else from the host name. */
void identity_host(struct host_identity *h);

/* A log's head: up to its first LF or 1,024 bytes. 0 bytes while it has neither. */
struct slice identity_head(struct slice start);

/* Hash of a head. */
uint64_t identity_head_hash(struct slice head);

/* The upper half of the ids of an origin's events. */
uint64_t identity_origin(uint64_t host_id, uint64_t head_hash, uint64_t number);

#endif
