// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migration: pages are moved between memory nodes while they are in use.
 *
 * Every third worker is a toucher: they read and write seven kinds of memory (shared
 * anonymous, a tmpfs file, one that is truncated, page cache of a block device,
 * private pages, some of them merged by KSM, private huge pages) and fork, write
 * after fork, mprotect, unmap and map again, mlock, truncate, and have children
 * that exit as soon as somebody moves their pages. The others are movers: they
 * move just those pages, of all touchers and of their children, with
 * move_pages(), mbind(), migrate_pages(), a cpuset whose memory nodes change,
 * compaction of all memory and, on the first of them, by taking memory offline
 * and online again.
 *
 * Private pages hold the number of their last writing, so that a write that
 * went to the old page, for want of a TLB flush, is missed in the new one.
 *
 * What it races against: a page fault, a fork, an unmap, a truncation or an
 * exit that meets a migration entry while migration replaces the page (and, on
 * old kernels, the anon_vma going away under it).
 *
 * Kernel functions that must run: migrate_pages, unmap_and_move and
 * move_to_new_page (3.0: same names; later *_folio), try_to_unmap or
 * try_to_migrate, remove_migration_ptes, migration_entry_wait,
 * page_lock_anon_vma or folio_lock_anon_vma_read, isolate_lru_page,
 * compact_zone, cpuset_migrate_mm and do_migrate_pages, rmap_walk_ksm,
 * offline_pages.
 *
 * Before 2.6.16 no page moved but through swap, which is what the swapoff,
 * reclaim and rmap stressors are for.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "numa.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define BATCH 256 /* pages of one move_pages(): each call first drains every CPU's LRU caches, which is slow */
#define SMALL_BATCH 64 /* looked at page by page */
#define KSM_GROUP 16 /* pages of one group have different contents; each group has the same */
#define FILE_PATH "/tmp/migration"
#define TRUNCATED_PATH "/tmp/migration-truncated"
#define CPUSET "/tmp/cpuset"
#define BLOCKS "/sys/devices/system/memory/"
#define BLOCKS_MAX 256
#define OFFLINE_MILLISECONDS 1500 /* then a signal ends the attempt */
#define OFFLINE_PAUSE 3.0	  /* seconds between attempts: moving is the work, this is a part of it */
#define KPF_KSM 21		  /* include/linux/kernel-page-flags.h */

enum { ROUNDS, TOUCHES, MOVED, MOVE_FAILED, MOVED_ANON, MOVED_SHMEM, MOVED_FILE, MOVED_KSM, MOVED_HUGE, MBINDS,
       MIGRATES, CPUSET_MOVED, OFFLINED, OFFLINE_FAILED, COMPACTIONS, FORKS, EXITS, REMAPS, MLOCKS, TRUNCATES };
static const char *const counter_names[] = { "rounds",	    "touches",	    "pages_moved", "not_moved",
					     "moved_anon",  "moved_shmem",  "moved_file",  "moved_ksm",
					     "moved_huge",  "mbinds",	    "migrates", "cpuset_moved",
					     "offlined",    "not_offlined", "compactions", "forks",
					     "exits",	    "remaps",	    "mlocks",	   "truncates",
					     NULL };

/* The same addresses in all workers, so that a mover knows those of a toucher. */
enum { SHARED, TMPFILE, TRUNCATED, DEVICE, PRIVATE, MERGED, HUGEPAGES, REGIONS };
static struct {
	char *start;
	unsigned int pages; /* 0: this kernel has none */
	int file;	    /* of those that map one */
	unsigned int moved; /* the counter of this kind */
} regions[REGIONS] = {
	[SHARED] = { .file = -1, .moved = MOVED_SHMEM },  [TMPFILE] = { .file = -1, .moved = MOVED_SHMEM },
	[TRUNCATED] = { .file = -1, .moved = MOVED_SHMEM }, [DEVICE] = { .file = -1, .moved = MOVED_FILE },
	[PRIVATE] = { .file = -1, .moved = MOVED_ANON },  [MERGED] = { .file = -1, .moved = MOVED_KSM },
	[HUGEPAGES] = { .file = -1, .moved = MOVED_HUGE },
};

/* What workers tell each other: where a mover is at work, and on whom; a toucher is ready; its child that will exit. */
enum { AT_REGION, AT_PAGE, AT_PID };
enum { READY, CHILD };

static struct settings settings;
static struct crew crew;
static int nodes[2];		/* the two between which pages go */
static int cpuset_version;	/* of the cgroup interface, 0: no cpusets that move memory */
static int blocks[BLOCKS_MAX], block_count;
static double offline_next; /* the time of the next attempt, of mover 1 */
static unsigned char *writings[REGIONS]; /* of this process's own pages, 0: fresh */
static sigjmp_buf truncated_away;
static volatile int may_be_truncated;

static uint64_t stamp_of(unsigned int region, const char *page)
{
	uint64_t place = (uint64_t)(uintptr_t)page, number = (uint64_t)(page - regions[region].start) / PAGE;

	if (region == MERGED)
		place = number % KSM_GROUP;
	else if (writings[region])
		place += writings[region][number];
	return (place ^ settings.seed) * 0x9e3779b97f4a7c15ULL | 1;
}

static char *page_at(unsigned int region, unsigned int number)
{
	return regions[region].start + number * PAGE;
}

/* One that this kernel has. */
static unsigned int region_present(unsigned int region)
{
	return regions[region].pages ? region : PRIVATE;
}

static void bus_error(int number)
{
	if (may_be_truncated)
		siglongjmp(truncated_away, 1);
	/* Anywhere else it is the kernel's fault, and the end of this worker. */
	signal(number, SIG_DFL);
}

/* These pages are fresh from now on. */
static void part_forget(unsigned int region, const char *part, size_t length)
{
	if (writings[region])
		memset(writings[region] + (part - regions[region].start) / PAGE, 0, length / PAGE);
}

/* A page that others write, too, holds its stamp or is fresh; one that is one's own, its last stamp. */
static void page_touch(struct worker *worker, unsigned int region, char *page, int write)
{
	volatile uint64_t *word = (volatile uint64_t *)page;
	uint64_t found;

	worker->counters[TOUCHES]++;
	if (region == TRUNCATED) {
		if (sigsetjmp(truncated_away, 0)) {
			may_be_truncated = 0;
			return;
		}
		may_be_truncated = 1;
	}
	found = *word;
	if (writings[region]) {
		unsigned char *writing = &writings[region][(page - regions[region].start) / PAGE];
		uint64_t expected = *writing ? stamp_of(region, page) : 0;

		if (found != expected)
			worker_corrupt(worker, "migration", page, expected, found);
		if (write)
			*writing = (unsigned char)(1 + *writing % 255);
	} else if (found && found != stamp_of(region, page)) {
		worker_corrupt(worker, "migration", page, stamp_of(region, page), found);
	}
	if (write)
		*word = stamp_of(region, page);
	may_be_truncated = 0;
}

/* One of three: the others, the movers, wait for other CPUs (LRU caches, grace periods) most of their time. */
static int is_toucher(unsigned int index)
{
	return index % 3 == 0;
}

/* Half of the touches go where a mover is at work just now, so that they meet migration entries. */
static void touch_some(struct worker *worker, unsigned int count)
{
	struct worker *mover = &crew.roll[1 + prng_below(&worker->prng, crew.workers - 1)];

	while (count--) {
		unsigned int region = region_present(prng_below(&worker->prng, REGIONS));
		unsigned int number = prng_below(&worker->prng, regions[region].pages);

		if (count & 2 && !is_toucher(mover->index)) {
			region = (unsigned int)mover->targets[AT_REGION];
			number = ((unsigned int)mover->targets[AT_PAGE] + number % BATCH) % regions[region].pages;
		}
		page_touch(worker, region, page_at(region, number), (int)(count & 1));
	}
}

/* A child that breaks copy-on-write on pages that are on their way. */
static void fork_and_write(struct worker *worker)
{
	unsigned int i, first = prng_below(&worker->prng, regions[PRIVATE].pages);
	unsigned int huge = prng_below(&worker->prng, regions[HUGEPAGES].pages);
	pid_t child = worker_fork();

	if (!child) {
		for (i = 0; i < 64; i++)
			page_touch(worker, PRIVATE, page_at(PRIVATE, (first + i) % regions[PRIVATE].pages), 1);
		for (i = 0; i < 8; i++)
			page_touch(worker, HUGEPAGES,
				   page_at(HUGEPAGES, (huge + i * 67) % regions[HUGEPAGES].pages), 1);
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	touch_some(worker, 64);
	worker_wait(child, 2000);
}

/* A child with pages of its own that exits as soon as a mover has begun with them. */
static void fork_and_exit(struct worker *worker)
{
	unsigned int i, k, spin;
	pid_t child = worker_fork();

	if (!child) {
		for (i = 0; i < 256; i++)
			page_touch(worker, PRIVATE, page_at(PRIVATE, i % regions[PRIVATE].pages), 1);
		worker->targets[CHILD] = (uintptr_t)getpid();
		for (spin = 0; spin < 100 && !crew_over(); spin++) {
			for (k = 1; k < crew.workers; k++)
				if (!is_toucher(k) && crew.roll[k].targets[AT_PID] == (uintptr_t)getpid()) {
					worker->counters[EXITS]++;
					_exit(0);
				}
			for (i = 0; i < 64; i++)
				page_touch(worker, PRIVATE, page_at(PRIVATE, (spin * 64 + i) % regions[PRIVATE].pages),
					   (int)(i & 1));
		}
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	touch_some(worker, 512);
	worker_wait(child, 2000);
	worker->targets[CHILD] = 0;
}

/* Part of a region, of at most a quarter of it. */
static char *part_of(struct worker *worker, unsigned int region, size_t *length)
{
	unsigned int pages = 1 + prng_below(&worker->prng, regions[region].pages / 4);
	unsigned int first = prng_below(&worker->prng, regions[region].pages - pages);

	*length = pages * PAGE;
	return page_at(region, first);
}

/* Maps a part of a region afresh; nobody else maps anything in this process, so that its place is still free. */
static int part_map(unsigned int region, char *part, size_t length)
{
	int kind = regions[region].file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	part_forget(region, part, length);
	return mmap(part, length, PROT_READ | PROT_WRITE, kind | MAP_FIXED, regions[region].file,
		    regions[region].file < 0 ? 0 : part - regions[region].start) == MAP_FAILED;
}

/* Written before read: a huge page that is read first is the zero page, and writing then makes small ones. */
static void huge_fill(void)
{
	unsigned int number;

	for (number = 0; number < regions[HUGEPAGES].pages; number += HUGE / PAGE) {
		writings[HUGEPAGES][number] = 1;
		*(volatile uint64_t *)page_at(HUGEPAGES, number) = stamp_of(HUGEPAGES, page_at(HUGEPAGES, number));
	}
}

static void toucher_begin(struct worker *worker)
{
	unsigned int region, number;

	for (region = PRIVATE; region <= HUGEPAGES; region++) {
		if (region != MERGED) {
			writings[region] = mmap(NULL, regions[region].pages, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (writings[region] == (void *)MAP_FAILED)
				_exit(1);
		}
		if (part_map(region, regions[region].start, regions[region].pages * PAGE))
			_exit(1);
		madvise(regions[region].start, regions[region].pages * PAGE,
			region == HUGEPAGES ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	}
	madvise(regions[MERGED].start, regions[MERGED].pages * PAGE, MADV_MERGEABLE);
	huge_fill();
	for (region = PRIVATE; region <= HUGEPAGES; region++)
		for (number = 0; number < regions[region].pages; number++)
			page_touch(worker, region, page_at(region, number), 1);
	worker->targets[READY] = 1; /* there is something to move */
}

static void truncate_and_grow(struct worker *worker)
{
	unsigned int left = prng_below(&worker->prng, regions[TRUNCATED].pages);

	if (ftruncate(regions[TRUNCATED].file, (off_t)(left * PAGE)))
		return;
	touch_some(worker, 64);
	if (!ftruncate(regions[TRUNCATED].file, (off_t)(regions[TRUNCATED].pages * PAGE)))
		worker->counters[TRUNCATES]++;
}

static void toucher_round(struct worker *worker)
{
	unsigned int region = region_present(prng_below(&worker->prng, REGIONS));
	/* Those that can be unmapped in part and mapped again as they were. */
	static const unsigned int mapped[] = { PRIVATE, HUGEPAGES, TMPFILE, TRUNCATED };
	size_t length;
	char *part;

	touch_some(worker, 512);
	switch (worker_choose(worker, 12)) {
	case 0:
	case 1:
		fork_and_write(worker);
		break;
	case 2:
	case 3:
		fork_and_exit(worker);
		break;
	case 4:
		part = part_of(worker, region, &length);
		mprotect(part, length, PROT_READ);
		page_touch(worker, region, part, 0);
		mprotect(part, length, PROT_READ | PROT_WRITE);
		break;
	case 5:
		region = mapped[prng_below(&worker->prng, 4)];
		part = part_of(worker, region, &length);
		munmap(part, length);
		if (part_map(region, part, length))
			_exit(1);
		worker->counters[REMAPS]++;
		break;
	case 6:
		part = part_of(worker, region, &length);
		if (!mlock(part, length))
			worker->counters[MLOCKS]++;
		touch_some(worker, 64);
		munlock(part, length);
		break;
	case 7:
		region = region & 1 ? PRIVATE : HUGEPAGES;
		part = part_of(worker, region, &length);
		if (!madvise(part, length, MADV_DONTNEED))
			part_forget(region, part, length);
		break;
	case 8:
		/* The mapping as a whole again: what remapping cut is merged, and can be huge once more. */
		if (part_map(HUGEPAGES, regions[HUGEPAGES].start, regions[HUGEPAGES].pages * PAGE))
			_exit(1);
		huge_fill();
		break;
	case 9:
		truncate_and_grow(worker);
		break;
	case 10:
		/* Rarely all: a page must be left alone for two scans to be merged. */
		if (prng_below(&worker->prng, 8))
			break;
		madvise(regions[MERGED].start, regions[MERGED].pages * PAGE, MADV_UNMERGEABLE);
		madvise(regions[MERGED].start, regions[MERGED].pages * PAGE, MADV_MERGEABLE);
		break;
	default:
		touch_some(worker, 512);
	}
}

/* Of pages from first on, marks those that KSM has merged; returns how many. */
static unsigned int find_merged(pid_t pid, unsigned int first, unsigned int count, char *merged)
{
	int map, flags = open("/proc/kpageflags", O_RDONLY);
	uint64_t entries[SMALL_BATCH], word;
	unsigned int i, found = 0;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	map = open(path, O_RDONLY);
	memset(merged, 0, count);
	if (pread(map, entries, count * sizeof(word),
		  (off_t)((uintptr_t)page_at(MERGED, first) / PAGE * sizeof(word))) == (ssize_t)(count * sizeof(word)))
		for (i = 0; i < count; i++) {
			uint64_t frame = entries[i] & ((1ULL << 55) - 1);

			/* The highest bit says that there is a page. */
			if (entries[i] >> 63 &&
			    pread(flags, &word, sizeof(word), (off_t)(frame * sizeof(word))) == sizeof(word))
				found += merged[i] = word >> KPF_KSM & 1;
		}
	close(map);
	close(flags);
	return found;
}

/* Moves each page of a run to the node on which it is not; counts those that arrived. */
static void move_run(struct worker *worker, pid_t pid, unsigned int region)
{
	unsigned int i, count = 0, first = prng_below(&worker->prng, regions[region].pages);
	unsigned int batch = regions[region].pages < BATCH ? regions[region].pages : BATCH;
	void *pages[BATCH], *wanted[BATCH];
	int status[BATCH], goals[BATCH];
	char merged[SMALL_BATCH];

	if (region == MERGED) {
		batch = SMALL_BATCH;
		first = prng_below(&worker->prng, regions[region].pages - batch + 1);
		if (!find_merged(pid, first, batch, merged))
			return;
	}
	worker->targets[AT_PAGE] = 0;
	worker->targets[AT_REGION] = region;
	worker->targets[AT_PAGE] = first;
	worker->targets[AT_PID] = (uintptr_t)pid;
	for (i = 0; i < batch; i++)
		pages[i] = page_at(region, (first + i) % regions[region].pages);
	/* Without goals the call only tells where the pages are. */
	if (numa_move_pages(pid, batch, pages, NULL, status) < 0)
		return;
	for (i = 0; i < batch; i++) {
		if (status[i] < 0 || (region == MERGED && !merged[i]))
			continue;
		wanted[count] = pages[i];
		goals[count++] = status[i] == nodes[0] ? nodes[1] : nodes[0];
	}
	if (!count)
		return;
	for (i = 0; i < count; i++)
		status[i] = -ENOENT;
	if (numa_move_pages(pid, count, wanted, goals, status) < 0)
		return;
	for (i = 0; i < count; i++) {
		worker->counters[status[i] == goals[i] ? MOVED : MOVE_FAILED]++;
		worker->counters[regions[region].moved] += status[i] == goals[i];
	}
}

static void cpuset_path(char *path, size_t size, const struct worker *worker, const char *file)
{
	/* Version 1 comes from the file system "cpuset", whose files are called as before there were cgroups. */
	snprintf(path, size, CPUSET "/%u/%s%s", worker ? worker->index : 0, cpuset_version == 2 ? "cpuset." : "", file);
}

static int cpuset_put(const struct worker *worker, const char *file, const char *text)
{
	char path[64];

	cpuset_path(path, sizeof(path), worker, file);
	return file_put(path, text);
}

static void cpuset_begin(struct worker *worker)
{
	char path[64], list[256];

	snprintf(path, sizeof(path), CPUSET "/%u", worker->index);
	mkdir(path, 0700);
	if (cpuset_version == 1) {
		if (file_get(CPUSET "/cpus", list, sizeof(list)) > 0)
			cpuset_put(worker, "cpus", list);
		cpuset_put(worker, "memory_migrate", "1");
	}
	snprintf(list, sizeof(list), "%d,%d", nodes[0], nodes[1]);
	cpuset_put(worker, "mems", list);
}

/* A toucher comes into this mover's cpuset, whose memory is on one node from then on, and soon on both again. */
static void move_by_cpuset(struct worker *worker, pid_t pid, int goal)
{
	unsigned int i, first = prng_below(&worker->prng, regions[PRIVATE].pages);
	int before[SMALL_BATCH], after[SMALL_BATCH];
	void *pages[SMALL_BATCH];
	char path[64], list[32];

	for (i = 0; i < SMALL_BATCH; i++)
		pages[i] = page_at(PRIVATE, (first + i * 7) % regions[PRIVATE].pages);
	snprintf(path, sizeof(path), CPUSET "/%u/%s", worker->index, cpuset_version == 2 ? "cgroup.procs" : "tasks");
	if (file_put_number(path, pid))
		return;
	worker->targets[AT_PAGE] = 0;
	worker->targets[AT_REGION] = PRIVATE;
	worker->targets[AT_PAGE] = first;
	snprintf(list, sizeof(list), "%d", goal);
	if (numa_move_pages(pid, SMALL_BATCH, pages, NULL, before) < 0 || cpuset_put(worker, "mems", list))
		return;
	if (numa_move_pages(pid, SMALL_BATCH, pages, NULL, after) >= 0)
		for (i = 0; i < SMALL_BATCH; i++)
			worker->counters[CPUSET_MOVED] += before[i] >= 0 && before[i] != goal && after[i] == goal;
	snprintf(list, sizeof(list), "%d,%d", nodes[0], nodes[1]);
	cpuset_put(worker, "mems", list);
}

static void block_path(char *path, size_t size, unsigned int block, const char *file)
{
	snprintf(path, size, BLOCKS "memory%d/%s", blocks[block], file);
}

/* No block stays offline: neither one's own nor one of a worker that died. */
static void blocks_online(void)
{
	char path[64];
	int block;

	for (block = 0; block < block_count; block++) {
		block_path(path, sizeof(path), (unsigned int)block, "state");
		if (file_contains(path, "offline"))
			file_put(path, "online");
	}
}

static void move_by_offline(struct worker *worker)
{
	struct itimerval span = { { 0, 100000 },
				  { OFFLINE_MILLISECONDS / 1000, OFFLINE_MILLISECONDS % 1000 * 1000 } };
	struct itimerval none = { { 0, 0 }, { 0, 0 } };
	unsigned int tries, block = 0;
	char path[64];

	for (tries = 0; tries < 8; tries++) {
		block = prng_below(&worker->prng, (unsigned int)block_count);
		block_path(path, sizeof(path), block, "removable"); /* 2.6.27 to 5.6; later always 1 */
		if (file_get_number(path, 1))
			break;
	}
	block_path(path, sizeof(path), block, "state");
	setitimer(ITIMER_REAL, &span, NULL);
	if (tries < 8)
		worker->counters[file_put(path, "offline") ? OFFLINE_FAILED : OFFLINED]++;
	setitimer(ITIMER_REAL, &none, NULL);
	blocks_online();
	offline_next = clock_seconds() + OFFLINE_PAUSE;
}

static void mover_round(struct worker *worker)
{
	static const unsigned int kinds[8] = { PRIVATE, SHARED, HUGEPAGES, TMPFILE,
					       PRIVATE, MERGED, DEVICE,	   TRUNCATED };
	static unsigned int turn;
	/* By turns, not by chance: the rare and slow ones must come in a short run, too. */
	unsigned int region = region_present(kinds[(turn + 2 * worker->index) % 8]);
	unsigned int choice = (turn + 5 * worker->index) % 24;
	unsigned int toucher = 3 * worker_choose(worker, (crew.workers + 2) / 3);
	pid_t pid = crew.roll[toucher].pid, child = (pid_t)crew.roll[toucher].targets[CHILD];
	int goal = (int)prng_below(&worker->prng, 2);
	size_t length;
	char *part;

	if (pid <= 0 || !crew.roll[toucher].targets[READY]) {
		sleep_milliseconds(5);
		return;
	}
	turn++;
	if (choice == 23) {
		if (!file_put("/proc/sys/vm/compact_memory", "1"))
			worker->counters[COMPACTIONS]++;
	} else if (worker->index == 1 && block_count && clock_seconds() > offline_next) {
		move_by_offline(worker);
	} else if (choice % 12 == 6 && cpuset_version) {
		move_by_cpuset(worker, pid, nodes[goal]);
	} else if (choice % 12 == 8) {
		if (numa_migrate_pages(pid, 1UL << nodes[goal], 1UL << nodes[!goal]) >= 0)
			worker->counters[MIGRATES]++;
	} else if (choice % 6 == 4) {
		/* Only one's own mappings have a policy: the shared ones, which others use. */
		region = region_present(region % PRIVATE);
		if (region == PRIVATE)
			region = SHARED;
		part = part_of(worker, region, &length);
		if (numa_bind(part, length, MPOL_PREFERRED, 1UL << nodes[goal], MPOL_MF_MOVE_ALL) >= 0)
			worker->counters[MBINDS]++;
		numa_bind(part, length, MPOL_DEFAULT, 0, 0);
	} else if (child > 0) {
		move_run(worker, child, PRIVATE);
	} else {
		move_run(worker, pid, region);
	}
}

static void alarm_ignore(int number)
{
	(void)number; /* the interrupted system call is what matters */
}

static void begin(struct worker *worker)
{
	struct sigaction bus = { .sa_handler = bus_error, .sa_flags = SA_NODEFER };
	struct sigaction alarm = { .sa_handler = alarm_ignore }; /* no SA_RESTART */

	worker->targets[0] = worker->targets[1] = worker->targets[2] = 0;
	if (is_toucher(worker->index)) {
		sigaction(SIGBUS, &bus, NULL);
		toucher_begin(worker);
		return;
	}
	sigaction(SIGALRM, &alarm, NULL);
	if (cpuset_version)
		cpuset_begin(worker);
}

static void work(struct worker *worker)
{
	if (is_toucher(worker->index))
		toucher_round(worker);
	else
		mover_round(worker);
}

/* A region of a file; where it cannot be had there is no such region. */
static void region_of_file(unsigned int region, const char *path, int create)
{
	int file = open(path, O_RDWR | create, 0600);

	if (file < 0 || (create && ftruncate(file, (off_t)(regions[region].pages * PAGE))) ||
	    mmap(regions[region].start, regions[region].pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 file, 0) == MAP_FAILED) {
		regions[region].pages = 0;
		return;
	}
	regions[region].file = file;
}

/* What stands on the disk is not ours to know; swap or another stressor may have left it. */
static void device_clear(void)
{
	unsigned int number;

	for (number = 0; number < regions[DEVICE].pages; number++)
		*(volatile uint64_t *)page_at(DEVICE, number) = 0;
}

/* Small on purpose: the smaller, the more often a touch meets a page on its way. */
static void regions_map(void)
{
	unsigned long share = settings.memory_mib * 1024UL * 1024 / (2 + 4 * (crew.workers / 3 + 1));
	char device[RAMDISK_PATH];
	unsigned int i;

	share = share > 4 * HUGE ? 4 * HUGE : share < HUGE ? HUGE : share & ~(HUGE - 1);
	for (i = 0; i < REGIONS; i++) {
		unsigned long size = i == HUGEPAGES ? share : i == PRIVATE ? share / 2 : share / 8;

		regions[i].start = addresses_reserve(size);
		regions[i].pages = (unsigned int)(size / PAGE);
	}
	mmap(regions[SHARED].start, regions[SHARED].pages * PAGE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	region_of_file(TMPFILE, FILE_PATH, O_CREAT | O_TRUNC);
	region_of_file(TRUNCATED, TRUNCATED_PATH, O_CREAT | O_TRUNC);
	if (!regions[TMPFILE].pages || !regions[TRUNCATED].pages)
		stressor_skip("cannot map a file in /tmp: errno=%d", errno);
	ramdisk_path(device, settings.ram);
	region_of_file(DEVICE, device, 0);
	device_clear();
}

/* The first interface where there is one: version 2 has no group for a task while its memory moves. */
static void cpusets_mount(void)
{
	struct stat found;

	mkdir(CPUSET, 0700);
	/* Or it is still there, from a run before. */
	if (!stat(CPUSET "/memory_migrate", &found) || !mount("none", CPUSET, "cpuset", 0, NULL)) {
		cpuset_version = 1;
	} else if (!mount("none", CPUSET, "cgroup2", 0, NULL) &&
		   file_contains(CPUSET "/cgroup.controllers", "cpuset") &&
		   !file_put(CPUSET "/cgroup.subtree_control", "+cpuset")) {
		cpuset_version = 2;
	}
}

/*
 * Before 3.15 KSM held its mutex from before memory went offline until after,
 * against lockdep's rules and without harm: it would report that, once, and
 * nothing any more.
 */
static int lockdep_would_complain(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;
	struct stat found;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	return (major < 3 || (major == 3 && minor < 15)) && !stat("/proc/lockdep_stats", &found) &&
	       !stat("/sys/kernel/mm/ksm/run", &found);
}

/* Blocks that can be taken offline, as far as the kernel tells before it is asked. */
static void blocks_find(void)
{
	struct stat found;
	char path[64];
	int number;

	if (lockdep_would_complain())
		return;
	for (number = 0; number < 4096 && block_count < BLOCKS_MAX; number++) {
		snprintf(path, sizeof(path), BLOCKS "memory%d/state", number);
		if (!stat(path, &found))
			blocks[block_count++] = number;
	}
}

int main(int argc, char **argv)
{
	void *page = &nodes;
	int found[64], status;
	struct stat huge;

	settings_read(&settings, argc, argv);
	if (numa_move_pages(0, 1, &page, NULL, &status) == -ENOSYS)
		stressor_skip("not in this kernel: move_pages()");
	if (memory_nodes(found, 64) < 2)
		stressor_skip("this guest has one memory node: pages have nowhere to go");
	nodes[0] = found[0];
	nodes[1] = found[1];
	crew.name = "migration";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads + (settings.threads + 1) / 2;
	crew.begin = begin;
	crew.work = work;
	if (stat("/sys/kernel/mm/transparent_hugepage", &huge))
		regions[HUGEPAGES].moved = MOVED_ANON; /* small ones, in this kernel */
	regions_map();
	cpusets_mount();
	blocks_find();
	/* Each call that moves pages waits for a grace period first, in newer kernels. */
	file_put("/sys/kernel/rcu_expedited", "1");
	file_put("/sys/kernel/mm/ksm/pages_to_scan", "100");
	file_put("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	file_put("/sys/kernel/mm/ksm/run", "1");
	report_line("# note migration cpuset_version=%d memory_blocks=%d device=%u", cpuset_version, block_count,
		    regions[DEVICE].pages);
	status = crew_run(&crew);
	file_put("/sys/kernel/mm/ksm/run", "0");
	blocks_online();
	return status;
}
