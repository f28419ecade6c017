/*
 * cache_dir.h - where what can be computed again is kept.
 *
 * $CACHE_DIRECTORY (systemd's CacheDirectory=), else /var/cache/sekisho for root and
 * $XDG_CACHE_HOME/sekisho or ~/.cache/sekisho for others. Made when it is missing.
 */
#ifndef AGENT_CACHE_DIR_H
#define AGENT_CACHE_DIR_H

/* NULL: there is none. One thread. */
const char *cache_dir(void);

/*
 * The folder with TRIGGER_CACHE of the rules that come with the program: ../share/sekisho beside
 * the program's folder, else that folder itself, as in a build. NULL: there is none. One thread.
 */
const char *cache_shipped_dir(void);

#endif
