#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t v4_head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool parse_v4(struct slice s, struct ip *out)
{
	const char *p = s.p;
	const char *end = s.p + s.n;
	uint8_t b[4];

	for (unsigned part = 0; part < 4; part++) {
		const char *from = p;
		unsigned v = 0;

		for (; p < end && (unsigned)(*p - '0') < 10; p++)
			v = v * 10 + (unsigned)(*p - '0');
		if (p == from || p - from > 3 || v > 255 || (*from == '0' && p - from > 1))
			return false;
		b[part] = (uint8_t)v;
		if (part < 3 && (p == end || *p++ != '.'))
			return false;
	}
	if (p != end)
		return false;
	memcpy(out->b, v4_head, 12);
	memcpy(out->b + 12, b, 4);
	return true;
}

bool ip_parse(struct slice s, struct ip *out)
{
	char text[INET6_ADDRSTRLEN];

	if (s.n >= 7 && s.n <= 15 && parse_v4(s, out))
		return true;
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct slice){ s.p + 1, s.n - 2 };
	if (s.n < 2 || s.n >= sizeof(text) || memchr(s.p, ':', s.n) == NULL ||
	    memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';

	struct in6_addr a;

	if (inet_pton(AF_INET6, text, &a) != 1)
		return false;
	memcpy(out->b, a.s6_addr, 16);
	return true;
}

bool ip_parse_port(struct slice s, struct ip *out, unsigned *port)
{
	struct slice head;
	struct slice tail;
	uint64_t v;

	*port = 0;
	if (ip_parse(s, out))
		return true;
	if (!slice_cut_last(s, ':', &head, &tail) || !slice_u64(tail, &v) || v > 65535)
		return false;
	*port = (unsigned)v;
	if (head.n > 2 && head.p[0] == '[')
		return ip_parse(head, out);
	return memchr(head.p, ':', head.n) == NULL && ip_parse(head, out);
}

bool ip_is_v4(const struct ip *a)
{
	return memcmp(a->b, v4_head, 12) == 0;
}

/* RFC 6052 section 2.1 */
static const struct ip nat64 = { { 0, 0x64, 0xff, 0x9b } };

/* The IPv4 addresses that x has behind NAT64. */
static bool within_nat64(const struct ip_prefix *x, struct ip_prefix *v4)
{
	struct ip_prefix all = { nat64, 96 };

	if (!ip_prefix_overlaps(&all, x))
		return false;
	*v4 = (struct ip_prefix){ x->addr, x->bits > 96 ? x->bits : 96 };
	memcpy(v4->addr.b, v4_head, sizeof(v4_head));
	if (x->bits <= 96)
		memset(v4->addr.b + 12, 0, 4);
	return true;
}

struct ip_prefix ip_unit(const struct ip *a)
{
	bool one = ip_is_v4(a) || memcmp(a->b, nat64.b, 12) == 0;

	return ip_prefix_of(a, one ? 128 : 64);
}

struct ip ip_behind_nat64(const struct ip *a)
{
	struct ip_prefix x = { *a, 128 };
	struct ip_prefix v4;

	return within_nat64(&x, &v4) ? v4.addr : *a;
}

bool ip_prefix_is_special(const struct ip_prefix *p)
{
	/* RFC 1122 section 3.2.1.3, RFC 5771, RFC 919, RFC 4291 sections 2.5.2 and 2.7 */
	static const struct ip_prefix special[] = {
		{ { { [10] = 0xff, [11] = 0xff } }, 96 + 8 },
		{ { { [10] = 0xff, [11] = 0xff, [12] = 224 } }, 96 + 4 },
		{ { { [10] = 0xff, [11] = 0xff, 255, 255, 255, 255 } }, 128 },
		{ { { 0 } }, 128 },
		{ { { 0xff } }, 8 },
	};

	for (unsigned i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (ip_prefix_concerns(&special[i], p))
			return true;
	return false;
}

bool ip_prefix_is_wide(const struct ip_prefix *p)
{
	struct ip_prefix v4 = *p;
	bool is_v4 = (ip_is_v4(&p->addr) && p->bits >= 96) || within_nat64(p, &v4);

	return is_v4 ? v4.bits < 96 + 24 : p->bits < 48;
}

struct ip_prefix ip_prefix_of(const struct ip *a, unsigned bits)
{
	struct ip_prefix p = { *a, bits > 128 ? 128 : bits };

	if (p.bits == 128)
		return p;
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = p.bits > 8 * i ? p.bits - 8 * i : 0;

		if (keep < 8)
			p.addr.b[i] &= (uint8_t)(0xff00 >> keep);
	}
	return p;
}

bool ip_prefix_parse(struct slice s, struct ip_prefix *out)
{
	struct slice addr;
	struct slice bits_text;
	struct ip a;
	uint64_t bits;
	bool has_bits = slice_cut(s, '/', &addr, &bits_text);

	if (!ip_parse(addr, &a))
		return false;

	bool v4 = memchr(addr.p, ':', addr.n) == NULL;

	if (!has_bits)
		bits = 128;
	else if (!slice_u64(bits_text, &bits) || bits > (v4 ? 32 : 128))
		return false;
	else if (v4)
		bits += 96;

	struct ip_prefix p = ip_prefix_of(&a, (unsigned)bits);

	if (memcmp(p.addr.b, a.b, 16) != 0)
		return false;
	*out = p;
	return true;
}

bool ip_prefix_has(const struct ip_prefix *p, const struct ip *a)
{
	unsigned whole = p->bits / 8;
	unsigned rest = p->bits % 8;

	if (memcmp(p->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.b[whole] ^ a->b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->bits <= b->bits ? ip_prefix_has(a, &b->addr) : ip_prefix_has(b, &a->addr);
}

bool ip_prefix_concerns(const struct ip_prefix *p, const struct ip_prefix *x)
{
	struct ip_prefix v4;

	return ip_prefix_overlaps(p, x) || (within_nat64(x, &v4) && ip_prefix_overlaps(p, &v4));
}

size_t ip_text(const struct ip *a, char to[static IP_TEXT_MAX])
{
	if (ip_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, to, IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, to, IP_TEXT_MAX);
	return strlen(to);
}

size_t ip_prefix_text(const struct ip_prefix *p, char to[static IP_TEXT_MAX])
{
	size_t n = ip_text(&p->addr, to);
	bool v4 = ip_is_v4(&p->addr) && p->bits >= 96;

	if (p->bits == 128)
		return n;
	if (!v4 && ip_is_v4(&p->addr))
		n = (size_t)snprintf(to, IP_TEXT_MAX, "::ffff:0:0");
	return n + (size_t)snprintf(to + n, IP_TEXT_MAX - n, "/%u", v4 ? p->bits - 96 : p->bits);
}

bool ip_set_add(struct ip_set *s, const struct ip_prefix *p)
{
	if (s->n == s->cap) {
		unsigned cap = s->cap != 0 ? s->cap * 2 : 16;
		struct ip_prefix *q = realloc(s->p, cap * sizeof(*q));

		if (q == NULL)
			return false;
		s->p = q;
		s->cap = cap;
	}
	s->p[s->n++] = *p;
	return true;
}

bool ip_set_has(const struct ip_set *s, const struct ip *a)
{
	for (unsigned i = 0; i < s->n; i++)
		if (ip_prefix_has(&s->p[i], a))
			return true;
	return false;
}

bool ip_set_concerns(const struct ip_set *s, const struct ip_prefix *p)
{
	for (unsigned i = 0; i < s->n; i++)
		if (ip_prefix_concerns(&s->p[i], p))
			return true;
	return false;
}

void ip_set_free(struct ip_set *s)
{
	free(s->p);
	*s = (struct ip_set){ 0 };
}
