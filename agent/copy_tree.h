/* copy_tree.h - files copied so that they are durable, with their holes and an owner. */
#ifndef AGENT_COPY_TREE_H
#define AGENT_COPY_TREE_H

struct err;
struct stat;

/* A new file; holes stay holes. like: whose owner it gets. Durable but for its name. */
int copy_tree_file(const char *from, const char *to, const struct stat *like, struct err *e);

/* Make a folder of that owner; one that is there is fine. */
int copy_tree_dir(const char *path, const struct stat *like, struct err *e);

/* Remove a folder with files and folders of files in it; none is fine. */
int copy_tree_remove(const char *path, struct err *e);

#endif
