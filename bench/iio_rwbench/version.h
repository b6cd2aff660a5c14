/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_VERSION_H
#define RWBENCH_VERSION_H

/* The commit that this was built from, "-dirty" if with changes; or "unknown" */
extern const char rwbench_git[];

#endif
