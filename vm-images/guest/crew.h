/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crew is what every stressor is made of: worker processes that repeat
 * rounds until the deadline, and a supervisor that starts them, prints one
 * progress line a second, replaces those that die, ends them all and prints
 * the digest. The supervisor touches nothing of what is stressed, so it lives
 * when the workers hang.
 */
#ifndef CREW_H
#define CREW_H

#include "prng.h"

#include <stdint.h>
#include <sys/types.h>

#define CREW_LIMIT 32    /* workers */
#define CREW_COUNTERS 20 /* counters of one stressor, "rounds" being number 0 */
#define CREW_TARGETS 4   /* words that workers tell each other */
#define CREW_ORDER 8     /* first choices of each worker that the digest's order= is made of */

/* Exit status of a stressor, known to init. */
enum { STRESSOR_WORKED = 0, STRESSOR_FAILED = 1, STRESSOR_IMPOSSIBLE = 2 };

struct settings {
	unsigned int seconds;
	uint64_t seed;
	unsigned int threads;    /* worker processes, 1..CREW_LIMIT */
	unsigned int memory_mib; /* what the stressor may use in all */
	unsigned int swap_mib;	 /* of each swap area that it makes; 0: what it takes by itself */
	unsigned int ram;	 /* number of the first RAM disk that is free: ram0, or ram1 where that is the root */
};

/* One for each worker, in memory shared by all. */
struct worker {
	pid_t pid;
	unsigned int index;
	unsigned int lives; /* how often it was started, 1 at first */
	struct prng prng;    /* places, sizes, times: how much is drawn depends on what the kernel answered */
	struct prng choices; /* what is done next: drawn by worker_choose() alone */
	unsigned int chosen; /* choices of the first life that are in the order */
	uint64_t order;	     /* hash of them */
	uint64_t counters[CREW_COUNTERS];
	volatile uintptr_t targets[CREW_TARGETS];
};

struct crew {
	const char *name;
	const struct settings *settings;
	const char *const *counters; /* names, "rounds" first, NULL at the end */
	unsigned int workers;
	void (*work)(struct worker *worker); /* one round; called until the deadline */
	void (*begin)(struct worker *worker); /* optional: before the first round, in the worker */
	struct worker *roll; /* made by crew_run: the workers, by index */
};

/* Reads --seconds --seed --threads --memory --swap --ram; anything else ends the program with STRESSOR_FAILED. */
void settings_read(struct settings *settings, int argc, char **argv);

/* KiB of a swap area: as it is asked for, or else what the stressor would take. */
long settings_swap_kib(const struct settings *settings, long own_kib);

/* Runs it all; returns the stressor's exit status. */
int crew_run(struct crew *crew);

/*
 * The next operation, in [0, limit). It comes from a stream of its own, so that
 * one seed gives each worker one order of operations, whatever the kernel
 * answers meanwhile; the digest's order= shows it.
 */
unsigned int worker_choose(struct worker *worker, unsigned int limit);

/* True when the time is over: long rounds look at it. */
int crew_over(void);

/* Prints "# skip REASON" and ends the program with STRESSOR_IMPOSSIBLE. */
void stressor_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * Says that memory did not hold what was written to it: counted, and the first
 * few are printed as "# error" lines. A stressor with one of these has failed.
 */
void worker_corrupt(struct worker *worker, const char *where, const void *address, uint64_t expected, uint64_t found);

/* Binds the calling thread to a CPU, counted round; -1: to none. */
void run_on(int cpu);

/* Addresses for size bytes that nothing is mapped at yet, aligned for huge pages; ends the program where there are none. */
char *addresses_reserve(size_t size);

/* fork(); the child dies with its parent. */
pid_t worker_fork(void);

/* Waits for a child; kills it when it takes longer than the given time. Returns its wait status. */
int worker_wait(pid_t child, unsigned int milliseconds);

#endif
