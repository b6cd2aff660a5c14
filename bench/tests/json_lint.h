/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_JSON_LINT_H
#define RWBENCH_JSON_LINT_H

#include <stdbool.h>

/* Is @text exactly one JSON document, by RFC 8259, and nothing else? */
bool json_valid(const char *text);

#endif
