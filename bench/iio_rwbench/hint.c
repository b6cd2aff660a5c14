// SPDX-License-Identifier: GPL-2.0
#include "hint.h"

#include "error.h"

#include <stdbool.h>
#include <string.h>

#define DEV "/dev/"

/* One letter is missing, too much or another, or two of them have changed places */
static bool is_nearly(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), least = la < lb ? la : lb;
	size_t begin = 0, end = 0, rest_a, rest_b;

	while (begin < least && a[begin] == b[begin])
		begin++;
	while (begin + end < least && a[la - 1 - end] == b[lb - 1 - end])
		end++;
	rest_a = la - begin - end;
	rest_b = lb - begin - end;
	if (rest_a <= 1 && rest_b <= 1)
		return true;
	return rest_a == 2 && rest_b == 2 && a[begin] == b[begin + 1] && a[begin + 1] == b[begin];
}

static bool hint_command(const char *word)
{
	static const char *const commands[] = { "sweep", "relay", "zerocopy" };
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!is_nearly(word, commands[i]))
			continue;
		fail_add("; the command is called %s, and comes first, before all options", commands[i]);
		return true;
	}
	return false;
}

/* The option takes no word behind it, so that this one is taken for the device */
static bool hint_value(const struct cfg *cfg, const char *word)
{
	bool verify = !strcmp(word, "full") || !strcmp(word, "edges") || !strcmp(word, "off");
	bool file = strpbrk(word, "./") || cfg->nchannels;

	if (cfg->verify && verify)
		fail_add("; it is --verify=%s", word);
	else if (cfg->json_option && !cfg->json_file && file)
		fail_add("; if that is the file of --json, it is --json=%s", word);
	else
		return false;
	return true;
}

void hint_device(const struct cfg *cfg, const char *word)
{
	if (!strncmp(word, DEV, strlen(DEV)))
		fail_add("; its id is without " DEV ", such as %s", word + strlen(DEV));
	else if (!hint_value(cfg, word))
		hint_command(word);
}
