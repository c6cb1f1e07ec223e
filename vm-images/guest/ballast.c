// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Locked memory, or pipes with something in them. Before 2.6.28 reclaim scans
 * locked pages with all others and did nothing else in a guest that is mostly
 * ballast; what is in a pipe is on no list.
 */
#define _GNU_SOURCE
#include "ballast.h"

#include "crew.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK_KIB 256L
#define BLOCK_LARGE_KIB (16 * 1024L) /* mostly huge pages: small ones take half a minute for 1 GiB where emulated */
#define BLOCKS 32768
#define PIPE_KIB 64	  /* 4 before 2.6.11 */
#define PIPE_ITSELF_KIB 1 /* inode, dentry and two files */
#define PRESS_SECONDS 0.25
#define RESERVE_KIB 2048  /* what the kernel keeps free for itself where it does not tell */

struct block {
	long kib;
	char *start; /* NULL: a pipe */
	int ends[2];
};

/* What all processes share. */
struct state {
	volatile long room_kib;
	volatile long held_kib;
	volatile long first_kib; /* held when the first room was left; 0: not yet */
	volatile int settled;
};

static struct state *state;
static long first_room_kib, reserve_kib;
static int by_pipes;
static pid_t holder;

static long memory_free_kib(void)
{
	return (long)file_get_field("/proc/meminfo", "MemFree", 0) - reserve_kib;
}

void ballast_prepare(long room_kib)
{
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		exit(STRESSOR_FAILED);
	state->room_kib = first_room_kib = room_kib;
	reserve_kib = 2 * (long)file_get_number("/proc/sys/vm/min_free_kbytes", RESERVE_KIB / 2);
	by_pipes = file_get_field("/proc/meminfo", "Unevictable", -1) < 0;
	file_put("/proc/sys/vm/drop_caches", "1");
}

/* Returns 0 or -1. MAP_LOCKED, not mlock(): before 2.6.9 that locks half of memory at most. */
static int block_take(struct block *block, long kib)
{
	static char nothing[PIPE_KIB * 1024]; /* not constant: that would be part of the file */
	ssize_t written;

	if (!by_pipes) {
		block->kib = kib;
		block->start = mmap(NULL, (size_t)kib * 1024, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
		return block->start == MAP_FAILED ? -1 : 0;
	}
	block->start = NULL;
	if (pipe(block->ends))
		return -1;
	fcntl(block->ends[1], F_SETFL, O_NONBLOCK);
	written = write(block->ends[1], nothing, sizeof(nothing));
	block->kib = PIPE_ITSELF_KIB + (written > 0 ? written / 1024 : 0);
	return 0;
}

static void block_give(struct block *block)
{
	if (block->start) {
		munmap(block->start, (size_t)block->kib * 1024);
	} else {
		close(block->ends[0]);
		close(block->ends[1]);
	}
}

/* How much more is to be held. At first what is free tells, as only this takes any; then what was held then. */
static long wanted_kib(void)
{
	if (state->first_kib)
		return state->first_kib + first_room_kib - state->room_kib - state->held_kib;
	return memory_free_kib() - first_room_kib;
}

static void hold(void)
{
	struct rlimit files = { 2 * BLOCKS + 16, 2 * BLOCKS + 16 };
	static struct block blocks[BLOCKS];
	unsigned int count = 0;

	if (file_put("/proc/self/oom_score_adj", "1000"))
		file_put("/proc/self/oom_adj", "15"); /* 2.6.11 to 2.6.35 */
	if (by_pipes) {
		file_put("/proc/sys/fs/file-max", "131072");
		setrlimit(RLIMIT_NOFILE, &files);
	}
	while (!crew_over()) {
		long wanted = wanted_kib();
		unsigned int taken = 0;

		/* Not too many at once: pipes take more than what is put into them, which is seen afterwards. */
		while (wanted >= BLOCK_KIB && count < BLOCKS && taken < 256 &&
		       !block_take(&blocks[count], wanted > 2 * BLOCK_LARGE_KIB ? BLOCK_LARGE_KIB : BLOCK_KIB)) {
			state->held_kib += blocks[count].kib;
			wanted -= blocks[count++].kib;
			taken++;
		}
		if (taken)
			continue;
		while (count > 0 && wanted < 0 && state->first_kib) {
			block_give(&blocks[--count]);
			state->held_kib -= blocks[count].kib;
			wanted += blocks[count].kib;
		}
		if (!state->first_kib)
			state->first_kib = state->held_kib;
		state->settled = 1;
		sleep_milliseconds(20);
	}
	_exit(0);
}

void ballast_keep(void)
{
	if (holder > 0 && waitpid(holder, NULL, WNOHANG) == 0)
		return;
	state->held_kib = 0;
	state->settled = 0;
	holder = worker_fork();
	if (!holder)
		hold();
}

void ballast_room(long room_kib)
{
	state->settled = 0;
	state->room_kib = room_kib;
}

void ballast_press(long out_kib)
{
	static double pressed;
	double now = clock_seconds();
	long out;

	if (!state->settled || now < pressed + PRESS_SECONDS)
		return;
	pressed = now;
	out = swap_used_kib();
	/* Some stays, or 2.6.9 calls the out-of-memory killer. */
	if (out < out_kib && state->room_kib > first_room_kib / 8)
		ballast_room(state->room_kib - BLOCK_KIB);
	else if (out > 3 * out_kib && state->room_kib < 2 * first_room_kib)
		ballast_room(state->room_kib + BLOCK_KIB);
}

void ballast_wait(unsigned int milliseconds)
{
	double end = clock_seconds() + milliseconds / 1000.0;

	while (!state->settled && !crew_over() && clock_seconds() < end)
		sleep_milliseconds(20);
}

long ballast_held_kib(void)
{
	return state->held_kib;
}
