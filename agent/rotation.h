/*
 * rotation.h - will lines be gone before they are read? What logrotate, auditd and journald
 * will do with the logs of a config.
 *
 * Warnings go to p with the place of the setting; none is a mistake of the config, so
 * none is an error. root: folder that stands for /, "" for the host itself.
 */
#ifndef AGENT_ROTATION_H
#define AGENT_ROTATION_H

#include "agent/config.h"

void rotation_check(const struct config *c, const char *root, struct problems *p);

/* rotation_rate.c: bytes a second, from the size of the log and the age of its first line. 0:
 * unknown. */
double rotation_rate(const struct input_config *in, const char *path);

/* "40 s", "4 min", "3 h", "12 d" into to. Returns to. */
char *rotation_span(double seconds, char to[static 32]);

/* The daemons' own rotation: auditd for `path` (without the root), journald. */
void rotation_auditd(
    const struct input_config *in, const char *root, const char *path, struct problems *p);
void rotation_journald(const char *root, struct problems *p);

enum {
	ROTATION_SOON_S = 3600
}; /* what is gone sooner doesn't outlive an upgrade that went wrong */

#endif
