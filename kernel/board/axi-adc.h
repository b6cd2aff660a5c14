/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the converter side of ADI's FMComms2/3 design, free of any emulator
 *
 * The ADC half makes a stream of samples that is continuous in time: sample n
 * belongs to time n / rate, whether anybody listens or not. Between it and the
 * DMA is a FIFO. What does not fit is lost, in beats of eight bytes, shows as a
 * jump in the data and sets the overflow bit of the core. The DAC half consumes
 * in the same way and sets the underflow bit when it starves.
 *
 * Registers are those of ADI's axi_ad9361: the ADC half at offset 0, the DAC
 * half at 0x4000.
 */
#ifndef AXI_ADC_H
#define AXI_ADC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AXI_CONV_NEVER              UINT64_MAX
#define AXI_CONV_CHANNELS           4
#define AXI_CONV_BEAT               8   /* bytes, the width of the FIFO */

/* Registers that both halves have */
#define AXI_CONV_VERSION            0x000
#define AXI_CONV_ID                 0x004
#define AXI_CONV_SCRATCH            0x008
#define AXI_CONV_CONFIG             0x00c
#define AXI_CONV_PPS_IRQ_MASK       0x010
#define AXI_CONV_RSTN               0x040
#define   AXI_CONV_RSTN_RSTN          (1u << 0)
#define   AXI_CONV_RSTN_MMCM          (1u << 1)
#define   AXI_CONV_RSTN_CE_N          (1u << 2)
#define AXI_CONV_CNTRL              0x044
#define AXI_CONV_CNTRL_2            0x048
#define AXI_CONV_CNTRL_3            0x04c   /* DAC: RATECNTRL */
#define AXI_CONV_CLK_FREQ           0x054
#define AXI_CONV_CLK_RATIO          0x058
#define AXI_CONV_STATUS             0x05c
#define AXI_CONV_SYNC_STATUS        0x068
#define AXI_CONV_DRP_CNTRL          0x070
#define AXI_CONV_DRP_STATUS         0x074
#define   AXI_CONV_DRP_LOCKED         (1u << 17)
#define AXI_CONV_DRP_WDATA          0x078
#define AXI_CONV_UI_STATUS          0x088
#define   AXI_ADC_UI_OVF              (1u << 2)
#define   AXI_DAC_UI_UNF              (1u << 0)
#define AXI_CONV_GPIO_OUT           0x0bc
#define AXI_CONV_TIMER              0x100

#define AXI_ADC_START_CODE          0x0a4
#define AXI_ADC_CUSTOM_WR           0x080

#define AXI_CONV_CHAN(c, reg)       (0x400 + (c) * 0x40 + (reg))
#define AXI_ADC_CHAN_CTRL           0x00
#define   AXI_ADC_CHAN_ENABLE         (1u << 0)
#define   AXI_ADC_CHAN_PN_TYPE_OWR    (1u << 1)
#define   AXI_ADC_CHAN_PN_SEL_OWR     (1u << 10)
#define AXI_ADC_CHAN_STATUS         0x04
#define   AXI_ADC_CHAN_PN_OOS         (1u << 1)
#define AXI_ADC_CHAN_CNTRL_1        0x10
#define AXI_ADC_CHAN_CNTRL_2        0x14
#define AXI_ADC_CHAN_CNTRL_3        0x18
#define AXI_CONV_CHAN_USR_1         0x20
#define AXI_CONV_CHAN_USR_2         0x24
#define AXI_ADC_DELAY(lane)         (0x800 + (lane) * 4)
#define AXI_ADC_LANES               7
#define AXI_ADC_MAP_SIZE            0x1000

#define AXI_DAC_CLKSEL              0x060
#define AXI_DAC_CHAN_CNTRL_6        0x14
#define AXI_DAC_CHAN_CNTRL_7        0x18
#define   AXI_DAC_SEL_DMA             2
#define AXI_DAC_MAP_SIZE            0x1000

enum axi_adc_pattern {
    AXI_ADC_COUNTER,    /* 32 bit count per four bytes, whatever the channels */
    AXI_ADC_BIST,       /* the AD9361's own pseudo-random pattern over I and Q */
    AXI_ADC_PNX,        /* PN9, PN11, PN15, PN20 on channels 0 to 3, twelve bits a sample */
    AXI_ADC_PATTERNS
};

/*
 * A clock in bytes. position(t) = base + (t - since) * rate, in whole beats;
 * with rate 0 the clock stands still unless it is unlimited.
 */
struct axi_conv_clock {
    uint64_t since;
    uint64_t base;
    uint64_t rate;      /* bytes/s */
    bool unlimited;
    bool stopped;
};

#define AXI_ADC_GAPS    8

struct axi_adc {
    uint32_t regs[AXI_ADC_MAP_SIZE / 4];
    uint64_t sample_rate;       /* 0 = as fast as it is read */
    bool held;                  /* the sample clock stands still */
    enum axi_adc_pattern pattern;
    uint32_t fifo_depth;        /* bytes */
    uint64_t last_time;

    struct axi_conv_clock clock;
    uint64_t timer_end;
    /* Layout of the samples: from byte layout_base, scan layout_scan, nch channels */
    uint64_t layout_base, layout_scan;
    uint8_t nch, chan[AXI_CONV_CHANNELS];

    bool listening, draining;
    uint64_t rd;                /* next byte to hand out */
    /* Gaps ahead of rd: at byte .at the stream goes on at byte .to */
    struct {
        uint64_t at, to;
    } gap[AXI_ADC_GAPS];
    unsigned int gaps;
    bool gap_open;              /* the last gap grows until the DMA comes back */

    uint64_t lost_bytes;
    uint64_t overflows;
};

struct axi_dac {
    uint32_t regs[AXI_DAC_MAP_SIZE / 4];
    uint64_t sample_rate;
    uint64_t last_time;

    uint32_t fifo_depth;        /* bytes */
    struct axi_conv_clock clock;
    uint64_t timer_end;
    uint64_t wr;                /* bytes taken, on the scale of the clock */

    uint64_t bytes;
    uint64_t hash;              /* 64 bit FNV-1a over little endian 64 bit words */
    uint64_t word;              /* the one that is not complete yet */
    uint64_t underflows;
};

void axi_adc_init(struct axi_adc *s, uint32_t fifo_depth);
void axi_adc_reset(struct axi_adc *s, uint64_t now);
uint32_t axi_adc_read(struct axi_adc *s, uint32_t offset, uint64_t now);
void axi_adc_write(struct axi_adc *s, uint32_t offset, uint32_t value, uint64_t now);
void axi_adc_set_rate(struct axi_adc *s, uint64_t hz, uint64_t now);
/* Stops the sample clock, or lets it go on: no sample is lost. */
void axi_adc_hold(struct axi_adc *s, bool on, uint64_t now);
void axi_adc_set_pattern(struct axi_adc *s, enum axi_adc_pattern pattern);
/* Loses @bytes, rounded up to beats, as if the FIFO had run over. */
void axi_adc_force_overflow(struct axi_adc *s, uint64_t bytes, uint64_t now);
uint64_t axi_adc_position(struct axi_adc *s, uint64_t now);

void axi_adc_enable(struct axi_adc *s, bool on, uint64_t now);
void axi_adc_begin(struct axi_adc *s, uint64_t now);
void axi_adc_end(struct axi_adc *s, uint64_t now);
uint64_t axi_adc_when(struct axi_adc *s, uint64_t bytes);
uint64_t axi_adc_avail(struct axi_adc *s, uint64_t now);
void axi_adc_take(struct axi_adc *s, void *buf, size_t len);

/* Sample @scan of channel @chan in @pattern, sign-extended from twelve bits. */
int16_t axi_adc_sample(enum axi_adc_pattern pattern, unsigned int chan, uint64_t scan);

void axi_dac_init(struct axi_dac *s, uint32_t fifo_depth);
void axi_dac_reset(struct axi_dac *s, uint64_t now);
uint32_t axi_dac_read(struct axi_dac *s, uint32_t offset, uint64_t now);
void axi_dac_write(struct axi_dac *s, uint32_t offset, uint32_t value, uint64_t now);
void axi_dac_set_rate(struct axi_dac *s, uint64_t hz, uint64_t now);
void axi_dac_clear_stats(struct axi_dac *s);

void axi_dac_enable(struct axi_dac *s, bool on, uint64_t now);
void axi_dac_begin(struct axi_dac *s, uint64_t now);
void axi_dac_end(struct axi_dac *s, uint64_t now);
uint64_t axi_dac_when(struct axi_dac *s, uint64_t bytes);
uint64_t axi_dac_avail(struct axi_dac *s, uint64_t now);
void axi_dac_put(struct axi_dac *s, const void *buf, size_t len);

#endif
