/* utf8.h - is it UTF-8 (RFC 3629), and what becomes of bytes that are not. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* Length of the well-formed character at the start of s (1 to 4), or 0. */
size_t utf8_char(struct slice s);

/* Is all of s well-formed UTF-8 without NUL? Fast on ASCII. */
bool utf8_is_text(struct slice s);

/* Append s to out; bytes that are not UTF-8, and NUL, become the text \xHH. */
void utf8_put_text(struct buf *out, struct slice s);

#endif
