/* auth_words.h - what a message says of somebody's attempt to get in. Not for others than auth_*.c.
 */
#ifndef PARSERS_AUTH_WORDS_H
#define PARSERS_AUTH_WORDS_H

#include "base/slice.h"

enum auth_saying {
	AUTH_SAYS_NOTHING,
	AUTH_SAYS_FAILURE, /* a login, a password, a user was not taken */
	AUTH_SAYS_SUCCESS,
	AUTH_SAYS_REFUSED,   /* somebody was denied something else, or is said to attack */
	AUTH_SAYS_ABANDONED, /* somebody went away before he said who he is; never of auth_saying()
			      */
};

/*
 * Judge English words by their neighbours: "failed" beside "login" is a failure, beside
 * "connection" it is none, and "no failed logins" isn't either. Names in snake_case and
 * CamelCase are words too, so keys and codes count. The first 256 words are read.
 */
enum auth_saying auth_saying(struct slice text);

#endif
