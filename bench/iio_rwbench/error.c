// SPDX-License-Identifier: GPL-2.0
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[1024];

int fail(int status, const char *fmt, ...)
{
	va_list ap;

	if (text[0])
		return status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	return status;
}

void fail_add(const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
}

void list_add(char *list, size_t size, const char *fmt, ...)
{
	size_t len = strlen(list);
	va_list ap;

	if (len && len + 2 < size) {
		strcpy(list + len, ", ");
		len += 2;
	}
	va_start(ap, fmt);
	vsnprintf(list + len, size - len, fmt, ap);
	va_end(ap);
}

const char *fail_text(void)
{
	return text;
}

void fail_clear(void)
{
	text[0] = '\0';
}
