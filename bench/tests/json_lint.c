// SPDX-License-Identifier: GPL-2.0
#include "json_lint.h"

#include <stddef.h>
#include <string.h>

#define MAX_DEPTH 64

static const char *value(const char *p, int depth);

static const char *space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *digits(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n ? p + n : NULL;
}

static const char *number(const char *p)
{
	if (*p == '-')
		p++;
	p = *p == '0' ? p + 1 : digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		p = digits(p);
	}
	return p;
}

static const char *string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p != '\\') {
			p++;
		} else if (p[1] == 'u') {
			if (strspn(p + 2, "0123456789abcdefABCDEF") < 4)
				return NULL;
			p += 6;
		} else if (p[1] && strchr("\"\\/bfnrt", p[1])) {
			p += 2;
		} else {
			return NULL;
		}
	}
	return p + 1;
}

static const char *members(const char *p, int depth, char end)
{
	p = space(p);
	if (*p == end)
		return p + 1;

	for (;;) {
		if (end == '}') {
			p = string(space(p));
			if (!p)
				return NULL;
			p = space(p);
			if (*p++ != ':')
				return NULL;
		}
		p = value(p, depth);
		if (!p)
			return NULL;
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static const char *word(const char *p, const char *w)
{
	return strncmp(p, w, strlen(w)) ? NULL : p + strlen(w);
}

static const char *value(const char *p, int depth)
{
	if (depth > MAX_DEPTH)
		return NULL;

	p = space(p);
	switch (*p) {
	case '{':
		p = members(p + 1, depth + 1, '}');
		break;
	case '[':
		p = members(p + 1, depth + 1, ']');
		break;
	case '"':
		p = string(p);
		break;
	case 't':
		p = word(p, "true");
		break;
	case 'f':
		p = word(p, "false");
		break;
	case 'n':
		p = word(p, "null");
		break;
	default:
		p = number(p);
	}
	return p ? space(p) : NULL;
}

bool json_valid(const char *text)
{
	const char *end = value(text, 0);

	return end && !*end;
}
