/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_RELAY_H
#define RWBENCH_RELAY_H

#include "transport.h"

/* Transports of an input whose samples go on to an output or a USB host, xfer.to */
extern const struct transport_ops relay_copy_ops;
extern const struct transport_ops relay_share_ops;

#endif
