// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swapoff: swap areas are switched off and on again while pages are out.
 *
 * Worker 0 is the controller: it makes swap areas on RAM disks, waits until
 * enough is out, switches one area off (timing it) and on again, now one, now
 * the other, now both. All other workers are tenants: they own private and
 * shared memory larger than what they may keep resident, verify and rewrite it
 * at random, fork children that read and write it or just exit, read ahead
 * widely, fill and drop shared memory of their own, discard parts and push them
 * out again.
 *
 * What keeps their memory out, the first that this kernel has: a memory cgroup
 * with a small limit; MADV_PAGEOUT (5.4 on); a ballast that leaves too little
 * for all.
 *
 * What it races against: a fault, a fork or an exit that meets a swap entry
 * while try_to_unuse replaces it by its page; readahead in flight from the area
 * that goes; swap-out that goes on into the other area; shared memory whose
 * entry moves between swap cache and page cache; on old kernels the anon_vma
 * look-up of the page brought in.
 *
 * Kernel functions that must run: sys_swapoff, try_to_unuse, unuse_mm and
 * unuse_pte, shmem_unuse, do_swap_page, add_to_swap, swap_writepage,
 * swap_duplicate, swap_entry_free or its successor, page_add_anon_rmap.
 */
#define _GNU_SOURCE
#include "ballast.h"
#include "crew.h"
#include "kernel_has.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define ROOT "/cgroup"
#define GROUP ROOT "/swapoff"
#define AREAS 2
#define AREA_KIB_MAX 6144 /* filling more before the first swapoff takes seconds in an emulated guest */
#define BALLAST_MS 5000
#define SWAPOFF_SECONDS 15 /* then a signal ends the attempt */
#define SHARED_SHARE 4	   /* one part in so many of all memory is shared memory */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { ROUNDS, LOOPS, SWAPOFFS, FAILED, OUT_KIB, SWAPOFF_MS, SLOWEST_MS, TOUCHES, FORKS, EXITS, AHEAD, SHARED,
       DISCARDS, PAGEOUTS, WAITS, BALLAST };
static const char *const counter_names[] = { "rounds",	   "loops",	 "swapoffs", "swapoffs_failed", "out_kib",
					     "swapoff_ms", "slowest_ms", "touches",  "forks",		"exits",
					     "ahead",	   "shared",	 "dontneeds", "pageouts",	"waits",
					     "ballast_mib", NULL };

static char devices[AREAS][RAMDISK_PATH];

static struct settings settings;
static struct crew crew;
static long area_kib[AREAS]; /* 0: there is none */
static long set_kib;	     /* memory of all tenants, of which about half is to be out */
static int version;	     /* of the cgroup interface; 0: none */
static int have_pageout;

/* One tenant's memory; the shared part is everybody's. */
static char *own, *shared;
static unsigned int own_pages, shared_pages;
static unsigned char *generations; /* of the own pages' stamps; 0: fresh */

static uint64_t stamp_of(unsigned int number, unsigned int generation, unsigned int owner)
{
	return (number * 256ULL + generation + 1) * 0x9e3779b97f4a7c15ULL ^ settings.seed ^ ((uint64_t)owner << 56);
}

/* A file of the group of one tenant. */
static void group_path(char *path, size_t size, unsigned int tenant, const char *file)
{
	snprintf(path, size, GROUP "/%u/%s", tenant, file);
}

/* What all tenants together may keep in memory, -1: all, in KiB. */
static void limit_set(long kib)
{
	unsigned int tenant;
	char path[64];

	for (tenant = 1; version && tenant < crew.workers; tenant++) {
		group_path(path, sizeof(path), tenant, version == 1 ? "memory.limit_in_bytes" : "memory.max");
		if (kib < 0)
			file_put(path, version == 1 ? "-1" : "max");
		else
			file_put_number(path, kib * 1024LL / (crew.workers - 1));
	}
}

/* Whether nothing but a want of memory keeps pages out. */
static int scarce(void)
{
	return !version && !have_pageout;
}

/*
 * A group for each tenant: in one for all each would reclaim the pages of the
 * others, and most of the time go into telling their CPUs to flush the TLB.
 */
static void groups_make(void)
{
	unsigned int tenant;
	struct stat found;
	char path[64];

	version = memory_cgroups();
	if (!version)
		return;
	if (version == 2)
		file_put(ROOT "/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0700);
	if (version == 2)
		file_put(GROUP "/cgroup.subtree_control", "+memory");
	for (tenant = 1; tenant < crew.workers; tenant++) {
		group_path(path, sizeof(path), tenant, "");
		mkdir(path, 0700);
		group_path(path, sizeof(path), tenant, "memory.swappiness");
		file_put(path, "100");
	}
	group_path(path, sizeof(path), 1, version == 1 ? "memory.limit_in_bytes" : "memory.max");
	if (stat(path, &found))
		version = 0;
}

static void alarm_ignore(int number)
{
	(void)number; /* the interrupted system call is what matters */
}

static void controller_begin(void)
{
	struct sigaction action = { .sa_handler = alarm_ignore };
	unsigned int i;

	sigaction(SIGALRM, &action, NULL); /* no SA_RESTART */
	/* A controller that was replaced finds its areas on already. */
	for (i = 0; i < AREAS; i++)
		if (area_kib[i])
			swaparea_on(devices[i]);
	limit_set(set_kib / 2);
	if (scarce())
		ballast_keep();
}

/* Switches one area off, and counts it only if pages were out. */
static void area_off(struct worker *worker, unsigned int area)
{
	struct itimerval span = { { 1, 0 }, { SWAPOFF_SECONDS, 0 } }, none = { { 0, 0 }, { 0, 0 } };
	long out = swaparea_used_kib(devices[area]);
	double start = clock_seconds();
	uint64_t spent = 0;
	double end;
	int result;

	setitimer(ITIMER_REAL, &span, NULL);
	result = swaparea_off(devices[area]);
	setitimer(ITIMER_REAL, &none, NULL);
	end = clock_seconds();
	if (end > start) /* not always before 2.5.63 */
		spent = (uint64_t)((end - start) * 1000);
	worker->counters[SWAPOFF_MS] += spent;
	if (spent > worker->counters[SLOWEST_MS])
		worker->counters[SLOWEST_MS] = spent;
	if (result) {
		worker->counters[FAILED]++;
		return;
	}
	if (out > 0) {
		worker->counters[SWAPOFFS]++;
		worker->counters[OUT_KIB] += (uint64_t)out;
	}
}

static void controller_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 4);
	unsigned int first = prng_below(&worker->prng, AREAS), waited, tenant, begun = 0;

	while (begun < crew.workers - 1 && !crew_over()) {
		for (begun = 0, tenant = 1; tenant < crew.workers; tenant++)
			begun += crew.roll[tenant].targets[0] != 0;
		sleep_milliseconds(10);
	}
	if (scarce()) {
		ballast_keep();
		worker->counters[BALLAST] = (uint64_t)ballast_held_kib() / 1024;
	}
	for (waited = 0; waited < 200 && !crew_over() && swap_used_kib() < set_kib / 4; waited++)
		sleep_milliseconds(10);
	worker->counters[WAITS] += waited;
	if (crew_over())
		return;
	if (!area_kib[1])
		first = 0;
	/*
	 * With the other area on, memory can stay scarce: what comes back pushes
	 * other pages out there. A limit is higher meanwhile, as the other area
	 * must hold all that is above it. Without that area, a limit or the
	 * ballast would call the out-of-memory killer.
	 */
	if (choice == 0 || !area_kib[1]) {
		limit_set(-1);
		if (scarce()) {
			ballast_room(set_kib * 5 / 4);
			ballast_wait(1000);
		}
		area_off(worker, first);
		if (area_kib[1]) {
			area_off(worker, !first);
			swaparea_on(devices[!first]);
		}
		swaparea_on(devices[first]);
		/* A limit below the usage is refused while reclaim does not keep up: try again. */
		limit_set(set_kib * 3 / 4);
		limit_set(set_kib / 2);
		if (scarce())
			ballast_room(set_kib / 2);
	} else {
		limit_set(set_kib * 3 / 4);
		area_off(worker, first);
		swaparea_on(devices[first]);
		limit_set(set_kib / 2);
	}
	worker->counters[LOOPS]++;
}

static void page_verify(struct worker *worker, unsigned int number, int rewrite)
{
	volatile uint64_t *word = (volatile uint64_t *)(own + number * PAGE);
	uint64_t expected = generations[number] ? stamp_of(number, generations[number], worker->index) : 0;

	if (*word != expected)
		worker_corrupt(worker, "swapoff", (const void *)word, expected, *word);
	if (rewrite) {
		generations[number] = (unsigned char)(1 + generations[number] % 255);
		*word = stamp_of(number, generations[number], worker->index);
	}
	worker->counters[TOUCHES]++;
}

/* Shared pages hold one stamp for ever, whoever writes it, or are fresh. */
static void shared_verify(struct worker *worker, unsigned int number, int rewrite)
{
	volatile uint64_t *word = (volatile uint64_t *)(shared + number * PAGE);
	uint64_t expected = stamp_of(number, 0, 0), found = *word;

	if (found && found != expected)
		worker_corrupt(worker, "swapoff shared", (const void *)word, expected, found);
	if (rewrite)
		*word = expected;
	worker->counters[TOUCHES]++;
}

static void tenant_begin(struct worker *worker)
{
	unsigned int number;
	char path[64];

	group_path(path, sizeof(path), worker->index, version == 1 ? "tasks" : "cgroup.procs");
	if (version)
		file_put(path, "0");
	/* On one CPU, for the TLB's sake again; its children go where they like. */
	run_on((int)worker->index);
	own = mmap(NULL, own_pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	generations = mmap(NULL, own_pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED || generations == (void *)MAP_FAILED)
		_exit(1);
	/* It has to clear nearly all of memory first: it is left the CPUs. */
	if (scarce())
		ballast_wait(BALLAST_MS);
	/* Half in huge pages, which are split on their way out. */
	madvise(own, own_pages * PAGE / 2, MADV_NOHUGEPAGE);
	for (number = 0; number < own_pages && !crew_over(); number++) {
		generations[number] = 1;
		*(volatile uint64_t *)(own + number * PAGE) = stamp_of(number, 1, worker->index);
	}
	for (number = worker->index; number < shared_pages && !crew_over(); number += 2)
		*(volatile uint64_t *)(shared + number * PAGE) = stamp_of(number, 0, 0);
	worker->targets[0] = 1; /* the memory is there */
}

static void push_out(struct worker *worker, unsigned int first, unsigned int count)
{
	if (have_pageout && !madvise(own + first * PAGE, count * PAGE, MADV_PAGEOUT))
		worker->counters[PAGEOUTS]++;
}

/* A child that shares swap entries: reads some, writes some (copy-on-write of swap cache), and ends. */
static void fork_and_touch(struct worker *worker, unsigned int first, unsigned int count)
{
	pid_t child = worker_fork();
	unsigned int i;

	if (!child) {
		run_on(-1);
		for (i = 0; i < count; i++)
			page_verify(worker, (first + i) % own_pages, (int)(i & 1));
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	for (i = 0; i < count && !crew_over(); i++)
		page_verify(worker, (first + count - 1 - i) % own_pages, (int)(i & 1));
	worker_wait(child, 5000);
}

/* A child that reads and writes nothing: its swap entries go by its exit alone. */
static void fork_and_exit(struct worker *worker, unsigned int first, unsigned int count)
{
	pid_t child = worker_fork();

	if (!child) {
		sleep_milliseconds(prng_below(&worker->prng, 30));
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[EXITS]++;
	push_out(worker, first, count);
	worker_wait(child, 5000);
}

/*
 * Far from each other, upwards and downwards: each fault reads a cluster of
 * pages that nobody has asked for yet, and which are in flight when their area
 * is switched off.
 */
static void read_ahead(struct worker *worker)
{
	unsigned int i, step = 32 + prng_below(&worker->prng, 32);

	for (i = 0; i < own_pages && !crew_over(); i += step) {
		page_verify(worker, i, 0);
		page_verify(worker, own_pages - 1 - i, 0);
		worker->counters[AHEAD] += 2;
	}
}

/* Shared memory that is filled, goes out, comes back in part and is let go of with the rest out. */
static void shared_for_a_moment(struct worker *worker, unsigned int pages)
{
	char *start = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (start == MAP_FAILED)
		return;
	for (i = 0; i < pages && !crew_over(); i++)
		*(volatile uint64_t *)(start + i * PAGE) = stamp_of(i, 0, worker->index);
	if (have_pageout)
		madvise(start, pages * PAGE, MADV_PAGEOUT);
	else
		madvise(start, pages * PAGE, MADV_DONTNEED);
	push_out(worker, 0, own_pages / 4);
	sleep_milliseconds(prng_below(&worker->prng, 30));
	for (i = 0; i < pages && !crew_over(); i += 3) {
		uint64_t found = *(volatile uint64_t *)(start + i * PAGE);

		if (found != stamp_of(i, 0, worker->index))
			worker_corrupt(worker, "swapoff shared", start + i * PAGE, stamp_of(i, 0, worker->index), found);
	}
	munmap(start, pages * PAGE);
	worker->counters[SHARED]++;
}

static void tenant_round(struct worker *worker)
{
	unsigned int count = 16 + prng_below(&worker->prng, own_pages / 8);
	unsigned int first = prng_below(&worker->prng, own_pages - count), i;

	for (i = 0; i < 64 && !crew_over(); i++) {
		page_verify(worker, prng_below(&worker->prng, own_pages), (int)(i & 1));
		/* Rarely, or shared pages are never cold enough to go out. */
		if (i % 4 == 0)
			shared_verify(worker, prng_below(&worker->prng, shared_pages), (int)(i & 4));
	}
	/* Unmaps, and keeps the pages: nobody's accessed bits hold them back. */
	madvise(shared, shared_pages * PAGE, MADV_DONTNEED);
	switch (worker_choose(worker, 9)) {
	case 0:
		fork_and_touch(worker, first, count);
		break;
	case 1:
		madvise(own + first * PAGE, count * PAGE, MADV_DONTNEED);
		for (i = 0; i < count; i++)
			generations[first + i] = 0;
		worker->counters[DISCARDS]++;
		for (i = 0; i < count && !crew_over(); i++)
			page_verify(worker, first + i, 1);
		break;
	case 2:
		push_out(worker, first, count);
		break;
	case 3:
		for (i = 0; i < count && !crew_over(); i++)
			page_verify(worker, first + i, 0);
		push_out(worker, first, count);
		break;
	case 4:
		fork_and_exit(worker, first, count);
		break;
	case 5:
		read_ahead(worker);
		break;
	case 6:
		shared_for_a_moment(worker, count);
		break;
	default:
		push_out(worker, prng_below(&worker->prng, own_pages / 2), own_pages / 2);
	}
}

static void begin(struct worker *worker)
{
	if (worker->index == 0)
		controller_begin();
	else
		tenant_begin(worker);
}

static void work(struct worker *worker)
{
	if (worker->index == 0)
		controller_round(worker);
	else
		tenant_round(worker);
}

int main(int argc, char **argv)
{
	unsigned int i, tenants;
	long total = 0, each;

	settings_read(&settings, argc, argv);
	tenants = settings.threads < 3 ? 2 : settings.threads - 1;
	crew.workers = 1 + tenants;
	each = (long)settings.memory_mib * 1024 / 4;
	groups_make();
	have_pageout = kernel_has_advice(MADV_PAGEOUT);
	if (each > AREA_KIB_MAX)
		each = AREA_KIB_MAX;
	each = settings_swap_kib(&settings, each);
	for (i = 0; i < AREAS; i++) {
		long kib;
		int result;

		ramdisk_path(devices[i], settings.ram + i);
		kib = swaparea_make(devices[i], each);
		result = (int)kib;

		if (kib > 0) {
			if (scarce())
				swaparea_fill(devices[i], kib);
			result = swaparea_on(devices[i]);
		}
		if (result && i == 0)
			stressor_skip(result == -ENOSYS ? "not in this kernel: swap (%s, errno=%d)" :
							  "no swap on %s: errno=%d", devices[0], -result);
		area_kib[i] = result ? 0 : kib;
		total += area_kib[i];
	}
	/* Either area alone can take what must be out, so that one can go while the limit stays. */
	set_kib = area_kib[1] ? total * 5 / 8 : total;
	shared_pages = (unsigned int)((unsigned long)set_kib * 1024 / PAGE / SHARED_SHARE);
	own_pages = (unsigned int)((unsigned long)set_kib * 1024 / PAGE - shared_pages) / tenants;
	if (own_pages < 256)
		stressor_skip("the RAM disks are too small: %ld KiB of swap; boot with ramdisk_size=", total);
	shared = mmap(NULL, shared_pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		stressor_skip("no shared memory: errno=%d", errno);
	/* An area whose pages would not all fit is refused by the heuristic, which knows nothing of a ballast. */
	file_put("/proc/sys/vm/overcommit_memory", "1");
	file_put("/proc/sys/vm/page-cluster", "5"); /* 32 pages are read at once, not 8 */
	if (scarce())
		ballast_prepare(set_kib / 2);
	report_line("# note swapoff areas_kib=%ld,%ld set_kib=%ld tenants=%u cgroup_version=%d pageout=%d", area_kib[0],
		    area_kib[1], set_kib, tenants, version, have_pageout);
	crew.name = "swapoff";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.begin = begin;
	crew.work = work;
	return crew_run(&crew);
}
