/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of ADI's ZCU102 + FMComms2/3 FPGA design, free of any emulator
 *
 * Two AXI-DMACs (receive, transmit), the axi_ad9361 core between them and the
 * converter, and one block that the real design does not have: "control". It
 * stands for what a real board reaches over SPI (the sample rate of the AD9361)
 * and gives tests the levers that hardware lacks: faults on request, and exact
 * counts of what was lost. The README has its register page.
 */
#ifndef FMCOMMS2_H
#define FMCOMMS2_H

#include "axi-adc.h"
#include "axi-dmac.h"

/* Where ADI's ZCU102 design has them; the interrupts are GIC SPIs. */
#define FMCOMMS2_RX_DMAC_ADDR   0x9c400000u
#define FMCOMMS2_TX_DMAC_ADDR   0x9c420000u
#define FMCOMMS2_CORE_ADDR      0x99020000u
#define FMCOMMS2_DAC_OFFSET     0x4000u
#define FMCOMMS2_RX_SPI         109
#define FMCOMMS2_TX_SPI         108
/* Ours, in a free part of the PL window */
#define FMCOMMS2_CTRL_ADDR      0x9d000000u

#define FMC2_ID                 0x00
#define   FMC2_ID_MAGIC           0x464d4332u   /* "FMC2" */
#define FMC2_VERSION            0x04
#define   FMC2_VERSION_1_3        0x00010300u
#define FMC2_SCRATCH            0x08
#define FMC2_CHANNELS           0x0c
#define FMC2_RATE               0x10
#define FMC2_MAX_RATE           0x14
#define   FMC2_MAX_RATE_HZ        61440000u
#define FMC2_PATTERN            0x18
#define FMC2_FIFO_DEPTH         0x1c
#define FMC2_POSITION           0x20
#define FMC2_POSITION_HIGH      0x24
#define FMC2_LOST               0x28
#define FMC2_LOST_HIGH          0x2c
#define FMC2_OVERFLOWS          0x30
#define FMC2_RX_FAULT           0x40
#define   FMC2_FAULT_HANG         (1u << 0)
#define   FMC2_FAULT_BUS_ERROR    (1u << 1)
#define   FMC2_FAULT_EARLY_END    (1u << 2)
#define   FMC2_FAULT_LATE_IRQ     (1u << 3)
#define   FMC2_FAULT_SPURIOUS_IRQ (1u << 4)
#define   FMC2_FAULT_OVERFLOW     (1u << 5)
#define FMC2_RX_EARLY_BYTES     0x44
#define FMC2_RX_LATE_NS         0x48
#define FMC2_RX_OVERFLOW_BYTES  0x4c
#define FMC2_RX_TRANSFERS       0x50
#define FMC2_RX_BUS_ERRORS      0x54
#define FMC2_RX_HOLD            0x58
#define FMC2_RX_STALL           0x5c
#define FMC2_TX_FAULT           0x60
#define FMC2_TX_EARLY_BYTES     0x64
#define FMC2_TX_LATE_NS         0x68
#define FMC2_TX_TRANSFERS       0x70
#define FMC2_TX_BUS_ERRORS      0x74
#define FMC2_TX_HOLD            0x78
#define FMC2_TX_STALL           0x7c
#define FMC2_TX_BYTES           0x80
#define FMC2_TX_BYTES_HIGH      0x84
#define FMC2_TX_HASH            0x88
#define FMC2_TX_HASH_HIGH       0x8c
#define FMC2_TX_UNDERFLOWS      0x90
#define FMC2_TX_CLEAR           0x94
#define FMC2_TX_REPEATED        0x98
#define FMC2_TX_REPEATED_HIGH   0x9c
/* What no driver may make the DMA controllers do, both together; 0xa0 is the sum of those that follow */
#define FMC2_OFFENCES           0xa0
#define FMC2_CROSSINGS          0xa4
#define FMC2_LATE_WRITES        0xa8
#define FMC2_LATE_FETCHES       0xac
#define FMC2_EDITS              0xb0
#define FMC2_LOST_MODES         0xb4
#define FMC2_TX_COUNT           0xc0
#define FMC2_TX_JUMPS           0xc8
#define FMC2_TX_JUMPS_HIGH      0xcc
#define FMC2_TX_LOST            0xd0
#define FMC2_TX_LOST_HIGH       0xd4
#define FMC2_MAP_SIZE           0x100

enum fmcomms2_block {
    FMCOMMS2_RX_DMAC,
    FMCOMMS2_TX_DMAC,
    FMCOMMS2_CORE,
    FMCOMMS2_CTRL,
    FMCOMMS2_BLOCKS
};

enum fmcomms2_dir { FMCOMMS2_RX, FMCOMMS2_TX };

struct fmcomms2_config {
    uint32_t dmac_version, adc_version, dac_version;
    bool sg, two_d, coherent;   /* of both DMACs */
    bool no_debug;
    bool sync;                  /* receive: requests wait for a scan to begin */
    bool cyclic;                /* transmit */
    bool pack_skips;            /* util_cpack2 does not pack the first sample after a reset */
    uint8_t addr_width;
    uint8_t length_width;
    uint8_t rx_source;          /* AXI_DMAC_BUS_FIFO as in ADI's designs, or _STREAM */
    uint8_t rx_width;           /* bytes of that side, the memory side has 8 */
    uint8_t fifo_bursts;
    uint16_t burst;             /* bytes */
    struct axi_dmac_memory mem;
    uint32_t sample_rate;
    uint32_t pattern;
};

struct fmcomms2_ops {
    bool (*mem_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    bool (*mem_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
    void (*irq)(void *opaque, enum fmcomms2_dir dir, bool level);
};

struct fmcomms2 {
    struct axi_dmac dmac[2];
    struct axi_adc adc;
    struct axi_dac dac;
    uint32_t ctrl[FMC2_MAP_SIZE / 4];
    uint32_t latch;             /* high half of the last low half read */
    unsigned int seen[2];       /* changes of the slots that the DMACs know about */
    const struct fmcomms2_ops *ops;
    void *opaque;
};

/*
 * The design by the name of ADI's release: 2022_R2, 2023_R2 or 2026_R1. Fills all of @cfg, what is to be
 * different is set afterwards. Returns NULL, or a sentence that says which names there are.
 */
const char *fmcomms2_design(struct fmcomms2_config *cfg, const char *name);
/* The newest one */
void fmcomms2_default_config(struct fmcomms2_config *cfg);
/* Returns NULL, or a sentence about what is wrong with the configuration. */
const char *fmcomms2_init(struct fmcomms2 *b, const struct fmcomms2_config *cfg,
                          const struct fmcomms2_ops *ops, void *opaque);
void fmcomms2_reset(struct fmcomms2 *b, uint64_t now);

uint32_t fmcomms2_read(struct fmcomms2 *b, enum fmcomms2_block block, uint32_t offset, uint64_t now);
void fmcomms2_write(struct fmcomms2 *b, enum fmcomms2_block block, uint32_t offset, uint32_t value, uint64_t now);

uint64_t fmcomms2_next_event(struct fmcomms2 *b);
void fmcomms2_advance(struct fmcomms2 *b, uint64_t now);

/* As a write to the fault register; FMC2_FAULT_*, or 0 to take back what is armed. */
void fmcomms2_fault(struct fmcomms2 *b, enum fmcomms2_dir dir, uint32_t faults, uint64_t now);

#endif
