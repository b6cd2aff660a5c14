// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU: what do the tasks of a guest execute that have code in user space?
 *
 * out=FILE gets "ADDRESS INSTRUCTIONS" of each translation block, in hexadecimal and decimal,
 * as far as it was executed between two task switches, at the address switch=ADDRESS, of which
 * the code of user space was a part: the program, its system calls, and the interrupts that it met
 * there. For one CPU, and a guest in which nothing else is in user space.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t sum;
};

static GHashTable *blocks;	/* by address and length */
static GPtrArray *since;	/* the last switch */
static bool in_user_space;
static uint64_t switch_address;
static char *out;

static void task_switch(void)
{
	guint i;

	for (i = 0; in_user_space && i < since->len; i++) {
		struct block *b = g_ptr_array_index(since, i);

		b->sum += b->instructions;
	}
	g_ptr_array_set_size(since, 0);
	in_user_space = false;
}

static void executed(unsigned int cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	if (b->address == switch_address)
		task_switch();
	if (!(b->address >> 48))
		in_user_space = true;
	g_ptr_array_add(since, b);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	const uint64_t address = qemu_plugin_tb_vaddr(tb);
	const uint64_t instructions = qemu_plugin_tb_n_insns(tb);
	const uint64_t key = address ^ instructions << 48;
	struct block *b = g_hash_table_lookup(blocks, &key);

	(void)id;
	if (!b) {
		b = g_new0(struct block, 1);
		b->address = address;
		b->instructions = instructions;
		g_hash_table_insert(blocks, g_memdup2(&key, sizeof(key)), b);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, b);
}

static void print_block(gpointer key, gpointer value, gpointer file)
{
	const struct block *b = value;

	(void)key;
	if (b->sum)
		fprintf(file, "%016" PRIx64 " %" PRIu64 "\n", b->address, b->sum);
}

static void end(qemu_plugin_id_t id, void *data)
{
	FILE *f = fopen(out, "w");

	(void)id;
	(void)data;
	if (!f)
		return;
	g_hash_table_foreach(blocks, print_block, f);
	fclose(f);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = g_strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "switch=", 7))
			switch_address = g_ascii_strtoull(argv[i] + 7, NULL, 16);
	}
	if (!out || !switch_address) {
		fprintf(stderr, "profile: out=FILE,switch=ADDRESS\n");
		return -1;
	}
	blocks = g_hash_table_new(g_int64_hash, g_int64_equal);
	since = g_ptr_array_new();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
