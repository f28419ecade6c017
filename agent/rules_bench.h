/* rules_bench.h - what each rule costs on lines of one's own. */
#ifndef AGENT_RULES_BENCH_H
#define AGENT_RULES_BENCH_H

#include "agent/offline.h"

/*
 * Read the files with the set of o and print a line a rule, the dearest first: nanoseconds a line
 * of input, its share of all deciding, how often the filter let a line through and how many of
 * those matched, calls of PCRE2, and the longest it took for one line. Exit code.
 */
int rules_bench(const struct offline_options *o, char **files, unsigned n_files);

#endif
