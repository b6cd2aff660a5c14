// SPDX-License-Identifier: GPL-2.0
#include "version.h"

/* The Makefile says it, to this file alone: the others need no new build for it */
#ifndef RWBENCH_GIT
#define RWBENCH_GIT "unknown"
#endif

const char rwbench_git[] = RWBENCH_GIT;
