/* record_json.h - attributes and detections as JSON: for output, files and JSON columns. */
#ifndef BASE_RECORD_JSON_H
#define BASE_RECORD_JSON_H

#include "base/event.h"
#include "base/json.h"

/* {"name": value, ...}: all attributes, typed by attr_defs. */
void record_json_attributes(struct json *j, const struct event *ev);

/* The same of those that have no column; false when there are none (nothing is written). */
bool record_json_rest(struct json *j, const struct event *ev);

/* [{"rule": ...}, ...]; false when there are none (nothing is written). */
bool record_json_detections(struct json *j, const struct event *ev);

#endif
