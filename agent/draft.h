/*
 * draft.h - a file of lines that is written beside the one it is to replace.
 */
#ifndef AGENT_DRAFT_H
#define AGENT_DRAFT_H

#include <stdio.h>
#include <sys/types.h>

struct err;

/* Zeroed: none is open. */
struct draft {
	FILE *fp;
	char path[1040];
	off_t size; /* so far */
};

/* like: whose owner and mode it gets: the command may be root, and the agent's user goes on. */
int draft_open(struct draft *t, const char *path, const char *like, struct err *e);
void draft_line(struct draft *t, const char *line, size_t n); /* take tells what went wrong */
/* Durable under its own name, or -1 and gone. */
int draft_take(struct draft *t, const char *path, struct err *e);
void draft_drop(struct draft *t); /* when it is not taken; else nothing */

#endif
