/*
 * base64.h - bytes as text (RFC 4648).
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Append s in base64, padded: 4 bytes for 3. s is at most 1 GiB; out->full when there is no room.
 */
void base64_put(struct buf *out, struct slice s);

/* The same in base64url without padding (RFC 7515, appendix C). */
void base64url_put(struct buf *out, struct slice s);

#endif
