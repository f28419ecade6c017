/*
 * stats.h - the agent's counters, in one table: status, /metrics and audit read it.
 *
 * Relaxed atomics: each is right by itself, and nothing is decided by two of them.
 */
#ifndef AGENT_STATS_H
#define AGENT_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* name, type of metric, help */
#define STATS_TABLE(X)                                                                          \
	X(bytes_read, COUNTER, "Bytes of logs journalled")                                      \
	X(lines_read, COUNTER, "Lines of logs journalled")                                      \
	X(events_read, COUNTER, "Events made of what was read")                                 \
	X(events, COUNTER, "Events journalled")                                                 \
	X(parse_errors, COUNTER, "Events that no parser understood")                            \
	X(detections, COUNTER, "Detections on events")                                          \
	X(alerts, COUNTER, "Alerts raised")                                                     \
	X(blocks, COUNTER, "Blocks decided, shadow included")                                   \
	X(match_undecided, COUNTER, "Rules that a limit left undecided")                        \
	X(regex_calls, COUNTER, "Calls of PCRE2")                                               \
	X(possibly_lost_reports, COUNTER, "Reports of bytes or records that may be lost")       \
	X(possibly_lost_bytes, COUNTER, "Bytes known to be lost, by truncation and the like")   \
	X(possibly_lost_records, COUNTER, "Records that may be lost, at most")                  \
	X(duplicates_dropped, COUNTER, "Messages read both from a file and from journald")      \
	X(frames, COUNTER, "Frames journalled")                                                 \
	X(journal_failures, COUNTER, "Appends to the journal that failed and were tried again") \
	X(bulk_shed_at_birth, COUNTER, "Bulk events that found no space")                       \
	X(open_files, GAUGE, "Logs being followed")                                             \
	X(windows, GAUGE, "Correlation windows in use")                                         \
	X(windows_evicted, COUNTER, "Correlation windows displaced while they counted")         \
	X(active_blocks, GAUGE, "Blocks in force or in shadow")                                 \
	X(rules_loaded, GAUGE, "Rules in use")                                                  \
	X(reloads, COUNTER, "Reloads of rules that took effect")                                \
	X(reload_failures, COUNTER, "Reloads of rules that were refused")                       \
	X(engine_checks, COUNTER, "Events on which the filters were compared with PCRE2 alone") \
	X(engine_differences, COUNTER, "Events on which they differed")                         \
	X(crawlers_verified, COUNTER, "Crawlers whose address DNS confirmed")                   \
	X(crawlers_forged, COUNTER, "Addresses that called themselves a crawler and are none")  \
	X(crawlers_unanswered, COUNTER, "Crawlers for which DNS had no answer")                 \
	X(crawlers_not_asked, COUNTER, "Crawlers that found no place in the queue for DNS")     \
	X(log_lines_held_back, COUNTER, "Lines of the agent's own log that were held back")

struct stats {
#define STATS_FIELD(name, type, help) atomic_ullong name;
	STATS_TABLE(STATS_FIELD)
#undef STATS_FIELD
};

#define stats_add(s, field, n) atomic_fetch_add_explicit(&(s)->field, (n), memory_order_relaxed)
#define stats_set(s, field, v) atomic_store_explicit(&(s)->field, (v), memory_order_relaxed)
#define stats_get(s, field)    atomic_load_explicit(&(s)->field, memory_order_relaxed)

#endif
