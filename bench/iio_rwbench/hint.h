/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_HINT_H
#define RWBENCH_HINT_H

#include "options.h"

/* Ends the sentence on @word, which names no device, with what may have been meant by it */
void hint_device(const struct cfg *cfg, const char *word);

#endif
