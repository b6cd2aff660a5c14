/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The burst engine of the AXI-DMAC model: what axi-dmac.c, the register map, needs of it
 */
#ifndef AXI_DMAC_ENGINE_H
#define AXI_DMAC_ENGINE_H

#include "axi-dmac.h"

/* As DBG_STATUS shows them */
enum {
    AXI_DMAC_DO_RESET,
    AXI_DMAC_RESET,
    AXI_DMAC_DISABLED,
    AXI_DMAC_STARTUP,
    AXI_DMAC_ENABLED,
    AXI_DMAC_SHUTDOWN,
};

void axi_dmac_engine_init(struct axi_dmac *s, uint64_t now);
/* Everything that happens until @now, that included. */
void axi_dmac_engine_run(struct axi_dmac *s, uint64_t now);
/* Before that nothing happens that the guest can see without a look at a register. It is the time to look again. */
uint64_t axi_dmac_engine_look_ahead(struct axi_dmac *s);
/* CTRL was written. */
void axi_dmac_engine_ctrl(struct axi_dmac *s, bool enable, bool pause, bool hwdesc);
/* START_TRANSFER was written. */
void axi_dmac_engine_start(struct axi_dmac *s);
/* A report was read: responses go on. */
void axi_dmac_engine_unblock(struct axi_dmac *s);
void axi_dmac_engine_stall(struct axi_dmac *s, bool on);
void axi_dmac_engine_port_changed(struct axi_dmac *s);
void axi_dmac_engine_end_early(struct axi_dmac *s, struct axi_dmac_engine *e, uint64_t bytes);
uint32_t axi_dmac_engine_status(const struct axi_dmac *s);
bool axi_dmac_engine_busy(const struct axi_dmac *s);
/* Bytes answered by memory, or taken by the sink */
uint64_t axi_dmac_engine_finished(const struct axi_dmac *s);
const char *axi_dmac_engine_check(const struct axi_dmac *s);

/* What the engine tells the register map, in order of time */
void axi_dmac_accepted(struct axi_dmac *s, uint64_t t);
/* A burst was answered (@bytes), or a dropped segment is reported; returns whether another one may follow. */
bool axi_dmac_answered(struct axi_dmac *s, uint64_t t, uint64_t bytes, bool eot, bool partial);

static inline bool axi_dmac_is_cyclic(const struct axi_dmac *s)
{
    return (s->regs[AXI_DMAC_FLAGS / 4] & AXI_DMAC_FLAG_CYCLIC) && !s->e.ctrl_hwdesc;
}

/* Of a length: streams and FIFOs have whole beats, memory is written by byte enables. */
static inline uint32_t axi_dmac_align_mask(const struct axi_dmac *s)
{
    uint32_t src = s->cfg.src_type == AXI_DMAC_BUS_MEMORY ? 1 : s->cfg.src_width;
    uint32_t dst = s->cfg.dst_type == AXI_DMAC_BUS_MEMORY ? 1 : s->cfg.dst_width;

    return (src > dst ? src : dst) - 1;
}

static inline uint32_t axi_dmac_low_bits(unsigned int n)
{
    return n >= 32 ? UINT32_MAX : (1u << n) - 1;
}

#endif
