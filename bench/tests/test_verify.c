// SPDX-License-Identifier: GPL-2.0
#include "verify.h"
#include "ktap.h"

#include <endian.h>
#include <string.h>

#define WORDS 1000
#define BYTES (WORDS * 4)

static struct verify v;
static uint32_t block[WORDS];

static void count_up(size_t from, size_t n, uint32_t val)
{
	size_t i;

	for (i = 0; i < n; i++)
		block[from + i] = htole32(val + (uint32_t)i);
}

/* One block of good data; the stream goes on behind it */
static size_t give(uint32_t val, int slot)
{
	count_up(0, WORDS, val);
	return verify_block(&v, block, BYTES, slot);
}

static void good_stream(void)
{
	uint32_t val = 5;
	int i;

	verify_init(&v, VERIFY_FULL);
	for (i = 0; i < 10; i++, val += WORDS)
		CHECK_EQ(give(val, i % 4), BYTES);
	CHECK(verify_good(&v));
	CHECK_EQ(v.received, 10 * BYTES);
}

static void counter_wraps(void)
{
	verify_init(&v, VERIFY_FULL);
	give(UINT32_MAX - 10, -1);
	give(UINT32_MAX - 10 + WORDS, -1);
	CHECK(verify_good(&v));
}

/* At the ends of chunks, of blocks, and within: nothing may slip through */
static void each_wrong_word_is_found(void)
{
	size_t i;

	for (i = 2; i < WORDS; i++) {
		verify_init(&v, VERIFY_FULL);
		count_up(0, WORDS, 0);
		block[i] ^= htole32(0x40000000);
		verify_block(&v, block, BYTES, -1);
		give(WORDS, -1);
		CHECK_EQ(v.bytes[V_WRONG], 4);
		CHECK_EQ(v.nevents, 1);
		CHECK_EQ(v.event[0].offset, i * 4);
		CHECK_EQ(v.event[0].expected, i);
	}
}

static void lost_inside_a_block(void)
{
	verify_init(&v, VERIFY_FULL);
	count_up(0, 300, 0);
	count_up(300, 700, 302);
	CHECK_EQ(verify_block(&v, block, BYTES, -1), BYTES);
	CHECK_EQ(v.bytes[V_LOST], 8);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].kind, V_LOST);
	CHECK_EQ(v.event[0].offset, 1200);
	CHECK_EQ(v.event[0].expected, 300);
	CHECK_EQ(v.event[0].got, 302);
}

static void lost_between_blocks(void)
{
	verify_init(&v, VERIFY_FULL);
	give(0, 0);
	give(3 * WORDS, 1);
	give(4 * WORDS, 0);
	CHECK_EQ(v.bytes[V_LOST], 2 * BYTES);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].block, 1);
	CHECK_EQ(v.event[0].offset, BYTES);
}

static void lost_over_the_wrap(void)
{
	verify_init(&v, VERIFY_FULL);
	give(UINT32_MAX - WORDS, -1);
	give(99, -1);
	CHECK_EQ(v.bytes[V_LOST], 400);
}

static void repeated(void)
{
	verify_init(&v, VERIFY_FULL);
	give(0, -1);
	/* 100 words once more, then on as if nothing had been */
	count_up(0, WORDS, WORDS - 100);
	verify_block(&v, block, BYTES, -1);
	give(2 * WORDS - 100, -1);
	CHECK_EQ(v.bytes[V_REPEATED], 400);
	CHECK_EQ(v.bytes[V_LOST], 0);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].bytes, 400);
}

/* A source that starts again: one event, not one per block */
static void repeated_for_long(void)
{
	int i;

	verify_init(&v, VERIFY_FULL);
	for (i = 0; i < 10; i++)
		give((uint32_t)i * WORDS, -1);
	for (i = 0; i < 5; i++)
		give((uint32_t)i * WORDS, -1);
	CHECK_EQ(v.bytes[V_REPEATED], 5 * BYTES);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].bytes, 5 * BYTES);
}

static void short_block_with_old_data(void)
{
	int i;

	verify_init(&v, VERIFY_FULL);
	for (i = 0; i < 4; i++)
		give((uint32_t)i * WORDS, i);
	/* Slot 0 again, its last 10 words not written */
	count_up(0, WORDS - 10, 4 * WORDS);
	count_up(WORDS - 10, 10, WORDS - 10);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), BYTES - 40);
	give(5 * WORDS - 10, 1);
	CHECK_EQ(v.bytes[V_STALE], 40);
	CHECK_EQ(v.bytes[V_LOST], 0);
	CHECK_EQ(v.bytes[V_REPEATED], 0);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].offset, 5 * BYTES - 40);
}

static void short_first_block(void)
{
	verify_init(&v, VERIFY_FULL);
	verify_poison(block, BYTES);
	count_up(0, 600, 0);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), 2400);
	CHECK_EQ(v.bytes[V_STALE], 1600);
	CHECK_EQ(v.nevents, 1);
}

static void block_never_written(void)
{
	verify_init(&v, VERIFY_FULL);
	verify_poison(block, BYTES);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), 0);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), 0);
	CHECK(!v.started);
	CHECK_EQ(v.bytes[V_STALE], 2 * BYTES);
}

static void same_block_delivered_twice(void)
{
	verify_init(&v, VERIFY_FULL);
	give(0, 0);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), 0);
	CHECK_EQ(v.bytes[V_STALE], BYTES);
	give(WORDS, 0);
	CHECK_EQ(v.nevents, 1);
}

static void noise_does_not_move_the_counter(void)
{
	verify_init(&v, VERIFY_FULL);
	count_up(0, WORDS, 0);
	block[500] = htole32(0x12345678);
	block[501] = htole32(0x0badcafe);
	verify_block(&v, block, BYTES, -1);
	give(WORDS, -1);
	CHECK_EQ(v.bytes[V_WRONG], 8);
	CHECK_EQ(v.bytes[V_LOST] + v.bytes[V_REPEATED], 0);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].bytes, 8);
}

/* The poison is a legal value of the counter, too */
static void poison_as_data(void)
{
	verify_init(&v, VERIFY_FULL);
	CHECK_EQ(give(VERIFY_POISON - 500, 0), BYTES);
	CHECK(verify_good(&v));
}

static void edges_see_what_full_sees(void)
{
	verify_init(&v, VERIFY_EDGES);
	give(0, 0);
	count_up(0, 300, WORDS);
	count_up(300, 700, WORDS + 302);
	verify_block(&v, block, BYTES, 1);
	give(2 * WORDS + 2, 0);
	CHECK_EQ(v.bytes[V_LOST], 8);
	CHECK_EQ(v.nevents, 1);
	CHECK_EQ(v.event[0].offset, BYTES + 1200);
}

static void edges_do_not_look_inside(void)
{
	verify_init(&v, VERIFY_EDGES);
	give(0, 0);
	count_up(0, WORDS, WORDS);
	block[500] = 0;
	verify_block(&v, block, BYTES, 1);
	CHECK(verify_good(&v));
}

static void many_events_are_counted(void)
{
	uint32_t i;

	verify_init(&v, VERIFY_FULL);
	for (i = 0; i < 100; i++)
		give(i * (WORDS + 2), -1);
	CHECK_EQ(v.nevents, 99);
	CHECK_EQ(v.bytes[V_LOST], 99 * 8);
	CHECK_EQ(v.event[VERIFY_EVENTS - 1].block, VERIFY_EVENTS);
}

static void off_takes_everything(void)
{
	verify_init(&v, VERIFY_OFF);
	CHECK_EQ(verify_block(&v, block, BYTES, 0), BYTES);
	CHECK(verify_good(&v));
}

static const struct ktap_test tests[] = {
	{ "verify.good_stream", good_stream },
	{ "verify.counter_wraps", counter_wraps },
	{ "verify.each_wrong_word_is_found", each_wrong_word_is_found },
	{ "verify.lost_inside_a_block", lost_inside_a_block },
	{ "verify.lost_between_blocks", lost_between_blocks },
	{ "verify.lost_over_the_wrap", lost_over_the_wrap },
	{ "verify.repeated", repeated },
	{ "verify.repeated_for_long", repeated_for_long },
	{ "verify.short_block_with_old_data", short_block_with_old_data },
	{ "verify.short_first_block", short_first_block },
	{ "verify.block_never_written", block_never_written },
	{ "verify.same_block_delivered_twice", same_block_delivered_twice },
	{ "verify.noise_does_not_move_the_counter", noise_does_not_move_the_counter },
	{ "verify.poison_as_data", poison_as_data },
	{ "verify.edges_see_what_full_sees", edges_see_what_full_sees },
	{ "verify.edges_do_not_look_inside", edges_do_not_look_inside },
	{ "verify.many_events_are_counted", many_events_are_counted },
	{ "verify.off_takes_everything", off_takes_everything },
};

KTAP_MAIN(tests)
