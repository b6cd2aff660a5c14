/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the registers of ADI's axi_ad9361, free of any emulator: the ADC half at offset 0, the DAC
 * half at 0x4000. What they control is in axi-chain.c.
 */
#ifndef AXI_ADC_H
#define AXI_ADC_H

#include "axi-chain.h"

#define AXI_CONV_VERSION_IS(major, minor, letter) \
    (((uint32_t)(major) << 16) | ((uint32_t)(minor) << 8) | (uint32_t)(letter))

/* Registers that both halves have */
#define AXI_CONV_VERSION            0x000
#define AXI_CONV_ID                 0x004
#define AXI_CONV_SCRATCH            0x008
#define AXI_CONV_CONFIG             0x00c
#define AXI_CONV_PPS_IRQ_MASK       0x010   /* of the DAC: cannot be read */
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
#define AXI_CONV_DRP_STATUS         0x074
#define   AXI_CONV_DRP_LOCKED         (1u << 17)
#define AXI_CONV_UI_STATUS          0x088
#define   AXI_ADC_UI_OVF              (1u << 2)
#define   AXI_DAC_UI_UNF              (1u << 0)
#define AXI_CONV_CHANMAX            0x0a0
#define AXI_CONV_GPIO_OUT           0x0bc
#define AXI_CONV_TIMER              0x100

#define AXI_ADC_CONFIG_WR           0x080
#define AXI_ADC_CONFIG_CTRL         0x08c
#define AXI_ADC_START_CODE          0x0a4

#define AXI_CONV_CHAN_SIZE          0x40
#define AXI_CONV_CHAN(c, reg)       (0x400 + (c) * AXI_CONV_CHAN_SIZE + (reg))
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
#define AXI_ADC_CHAN_SOFTSPAN       0x28
#define AXI_ADC_DELAY(lane)         (0x800 + (lane) * 4)
#define AXI_ADC_LANES               7
#define AXI_ADC_MAP_SIZE            0x1000

#define AXI_DAC_CLKSEL              0x060
#define AXI_DAC_CUSTOM_WR           0x084   /* from 9.2.b on, as the three below */
#define AXI_DAC_CUSTOM_CTRL         0x08c
#define AXI_DAC_CHAN_PHASE_1        0x2c
#define AXI_DAC_CHAN_PHASE_2        0x30
#define AXI_DAC_CHAN_SCALE_1        0x00
#define   AXI_DAC_PHASE_BITS          16u   /* shown in bits 16 to 21 */
#define AXI_DAC_CHAN_CNTRL_6        0x14
#define AXI_DAC_CHAN_CNTRL_7        0x18
#define   AXI_DAC_SEL_DMA             2
#define AXI_DAC_MAP_SIZE            0x1000

struct axi_adc {
    uint32_t regs[AXI_ADC_MAP_SIZE / 4];
    uint32_t version;
    uint64_t sample_rate;       /* 0 = as fast as it is read */
    bool held;                  /* the sample clock stands still */
    uint64_t timer_end;
    struct axi_rx rx;
};

struct axi_dac {
    uint32_t regs[AXI_DAC_MAP_SIZE / 4];
    uint32_t version;
    uint64_t sample_rate;
    bool held;
    uint64_t timer_end;
    struct axi_tx tx;
};

/* @width: bytes of a word that goes to the DMA controller */
void axi_adc_init(struct axi_adc *s, uint32_t version, unsigned int width);
void axi_adc_reset(struct axi_adc *s, uint64_t now);
uint32_t axi_adc_read(struct axi_adc *s, uint32_t offset, uint64_t now);
void axi_adc_write(struct axi_adc *s, uint32_t offset, uint32_t value, uint64_t now);
void axi_adc_set_rate(struct axi_adc *s, uint64_t hz, uint64_t now);
/* Stops the sample clock, or lets it go on: no sample is lost. */
void axi_adc_hold(struct axi_adc *s, bool on, uint64_t now);
void axi_adc_set_pattern(struct axi_adc *s, enum axi_adc_pattern pattern);

void axi_dac_init(struct axi_dac *s, uint32_t version);
void axi_dac_reset(struct axi_dac *s, uint64_t now);
uint32_t axi_dac_read(struct axi_dac *s, uint32_t offset, uint64_t now);
void axi_dac_write(struct axi_dac *s, uint32_t offset, uint32_t value, uint64_t now);
void axi_dac_set_rate(struct axi_dac *s, uint64_t hz, uint64_t now);
/* As axi_adc_hold(): nothing is put out twice. */
void axi_dac_hold(struct axi_dac *s, bool on, uint64_t now);

#endif
