// SPDX-License-Identifier: GPL-2.0
#include "result.h"

#include <stdlib.h>

bool result_has_figures(const struct result *r)
{
	return r && !r->status && (r->blocks || r->repeated);
}

uint64_t result_lost_samples(const struct result *r)
{
	uint64_t lost = r->verify.bytes[V_LOST], size = r->sample_bytes;

	return size ? (lost + size - 1) / size : 0;
}

static double per_mib(uint64_t count, uint64_t bytes)
{
	return (double)count / ((double)bytes / (1 << 20));
}

double result_syscalls_per_mib(const struct result *r)
{
	return per_mib(r->syscalls, r->bytes);
}

bool result_has_irqs(const struct result *r)
{
	return r->stat_valid && r->bytes;
}

double result_irqs_per_mib(const struct result *r)
{
	return per_mib(r->irqs, r->warmup_bytes + r->bytes);
}

double result_cpu_us_per_mib(const struct result *r)
{
	return per_mib((r->user_ns + r->sys_ns) / 1000, r->warmup_bytes + r->bytes);
}

double result_instructions_per_mib(const struct result *r)
{
	return per_mib(r->instructions.user + r->instructions.kernel, r->bytes);
}

bool result_sent_well(const struct result *r)
{
	return !r->checks.jumps && !r->checks.lost_bytes;
}

void result_free(struct result *r)
{
	free(r->interval);
	r->interval = NULL;
	r->nintervals = 0;
}
