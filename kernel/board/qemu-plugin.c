// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The FMComms2/3 board model as a device of a stock QEMU
 *
 *     qemu-system-aarch64 -plugin ./fmcomms2.so -M xlnx-zcu102 -device adi-fmcomms2,id=fmcomms2 ...
 *
 * QEMU loads this as a TCG plugin, after the machine was chosen and before it is built. It
 * then registers a device type, which plugins are not meant to do but nothing prevents:
 * QEMU exports the symbols. The price is that the library fits one version of QEMU, so
 * it looks before it registers anything (check_running_qemu()).
 *
 * All behaviour is in fmcomms2.c. Here are the registers' places on the bus, one timer,
 * two interrupt lines and the properties.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-types-common.h"
#include "qapi/visitor.h"
#include "hw/misc/unimp.h"
#include "qemu-compat.h"

#include "fmcomms2.h"

#include <malloc.h>

#define TYPE_ADI_FMCOMMS2 "adi-fmcomms2"
OBJECT_DECLARE_SIMPLE_TYPE(AdiFmcomms2, ADI_FMCOMMS2)

typedef struct {
    AdiFmcomms2 *board;
    enum fmcomms2_block block;
    MemoryRegion mr;
} BoardRegion;

struct AdiFmcomms2 {
    DeviceState parent_obj;

    struct fmcomms2 model;
    BoardRegion region[FMCOMMS2_BLOCKS];
    QEMUTimer timer;
    qemu_irq irq[2];
    bool busy;                  /* inside the model: a DMA onto ourselves must not come back in */

    /* The design, and what is to differ from it; 0 and auto: nothing */
    char *design, *dmac_version;
    OnOffAuto sg, coherent, sync;
    bool two_d, rx_stream, debug_registers;
    uint8_t addr_width, length_width, rx_width, fifo_bursts;
    uint16_t burst, clock_ns, write_latency, read_latency;
    uint32_t rate, pattern, rx_spi, tx_spi;
};

static uint64_t now_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void rearm(AdiFmcomms2 *s)
{
    uint64_t next = fmcomms2_next_event(&s->model);

    if (next > INT64_MAX) {
        timer_del(&s->timer);
    } else if (!timer_pending(&s->timer) || timer_expire_time_ns(&s->timer) != next) {
        timer_mod_ns(&s->timer, next);
    }
}

static void on_timer(void *opaque)
{
    AdiFmcomms2 *s = opaque;

    s->busy = true;
    fmcomms2_advance(&s->model, now_ns());
    s->busy = false;
    rearm(s);
}

/* What the model needs */

static bool dma_access(uint64_t addr, void *buf, size_t len, bool write)
{
    return address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, buf, len, write) == MEMTX_OK;
}

static bool mem_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    return dma_access(addr, buf, len, false);
}

static bool mem_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    return dma_access(addr, (void *)buf, len, true);
}

static void set_irq(void *opaque, enum fmcomms2_dir dir, bool level)
{
    AdiFmcomms2 *s = opaque;

    qemu_set_irq(s->irq[dir], level);
}

static const struct fmcomms2_ops model_ops = {
    .mem_read = mem_read,
    .mem_write = mem_write,
    .irq = set_irq,
};

/* The bus */

static bool reentered(BoardRegion *r, hwaddr addr)
{
    if (r->board->busy) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: a DMA hits the registers of its own board at 0x%" HWADDR_PRIx "\n",
                      TYPE_ADI_FMCOMMS2, r->mr.addr + addr);
    }
    return r->board->busy;
}

static uint64_t board_read(void *opaque, hwaddr addr, unsigned size)
{
    BoardRegion *r = opaque;
    uint32_t v;

    if (reentered(r, addr)) {
        return 0;
    }
    r->board->busy = true;
    v = fmcomms2_read(&r->board->model, r->block, addr, now_ns());
    r->board->busy = false;
    rearm(r->board);
    return v;
}

static void board_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    BoardRegion *r = opaque;

    if (reentered(r, addr)) {
        return;
    }
    r->board->busy = true;
    fmcomms2_write(&r->board->model, r->block, addr, value, now_ns());
    r->board->busy = false;
    rearm(r->board);
}

static const MemoryRegionOps region_ops = {
    .read = board_read,
    .write = board_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static const struct {
    const char *name;
    uint64_t addr, size;
} layout[FMCOMMS2_BLOCKS] = {
    [FMCOMMS2_RX_DMAC] = { "fmcomms2.rx-dmac", FMCOMMS2_RX_DMAC_ADDR, 0x10000 },
    [FMCOMMS2_TX_DMAC] = { "fmcomms2.tx-dmac", FMCOMMS2_TX_DMAC_ADDR, 0x10000 },
    [FMCOMMS2_CORE] = { "fmcomms2.axi-ad9361", FMCOMMS2_CORE_ADDR, 0x10000 },
    [FMCOMMS2_CTRL] = { "fmcomms2.control", FMCOMMS2_CTRL_ADDR, 0x1000 },
};

/* The device */

static bool parse_version(const char *text, uint32_t *version)
{
    unsigned int major, minor;
    char letter, end;

    if (sscanf(text, "%3u.%3u.%c%c", &major, &minor, &letter, &end) != 3 || letter < 'a' || letter > 'z') {
        return false;
    }
    *version = AXI_DMAC_VERSION(major, minor, letter);
    return true;
}

static void override(bool *value, OnOffAuto with)
{
    if (with != ON_OFF_AUTO_AUTO) {
        *value = with == ON_OFF_AUTO_ON;
    }
}

#define OVERRIDE(value, with) do { \
        if (with) { \
            (value) = (with); \
        } \
    } while (0)

static bool init_model(AdiFmcomms2 *s, Error **errp)
{
    struct fmcomms2_config cfg;
    const char *err = NULL;

    fmcomms2_default_config(&cfg);
    if (s->design) {
        err = fmcomms2_design(&cfg, s->design);
    }
    if (!err && s->dmac_version && !parse_version(s->dmac_version, &cfg.dmac_version)) {
        error_setg(errp, "dmac-version must look like 4.5.b, not %s", s->dmac_version);
        return false;
    }
    /* What that version has not, the design has neither, unless somebody insists */
    cfg.sg &= cfg.dmac_version >= AXI_DMAC_VERSION(4, 5, 'a');
    cfg.coherent &= cfg.dmac_version >= AXI_DMAC_VERSION(4, 4, 'a');
    override(&cfg.sg, s->sg);
    override(&cfg.coherent, s->coherent);
    override(&cfg.sync, s->sync);
    OVERRIDE(cfg.addr_width, s->addr_width);
    OVERRIDE(cfg.length_width, s->length_width);
    OVERRIDE(cfg.rx_width, s->rx_width);
    OVERRIDE(cfg.fifo_bursts, s->fifo_bursts);
    OVERRIDE(cfg.burst, s->burst);
    OVERRIDE(cfg.mem.clock_ns, s->clock_ns);
    OVERRIDE(cfg.mem.write_latency, s->write_latency);
    OVERRIDE(cfg.mem.read_latency, s->read_latency);
    cfg.two_d = s->two_d;
    cfg.no_debug = !s->debug_registers;
    if (s->rx_stream) {
        cfg.rx_source = AXI_DMAC_BUS_STREAM;
    }
    cfg.sample_rate = s->rate;
    cfg.pattern = s->pattern;
    err = err ? err : fmcomms2_init(&s->model, &cfg, &model_ops, s);
    if (err) {
        error_setg(errp, "%s", err);
        return false;
    }
    return true;
}

static void on_reset(void *opaque)
{
    AdiFmcomms2 *s = opaque;

    fmcomms2_reset(&s->model, now_ns());
    rearm(s);
}

/*
 * What the hardware forbids, a test run must not have done: said in the end, on whatever way QEMU ends. ci/guest
 * looks for the sentence.
 */
static AdiFmcomms2 *the_board;

static void tell_offences(void)
{
    static const struct {
        uint32_t reg;
        const char *what;
    } rows[] = {
        { FMC2_CROSSINGS, "bursts across a 4 KiB boundary" },
        { FMC2_LATE_WRITES, "bytes written after CTRL = 0, unseen by the driver" },
        { FMC2_LATE_FETCHES, "descriptors read after CTRL = 0, unseen by the driver" },
        { FMC2_EDITS, "descriptors changed while the engine had them" },
        { FMC2_LOST_MODES, "writes to CTRL that lost the mode during a descriptor read" },
    };
    struct fmcomms2 *model = &the_board->model;
    uint64_t now = model->dmac[FMCOMMS2_RX].e.now;
    uint32_t n;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        n = fmcomms2_read(model, FMCOMMS2_CTRL, rows[i].reg, now);
        if (n) {
            fprintf(stderr, TYPE_ADI_FMCOMMS2 ": offence: %" PRIu32 " %s\n", n, rows[i].what);
        }
    }
}

static void board_realize(DeviceState *dev, Error **errp)
{
    AdiFmcomms2 *s = ADI_FMCOMMS2(dev);
    bool ambiguous = false;
    Object *gic = object_resolve_path_type("", "arm_gic", &ambiguous);
    int i;

    if (!gic) {
        error_setg(errp, "this machine has %s arm_gic to deliver interrupts to; use -M xlnx-zcu102",
                   ambiguous ? "more than one" : "no");
        return;
    }
    if (!init_model(s, errp)) {
        return;
    }
    s->irq[FMCOMMS2_RX] = qdev_get_gpio_in(DEVICE(gic), s->rx_spi);
    s->irq[FMCOMMS2_TX] = qdev_get_gpio_in(DEVICE(gic), s->tx_spi);
    timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, on_timer, s);
    for (i = 0; i < FMCOMMS2_BLOCKS; i++) {
        BoardRegion *r = &s->region[i];

        r->board = s;
        r->block = i;
        memory_region_init_io(&r->mr, OBJECT(s), &region_ops, r, layout[i].name, layout[i].size);
        memory_region_add_subregion(get_system_memory(), layout[i].addr, &r->mr);
    }
    qemu_register_reset(on_reset, s);
    the_board = s;
    atexit(tell_offences);
}

BOARD_PROPERTIES board_properties[] = {
    DEFINE_PROP_STRING("design", AdiFmcomms2, design),
    DEFINE_PROP_STRING("dmac-version", AdiFmcomms2, dmac_version),
    DEFINE_PROP_ON_OFF_AUTO("sg", AdiFmcomms2, sg, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("2d", AdiFmcomms2, two_d, false),
    DEFINE_PROP_ON_OFF_AUTO("coherent", AdiFmcomms2, coherent, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_ON_OFF_AUTO("sync", AdiFmcomms2, sync, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("rx-stream", AdiFmcomms2, rx_stream, false),
    DEFINE_PROP_BOOL("debug-registers", AdiFmcomms2, debug_registers, true),
    DEFINE_PROP_UINT8("addr-width", AdiFmcomms2, addr_width, 0),
    DEFINE_PROP_UINT8("length-width", AdiFmcomms2, length_width, 0),
    DEFINE_PROP_UINT8("rx-width", AdiFmcomms2, rx_width, 0),
    DEFINE_PROP_UINT8("fifo-bursts", AdiFmcomms2, fifo_bursts, 0),
    DEFINE_PROP_UINT16("burst", AdiFmcomms2, burst, 0),
    DEFINE_PROP_UINT16("clock-ns", AdiFmcomms2, clock_ns, 0),
    DEFINE_PROP_UINT16("write-latency", AdiFmcomms2, write_latency, 0),
    DEFINE_PROP_UINT16("read-latency", AdiFmcomms2, read_latency, 0),
    DEFINE_PROP_UINT32("rate", AdiFmcomms2, rate, 0),
    DEFINE_PROP_UINT32("pattern", AdiFmcomms2, pattern, AXI_ADC_COUNTER),
    DEFINE_PROP_UINT32("rx-irq", AdiFmcomms2, rx_spi, FMCOMMS2_RX_SPI),
    DEFINE_PROP_UINT32("tx-irq", AdiFmcomms2, tx_spi, FMCOMMS2_TX_SPI),
    BOARD_PROPERTIES_END
};

/* Faults, for qom-set while the machine runs */

static const struct {
    const char *name;
    uint32_t bit;
    uint32_t arg[2];            /* register of the value after '=', receive and transmit */
} fault_names[] = {
    { "hang", FMC2_FAULT_HANG, { 0, 0 } },
    { "bus-error", FMC2_FAULT_BUS_ERROR, { 0, 0 } },
    { "early-end", FMC2_FAULT_EARLY_END, { FMC2_RX_EARLY_BYTES, FMC2_TX_EARLY_BYTES } },
    { "late-irq", FMC2_FAULT_LATE_IRQ, { FMC2_RX_LATE_NS, FMC2_TX_LATE_NS } },
    { "spurious-irq", FMC2_FAULT_SPURIOUS_IRQ, { 0, 0 } },
    { "overflow", FMC2_FAULT_OVERFLOW, { FMC2_RX_OVERFLOW_BYTES, 0 } },
};

static bool inject_one(AdiFmcomms2 *s, enum fmcomms2_dir dir, const char *text, Error **errp)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? eq - text : strlen(text);
    unsigned int value, i;

    for (i = 0; i < ARRAY_SIZE(fault_names); i++) {
        if (strlen(fault_names[i].name) == len && !strncmp(fault_names[i].name, text, len)) {
            break;
        }
    }
    if (i == ARRAY_SIZE(fault_names) || (dir == FMCOMMS2_TX && fault_names[i].bit == FMC2_FAULT_OVERFLOW)) {
        error_setg(errp, "%s: no such fault; there are hang, bus-error, early-end[=BYTES], late-irq[=NS], "
                   "spurious-irq and, receiving, overflow[=BYTES]", text);
        return false;
    }
    if (eq) {
        if (!fault_names[i].arg[dir] || qemu_strtoui(eq + 1, NULL, 0, &value)) {
            error_setg(errp, "%s: not a value for this fault", text);
            return false;
        }
        fmcomms2_write(&s->model, FMCOMMS2_CTRL, fault_names[i].arg[dir], value, now_ns());
    }
    fmcomms2_fault(&s->model, dir, fault_names[i].bit, now_ns());
    return true;
}

static void set_fault(Object *obj, enum fmcomms2_dir dir, const char *value, Error **errp)
{
    AdiFmcomms2 *s = ADI_FMCOMMS2(obj);
    g_auto(GStrv) names = g_strsplit(value, ",", 0);
    int i;

    if (!DEVICE(s)->realized) {
        error_setg(errp, "faults can only be injected while the machine runs");
        return;
    }
    s->busy = true;
    for (i = 0; names[i] && inject_one(s, dir, names[i], errp); i++) {
    }
    s->busy = false;
    rearm(s);
}

static char *get_fault(Object *obj, enum fmcomms2_dir dir)
{
    AdiFmcomms2 *s = ADI_FMCOMMS2(obj);
    g_autoptr(GString) text = g_string_new("");
    uint32_t bits;
    unsigned int i;

    if (!DEVICE(s)->realized) {
        return g_strdup("");
    }
    bits = fmcomms2_read(&s->model, FMCOMMS2_CTRL, dir == FMCOMMS2_RX ? FMC2_RX_FAULT : FMC2_TX_FAULT, now_ns());
    for (i = 0; i < ARRAY_SIZE(fault_names); i++) {
        if (bits & fault_names[i].bit) {
            g_string_append_printf(text, "%s%s", text->len ? "," : "", fault_names[i].name);
        }
    }
    return g_strdup(text->str);
}

static void set_rx_fault(Object *obj, const char *value, Error **errp)
{
    set_fault(obj, FMCOMMS2_RX, value, errp);
}

static char *get_rx_fault(Object *obj, Error **errp)
{
    return get_fault(obj, FMCOMMS2_RX);
}

static void set_tx_fault(Object *obj, const char *value, Error **errp)
{
    set_fault(obj, FMCOMMS2_TX, value, errp);
}

static char *get_tx_fault(Object *obj, Error **errp)
{
    return get_fault(obj, FMCOMMS2_TX);
}

/* Counters, for qom-get */

static const struct {
    const char *name;
    uint32_t reg;
    bool wide;
} counters[] = {
    { "position", FMC2_POSITION, true },
    { "lost-bytes", FMC2_LOST, true },
    { "overflows", FMC2_OVERFLOWS, false },
    { "sample-rate", FMC2_RATE, false },
    { "rx-transfers", FMC2_RX_TRANSFERS, false },
    { "rx-bus-errors", FMC2_RX_BUS_ERRORS, false },
    { "tx-transfers", FMC2_TX_TRANSFERS, false },
    { "tx-bytes", FMC2_TX_BYTES, true },
    { "tx-hash", FMC2_TX_HASH, true },
    { "tx-underflows", FMC2_TX_UNDERFLOWS, false },
    { "tx-jumps", FMC2_TX_JUMPS, true },
    { "tx-lost-bytes", FMC2_TX_LOST, true },
    { "offences", FMC2_OFFENCES, false },
};

static void get_counter(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
    AdiFmcomms2 *s = ADI_FMCOMMS2(obj);
    size_t i = (uintptr_t)opaque;
    uint64_t value = 0;

    if (DEVICE(s)->realized) {
        value = fmcomms2_read(&s->model, FMCOMMS2_CTRL, counters[i].reg, now_ns());
    }
    if (value && counters[i].wide) {
        value |= (uint64_t)s->model.latch << 32;
    }
    visit_type_uint64(v, name, &value, errp);
}

/* A running transfer is not something to move to another host, and nobody asked for it */
static const VMStateDescription board_vmstate = {
    .name = TYPE_ADI_FMCOMMS2,
    .unmigratable = 1,
};

static void board_class_init(ObjectClass *oc, BoardClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    size_t i;

    dc->realize = board_realize;
    dc->desc = "ADI FMComms2/3 design in the programmable logic of a ZCU102";
    dc->user_creatable = true;
    dc->hotpluggable = false;
    dc->vmsd = &board_vmstate;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, board_properties);
    object_class_property_add_str(oc, "rx-fault", get_rx_fault, set_rx_fault);
    object_class_property_add_str(oc, "tx-fault", get_tx_fault, set_tx_fault);
    for (i = 0; i < ARRAY_SIZE(counters); i++) {
        object_class_property_add(oc, counters[i].name, "uint64", get_counter, NULL, NULL, (void *)(uintptr_t)i);
    }
}

static const TypeInfo board_info = {
    .name = TYPE_ADI_FMCOMMS2,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(AdiFmcomms2),
    .class_init = board_class_init,
};

/* The guard */

#define GUARD(cond, ...) do { \
        if (!(cond)) { \
            fprintf(stderr, "fmcomms2.so: built for QEMU " BOARD_QEMU_VERSION ", " __VA_ARGS__); \
            fprintf(stderr, "; build it again for this QEMU (kernel/board/build)\n"); \
            return false; \
        } \
    } while (0)

/*
 * Not every version tells how large its objects are, but each takes them from the allocator,
 * which gives as much for one of them as for as many bytes of ours. The least of several
 * counts: now and then the allocator has a piece left that is a little too large.
 */
static bool same_size(const char *type, size_t size)
{
    enum { TRIES = 32 };
    size_t theirs = SIZE_MAX, ours = SIZE_MAX;
    Object *obj[TRIES];
    void *mem[TRIES];
    int i;

    if (!object_class_by_name(type)) {
        return false;
    }
    for (i = 0; i < TRIES; i++) {
        obj[i] = object_new(type);
        mem[i] = g_malloc(size);
        theirs = MIN(theirs, malloc_usable_size(obj[i]));
        ours = MIN(ours, malloc_usable_size(mem[i]));
    }
    for (i = 0; i < TRIES; i++) {
        object_unref(obj[i]);
        g_free(mem[i]);
    }
    return theirs == ours;
}

static bool check_running_qemu(void)
{
    VersionInfo *v = qmp_query_version(NULL);
    g_autofree char *series = g_strdup_printf("%" PRId64 ".%" PRId64 ".", v->qemu->major, v->qemu->minor);
    ObjectClass *sysbus = object_class_by_name("sys-bus-device");

    qapi_free_VersionInfo(v);
    GUARD(g_str_has_prefix(BOARD_QEMU_VERSION, series), "but this is %sx", series);
    GUARD(same_size(TYPE_MEMORY_REGION, sizeof(MemoryRegion)), "where a memory region has another size");
    /*
     * A memory region between a device and some bytes that end at no multiple of 16: its
     * alignment changes the size of this, if not its own.
     */
    GUARD(same_size(TYPE_UNIMPLEMENTED_DEVICE, sizeof(UnimplementedDeviceState)),
          "where a device has another size, or a memory region another alignment");
    /* A field near the end of the class, with a value that is known */
    GUARD(sysbus && !g_strcmp0(DEVICE_CLASS(sysbus)->bus_type, "System"), "where a device class looks different");
    return true;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    if (argc) {
        fprintf(stderr, "fmcomms2.so: takes no arguments; they belong to -device " TYPE_ADI_FMCOMMS2 "\n");
        return -1;
    }
    if (!info->system_emulation || !check_running_qemu()) {
        return -1;
    }
    type_register_static(&board_info);
    return 0;
}
