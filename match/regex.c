#include "match/regex.h"

#include "base/err.h"

#include <errno.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	LIMIT_JIT = 10000,
	LIMIT_INTERPRETED = 1000, /* a step costs ten times as much there */
	LIMIT_DEPTH = 1000,
	LIMIT_HEAP_KIB = 1024,
	JIT_STACK_MIN = 32 * 1024,
	JIT_STACK_MAX = 256 * 1024,
};

/*
 * Machine code is made at the first run: most patterns of a pack never see a text that could
 * match, and theirs would be a fifth of an idle agent's memory.
 */
struct regex {
	pcre2_code *code;
	atomic_bool was_run; /* `jit` says whether there is machine code */
	bool jit;
};

struct regex_ctx {
	pcre2_match_data *data;		/* room for the whole match */
	pcre2_match_data *groups;	/* and for all groups */
	pcre2_match_context *limits[2]; /* by regex.jit */
	pcre2_jit_stack *stack;
};

static pcre2_code *compile(struct slice pattern, uint32_t options, struct err *e)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	PCRE2_SIZE at = 0;
	int rc = 0;

	if (!cc) {
		err_set(e, ENOMEM, "no memory for a pattern");
		return NULL;
	}
	/*
	 * The window engine relies on these two, so a library built otherwise must not matter.
	 * Texts have CR where lines end (detect/canon.h): with `m` that is where ^ and $ match.
	 */
	pcre2_set_newline(cc, options & PCRE2_MULTILINE ? PCRE2_NEWLINE_ANYCRLF : PCRE2_NEWLINE_LF);
	pcre2_set_bsr(cc, PCRE2_BSR_UNICODE);
	code = pcre2_compile(
	    (PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options, &rc, &at, cc);
	pcre2_compile_context_free(cc);
	if (!code) {
		PCRE2_UCHAR text[160] = "";

		pcre2_get_error_message(rc, text, sizeof(text));
		err_set(e, EINVAL, "pattern, offset %zu: %s", (size_t)at, (const char *)text);
	}
	return code;
}

struct regex *regex_compile(struct slice pattern, unsigned flags, struct err *e)
{
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY;
	uint32_t empty = 1;
	struct regex *re;

	if (pattern.n > REGEX_PATTERN_MAX) {
		err_set(e, EINVAL, "pattern of %zu bytes, the limit is %d", pattern.n,
		    REGEX_PATTERN_MAX);
		return NULL;
	}
	options |= flags & REGEX_CASELESS ? PCRE2_CASELESS : 0;
	options |= flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
	options |= flags & REGEX_DOTALL ? PCRE2_DOTALL : 0;
	options |= flags & REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
	re = calloc(1, sizeof(*re));
	if (!re) {
		err_set(e, ENOMEM, "no memory for a pattern");
		return NULL;
	}
	re->code = compile(pattern, options, e);
	if (!re->code) {
		regex_free(re);
		return NULL;
	}
	pcre2_pattern_info(re->code, PCRE2_INFO_MATCHEMPTY, &empty);
	if (empty) {
		regex_free(re);
		err_set(e, EINVAL, "pattern can match the empty text, so it would always match");
		return NULL;
	}
	return re;
}

static void first_run(struct regex *re)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!atomic_load_explicit(&re->was_run, memory_order_relaxed)) {
		re->jit = pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0;
		atomic_store_explicit(&re->was_run, true, memory_order_release);
	}
	pthread_mutex_unlock(&lock);
}

static int run(struct regex *re, struct regex_ctx *ctx, struct slice text, pcre2_match_data *data)
{
	if (!atomic_load_explicit(&re->was_run, memory_order_acquire))
		first_run(re);
	return pcre2_match(
	    re->code, (PCRE2_SPTR)(text.n ? text.p : ""), text.n, 0, 0, data, ctx->limits[re->jit]);
}

void regex_free(struct regex *re)
{
	if (re)
		pcre2_code_free(re->code);
	free(re);
}

size_t regex_memory(const struct regex *re)
{
	size_t code = 0, jit = 0;

	pcre2_pattern_info(re->code, PCRE2_INFO_SIZE, &code);
	pcre2_pattern_info(re->code, PCRE2_INFO_JITSIZE, &jit);
	return sizeof(*re) + code + jit;
}

struct regex_ctx *regex_ctx_new(struct err *e)
{
	struct regex_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		goto out;
	ctx->data = pcre2_match_data_create(1, NULL);
	ctx->groups = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL);
	ctx->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	for (int jit = 0; jit < 2; jit++) {
		pcre2_match_context *mc = pcre2_match_context_create(NULL);

		ctx->limits[jit] = mc;
		if (!mc)
			goto out;
		pcre2_set_match_limit(mc, jit ? LIMIT_JIT : LIMIT_INTERPRETED);
		pcre2_set_depth_limit(mc, LIMIT_DEPTH);
		pcre2_set_heap_limit(mc, LIMIT_HEAP_KIB);
		/* No stack is had where the library has no JIT; then none is needed. */
		if (ctx->stack)
			pcre2_jit_stack_assign(mc, NULL, ctx->stack);
	}
	if (ctx->data && ctx->groups)
		return ctx;
out:
	regex_ctx_free(ctx);
	err_set(e, ENOMEM, "no memory to run patterns");
	return NULL;
}

void regex_ctx_free(struct regex_ctx *ctx)
{
	if (!ctx)
		return;
	pcre2_match_data_free(ctx->data);
	pcre2_match_data_free(ctx->groups);
	pcre2_match_context_free(ctx->limits[0]);
	pcre2_match_context_free(ctx->limits[1]);
	pcre2_jit_stack_free(ctx->stack);
	free(ctx);
}

enum regex_result regex_find(
    struct regex *re, struct regex_ctx *ctx, struct slice text, struct regex_span *span)
{
	const PCRE2_SIZE *at;
	int rc = run(re, ctx, text, ctx->data);

	if (rc == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	/* Besides the four limits, any error leaves the text undecided: it must show as well. */
	if (rc < 0)
		return REGEX_LIMIT;
	if (span) {
		at = pcre2_get_ovector_pointer(ctx->data);
		/* \K in a subroutine can put the start behind the end. */
		span->start = at[0] < at[1] ? at[0] : at[1];
		span->end = at[0] < at[1] ? at[1] : at[0];
	}
	return REGEX_YES;
}

unsigned regex_group_count(const struct regex *re)
{
	uint32_t n = 0;

	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &n);
	return n;
}

unsigned regex_name_count(const struct regex *re)
{
	uint32_t n = 0;

	pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &n);
	return n;
}

/* An entry of PCRE2's table: two bytes of number, most significant first, then the name. */
struct slice regex_name(const struct regex *re, unsigned i, unsigned *group)
{
	PCRE2_SPTR table = NULL;
	uint32_t size = 0;

	pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	table += (size_t)i * size;
	*group = (unsigned)table[0] << 8 | table[1];
	return slice_of((const char *)table + 2);
}

enum regex_result regex_groups(struct regex *re, struct regex_ctx *ctx, struct slice text,
    struct regex_span spans[REGEX_GROUPS_MAX + 1])
{
	int rc = run(re, ctx, text, ctx->groups);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(ctx->groups);

	if (rc == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	if (rc <= 0) /* 0: more groups than there is room for */
		return REGEX_LIMIT;
	for (int i = 0; i <= REGEX_GROUPS_MAX; i++) {
		bool set = i < rc && at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];

		spans[i] = set ? (struct regex_span){ at[2 * i], at[2 * i + 1] }
			       : (struct regex_span){ 1, 0 };
	}
	return REGEX_YES;
}
