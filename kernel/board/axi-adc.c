// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model of the registers of ADI's axi_ad9361, free of any emulator
 *
 * Not modelled: the data path's filters and corrections (their registers store
 * what is written), the loop between DAC and ADC, the tone generators.
 */
#include "axi-adc.h"

#include <string.h>

#define REG(s, off)         ((s)->regs[(off) / 4])
#define NS_PER_S            1000000000u
#define CPU_CLOCK_HZ        100000000u
#define MAX_RATE_HZ         61440000u
#define LAST_CHANNEL        3
#define SOFTSPAN_RESET      7

/* Registers that both halves have */

static uint32_t clk_freq(uint64_t hz)
{
    /* Two receivers, two transmitters over LVDS: four interface clocks a sample; 16.16 of the CPU clock */
    hz = 4 * (hz ? hz : MAX_RATE_HZ);
    return (uint32_t)((hz << 16) / CPU_CLOCK_HZ);
}

static uint32_t timer_left(uint64_t end, uint64_t now)
{
    return end > now ? (end - now) / (NS_PER_S / CPU_CLOCK_HZ) : 0;
}

static bool out_of_reset(const uint32_t *regs)
{
    uint32_t need = AXI_CONV_RSTN_RSTN | AXI_CONV_RSTN_MMCM;

    return (regs[AXI_CONV_RSTN / 4] & need) == need;
}

/* Bits that can be written; 0 for registers that do not exist or only read. */
static uint32_t common_mask(uint32_t off)
{
    switch (off) {
    case AXI_CONV_SCRATCH:
    case AXI_CONV_GPIO_OUT:
        return UINT32_MAX;
    case AXI_CONV_RSTN:
        return 7;
    default:
        return 0;
    }
}

/* Registers that say the same at all times */
static uint32_t common_read(const uint32_t *regs, uint32_t off, uint64_t hz)
{
    switch (off) {
    case AXI_CONV_CLK_FREQ:
        return out_of_reset(regs) ? clk_freq(hz) : 0;
    case AXI_CONV_CLK_RATIO:
        return 1;
    case AXI_CONV_DRP_STATUS:
        return AXI_CONV_DRP_LOCKED;
    case AXI_CONV_CHANMAX:
        return LAST_CHANNEL;
    default:
        return regs[off / 4];
    }
}

static bool is_channel(uint32_t off)
{
    return off >= AXI_CONV_CHAN(0, 0) && off < AXI_CONV_CHAN(AXI_CHANNELS, 0);
}

static unsigned int channel_of(uint32_t off)
{
    return (off - AXI_CONV_CHAN(0, 0)) / AXI_CONV_CHAN_SIZE;
}

/* ADC registers */

void axi_adc_set_rate(struct axi_adc *s, uint64_t hz, uint64_t now)
{
    if (hz != s->sample_rate) {
        s->sample_rate = hz;
        axi_rx_set_period(&s->rx, hz ? NS_PER_S : 0, hz, now);
    }
}

void axi_adc_hold(struct axi_adc *s, bool on, uint64_t now)
{
    s->held = on;
    axi_rx_hold(&s->rx, on || !out_of_reset(s->regs), now);
}

void axi_adc_set_pattern(struct axi_adc *s, enum axi_adc_pattern pattern)
{
    s->rx.pattern = pattern;
}

static bool pn_out_of_sync(const struct axi_adc *s, unsigned int c)
{
    uint32_t ctrl = REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL));
    bool type = ctrl & AXI_ADC_CHAN_PN_TYPE_OWR;
    bool sel = ctrl & AXI_ADC_CHAN_PN_SEL_OWR;
    bool pnx = (REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CNTRL_3)) >> 16 & 15) == 9;

    if (type != sel) {
        pnx = sel;
    }
    return out_of_reset(s->regs) && s->rx.pattern != (pnx ? AXI_ADC_PNX : AXI_ADC_BIST);
}

static uint32_t adc_chan_mask(uint32_t reg)
{
    switch (reg) {
    case AXI_ADC_CHAN_CTRL:
        return 0xf73;
    case AXI_ADC_CHAN_CNTRL_1:
    case AXI_ADC_CHAN_CNTRL_2:
        return UINT32_MAX;
    case AXI_ADC_CHAN_CNTRL_3:
        return 0x000f000f;
    case AXI_ADC_CHAN_SOFTSPAN:
        return SOFTSPAN_RESET;
    default:
        return 0;
    }
}

static uint32_t adc_mask(uint32_t off)
{
    if (off >= 0x800) {
        return off < AXI_ADC_DELAY(AXI_ADC_LANES) ? 0x1f : 0;
    }
    if (is_channel(off)) {
        return adc_chan_mask(off % AXI_CONV_CHAN_SIZE);
    }
    switch (off) {
    case AXI_CONV_PPS_IRQ_MASK:
        return 1;
    case AXI_CONV_CNTRL:
        return 0x0001df17;      /* SYNC, bit 3, clears itself */
    case AXI_CONV_CNTRL_3:
        return 0x1ff;
    case AXI_ADC_CONFIG_WR:
    case AXI_ADC_CONFIG_CTRL:
    case AXI_ADC_START_CODE:
        return UINT32_MAX;
    default:
        return common_mask(off);
    }
}

static uint32_t adc_chan_read(struct axi_adc *s, uint32_t off)
{
    switch (off % AXI_CONV_CHAN_SIZE) {
    case AXI_ADC_CHAN_STATUS:
        REG(s, off) |= pn_out_of_sync(s, channel_of(off)) ? AXI_ADC_CHAN_PN_OOS : 0;
        return REG(s, off);
    case AXI_CONV_CHAN_USR_1:
        return 0x01001010;      /* signed, 16 bits of 16 */
    case AXI_CONV_CHAN_USR_2:
        return 0x00010001;
    default:
        return REG(s, off);
    }
}

static uint32_t adc_status(struct axi_adc *s)
{
    uint32_t v = out_of_reset(s->regs);
    unsigned int c;

    for (c = 0; c < AXI_CHANNELS; c++) {
        v |= adc_chan_read(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_STATUS)) & AXI_ADC_CHAN_PN_OOS ? 1u << 2 : 0;
    }
    return v;
}

uint32_t axi_adc_read(struct axi_adc *s, uint32_t off, uint64_t now)
{
    off &= AXI_ADC_MAP_SIZE - 4;
    if (is_channel(off)) {
        return adc_chan_read(s, off);
    }
    switch (off) {
    case AXI_CONV_VERSION:
        return s->version;
    case AXI_CONV_STATUS:
        return adc_status(s);
    case AXI_CONV_UI_STATUS:
        return axi_rx_overflowed(&s->rx, now) ? AXI_ADC_UI_OVF : 0;
    case AXI_CONV_TIMER:
        return timer_left(s->timer_end, now);
    default:
        return common_read(s->regs, off, s->sample_rate);
    }
}

static void adc_write_rstn(struct axi_adc *s, uint32_t value, uint64_t now)
{
    bool was = out_of_reset(s->regs);
    bool is;

    REG(s, AXI_CONV_RSTN) = value & adc_mask(AXI_CONV_RSTN);
    is = out_of_reset(s->regs);
    if (is && !was) {
        axi_rx_start(&s->rx, now);
    }
    axi_rx_hold(&s->rx, s->held || !is, now);
}

static unsigned int adc_channels(const struct axi_adc *s)
{
    unsigned int mask = 0, c;

    for (c = 0; c < AXI_CHANNELS; c++) {
        mask |= (REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_CTRL)) & AXI_ADC_CHAN_ENABLE) << c;
    }
    return mask;
}

void axi_adc_write(struct axi_adc *s, uint32_t off, uint32_t value, uint64_t now)
{
    unsigned int channels = adc_channels(s);
    uint32_t mask;

    off &= AXI_ADC_MAP_SIZE - 4;
    mask = adc_mask(off);
    if (off == AXI_CONV_RSTN) {
        adc_write_rstn(s, value, now);
        return;
    }
    if (off == AXI_CONV_TIMER) {
        s->timer_end = now + (uint64_t)value * (NS_PER_S / CPU_CLOCK_HZ);
        return;
    }
    if (off == AXI_CONV_UI_STATUS) {
        if (value & AXI_ADC_UI_OVF) {
            axi_rx_clear_overflow(&s->rx, now);
        }
        return;
    }
    if (is_channel(off) && off % AXI_CONV_CHAN_SIZE == AXI_ADC_CHAN_STATUS) {
        REG(s, off) &= ~value;
        return;
    }
    REG(s, off) = (REG(s, off) & ~mask) | (value & mask);
    if (adc_channels(s) != channels) {
        axi_rx_set_channels(&s->rx, adc_channels(s), now);
    }
}

void axi_adc_reset(struct axi_adc *s, uint64_t now)
{
    unsigned int c;

    memset(s->regs, 0, sizeof(s->regs));
    REG(s, AXI_CONV_PPS_IRQ_MASK) = 1;
    for (c = 0; c < AXI_CHANNELS; c++) {
        REG(s, AXI_CONV_CHAN(c, AXI_ADC_CHAN_SOFTSPAN)) = SOFTSPAN_RESET;
    }
    s->timer_end = 0;
    axi_rx_reset(&s->rx, now);
}

void axi_adc_init(struct axi_adc *s, uint32_t version, unsigned int width)
{
    memset(s, 0, sizeof(*s));
    s->version = version;
    axi_rx_init(&s->rx, width);
    axi_adc_reset(s, 0);
}

/* DAC registers */

void axi_dac_set_rate(struct axi_dac *s, uint64_t hz, uint64_t now)
{
    if (hz != s->sample_rate) {
        s->sample_rate = hz;
        axi_tx_set_period(&s->tx, hz ? NS_PER_S : 0, hz, now);
    }
}

void axi_dac_hold(struct axi_dac *s, bool on, uint64_t now)
{
    s->held = on;
    axi_tx_hold(&s->tx, on || !out_of_reset(s->regs), now);
}

static bool has_9_2(const struct axi_dac *s)
{
    return s->version >= AXI_CONV_VERSION_IS(9, 2, 'b');
}

static unsigned int dac_sel(const struct axi_dac *s, unsigned int c)
{
    uint32_t owr = REG(s, AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_6)) & 3;

    return owr == 1 ? 9 : owr == 2 ? 8 : REG(s, AXI_CONV_CHAN(c, AXI_DAC_CHAN_CNTRL_7)) & 15;
}

/* The channels that util_upack2 has */
static unsigned int dac_channels(const struct axi_dac *s)
{
    unsigned int mask = 0, c;

    for (c = 0; c < AXI_CHANNELS; c++) {
        mask |= (unsigned int)(dac_sel(s, c) == AXI_DAC_SEL_DMA) << c;
    }
    return mask;
}

static uint32_t dac_chan_mask(const struct axi_dac *s, uint32_t reg)
{
    static const uint32_t mask[] = {
        0xffff, UINT32_MAX, 0xffff, UINT32_MAX, UINT32_MAX, 0x7, 0xf, UINT32_MAX, 0, 0, 0x3,
    };

    if (reg == AXI_DAC_CHAN_PHASE_1 || reg == AXI_DAC_CHAN_PHASE_2) {
        return has_9_2(s) ? UINT32_MAX : 0;
    }
    return reg / 4 < sizeof(mask) / sizeof(mask[0]) ? mask[reg / 4] : 0;
}

static uint32_t dac_mask(const struct axi_dac *s, uint32_t off)
{
    if (is_channel(off)) {
        return dac_chan_mask(s, off % AXI_CONV_CHAN_SIZE);
    }
    switch (off) {
    case AXI_CONV_CNTRL_2:
        return 0x0001dff0;
    case AXI_CONV_CNTRL_3:
        return 0xffff;
    case AXI_DAC_CLKSEL:
        return 1;
    case AXI_DAC_CUSTOM_WR:
    case AXI_DAC_CUSTOM_CTRL:
        return has_9_2(s) ? UINT32_MAX : 0;
    default:
        return common_mask(off);
    }
}

static uint32_t dac_chan_read(const struct axi_dac *s, uint32_t off)
{
    switch (off % AXI_CONV_CHAN_SIZE) {
    case AXI_DAC_CHAN_SCALE_1:
        return REG(s, off) | (has_9_2(s) ? AXI_DAC_PHASE_BITS << 16 : 0);
    case AXI_CONV_CHAN_USR_1:
        return 0x01001010;
    case AXI_CONV_CHAN_USR_2:
        return 0x00010001;
    default:
        return REG(s, off);
    }
}

uint32_t axi_dac_read(struct axi_dac *s, uint32_t off, uint64_t now)
{
    off &= AXI_DAC_MAP_SIZE - 4;
    if (is_channel(off)) {
        return dac_chan_read(s, off);
    }
    switch (off) {
    case AXI_CONV_VERSION:
        return s->version;
    case AXI_CONV_STATUS:
        return out_of_reset(s->regs);
    case AXI_CONV_UI_STATUS:
        return axi_tx_underflowed(&s->tx, now) ? AXI_DAC_UI_UNF : 0;
    case AXI_CONV_TIMER:
        return timer_left(s->timer_end, now);
    default:
        return common_read(s->regs, off, s->sample_rate);
    }
}

static void dac_write_rstn(struct axi_dac *s, uint32_t value, uint64_t now)
{
    bool was = out_of_reset(s->regs);
    bool is;

    REG(s, AXI_CONV_RSTN) = value & dac_mask(s, AXI_CONV_RSTN);
    is = out_of_reset(s->regs);
    if (is && !was) {
        axi_tx_start(&s->tx, now);
    }
    axi_tx_hold(&s->tx, s->held || !is, now);
}

void axi_dac_write(struct axi_dac *s, uint32_t off, uint32_t value, uint64_t now)
{
    unsigned int channels = dac_channels(s);
    uint32_t mask;

    off &= AXI_DAC_MAP_SIZE - 4;
    mask = dac_mask(s, off);
    if (off == AXI_CONV_RSTN) {
        dac_write_rstn(s, value, now);
        return;
    }
    if (off == AXI_CONV_TIMER) {
        s->timer_end = now + (uint64_t)value * (NS_PER_S / CPU_CLOCK_HZ);
        return;
    }
    if (off == AXI_CONV_UI_STATUS) {
        if (value & AXI_DAC_UI_UNF) {
            axi_tx_clear_underflow(&s->tx, now);
        }
        return;
    }
    REG(s, off) = (REG(s, off) & ~mask) | (value & mask);
    if (dac_channels(s) != channels) {
        axi_tx_set_channels(&s->tx, dac_channels(s), now);
    }
}

void axi_dac_reset(struct axi_dac *s, uint64_t now)
{
    memset(s->regs, 0, sizeof(s->regs));
    s->timer_end = 0;
    axi_tx_reset(&s->tx, now);
}

void axi_dac_init(struct axi_dac *s, uint32_t version)
{
    memset(s, 0, sizeof(*s));
    s->version = version;
    axi_tx_init(&s->tx);
    axi_dac_reset(s, 0);
}
