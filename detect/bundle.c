#include "detect/bundle.h"

#include "base/err.h"
#include "base/io.h"
#include "base/problem.h"
#include "libs/crypto.h"

#include <stdio.h>
#include <stdlib.h>

#define MAGIC  "# sekisho rule bundle 1\n"
#define HASH   "# sha256 "
#define MEMBER "#file "

enum { HASH_BYTES = 32, HEX_BYTES = 2 * HASH_BYTES };

static bool sha256(struct slice a, struct slice b, char hex[HEX_BYTES + 1])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned n = 0;
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(c, a.p, a.n) == 1 && EVP_DigestUpdate(c, b.p, b.n) == 1 &&
		  EVP_DigestFinal_ex(c, hash, &n) == 1 && n == HASH_BYTES;

	EVP_MD_CTX_free(c);
	for (unsigned i = 0; ok && i < HASH_BYTES; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", hash[i]);
	return ok;
}

bool bundle_is(const char *path)
{
	char head[sizeof(MAGIC) - 1];
	FILE *f = fopen(path, "re");
	bool is = f != NULL && fread(head, 1, sizeof(head), f) == sizeof(head) &&
		  memcmp(head, MAGIC, sizeof(head)) == 0;

	if (f != NULL)
		fclose(f);
	return is;
}

static int wrong(const char *path, struct problems *p, const char *what)
{
	problem_error(p, (struct place){ path, 0, 0 }, "rule bundle: %s", what);
	return -1;
}

int bundle_open(struct bundle *b, const char *path, struct problems *p)
{
	struct err e = { 0, "" };
	struct slice all;
	struct slice line;
	char hex[HEX_BYTES + 1] = "";

	*b = (struct bundle){ 0 };
	if (io_read_file(path, BUNDLE_MAX_BYTES, &b->text, &b->n, &e) != 0)
		return wrong(path, p, e.msg);
	all = (struct slice){ b->text, b->n };
	if (!slice_starts(all, SLICE(MAGIC)))
		return wrong(path, p, "it does not begin as one");
	all = slice_from(all, sizeof(MAGIC) - 1);
	if (!slice_cut(all, '\n', &line, &all) || !slice_starts(line, SLICE(HASH)) ||
	    line.n != sizeof(HASH) - 1 + HEX_BYTES)
		return wrong(path, p, "its second line is no hash");
	if (!sha256(all, (struct slice){ NULL, 0 }, hex))
		return wrong(path, p, "SHA-256 can't be had");
	if (!slice_eq(slice_from(line, sizeof(HASH) - 1), slice_of(hex)))
		return wrong(path, p, "it was changed or is not whole: its hash is another one");
	/* the manifest is for people and for tools */
	while (slice_starts(all, SLICE("# ")) && slice_cut(all, '\n', &line, &all))
		;
	b->rest = all;
	return 0;
}

void bundle_close(struct bundle *b)
{
	free(b->text);
	*b = (struct bundle){ 0 };
}

int bundle_next(
    struct bundle *b, const char *path, struct slice *name, struct slice *text, struct problems *p)
{
	struct slice line;
	struct slice count;
	uint64_t n;

	if (b->rest.n == 0)
		return 0;
	if (!slice_cut(b->rest, '\n', &line, &b->rest) || !slice_starts(line, SLICE(MEMBER)) ||
	    !slice_cut(slice_from(line, sizeof(MEMBER) - 1), ' ', &count, name) ||
	    !slice_u64(count, &n) || n >= b->rest.n || b->rest.p[n] != '\n' || name->n == 0 ||
	    name->n > BUNDLE_NAME_MAX)
		return wrong(path, p, "a file in it does not begin as one");
	*text = slice_head(b->rest, (size_t)n);
	b->rest = slice_from(b->rest, (size_t)n + 1);
	return 1;
}

bool bundle_add(struct buf *body, struct slice name, struct slice text)
{
	if (name.n == 0 || name.n > BUNDLE_NAME_MAX || memchr(name.p, '\n', name.n) != NULL)
		return false;
	buf_printf(body, MEMBER "%zu %.*s\n", text.n, SLICE_ARG(name));
	buf_slice(body, text);
	buf_char(body, '\n');
	return true;
}

void bundle_seal(struct buf *out, struct slice manifest, struct slice body)
{
	char hex[HEX_BYTES + 1] = "";

	if (!sha256(manifest, body, hex))
		out->full = true;
	buf_printf(out, MAGIC HASH "%s\n", hex);
	buf_slice(out, manifest);
	buf_slice(out, body);
}
