/*
 * secret_name.h - which names promise a secret: of parameters, members, attributes, headers.
 */
#ifndef DETECT_SECRET_NAME_H
#define DETECT_SECRET_NAME_H

#include "base/slice.h"

enum {
	SECRET_VALUE = 1 << 0,	/* what it names is secret */
	SECRET_NUMBER = 1 << 1, /* a number too: of others, numbers count something */
	SECRET_DEEP = 1 << 2,	/* and all that is within an object of that name */
	SECRET_AUTH = 1 << 3,	/* Authorization: a scheme, and what it needs */
	SECRET_COOKIE = 1 << 4, /* Cookie: pairs, each value of which is secret */
};

/* What name (letters, digits, _ and -) says of its value: SECRET_*, or 0. Of a long one, by its
 * end. */
unsigned secret_name(struct slice name);

/* The same of an attribute: of the last part of its name, or a DEEP one before that. */
unsigned secret_name_of_attribute(struct slice name);

#endif
