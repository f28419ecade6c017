#include "base/base64.h"
#include "libs/crypto.h"

enum { INPUT_MAX = 1 << 30 }; /* the length is an int there */

void base64_put(struct buf *out, struct slice s)
{
	/* a NUL is written behind it */
	uint8_t *to = s.n <= INPUT_MAX ? (uint8_t *)buf_room(out, (s.n + 2) / 3 * 4 + 1) : NULL;

	if (to == NULL)
		out->full = true;
	else
		out->n += (size_t)EVP_EncodeBlock(to, (const uint8_t *)s.p, (int)s.n);
}

void base64url_put(struct buf *out, struct slice s)
{
	size_t from = out->n;

	base64_put(out, s);
	while (out->n > from && out->p[out->n - 1] == '=')
		out->n--;
	for (size_t i = from; i < out->n; i++) {
		if (out->p[i] == '+')
			out->p[i] = '-';
		else if (out->p[i] == '/')
			out->p[i] = '_';
	}
}
