/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between the QEMU versions that qemu-plugin.c builds for, and nothing else
 *
 * BOARD_QEMU_MAJOR and _MINOR come from the build script, out of QEMU's own VERSION file.
 */
#ifndef BOARD_QEMU_COMPAT_H
#define BOARD_QEMU_COMPAT_H

#define BOARD_QEMU_SINCE(major, minor) \
    (BOARD_QEMU_MAJOR > (major) || (BOARD_QEMU_MAJOR == (major) && BOARD_QEMU_MINOR >= (minor)))

#if __has_include("hw/core/qdev.h")
#include "hw/core/irq.h"
#include "hw/core/qdev.h"
#include "hw/core/qdev-properties.h"
#else
#include "hw/irq.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#endif
#if __has_include("system/reset.h")
#include "system/reset.h"
#else
#include "sysemu/reset.h"
#endif
#if __has_include("system/memory.h")
#include "system/memory.h"
#include "system/address-spaces.h"
#else
#include "exec/memory.h"
#include "exec/address-spaces.h"
#endif
#if __has_include("migration/vmstate.h")
#include "migration/vmstate.h"
#endif
#if __has_include("plugins/qemu-plugin.h")
#include "plugins/qemu-plugin.h"
#else
#include "qemu/qemu-plugin.h"
#endif

/* 9.2 dropped the end marker of property lists and made them const, 10.1 class data too */
#if BOARD_QEMU_SINCE(9, 2)
#define BOARD_PROPERTIES        static const Property
#define BOARD_PROPERTIES_END
#else
#define BOARD_PROPERTIES        static Property
#define BOARD_PROPERTIES_END    DEFINE_PROP_END_OF_LIST(),
#endif
#if BOARD_QEMU_SINCE(10, 1)
typedef const void BoardClassData;
#else
typedef void BoardClassData;
#endif

/*
 * Not in every version. Were it not weak, the loader would refuse this library before the
 * guard can say why.
 */
#if BOARD_QEMU_SINCE(9, 2)
#pragma weak device_class_set_props_n
#else
#pragma weak device_class_set_props
#endif

#endif
