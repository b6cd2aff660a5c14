// SPDX-License-Identifier: GPL-2.0
/* Exit status 0 if standard input is exactly one JSON document */
#include "json_lint.h"

#include <stdio.h>

int main(void)
{
	static char text[1 << 20];
	size_t n = fread(text, 1, sizeof(text) - 1, stdin);

	text[n] = '\0';
	return json_valid(text) ? 0 : 1;
}
