// SPDX-License-Identifier: GPL-2.0
#include "verify.h"

#include <endian.h>
#include <string.h>

#define CHUNK 64	/* words that are compared before looking at the result */

void verify_init(struct verify *v, enum verify_mode mode)
{
	memset(v, 0, sizeof(*v));
	v->mode = mode;
}

void verify_poison(void *data, size_t bytes)
{
	uint32_t *w = data;
	size_t i;

	for (i = 0; i < bytes / VERIFY_WORD; i++)
		w[i] = htole32(VERIFY_POISON);
}

bool verify_good(const struct verify *v)
{
	return v->nevents == 0;
}

bool verify_no_counter(const struct verify *v)
{
	return v->bytes[V_WRONG] > v->received / 2;
}

const char *verify_kind_name(enum verify_kind kind)
{
	static const char *const names[V_KINDS] = {
		"lost", "repeated", "stale", "wrong",
	};

	return names[kind];
}

/* How many words from @w on count up from @val. No branch inside a chunk. */
static size_t count_good(const uint32_t *w, size_t n, uint32_t val)
{
	size_t i, j;

	for (i = 0; i + CHUNK <= n; i += CHUNK) {
		uint32_t diff = 0;

		for (j = 0; j < CHUNK; j++)
			diff |= le32toh(w[i + j]) ^ (val + (uint32_t)(i + j));
		if (diff)
			break;
	}
	while (i < n && le32toh(w[i]) == val + (uint32_t)i)
		i++;

	return i;
}

/*
 * Neighbours of the same kind are one event: many words of a long hole in the
 * data are found one by one.
 */
static void add_event(struct verify *v, enum verify_kind kind, size_t word,
		      uint64_t words, uint32_t got)
{
	uint64_t offset = v->received + word * VERIFY_WORD;
	uint64_t bytes = words * VERIFY_WORD;
	struct verify_event *e;

	v->bytes[kind] += bytes;

	if (v->nevents && v->nevents <= VERIFY_EVENTS && kind != V_LOST) {
		e = &v->event[v->nevents - 1];
		if (e->kind == kind && v->last_end == offset) {
			e->bytes += bytes;
			v->last_end = offset + bytes;
			return;
		}
	}

	if (v->nevents < VERIFY_EVENTS) {
		e = &v->event[v->nevents];
		e->kind = kind;
		e->offset = offset;
		e->block = v->block;
		e->bytes = bytes;
		e->has_expected = v->started;
		e->expected = v->next;
		e->got = got;
		v->last_end = kind == V_LOST ? offset : offset + bytes;
	}
	v->nevents++;
}

struct scan {
	const uint32_t *w;
	size_t n;
	bool has_old;		/* the block was filled before */
	bool has_poison;
	uint32_t old_last;
};

/*
 * Short transfers leave the end of a block untouched, and the end of a block
 * is a run that leads up to its last word.
 */
static bool is_stale(const struct scan *s, size_t i)
{
	uint32_t got = le32toh(s->w[i]);

	if (s->has_poison)
		return got == VERIFY_POISON;
	return s->has_old && got == s->old_last - (uint32_t)(s->n - 1 - i);
}

/*
 * Believes in a jump only when the next word goes on from there. Sources lose
 * data in units of more than one word, so the last word of a block is no jump.
 */
static bool goes_on(const struct scan *s, size_t i)
{
	if (i + 1 == s->n)
		return s->n == 1;
	return le32toh(s->w[i + 1]) == le32toh(s->w[i]) + 1;
}

/* Names what is wrong at word @i. Returns the word to go on with. */
static size_t explain(struct verify *v, const struct scan *s, size_t i)
{
	uint32_t got = le32toh(s->w[i]);
	size_t from = i;

	while (i < s->n && is_stale(s, i) && le32toh(s->w[i]) != v->next)
		i++;
	if (i > from) {
		add_event(v, V_STALE, from, i - from, got);
		return i;
	}

	if (!goes_on(s, i)) {
		/* Taken as damaged in its place, so the next one is due */
		add_event(v, V_WRONG, i, 1, got);
		v->next += v->started;
		return i + 1;
	}

	if (!v->started) {
		v->started = true;
		v->next = got;
		return i;
	}

	if (got - v->next < UINT32_C(1) << 31) {
		add_event(v, V_LOST, i, got - v->next, got);
		v->next = got;
		return i;
	}

	while (i < s->n && le32toh(s->w[i]) == got + (uint32_t)(i - from) &&
	       le32toh(s->w[i]) != v->next)
		i++;
	add_event(v, V_REPEATED, from, i - from, got);
	return i;
}

static void scan_block(struct verify *v, const struct scan *s)
{
	size_t i = 0;

	while (i < s->n) {
		if (v->started) {
			size_t good = count_good(s->w + i, s->n - i, v->next);

			v->next += (uint32_t)good;
			i += good;
		}
		if (i < s->n)
			i = explain(v, s, i);
	}
}

static bool edges_good(const struct verify *v, const uint32_t *w, size_t n)
{
	return v->started && le32toh(w[0]) == v->next &&
	       le32toh(w[n - 1]) == v->next + (uint32_t)(n - 1);
}

size_t verify_block(struct verify *v, const void *data, size_t bytes, int slot)
{
	struct scan s = { .w = data, .n = bytes / VERIFY_WORD };
	uint64_t stale = v->bytes[V_STALE];

	if (v->mode == VERIFY_OFF || !s.n)
		return bytes;

	if (slot >= 0) {
		s.has_old = v->slot[slot].filled;
		s.has_poison = !s.has_old;
		s.old_last = v->slot[slot].last;
	}

	if (v->mode == VERIFY_EDGES && edges_good(v, s.w, s.n))
		v->next += (uint32_t)s.n;
	else
		scan_block(v, &s);

	if (slot >= 0) {
		uint32_t last = le32toh(s.w[s.n - 1]);

		v->slot[slot].filled = s.has_old || last != VERIFY_POISON;
		v->slot[slot].last = last;
	}
	v->received += bytes;
	v->block++;

	return bytes - (size_t)(v->bytes[V_STALE] - stale);
}
