#include "base/protobuf.h"

#include "base/copy.h"

enum { FIELD_MAX = (1 << 29) - 1 };

void pb_bytes(struct buf *b, unsigned field, struct slice s)
{
	enum { TAG_MAX = 2, FIELD_SHORT = 1 << 11 };
	unsigned tag = field << 3 | PB_BYTES;
	char *to;

	if (s.n >= 128 || field >= FIELD_SHORT || (to = buf_room(b, TAG_MAX + 1 + s.n)) == NULL) {
		pb_tag(b, field, PB_BYTES);
		buf_bytes(b, s);
		return;
	}
	/* most are short: one look whether there is room */
	b->n += s.n + 2 + (tag >= 0x80);
	if (tag >= 0x80)
		*to++ = (char)(tag | 0x80);
	*to++ = (char)(tag >= 0x80 ? tag >> 7 : tag);
	*to++ = (char)s.n;
	copy_short(to, s.p, s.n);
}

void pb_double(struct buf *b, unsigned field, double v)
{
	uint64_t bits;
	char le[8];

	memcpy(&bits, &v, sizeof(bits));
	for (unsigned i = 0; i < 8; i++)
		le[i] = (char)(bits >> (8 * i));
	pb_tag(b, field, PB_FIXED64);
	buf_put(b, le, sizeof(le));
}

size_t pb_open(struct buf *b, unsigned field)
{
	pb_tag(b, field, PB_BYTES);
	buf_char(b, 0); /* the length, if it is below 128 */
	return b->n;
}

void pb_close(struct buf *b, size_t at)
{
	size_t n = b->n - at;
	size_t more = 0;

	if (b->full)
		return;
	for (size_t v = n >> 7; v > 0; v >>= 7)
		more++;
	if (more > 0) {
		if (buf_room(b, more) == NULL)
			return;
		memmove(b->p + at + more, b->p + at, n);
		b->n += more;
	}
	for (size_t i = 0; i <= more; i++, n >>= 7)
		b->p[at - 1 + i] = (char)((n & 0x7f) | (i < more ? 0x80 : 0));
}

size_t pb_size(size_t n)
{
	size_t size = 2 + n;

	for (size_t v = n >> 7; v > 0; v >>= 7)
		size++;
	return size;
}

static uint64_t fixed(struct cut *c, size_t n)
{
	struct slice s = cut_raw(c, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)(uint8_t)s.p[i] << (8 * i);
	return v;
}

bool pb_next(struct cut *c, struct pb_field *f)
{
	uint64_t tag;

	*f = (struct pb_field){ 0 };
	if (c->bad || c->s.n == 0)
		return false;
	tag = cut_varint(c);
	if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		c->bad = true;
	f->number = (unsigned)(tag >> 3);
	switch (tag & 7) {
	case PB_VARINT:
		f->wire = PB_VARINT;
		f->value = cut_varint(c);
		break;
	case PB_FIXED64:
		f->wire = PB_FIXED64;
		f->value = fixed(c, 8);
		break;
	case PB_BYTES:
		f->wire = PB_BYTES;
		f->bytes = cut_bytes(c);
		break;
	case PB_FIXED32:
		f->wire = PB_FIXED32;
		f->value = fixed(c, 4);
		break;
	default:
		c->bad = true;
	}
	return !c->bad;
}
