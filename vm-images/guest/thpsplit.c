// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thpsplit: huge pages are split just after they were allocated, while others
 * take references on their parts.
 *
 * Even workers are splitters: they fault huge pages in, split them by a partial
 * munmap, mprotect, mremap, madvise or mlock, by copy-on-write after fork, by
 * KSM and through debugfs, look whether each part still holds what was written,
 * give all back and start again. A second thread in each splitter takes
 * references on the tails all the time: it gifts them to a pipe (vmsplice) and
 * looks shared futexes up in them. Odd workers are disturbers: they pin the
 * splitters' pages from outside (process_vm_readv, move_pages), fill, read and
 * drop page cache, so that lockless look-ups meet page frames that have just
 * become tails, shrink, compact and split everything.
 *
 * What it races against: split_huge_page counting the references of tail pages
 * while a lockless path (get_user_pages_fast, find_get_page, compaction,
 * deactivate_page, KSM) holds one for a moment on a page it found before the
 * huge page was allocated.
 *
 * Kernel functions that must run: do_huge_pmd_anonymous_page, split_huge_page
 * (3.0: __split_huge_page_refcount; 6.1: split_huge_page_to_list,
 * __split_huge_pmd, deferred_split_scan), get_user_pages_fast,
 * find_get_page or filemap_get_entry, ksm_do_scan, khugepaged collapse.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "numa.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define PARTS (HUGE / PAGE)
#define HUGES_MAX 2 /* huge pages of one splitter: clearing and stamping them takes most of a round */
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define DEBUG_SPLIT "/debug/split_huge_pages"
#define CACHE_PATH "/tmp/thpsplit"
#define CACHE_PAGES 128
#define FUTEX_WAKE_SHARED 1
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { ROUNDS, HUGES, UNMAPS, PROTECTS, REMAPS, DISCARDS, FREES, MLOCKS, FORKS, MERGES, COLDS, DEBUGS,
       SPLICED, FUTEXES, READS, MOVES, CACHED, SHRINKS };
static const char *const counter_names[] = { "rounds",	 "huge_faults", "munmaps",  "mprotects", "mremaps",
					     "dontneeds", "frees",	"mlocks",   "forks",	 "merges",
					     "colds",	 "debug_splits", "spliced", "futexes",	 "remote_reads",
					     "moved",	 "cached",	"shrinks",  NULL };

static struct settings settings;
static struct crew crew;
static char cache_device[RAMDISK_PATH]; /* newer kernels take no advice about tmpfs */
static char *arena;		/* of HUGES_MAX huge pages, at one address in all workers */
static char *second_arena;	/* where mremap puts things */
static unsigned int huges;	/* huge pages of a splitter */
static int nodes[2], node_count;
static volatile int holder_on;	/* this process's second thread may take references */
static struct worker *holder_worker;

static uint64_t stamp_of(unsigned int number)
{
	return (number + 1) * 0x9e3779b97f4a7c15ULL ^ settings.seed;
}

/* Takes and drops references on tails of this process's huge pages, never touching them itself. */
static void *holder(void *unused)
{
	struct worker *worker = holder_worker;
	static char sink[64 * PAGE];
	struct prng prng;
	int ends[2];

	(void)unused;
	if (pipe(ends))
		return NULL;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	prng_start(&prng, settings.seed, 1000 + worker->index);
	while (!crew_over()) {
		struct iovec parts[8];
		unsigned int i;
		ssize_t count;

		if (!holder_on) {
			sleep_milliseconds(3);
			continue;
		}
		for (i = 0; i < 8; i++) {
			parts[i].iov_base = arena + prng_below(&prng, huges * PARTS) * PAGE;
			parts[i].iov_len = PAGE;
			/* A shared futex is looked up by its page; nobody waits on it. */
			syscall(SYS_futex, parts[i].iov_base, FUTEX_WAKE_SHARED, 1, NULL, NULL, 0);
		}
		worker->counters[FUTEXES] += 8;
		count = vmsplice(ends[1], parts, 8, SPLICE_F_NONBLOCK);
		if (count > 0)
			worker->counters[SPLICED] += (uint64_t)count / PAGE;
		/* Some stay in the pipe, pinned, over the next splits; what was read out is let go. */
		if (prng_below(&prng, 4))
			while (read(ends[0], sink, sizeof(sink)) > 0)
				;
		/* Or the splitter waits for the mmap lock more than it splits. */
		sleep_milliseconds(2);
	}
	return NULL;
}

/* Faults huge pages and stamps every part of them. */
static void fill(struct worker *worker, int merge)
{
	unsigned int number;

	mmap(arena, huges * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	madvise(arena, huges * HUGE, MADV_HUGEPAGE);
	for (number = 0; number < huges * PARTS; number++) {
		/* For KSM, parts of equal content: the stamp is that of the place in the huge page. */
		*(volatile uint64_t *)(arena + number * PAGE) = stamp_of(merge ? number % PARTS : number);
		if (number % PARTS == 0)
			worker->counters[HUGES]++;
	}
}

/* Each part holds its stamp, or nothing where that is allowed. */
static void check(struct worker *worker, const char *start, unsigned int first, unsigned int count, int merge,
		  int may_be_empty)
{
	unsigned int number;

	for (number = first; number < first + count; number++) {
		uint64_t found = *(const volatile uint64_t *)(start + number * PAGE);
		uint64_t expected = stamp_of(merge ? number % PARTS : number);

		if (found != expected && !(may_be_empty && !found))
			worker_corrupt(worker, "thpsplit", start + number * PAGE, expected, found);
	}
}

/*
 * Since 4.5 the calls below split only the mapping, and the page itself when a
 * shrinker comes by; since 5.13 debugfs splits the pages of a range at once.
 */
static void debug_split(struct worker *worker)
{
	char text[96];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", (int)getpid(), (unsigned long)arena,
		 (unsigned long)(arena + huges * HUGE));
	if (!file_put(DEBUG_SPLIT, text))
		worker->counters[DEBUGS]++;
}

static void fork_and_write(struct worker *worker, unsigned int first, unsigned int count)
{
	pid_t child = worker_fork();
	unsigned int number;

	if (!child) {
		for (number = first; number < first + count; number += 3)
			*(volatile uint64_t *)(arena + number * PAGE) = 1;
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	for (number = first; number < first + count; number += 5)
		*(volatile uint64_t *)(arena + number * PAGE) = stamp_of(number);
	worker_wait(child, 3000);
}

static void discard(struct worker *worker, char *part, size_t length)
{
	madvise(part, length, MADV_DONTNEED);
	worker->counters[DISCARDS]++;
}

static void splitter_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 12);
	unsigned int huge = prng_below(&worker->prng, huges);
	unsigned int count = 1 + prng_below(&worker->prng, PARTS - 2);
	unsigned int first = huge * PARTS + 1 + prng_below(&worker->prng, PARTS - 1 - count);
	unsigned int all = huges * PARTS, after = first + count;
	int merge = choice == 9, empty = 0;
	char *part = arena + first * PAGE;
	size_t length = count * PAGE;

	fill(worker, merge);
	/* Not always: a second running thread makes every unmapping an interrupt to its CPU. */
	holder_on = prng_below(&worker->prng, 3) == 0;
	/* Straight after the fault: the huge page is as young as can be. */
	switch (choice) {
	case 0:
		munmap(part, length);
		worker->counters[UNMAPS]++;
		check(worker, arena, 0, first, 0, 0);
		check(worker, arena, after, all - after, 0, 0);
		goto out;
	case 1:
	case 2:
		mprotect(part, length, PROT_READ);
		worker->counters[PROTECTS]++;
		break;
	case 3:
		/* Its parts move elsewhere, and back. */
		if (mremap(part, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, second_arena + first * PAGE) !=
		    MAP_FAILED) {
			worker->counters[REMAPS]++;
			check(worker, second_arena, first, count, 0, 0);
			mremap(second_arena + first * PAGE, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, part);
		}
		break;
	case 4:
	case 5:
		discard(worker, part, length);
		empty = 1;
		break;
	case 6:
		if (!madvise(part, length, MADV_FREE)) /* 4.5 on */
			worker->counters[FREES]++;
		else
			discard(worker, part, length);
		empty = 1;
		break;
	case 7:
		if (!mlock(part, length))
			worker->counters[MLOCKS]++;
		munlock(part, length);
		break;
	case 8:
		fork_and_write(worker, first, count);
		break;
	case 9:
		if (!madvise(arena, huges * HUGE, MADV_MERGEABLE))
			worker->counters[MERGES]++;
		sleep_milliseconds(30); /* for ksmd to come by */
		fork_and_write(worker, 0, 1);
		break;
	case 10:
		if (!madvise(part, length, prng_below(&worker->prng, 2) ? MADV_COLD : MADV_PAGEOUT)) { /* 5.4 on */
			worker->counters[COLDS]++;
		} else {
			discard(worker, part, length);
			empty = 1;
		}
		break;
	default:
		break; /* whole, for debugfs */
	}
	if (choice != 9 && prng_below(&worker->prng, 4))
		debug_split(worker);
	check(worker, arena, 0, first, merge, 0);
	check(worker, arena, first, count, merge, empty);
	check(worker, arena, after, all - after, merge, 0);
	if (prng_below(&worker->prng, 16) == 0)
		sleep_milliseconds(40); /* lets khugepaged collapse what is left */
out:
	holder_on = 0;
	munmap(arena, huges * HUGE);
	/* munmap leaves a hole that the second thread must not map: keep the addresses reserved. */
	mmap(arena, huges * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* From outside: pins for the time of a copy. Pages come and go meanwhile, so errors are expected. */
static void read_remote(struct worker *worker, pid_t pid)
{
	static char copy[16 * 64];
	struct iovec here = { copy, sizeof(copy) }, there[16];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		there[i].iov_base = arena + prng_below(&worker->prng, huges * PARTS) * PAGE;
		there[i].iov_len = 64;
	}
#ifdef SYS_process_vm_readv
	if (syscall(SYS_process_vm_readv, pid, &here, 1, there, 16, 0) > 0) /* 3.2 on */
		worker->counters[READS]++;
#else
	(void)here;
#endif
}

static void move_remote(struct worker *worker, pid_t pid)
{
	unsigned int i, start = prng_below(&worker->prng, huges * PARTS);
	int goals[32], status[32];
	void *pages[32];

	for (i = 0; i < 32; i++) {
		pages[i] = arena + (start + i * 7) % (huges * PARTS) * PAGE;
		goals[i] = nodes[(i + start) & 1];
		status[i] = -ENOENT;
	}
	if (node_count < 2 || numa_move_pages(pid, 32, pages, goals, status) < 0)
		return;
	for (i = 0; i < 32; i++)
		worker->counters[MOVES] += status[i] == goals[i];
}

/* Page cache that comes, is looked up and goes: its page frames become tails, and tails become it. */
static void churn_cache(struct worker *worker)
{
	static char block[16 * PAGE];
	unsigned int i, start = prng_below(&worker->prng, CACHE_PAGES);
	int device = (int)prng_below(&worker->prng, 2);
	int file = device ? open(cache_device, O_RDWR) : open(CACHE_PATH, O_RDWR | O_CREAT, 0600);
	void *view;

	if (file < 0)
		return;
	for (i = 0; i < CACHE_PAGES; i += 16)
		if (pwrite(file, block, sizeof(block), (off_t)(i * PAGE)) > 0)
			worker->counters[CACHED] += 16;
	for (i = 0; i < CACHE_PAGES; i++)
		if (pread(file, block, 64, (off_t)((start + i * 37) % CACHE_PAGES * PAGE)) < 0)
			break;
	/*
	 * Dropping mapped pages does not succeed: they are deactivated instead.
	 * Populated by the kernel, since another disturber may truncate the file
	 * at any time and a touch would then be a SIGBUS.
	 */
	view = mmap(NULL, 64 * PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
	if (view != MAP_FAILED) {
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
		munmap(view, 64 * PAGE);
	}
	/* Others look the same file up while it loses its pages. */
	if (device || ftruncate(file, (off_t)(start * PAGE)))
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	close(file);
}

static void disturber_round(struct worker *worker)
{
	unsigned int i, splitter = 2 * prng_below(&worker->prng, (crew.workers + 1) / 2);
	unsigned int choice = worker_choose(worker, 256);
	pid_t pid = crew.roll[splitter].pid;

	for (i = 0; i < 4; i++)
		read_remote(worker, pid);
	if (choice < 1) {
		file_put("/proc/sys/vm/compact_memory", "1");
	} else if (choice < 16) {
		/* From 4.5 on partly unmapped huge pages wait for a shrinker to split them. */
		if (!file_put("/proc/sys/vm/drop_caches", "2"))
			worker->counters[SHRINKS]++;
	} else if (choice < 17) {
		if (!file_put(DEBUG_SPLIT, "1")) /* all there are: 4.5 on */
			worker->counters[DEBUGS]++;
	} else if (choice < 100) {
		churn_cache(worker);
	} else if (choice < 116) {
		move_remote(worker, pid);
	}
}

static void begin(struct worker *worker)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (worker->index % 2)
		return;
	holder_worker = worker;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_create(&thread, &attributes, holder, NULL);
}

static void work(struct worker *worker)
{
	if (worker->index % 2 == 0)
		splitter_round(worker);
	else
		disturber_round(worker);
}

static char *arena_reserve(void)
{
	size_t size = (HUGES_MAX + 1) * HUGE;
	char *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		stressor_skip("cannot reserve %zu KiB of addresses: errno=%d", size / 1024, errno);
	return (char *)(((uintptr_t)start + HUGE - 1) & ~(HUGE - 1));
}

int main(int argc, char **argv)
{
	struct stat found;
	int list[64], status;

	settings_read(&settings, argc, argv);
	if (stat(THP "enabled", &found))
		stressor_skip("not in this kernel: transparent huge pages");
	ramdisk_path(cache_device, settings.ram);
	node_count = memory_nodes(list, 64);
	nodes[0] = list[0];
	nodes[1] = list[node_count > 1];
	arena = arena_reserve();
	second_arena = arena_reserve();
	crew.name = "thpsplit";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads < 2 ? 2 : settings.threads;
	crew.begin = begin;
	crew.work = work;
	/* Copies after fork and mremap: up to twice the arena in each splitter. */
	huges = (settings.memory_mib / 2 - 8) / (2 * ((crew.workers + 1) / 2));
	huges = huges < 1 ? 1 : huges > HUGES_MAX ? HUGES_MAX : huges;
	/* The zero page, once written to, becomes small pages, and the disturbers read before the splitters write. */
	file_put(THP "use_zero_page", "0");
	file_put("/proc/sys/vm/drop_caches", "4"); /* no line in the log for each shrink; 3.15 on */
	file_put("/sys/kernel/mm/ksm/pages_to_scan", "200");
	file_put("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	file_put("/sys/kernel/mm/ksm/run", "1");
	status = crew_run(&crew);
	file_put("/sys/kernel/mm/ksm/run", "0");
	return status;
}
