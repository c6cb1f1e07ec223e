// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hwpoison: pages in use are taken away as if the memory under them had failed.
 *
 * All workers are alike. They read and write five kinds of memory: shared
 * anonymous memory, a tmpfs file and the page cache of a block device, which
 * all have in common, and small and huge private pages. Beside that they fork,
 * protect, lock and unmap, and take pages away:
 * - softly (MADV_SOFT_OFFLINE, and by address /sys/devices/system/memory/
 *   soft_offline_page, of another worker's pages and of page cache that others
 *   read): the page is moved or, if clean and not mapped, dropped, and nobody
 *   may notice;
 * - hard (MADV_HWPOISON): whoever touches the page gets SIGBUS, at once or when
 *   it does (PR_MCE_KILL early or late), and replaces it by a fresh one.
 *
 * What it races against: fault, fork, copy-on-write, unmap, mlock and exit that
 * meet a page while it is isolated, unmapped and marked; the split of a huge
 * page one of whose tails has failed; the free of a page that is being marked.
 *
 * Kernel functions that must run: memory_failure (3.0: __memory_failure),
 * soft_offline_page, hwpoison_user_mappings, collect_procs and kill_procs,
 * try_to_unmap, migrate_pages, split_huge_page, me_pagecache_clean.
 *
 * Each page taken away is gone until the next boot: how many is bounded, and so
 * are the kernel's lines about them.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "kernel_has.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define PARTS (HUGE / PAGE)
#define HUGES 2 /* huge pages of a worker */
#define REGION_PAGES 256
#define CACHE_PAGES 256 /* of the block device, behind the region: read, never mapped for long */
#define FILE_PATH "/tmp/hwpoison"
#define SOFT_OFFLINE_PATH "/sys/devices/system/memory/soft_offline_page"
#define LOST_SHARE 12	     /* one part in so many of the stressor's memory may go */
#define LOST_HUGE_SHARE 2    /* the same, of what the kernel says */
#define TAKEN_PER_SECOND 60  /* each time is two or three lines on the console */
#define BUS_MCEERR_AO_CODE 5 /* include/uapi/asm-generic/siginfo.h: the page has failed, but you have not touched it */
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif
#ifndef PR_MCE_KILL
#define PR_MCE_KILL 33
#define PR_MCE_KILL_SET 1
#endif
#define MCE_KILL_KINDS 3 /* late, early, as the system does */

enum { ROUNDS, TOUCHES, SOFT, SOFT_FAILED, SOFT_REMOTE, SOFT_CACHE, HARD, HARD_FAILED, HARD_SHMEM, HARD_FILE,
       HARD_HUGE, EARLY, BUS_ERRORS, REPLACED, FORKS, PROTECTS, REMAPS, MLOCKS, LOST_KIB };
static const char *const counter_names[] = { "rounds",	      "touches",       "soft",	   "soft_failed",
					     "soft_remote",   "soft_cache",    "poisoned", "not_poisoned",
					     "poisoned_shmem", "poisoned_file", "poisoned_huge", "early_signals",
					     "bus_errors",    "replaced",      "forks",	   "protects",
					     "remaps",	      "mlocks",	       "lost_kib", NULL };

/* The same addresses in all workers, so that one can find another's page. */
enum { SHARED, TMPFILE, DEVICE, PRIVATE, HUGEPAGES, REGIONS };
static struct {
	char *start;
	unsigned int pages; /* 0: this kernel has none */
	int file;
} regions[REGIONS];

/* What a worker tells: its private memory is there; where it is taking pages away. */
enum { READY, AT_REGION, AT_PAGE };

static struct settings settings;
static struct crew crew;
static volatile unsigned int *taken; /* pages, by all */
static unsigned int taken_max;
static long long corrupted_before;
static double started;
static int have_soft, have_hard, young_kernel; /* 4.0 on */
static struct worker *self;
static sigjmp_buf gone;
static volatile int touching;

static uint64_t stamp_of(const char *page)
{
	return ((uint64_t)(uintptr_t)page ^ settings.seed) * 0x9e3779b97f4a7c15ULL | 1;
}

static char *page_at(unsigned int region, unsigned int number)
{
	return regions[region].start + number * PAGE;
}

static unsigned int region_present(unsigned int region)
{
	return regions[region].pages ? region : PRIVATE;
}

static void bus_error(int number, siginfo_t *information, void *context)
{
	(void)context;
	if (information->si_code == BUS_MCEERR_AO_CODE) {
		self->counters[EARLY]++;
		return;
	}
	if (touching)
		siglongjmp(gone, 1);
	/* Nothing else was ever taken away: the end of this worker, and a finding. */
	signal(number, SIG_DFL);
}

/* A fresh page where one has failed. A shared one is cut out of its file, for all. */
static void page_replace(struct worker *worker, unsigned int region, char *page)
{
	if (region < PRIVATE)
		madvise(page, PAGE, MADV_REMOVE);
	else if (mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(1);
	worker->counters[REPLACED]++;
}

/* Reads a page and, for a stamp, writes it. 0: it is gone. */
static int page_access(char *page, uint64_t *found, uint64_t stamp)
{
	volatile uint64_t *word = (volatile uint64_t *)page;

	if (sigsetjmp(gone, 1)) {
		touching = 0;
		return 0;
	}
	touching = 1;
	if (found)
		*found = *word;
	if (stamp)
		*word = stamp;
	touching = 0;
	return 1;
}

/*
 * A private page holds its stamp, whatever was done to it, or is gone: a fresh
 * one in its place would be data lost without a word. One that was replaced is
 * stamped at once. Of files what had not been written back is lost with the page.
 */
static void page_touch(struct worker *worker, unsigned int region, char *page, int write)
{
	uint64_t found = stamp_of(page);

	worker->counters[TOUCHES]++;
	if (!page_access(page, write < 2 ? &found : NULL, write ? stamp_of(page) : 0)) {
		worker->counters[BUS_ERRORS]++;
		page_replace(worker, region, page);
		/* It can be taken again before it is written. */
		while (region >= PRIVATE && !crew_over() && !page_access(page, NULL, stamp_of(page)))
			page_replace(worker, region, page);
	} else if (found != stamp_of(page) && (found || region >= PRIVATE)) {
		worker_corrupt(worker, "hwpoison", page, stamp_of(page), found);
	}
}

/* Half of the touches go where another worker is taking pages away. */
static void touch_some(struct worker *worker, unsigned int count)
{
	struct worker *other = &crew.roll[prng_below(&worker->prng, crew.workers)];

	while (count-- && !crew_over()) {
		unsigned int region = region_present(prng_below(&worker->prng, REGIONS));
		unsigned int number = prng_below(&worker->prng, regions[region].pages);

		if (count & 2) {
			region = region_present((unsigned int)other->targets[AT_REGION]);
			number = ((unsigned int)other->targets[AT_PAGE] + number % 16) % regions[region].pages;
		}
		page_touch(worker, region, page_at(region, number), (int)(count & 1));
	}
}

static void private_fill(struct worker *worker, unsigned int region)
{
	unsigned int number;

	if (mmap(regions[region].start, regions[region].pages * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(1);
	madvise(regions[region].start, regions[region].pages * PAGE,
		region == PRIVATE ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	/* Written before read, or it would be the zero page, which is not ours to poison. */
	for (number = 0; number < regions[region].pages; number++)
		page_touch(worker, region, page_at(region, number), 2);
}

/* Not beyond the bound, nor faster than it. */
static int may_take(void)
{
	unsigned int due = (unsigned int)((clock_seconds() - started) * TAKEN_PER_SECOND);

	/* Before 4.x a huge page with one bad part can be lost as a whole. */
	if (crew.roll[0].counters[LOST_KIB] > settings.memory_mib * 1024ULL / LOST_HUGE_SHARE)
		return 0;
	return *taken < taken_max && *taken < due && __sync_fetch_and_add(taken, 1) < taken_max;
}

static void take_soft(struct worker *worker, unsigned int region, unsigned int number)
{
	char *page = page_at(region, number);

	if (!have_soft || !may_take())
		return;
	page_touch(worker, region, page, 1);
	worker->counters[madvise(page, PAGE, MADV_SOFT_OFFLINE) ? SOFT_FAILED : SOFT]++;
	page_touch(worker, region, page, 0);
}

static void take_hard(struct worker *worker, unsigned int region, unsigned int number)
{
	char *page = page_at(region, number);

	if (!have_hard || !may_take())
		return;
	page_touch(worker, region, page, 1);
	if (madvise(page, PAGE, MADV_HWPOISON)) {
		worker->counters[HARD_FAILED]++;
		return;
	}
	worker->counters[HARD]++;
	if (region == HUGEPAGES)
		worker->counters[HARD_HUGE]++;
	else if (region < PRIVATE)
		worker->counters[region == DEVICE ? HARD_FILE : HARD_SHMEM]++;
	/* Others that have it meet it first. */
	if (prng_below(&worker->prng, 2))
		touch_some(worker, 32);
	page_touch(worker, region, page, 1);
}

/* The page under an address of a process, 0 where there is none; bytes from the start of memory. */
static unsigned long long address_of(pid_t pid, const char *page)
{
	unsigned long long frame = 0;
	uint64_t entry = 0;
	char path[40];
	int map;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	map = open(path, O_RDONLY);
	if (map < 0)
		return 0;
	/* The highest bit says that it is present, the lower ones are the number of its frame. */
	if (pread(map, &entry, sizeof(entry), (off_t)((uintptr_t)page / PAGE * sizeof(entry))) == sizeof(entry) &&
	    entry >> 63)
		frame = entry & ((1ULL << 55) - 1);
	close(map);
	return frame * PAGE;
}

static int soft_offline(unsigned long long address)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx", address);
	return file_put(SOFT_OFFLINE_PATH, text);
}

/* What the device holds behind the region was written once and is read from then on. */
static uint64_t cache_stamp(unsigned int number)
{
	return (number + 1) * 0x9e3779b97f4a7c15ULL ^ settings.seed;
}

static void cache_read(struct worker *worker, unsigned int number)
{
	uint64_t found = 0;

	if (pread(regions[DEVICE].file, &found, sizeof(found), (off_t)((REGION_PAGES + number) * PAGE)) ==
		    (ssize_t)sizeof(found) &&
	    found != cache_stamp(number))
		worker_corrupt(worker, "hwpoison's page cache", (void *)(uintptr_t)(number * PAGE), cache_stamp(number),
			       found);
	worker->counters[TOUCHES]++;
}

/* Page cache that is clean and mapped by nobody is dropped while others look it up. */
static void take_cache(struct worker *worker, unsigned int number)
{
	unsigned long long address = 0;
	unsigned int i;
	char *view;

	number %= CACHE_PAGES;
	if (!regions[DEVICE].pages || !have_soft || !may_take())
		return;
	cache_read(worker, number);
	view = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, regions[DEVICE].file, (off_t)((REGION_PAGES + number) * PAGE));
	if (view == MAP_FAILED)
		return;
	if (page_access(view, &(uint64_t){ 0 }, 0))
		address = address_of(getpid(), view);
	munmap(view, PAGE);
	if (address && !soft_offline(address))
		worker->counters[SOFT_CACHE]++;
	for (i = 0; i < 16; i++)
		cache_read(worker, (number + i) % CACHE_PAGES);
}

/* Softly, of a page that somebody else has, by its address in memory. */
static void take_remote(struct worker *worker, unsigned int number)
{
	struct worker *other = &crew.roll[prng_below(&worker->prng, crew.workers)];
	/* With DEBUG_VM khugepaged once took any reference but its own for a bug: only what it does not look at. */
	unsigned int region = number & 1 || !young_kernel ? PRIVATE : HUGEPAGES;
	unsigned long long address;

	if (other->pid <= 0 || !other->targets[READY])
		return;
	address = address_of(other->pid, page_at(region, number % regions[region].pages));
	if (address && may_take())
		worker->counters[soft_offline(address) ? SOFT_FAILED : SOFT_REMOTE]++;
}

/* A child that shares the pages while they are taken away from its parent, breaks copy-on-write and exits. */
static void fork_and_take(struct worker *worker, unsigned int region, unsigned int first)
{
	pid_t child = worker_fork();
	unsigned int i;

	if (!child) {
		for (i = 0; i < 64; i++)
			page_touch(worker, region, page_at(region, (first + i % 16) % regions[region].pages), i >= 32);
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	for (i = 0; i < 4 && !crew_over(); i++) {
		if (i & 1)
			take_hard(worker, region, (first + i) % regions[region].pages);
		else
			take_soft(worker, region, (first + i) % regions[region].pages);
	}
	worker_wait(child, 2000);
}

static void work(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 18);
	/* Tails more often than heads. */
	unsigned int region = region_present(prng_below(&worker->prng, REGIONS)), number, count;
	char *part;

	number = prng_below(&worker->prng, regions[region].pages);
	count = 1 + prng_below(&worker->prng, 32);
	if (number + count > regions[region].pages)
		number = regions[region].pages - count;
	part = page_at(region, number);
	worker->targets[AT_PAGE] = 0;
	worker->targets[AT_REGION] = region;
	worker->targets[AT_PAGE] = number;
	if (worker->index == 0)
		worker->counters[LOST_KIB] = (uint64_t)(
			file_get_field("/proc/meminfo", "HardwareCorrupted", corrupted_before) - corrupted_before);
	touch_some(worker, 64);
	switch (choice) {
	case 0:
	case 1:
	case 2:
		take_soft(worker, region, number);
		break;
	case 3:
	case 4:
	case 5:
		take_hard(worker, region, number);
		break;
	case 6:
	case 7:
		take_remote(worker, number);
		break;
	case 8:
	case 9:
		fork_and_take(worker, PRIVATE + (number & 1), number);
		break;
	case 10:
		mprotect(part, count * PAGE, PROT_READ);
		page_touch(worker, region, part, 0);
		mprotect(part, count * PAGE, PROT_READ | PROT_WRITE);
		worker->counters[PROTECTS]++;
		break;
	case 11:
		if (!mlock(part, count * PAGE))
			worker->counters[MLOCKS]++;
		take_soft(worker, region, number);
		munlock(part, count * PAGE);
		break;
	case 12:
		private_fill(worker, PRIVATE);
		worker->counters[REMAPS]++;
		break;
	case 13:
		private_fill(worker, HUGEPAGES); /* whole again */
		worker->counters[REMAPS]++;
		break;
	case 14:
		prctl(PR_MCE_KILL, PR_MCE_KILL_SET, prng_below(&worker->prng, MCE_KILL_KINDS), 0, 0);
		break;
	case 15:
	case 16:
		take_cache(worker, number);
		break;
	default:
		touch_some(worker, 256);
	}
}

static void begin(struct worker *worker)
{
	struct sigaction action = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };
	unsigned int region;

	self = worker;
	sigaction(SIGBUS, &action, NULL);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, worker->index % MCE_KILL_KINDS, 0, 0);
	worker->targets[READY] = 0;
	for (region = PRIVATE; region <= HUGEPAGES; region++)
		private_fill(worker, region);
	worker->targets[READY] = 1;
}

static void region_of_file(unsigned int region, const char *path, int create)
{
	int file = open(path, O_RDWR | create, 0600);

	if (file < 0 || (create && ftruncate(file, (off_t)(regions[region].pages * PAGE))) ||
	    mmap(regions[region].start, regions[region].pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 file, 0) == MAP_FAILED)
		regions[region].pages = 0;
	regions[region].file = file;
}

static void regions_map(void)
{
	char device[RAMDISK_PATH];
	unsigned int i;

	for (i = 0; i < REGIONS; i++) {
		unsigned long size = i == HUGEPAGES ? HUGES * HUGE : REGION_PAGES * PAGE;

		regions[i].start = addresses_reserve(size);
		regions[i].pages = (unsigned int)(size / PAGE);
	}
	if (mmap(regions[SHARED].start, regions[SHARED].pages * PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		regions[SHARED].pages = 0;
	region_of_file(TMPFILE, FILE_PATH, O_CREAT | O_TRUNC);
	ramdisk_path(device, settings.ram);
	region_of_file(DEVICE, device, 0);
	/* What stands on the disk is not ours. */
	for (i = 0; i < regions[DEVICE].pages; i++)
		*(volatile uint64_t *)page_at(DEVICE, i) = 0;
	for (i = 0; i < CACHE_PAGES && regions[DEVICE].pages; i++) {
		uint64_t stamp = cache_stamp(i);

		if (pwrite(regions[DEVICE].file, &stamp, sizeof(stamp), (off_t)((REGION_PAGES + i) * PAGE)) < 0)
			regions[DEVICE].pages = 0;
	}
	fsync(regions[DEVICE].file);
}

int main(int argc, char **argv)
{
	struct utsname name;

	settings_read(&settings, argc, argv);
	have_soft = kernel_has_advice_for_nothing(MADV_SOFT_OFFLINE);
	have_hard = kernel_has_advice_for_nothing(MADV_HWPOISON);
	uname(&name);
	young_kernel = strtoul(name.release, NULL, 10) >= 4;
	if (!have_soft && !have_hard)
		stressor_skip("not in this kernel: memory failure (MADV_HWPOISON, 2.6.32 on)");
	taken = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (taken == (void *)MAP_FAILED)
		stressor_skip("no shared memory: errno=%d", errno);
	taken_max = settings.memory_mib * 256 / LOST_SHARE;
	corrupted_before = file_get_field("/proc/meminfo", "HardwareCorrupted", 0);
	started = clock_seconds();
	regions_map();
	report_line("# note hwpoison soft=%d hard=%d pages_max=%u device=%u", have_soft, have_hard, taken_max,
		    regions[DEVICE].pages);
	crew.name = "hwpoison";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads < 2 ? 2 : settings.threads;
	crew.begin = begin;
	crew.work = work;
	return crew_run(&crew);
}
