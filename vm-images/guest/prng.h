/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stressors' random numbers: small, fast, and the same on every machine,
 * so that a seed names one order of operations for each worker.
 * Generator: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014).
 */
#ifndef PRNG_H
#define PRNG_H

#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t word = prng->state += 0x9e3779b97f4a7c15ULL;

	word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
	word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
	return word ^ (word >> 31);
}

/* A number in [0, limit); limit must not be 0. */
static inline unsigned int prng_below(struct prng *prng, unsigned int limit)
{
	return (unsigned int)((prng_next(prng) >> 32) % limit);
}

/* One stream for each (seed, stream) pair. */
static inline void prng_start(struct prng *prng, uint64_t seed, uint64_t stream)
{
	prng->state = seed * 0xd1342543de82ef95ULL + stream;
	(void)prng_next(prng);
}

#endif
