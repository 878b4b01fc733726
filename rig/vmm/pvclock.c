// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own arithmetic, as asm/pvclock-abi.h has it.
 */
#include "bench.h"
#include "vm.h"

#define WORD_BITS	32
#define WORD_MASK	0xffffffffULL

/* (a * b) >> shift, for a shift of 32 to 63 and a result of 64 bits; -m32 has no 128-bit type. */
uint64_t mul_shift(uint64_t a, uint64_t b, unsigned int shift)
{
	uint64_t low = (a & WORD_MASK) * (b & WORD_MASK);
	uint64_t mid1 = (a >> WORD_BITS) * (b & WORD_MASK);
	uint64_t mid2 = (a & WORD_MASK) * (b >> WORD_BITS);
	uint64_t high = (a >> WORD_BITS) * (b >> WORD_BITS);
	uint64_t mid = (low >> WORD_BITS) + (mid1 & WORD_MASK) + (mid2 & WORD_MASK);

	high += (mid1 >> WORD_BITS) + (mid2 >> WORD_BITS) + (mid >> WORD_BITS);
	low = mid << WORD_BITS | (low & WORD_MASK);
	return high << (2 * WORD_BITS - shift) | low >> shift;
}

uint64_t guest_clock(const struct vcpu_time *time, uint64_t tsc)
{
	uint64_t delta = tsc - time->tsc_timestamp;

	if (time->tsc_shift < 0)
		delta >>= -time->tsc_shift;
	else
		delta <<= time->tsc_shift;
	return time->system_time + mul_shift(delta, time->tsc_to_system_mul, WORD_BITS);
}
