/*
 * redact.h - secrets never reach the journal.
 *
 * Masked in body, attributes and evidence alike, after detection: values under secret-looking
 * names in queries, JSON and command lines, attributes with such a name, Authorization and
 * Cookie, passwords in URLs, bearer tokens, JWTs, cloud keys and private keys. Names and addresses
 * stay. A mask keeps the length class and a keyed hash, [masked:24:9f3a], so equal secrets can be
 * told from different ones, and nothing can be told back. Masks in what is read stay as they are.
 */
#ifndef DETECT_REDACT_H
#define DETECT_REDACT_H

#include "base/event.h"

struct arena;
struct err;
struct redactor;

/* key: of the host, for the hashes. One thread's. NULL with *e. */
struct redactor *redactor_new(uint64_t key, struct err *e);
void redactor_free(struct redactor *r);

/*
 * Mask what has to be masked in ev: the body is replaced by a copy in a, attributes
 * and the match texts of detections likewise. An event that does not fit into a
 * keeps nothing of the value. padded: FILTER_BEFORE bytes before the body and FILTER_AFTER
 * behind it are readable.
 */
void redact_event(const struct redactor *r, struct arena *a, struct event *ev, bool padded);

#endif
