/* commands.h - the subcommands; each has a file cmd_NAME.c. argv[0] is the subcommand's name. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

int cmd_scan(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_formats(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tap(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_blocks(int argc, char **argv);
int cmd_journal(int argc, char **argv);
int cmd_schema(int argc, char **argv);

#define SEKISHO_VERSION "0.1.0"

#endif
