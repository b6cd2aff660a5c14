/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_JSON_H
#define RWBENCH_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Writes one JSON document, indented. A NULL key is for members of arrays. */
struct json {
	FILE *out;
	unsigned int depth;
	bool member;		/* a comma is due */
};

void json_init(struct json *j, FILE *out);
void json_object(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_array(struct json *j, const char *key);
void json_end_array(struct json *j);
void json_end(struct json *j);

void json_str(struct json *j, const char *key, const char *val);
void json_u64(struct json *j, const char *key, uint64_t val);
void json_num(struct json *j, const char *key, double val, int digits);
void json_bool(struct json *j, const char *key, bool val);
void json_null(struct json *j, const char *key);

#endif
