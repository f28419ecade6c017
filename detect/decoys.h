/*
 * decoys.h - paths and profiles that no screen links to, as rules.
 *
 * Whoever comes there follows no link: he guesses, or walks through numbers. One rule
 * (web.decoy.visited) sees the visits; three correlations raise an alert at the first one, by
 * account, by session and by client, so that it says who it was behind a shared address as well.
 */
#ifndef DETECT_DECOYS_H
#define DETECT_DECOYS_H

#include "base/buf.h"
#include "base/slice.h"

/* Is s a path that begins with /, of at most 1,024 bytes without blanks and control characters? */
bool decoy_is_path(struct slice s);

/* Is s the id of a profile: letters, digits, - and _, at most 64? */
bool decoy_is_profile(struct slice s);

/* Sigma rules (YAML) for decoys that are what the two above say. Nothing for none. */
void decoys_rules(const char *const *paths, unsigned n_paths, const char *const *profiles,
    unsigned n_profiles, struct buf *out);

#endif
