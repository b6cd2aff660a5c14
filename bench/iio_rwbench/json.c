// SPDX-License-Identifier: GPL-2.0
#include "json.h"

#include <inttypes.h>
#include <math.h>

void json_init(struct json *j, FILE *out)
{
	j->out = out;
	j->depth = 0;
	j->member = false;
}

/* Length of a valid UTF-8 sequence of two bytes or more, or 0 */
static int utf8_len(const unsigned char *s)
{
	int len, i;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		len = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		len = 4;
	else
		return 0;

	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;

	/* Overlong forms, surrogates, beyond the last code point */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Labels and notes come from elsewhere: whatever they hold, JSON stays valid */
static void put_text(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int len;

	fputc('"', j->out);
	while (*s) {
		if (*s == '"' || *s == '\\') {
			fprintf(j->out, "\\%c", *s++);
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(j->out, "\\u%04x", (unsigned int)*s++);
		} else if (*s < 0x80) {
			fputc(*s++, j->out);
		} else if ((len = utf8_len(s))) {
			fwrite(s, 1, (size_t)len, j->out);
			s += len;
		} else {
			fputs("\\ufffd", j->out);
			s++;
		}
	}
	fputc('"', j->out);
}

static void put_key(struct json *j, const char *key)
{
	if (j->member)
		fputc(',', j->out);
	if (j->depth)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	if (key) {
		put_text(j, key);
		fputs(": ", j->out);
	}
	j->member = true;
}

static void begin(struct json *j, const char *key, char bracket)
{
	put_key(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->member = false;
}

static void end(struct json *j, char bracket)
{
	j->depth--;
	if (j->member)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	fputc(bracket, j->out);
	j->member = true;
}

void json_object(struct json *j, const char *key)
{
	begin(j, key, '{');
}

void json_end_object(struct json *j)
{
	end(j, '}');
}

void json_array(struct json *j, const char *key)
{
	begin(j, key, '[');
}

void json_end_array(struct json *j)
{
	end(j, ']');
}

void json_end(struct json *j)
{
	fputc('\n', j->out);
}

void json_str(struct json *j, const char *key, const char *val)
{
	put_key(j, key);
	put_text(j, val);
}

void json_u64(struct json *j, const char *key, uint64_t val)
{
	put_key(j, key);
	fprintf(j->out, "%" PRIu64, val);
}

void json_num(struct json *j, const char *key, double val, int digits)
{
	if (!isfinite(val)) {
		json_null(j, key);
		return;
	}
	put_key(j, key);
	fprintf(j->out, "%.*f", digits, val);
}

void json_bool(struct json *j, const char *key, bool val)
{
	put_key(j, key);
	fputs(val ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	put_key(j, key);
	fputs("null", j->out);
}
