// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migration: pages are moved between memory nodes while they are in use.
 *
 * Even workers are touchers: they read and write four kinds of memory (shared
 * anonymous, a tmpfs file, private pages, private huge pages) and fork, write
 * after fork, mprotect, unmap and map again, mlock and let children exit. Odd
 * workers are movers: they move just those pages, of all touchers, with
 * move_pages(), mbind(), migrate_pages() and compaction of all memory.
 *
 * What it races against: a page fault, a fork, an unmap or an exit that meets
 * a migration entry while migration replaces the page (and, on old kernels, the
 * anon_vma going away under it).
 *
 * Kernel functions that must run: migrate_pages, unmap_and_move and
 * move_to_new_page (3.0: same names; later *_folio), try_to_unmap or
 * try_to_migrate, remove_migration_ptes, migration_entry_wait,
 * page_lock_anon_vma or folio_lock_anon_vma_read, isolate_lru_page,
 * compact_zone.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "numa.h"
#include "report.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define BATCH 512 /* pages of one move_pages(): each call first drains every CPU's LRU caches, which is slow */
#define FILE_PATH "/tmp/migration"

enum { ROUNDS, TOUCHES, MOVED, MOVE_FAILED, MBINDS, MIGRATES, COMPACTIONS, FORKS, REMAPS, MLOCKS };
static const char *const counter_names[] = { "rounds",	    "touches",	   "pages_moved", "pages_not_moved",
					     "mbinds",	    "migrate_calls", "compactions", "forks",
					     "remaps",	    "mlocks",	   NULL };

/* The same addresses in all workers, so that a mover knows those of a toucher. */
enum { SHARED, TMPFILE, PRIVATE, HUGEPAGES, REGIONS };
static struct {
	char *start;
	unsigned int pages;
} regions[REGIONS];

static struct settings settings;
static struct crew crew;
static int nodes[2]; /* the two between which pages go */

static uint64_t stamp_of(const char *page)
{
	return ((uint64_t)(uintptr_t)page ^ settings.seed) * 0x9e3779b97f4a7c15ULL | 1;
}

static char *page_at(unsigned int region, unsigned int number)
{
	return regions[region].start + number * PAGE;
}

/* A page holds its stamp or is fresh; there is nothing else it may hold. */
static void page_touch(struct worker *worker, char *page, int write)
{
	volatile uint64_t *word = (volatile uint64_t *)page;
	uint64_t found = *word;

	if (found && found != stamp_of(page))
		worker_corrupt(worker, "migration", page, stamp_of(page), found);
	if (write)
		*word = stamp_of(page);
	worker->counters[TOUCHES]++;
}

/* Half of the touches go where a mover is at work just now, so that they meet migration entries. */
static void touch_some(struct worker *worker, unsigned int count)
{
	struct worker *mover = &crew.roll[1 + 2 * prng_below(&worker->prng, crew.workers / 2)];

	while (count--) {
		unsigned int region = prng_below(&worker->prng, REGIONS);
		unsigned int number = prng_below(&worker->prng, regions[region].pages);

		if (count & 2) {
			region = (unsigned int)mover->targets[0];
			number = ((unsigned int)mover->targets[1] + number % BATCH) % regions[region].pages;
		}
		page_touch(worker, page_at(region, number), (int)(count & 1));
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
			page_touch(worker, page_at(PRIVATE, (first + i) % regions[PRIVATE].pages), 1);
		for (i = 0; i < 8; i++)
			page_touch(worker, page_at(HUGEPAGES, (huge + i * 67) % regions[HUGEPAGES].pages), 1);
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	touch_some(worker, 64);
	worker_wait(child, 2000);
}

/* Part of a region, of at most a quarter of it. */
static char *part_of(struct worker *worker, unsigned int region, size_t *length)
{
	unsigned int pages = 1 + prng_below(&worker->prng, regions[region].pages / 4);
	unsigned int first = prng_below(&worker->prng, regions[region].pages - pages);

	*length = pages * PAGE;
	return page_at(region, first);
}

/* Written before read: a huge page that is read first is the zero page, and writing then makes small ones. */
static void huge_fill(void)
{
	size_t offset;

	for (offset = 0; offset < regions[HUGEPAGES].pages * PAGE; offset += HUGE)
		*(volatile uint64_t *)(regions[HUGEPAGES].start + offset) = stamp_of(regions[HUGEPAGES].start + offset);
}

static void toucher_begin(struct worker *worker)
{
	unsigned int region, number;

	for (region = PRIVATE; region <= HUGEPAGES; region++) {
		char *start = mmap(regions[region].start, regions[region].pages * PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (start == MAP_FAILED)
			_exit(1);
		madvise(start, regions[region].pages * PAGE, region == PRIVATE ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	}
	huge_fill();
	for (region = PRIVATE; region <= HUGEPAGES; region++)
		for (number = 0; number < regions[region].pages; number++)
			page_touch(worker, page_at(region, number), 1);
	worker->targets[0] = 1; /* there is something to move */
}

static void toucher_round(struct worker *worker)
{
	unsigned int region = prng_below(&worker->prng, REGIONS);
	size_t length;
	char *part;

	touch_some(worker, 1024);
	switch (worker_choose(worker, 8)) {
	case 0:
		fork_and_write(worker);
		break;
	case 1:
		part = part_of(worker, region, &length);
		mprotect(part, length, PROT_READ);
		page_touch(worker, part, 0);
		mprotect(part, length, PROT_READ | PROT_WRITE);
		break;
	case 2:
		region = PRIVATE + (region & 1);
		part = part_of(worker, region, &length);
		munmap(part, length);
		/* Nobody else maps anything in this process, so the hole is still there. */
		mmap(part, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		worker->counters[REMAPS]++;
		break;
	case 3:
		part = part_of(worker, region, &length);
		if (!mlock(part, length))
			worker->counters[MLOCKS]++;
		touch_some(worker, 64);
		munlock(part, length);
		break;
	case 4:
		part = part_of(worker, PRIVATE + (region & 1), &length);
		madvise(part, length, MADV_DONTNEED);
		break;
	case 5:
		/* The mapping as a whole again: what remapping cut is merged, and can be huge once more. */
		mmap(regions[HUGEPAGES].start, regions[HUGEPAGES].pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		huge_fill();
		break;
	default:
		touch_some(worker, 1024);
	}
}

/* Moves each page of a run to the node on which it is not; counts those that arrived. */
static void move_run(struct worker *worker, pid_t pid, unsigned int region)
{
	unsigned int i, count = 0, first = prng_below(&worker->prng, regions[region].pages);
	void *pages[BATCH], *wanted[BATCH];
	int status[BATCH], goals[BATCH];

	worker->targets[0] = region;
	worker->targets[1] = first;
	for (i = 0; i < BATCH; i++)
		pages[i] = page_at(region, (first + i) % regions[region].pages);
	/* Without goals the call only tells where the pages are. */
	if (numa_move_pages(pid, BATCH, pages, NULL, status) < 0)
		return;
	for (i = 0; i < BATCH; i++) {
		if (status[i] < 0)
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
	for (i = 0; i < count; i++)
		worker->counters[status[i] == goals[i] ? MOVED : MOVE_FAILED]++;
}

static void mover_round(struct worker *worker)
{
	unsigned int region = worker_choose(worker, REGIONS);
	/* By turns, not by chance: the rare and slow ones must come in a short run, too. */
	unsigned int choice = (unsigned int)(worker->counters[ROUNDS] + 5 * worker->index) % 24;
	unsigned int toucher = 2 * prng_below(&worker->prng, (crew.workers + 1) / 2);
	int goal = (int)prng_below(&worker->prng, 2);
	pid_t pid = crew.roll[toucher].pid;
	size_t length;
	char *part;

	if (pid <= 0 || !crew.roll[toucher].targets[0]) {
		sleep_milliseconds(5);
		return;
	}
	if (choice == 23) {
		if (!file_put("/proc/sys/vm/compact_memory", "1"))
			worker->counters[COMPACTIONS]++;
	} else if (choice % 12 == 8) {
		if (numa_migrate_pages(pid, 1UL << nodes[goal], 1UL << nodes[!goal]) >= 0)
			worker->counters[MIGRATES]++;
	} else if (choice % 6 == 4) {
		/* Only one's own mappings have a policy: the shared ones, which others use. */
		part = part_of(worker, region & 1 ? SHARED : TMPFILE, &length);
		if (numa_bind(part, length, MPOL_PREFERRED, 1UL << nodes[goal], MPOL_MF_MOVE_ALL) >= 0)
			worker->counters[MBINDS]++;
		numa_bind(part, length, MPOL_DEFAULT, 0, 0);
	} else {
		move_run(worker, pid, region);
	}
}

static void begin(struct worker *worker)
{
	if (worker->index % 2 == 0)
		toucher_begin(worker);
}

static void work(struct worker *worker)
{
	if (worker->index % 2 == 0)
		toucher_round(worker);
	else
		mover_round(worker);
}

/* Small on purpose: the smaller, the more often a touch meets a page on its way. */
static void regions_map(void)
{
	unsigned long share = settings.memory_mib * 1024UL * 1024 / (2 + 2 * crew.workers);
	int file = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned int i;

	share = share > 4 * HUGE ? 4 * HUGE : share < HUGE ? HUGE : share & ~(HUGE - 1);
	for (i = 0; i < REGIONS; i++) {
		unsigned long size = i == HUGEPAGES ? share : share / 2;
		char *start = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (start == MAP_FAILED)
			stressor_skip("cannot reserve %lu KiB of addresses: errno=%d", (size + HUGE) / 1024, errno);
		regions[i].start = (char *)(((uintptr_t)start + HUGE - 1) & ~(HUGE - 1));
		regions[i].pages = (unsigned int)(size / PAGE);
	}
	mmap(regions[SHARED].start, regions[SHARED].pages * PAGE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (file < 0 || ftruncate(file, (off_t)(regions[TMPFILE].pages * PAGE)) ||
	    mmap(regions[TMPFILE].start, regions[TMPFILE].pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 file, 0) == MAP_FAILED)
		stressor_skip("cannot map a file in /tmp: errno=%d", errno);
	close(file);
}

int main(int argc, char **argv)
{
	void *page = &nodes;
	int found[64], status;

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
	crew.workers = settings.threads < 2 ? 2 : settings.threads;
	crew.begin = begin;
	crew.work = work;
	regions_map();
	return crew_run(&crew);
}
