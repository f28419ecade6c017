#include "agent/processes.h"

#include "base/arena.h"
#include "base/event.h"
#include "detect/records.h"
#include "detect/rule.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SETS = 1024, WAYS = 4, IMAGE_MAX = 256, COMMAND_MAX = 1024 };

struct process {
	uint64_t key; /* of host and pid; 0: free */
	uint64_t used;
	bool has_command;
	uint16_t image_n, command_n;
	char image[IMAGE_MAX];
	char command[COMMAND_MAX];
};

struct processes {
	struct process all[SETS][WAYS];
	uint64_t clock;
};

struct processes *processes_new(void)
{
	return calloc(1, sizeof(struct processes));
}

void processes_free(struct processes *p)
{
	free(p);
}

/* Logs of several hosts may come through one file: "node=NAME " is the head of their lines. */
static uint64_t key_of(const struct event *ev, struct slice pid)
{
	struct slice node = { 0 };
	struct slice rest;
	uint64_t seed = 0;

	if (slice_starts(ev->body, SLICE("node=")))
		slice_cut(ev->body, ' ', &node, &rest);
	if (node.n > 0)
		seed = XXH3_64bits(node.p, node.n);
	return XXH3_64bits_withSeed(pid.p, pid.n, seed) | 1;
}

static struct process *find(struct processes *p, uint64_t key)
{
	struct process *set = p->all[(key >> 1) % SETS];

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].key == key) {
			set[i].used = ++p->clock;
			return &set[i];
		}
	return NULL;
}

static struct process *make(struct processes *p, uint64_t key)
{
	struct process *x = find(p, key);
	struct process *set = p->all[(key >> 1) % SETS];

	if (x != NULL)
		return x;
	x = set;
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].used < x->used)
			x = &set[i];
	x->key = key;
	x->used = ++p->clock;
	x->image_n = x->command_n = 0;
	x->has_command = false;
	return x;
}

static bool has_image(const struct process *x, struct slice image)
{
	size_t n = image.n < IMAGE_MAX ? image.n : IMAGE_MAX;

	return n == x->image_n && memcmp(x->image, image.p, n) == 0;
}

static void set_image(struct process *x, struct slice image)
{
	x->image_n = (uint16_t)(image.n < IMAGE_MAX ? image.n : IMAGE_MAX);
	memcpy(x->image, image.p, x->image_n);
}

static void set_command(struct process *x, struct slice command)
{
	x->command_n = (uint16_t)(command.n < COMMAND_MAX ? command.n : COMMAND_MAX);
	x->has_command = command.n > 0;
	if (command.n > 0)
		memcpy(x->command, command.p, x->command_n);
}

static void add_parent(struct processes *p, struct arena *a, struct event *ev)
{
	struct slice ppid = event_get(ev, ATTR_PROCESS_PPID);
	const struct process *x = ppid.n > 0 ? find(p, key_of(ev, ppid)) : NULL;

	if (x == NULL || x->image_n == 0)
		return;
	event_add_named(ev, SLICE("process.parent.executable.path"),
	    arena_copy(a, (struct slice){ x->image, x->image_n }));
	if (x->has_command)
		event_add_named(ev, SLICE("process.parent.command_line"),
		    arena_copy(a, (struct slice){ x->command, x->command_n }));
}

void processes_event(struct processes *p, struct arena *a, struct event *ev)
{
	struct slice pid = event_get(ev, ATTR_PROCESS_PID);
	struct slice image = event_get(ev, ATTR_PROCESS_EXE);
	struct process *x;
	bool starts;

	if (pid.n == 0 || image.n == 0 || event_get(ev, ATTR_AUDIT_SYSCALL).n == 0)
		return; /* what programs themselves report is about somebody else's */
	starts = (records_classes(ev) & CLASS_PROCESS) != 0;
	if (starts)
		add_parent(p, a, ev);
	x = make(p, key_of(ev, pid));
	if (starts)
		set_command(x, event_get(ev, ATTR_PROCESS_COMMAND));
	else if (!has_image(x, image))
		x->has_command =
		    false; /* its execve was not seen, or the number is another's now */
	set_image(x, image);
}
