// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rmap: the ways from a page back to its mappings are built and torn down while
 * reclaim, migration and KSM walk them.
 *
 * Three workers of four are growers: each grows trees of processes, some deep,
 * some wide, that share its private memory. Every process writes to some of it
 * (copy-on-write, verified), cuts its mappings by mprotect, mlock, advice and
 * partial munmap and lets them merge again, moves parts of them with mremap,
 * maps one file at many places, linearly and not, and exits when it likes:
 * often before its children, which others are then to reap. Each fourth worker
 * is a walker: it moves the growers' pages between nodes, pages them out, fills
 * memory and maps the file, too. A ballast leaves so little room that kswapd
 * swaps all the time. Some pages are equal on purpose, for KSM.
 *
 * What it races against: page_referenced, try_to_unmap and migration, which
 * take the anon_vma (before 2.6.7 the pte chain) of a page whose last mapping
 * goes away: by exit, unmap, copy-on-write or a merge of the areas; the same by
 * i_mmap for the file.
 *
 * Kernel functions that must run: page_referenced, try_to_unmap, page_add_rmap
 * or page_add_anon_rmap, page_remove_rmap, anon_vma_prepare, anon_vma_clone,
 * anon_vma_unlink or unlink_anon_vmas, page_lock_anon_vma or its successors,
 * vma_adjust, copy_vma, move_page_tables, rmap_walk, try_to_merge_with_ksm_page.
 */
#define _GNU_SOURCE
#include "ballast.h"
#include "crew.h"
#include "extfs.h"
#include "numa.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define BALLAST_MS 5000
#define FILE_SALT 0x10000
#define EXT2_KIB 8193
#define EQUAL_SHARE 4 /* one part in so many of the own pages is equal to others */
#define EQUAL_KINDS 4
#define OWN_PAGES_MAX 1024
#define FILE_PAGES_MAX 128
#define CUTS 12
#define DEPTH 4	      /* of the deep trees */
#define WIDTH 4	      /* of the wide ones */
#define BATCH 64      /* pages that a walker moves at once */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* 5.3 on */
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440 /* 5.10 on */
#endif

enum { ROUNDS, FORKS, ORPHANS, COWS, TOUCHES, SPLITS, MREMAPS, MUNMAPS, MLOCKS, MAPS, NONLINEAR, PAGEOUTS, MOVED,
       MERGES, ADVISED, BALLAST };
static const char *const counter_names[] = { "rounds",	 "forks", "orphans", "cows",	  "touches",   "splits",
					     "mremaps",	 "munmaps", "mlocks", "file_maps", "nonlinear", "pageouts",
					     "moved",	 "merges", "remote_pageouts", "ballast_mib", NULL };

static struct settings settings;
static struct crew crew;
static int nodes[2], node_count;

/* A grower's memory: at one address in all, so that the walkers know it. */
static char *own, *elsewhere; /* elsewhere: where mremap puts things */
static unsigned int own_pages, file_pages;
static int file;
static struct prng prng; /* of this process: those of a tree draw from their own copies */
static unsigned char *generations; /* of the own pages' stamps; 0: fresh. Each process has its own, as it has its pages */

static uint32_t stamp_of(unsigned int number, unsigned int salt)
{
	uint64_t word = ((uint64_t)salt << 32 | (number + 1)) * 0x9e3779b97f4a7c15ULL ^ settings.seed;

	return (uint32_t)(word >> 32) | 0x01010101;
}

static uint32_t own_stamp(struct worker *worker, unsigned int number)
{
	if (!generations[number])
		return 0;
	/* Equal pages: in all growers, and of many generations. */
	if (number % EQUAL_SHARE == 0)
		return stamp_of(number / EQUAL_SHARE % EQUAL_KINDS, generations[number] % 2);
	return stamp_of(number, 256 * (worker->index + 1) + generations[number]);
}

static void check_at(struct worker *worker, const char *start, unsigned int number)
{
	uint32_t found = *(const volatile uint32_t *)(start + number * PAGE), expected = own_stamp(worker, number);

	if (found != expected)
		worker_corrupt(worker, "rmap", start + number * PAGE, expected, found);
}

static void touch(struct worker *worker, unsigned int number, int rewrite)
{
	check_at(worker, own, number);
	if (rewrite) {
		generations[number] = (unsigned char)(1 + generations[number] % 255);
		*(volatile uint32_t *)(own + number * PAGE) = own_stamp(worker, number);
		worker->counters[COWS]++;
	}
	worker->counters[TOUCHES]++;
}

static void touch_run(struct worker *worker, unsigned int first, unsigned int count, unsigned int step)
{
	unsigned int i;

	for (i = 0; i < count && !crew_over(); i += step)
		touch(worker, first + i, (int)(i / step & 1));
}

/*
 * One file, mapped by all at other places: a small one, so that each of its
 * pages has many mappings. A page holds its number and its stamp, or is fresh.
 */
static void file_map(struct worker *worker)
{
	unsigned int count = 8 + prng_below(&prng, file_pages / 2), first = prng_below(&prng, file_pages - count), i;
	unsigned int places[FILE_PAGES_MAX];
	char *view = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(first * PAGE));

	if (view == MAP_FAILED)
		return;
	worker->counters[MAPS]++;
	for (i = 0; i < count; i++)
		places[i] = first + i;
	/* Not in order: 2.5.46 on; since 4.0 many small mappings are made of that. */
	for (i = prng_below(&prng, 3) ? count : 0; i < count; i += 1 + prng_below(&prng, 8)) {
		unsigned int place = prng_below(&prng, file_pages);

		if (remap_file_pages(view + i * PAGE, PAGE, 0, place, 0))
			break;
		places[i] = place;
		worker->counters[NONLINEAR]++;
	}
	for (i = 0; i < count && !crew_over(); i++) {
		volatile uint32_t *word = (volatile uint32_t *)(view + i * PAGE);
		uint32_t number = places[i] + 1, stamp = stamp_of(number, FILE_SALT);

		if ((word[0] && word[0] != number) || (word[1] && word[1] != stamp))
			worker_corrupt(worker, "rmap file", (const void *)word, (uint64_t)stamp << 32 | number,
				       (uint64_t)word[1] << 32 | word[0]);
		if (i % 2) {
			word[0] = number;
			word[1] = stamp;
		}
		worker->counters[TOUCHES]++;
	}
	munmap(view, count * PAGE);
}

/* A part goes elsewhere, is looked at there, and comes back: its area keeps its anon_vma and its page offset. */
static void move_away(struct worker *worker, unsigned int first, unsigned int count)
{
	char *part = own + first * PAGE, *there = elsewhere + first * PAGE;
	unsigned int i;

	if (mremap(part, count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there) == MAP_FAILED)
		return;
	worker->counters[MREMAPS]++;
	for (i = 0; i < count && !crew_over(); i += 3)
		check_at(worker, elsewhere, first + i);
	if (mremap(there, count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, part) == MAP_FAILED)
		_exit(1); /* no memory for a page table: this process has lost a part */
}

static void fresh(unsigned int first, unsigned int count)
{
	memset(generations + first, 0, count);
}

/* What one process of a tree does to its mappings. */
static void cut(struct worker *worker, unsigned int choice)
{
	unsigned int count = 2 + prng_below(&prng, own_pages / 4);
	unsigned int first = prng_below(&prng, own_pages - count), middle = count / 2;
	char *part = own + first * PAGE;

	switch (choice) {
	case 0:
		/* Two cuts and two merges. */
		mprotect(part, count * PAGE, PROT_READ);
		check_at(worker, own, first + middle);
		mprotect(part, middle * PAGE, PROT_READ | PROT_WRITE);
		mprotect(part, count * PAGE, PROT_READ | PROT_WRITE);
		worker->counters[SPLITS]++;
		break;
	case 1:
	case 2:
		move_away(worker, first, count);
		break;
	case 3:
		munmap(part, count * PAGE);
		/* A new area, merged with its neighbours and with their anon_vma. */
		if (mmap(part, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			_exit(1);
		fresh(first, count);
		worker->counters[MUNMAPS]++;
		touch_run(worker, first, count, 3);
		break;
	case 4:
		if (!mlock(part, middle / 2 * PAGE))
			worker->counters[MLOCKS]++;
		touch_run(worker, first, middle, 5);
		munlock(part, count * PAGE);
		break;
	case 5:
		/* Before 2.6.34 or so advice on how it is read cuts an area, too. */
		madvise(part, count * PAGE, MADV_RANDOM);
		touch_run(worker, first, count, 4);
		madvise(part, count * PAGE, MADV_NORMAL);
		worker->counters[SPLITS]++;
		break;
	case 6:
		if (!madvise(part, count * PAGE, MADV_DONTNEED))
			fresh(first, count);
		touch_run(worker, first, count, 2);
		break;
	case 7:
		if (!madvise(part, count * PAGE, MADV_PAGEOUT)) /* 5.4 on */
			worker->counters[PAGEOUTS]++;
		touch_run(worker, first, count, 4);
		break;
	case 8:
		if (!madvise(own, own_pages * PAGE, MADV_MERGEABLE)) /* 2.6.32 on */
			worker->counters[MERGES]++;
		break;
	default:
		file_map(worker);
	}
	touch_run(worker, first, count, 7);
}

/*
 * What one process of a tree does until it ends. Its random numbers follow from its
 * place, so that all processes of a tree do different things.
 */
static void grow(struct worker *worker, unsigned int depth, unsigned int width, unsigned int place)
{
	pid_t children[WIDTH];
	unsigned int i, count = 0;

	prng.state += (place + 1) * 0x9e3779b97f4a7c15ULL;
	worker->targets[0] = (uintptr_t)getpid();
	cut(worker, prng_below(&prng, CUTS));
	for (i = 0; depth > 1 && i < width && !crew_over(); i++) {
		pid_t child = fork();

		if (!child) {
			grow(worker, depth - 1, width, place * WIDTH + i + 1);
			_exit(0);
		}
		if (child > 0) {
			worker->counters[FORKS]++;
			children[count++] = child;
		}
		if (prng_below(&prng, 2))
			cut(worker, prng_below(&prng, CUTS));
	}
	sleep_milliseconds(prng_below(&prng, 15));
	/* Half of them leave before their children do: init has those then. */
	if (count && prng_below(&prng, 2)) {
		worker->counters[ORPHANS] += count;
		return;
	}
	for (i = 0; i < count; i++)
		worker_wait(children[count - 1 - i], 3000);
}

/*
 * A pipe that all of a tree hold tells when the last of them is gone, whoever
 * reaped it. They count for their worker, and may lose a count now and then.
 */
static void grower_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 2 * CUTS);
	struct pollfd gone = { .events = POLLIN };
	int ends[2], status;
	pid_t child;

	cut(worker, choice % CUTS);
	if (pipe(ends))
		return;
	child = fork();
	if (!child) {
		grow(worker, choice < CUTS ? 2 : DEPTH, choice < CUTS ? WIDTH : 1, worker->index);
		_exit(0);
	}
	close(ends[1]);
	gone.fd = ends[0];
	if (child > 0) {
		worker->counters[FORKS]++;
		touch_run(worker, prng_below(&prng, own_pages / 2), own_pages / 2, 9);
		while (!crew_over() && poll(&gone, 1, 100) == 0)
			;
		if (!crew_over())
			waitpid(child, &status, 0);
	}
	close(ends[0]);
	worker->targets[0] = (uintptr_t)getpid();
}

/* Pages of a process come and go meanwhile, so errors are expected. */
static void move_pages_of(struct worker *worker, pid_t pid)
{
	unsigned int i, first = prng_below(&prng, own_pages);
	int goals[BATCH], status[BATCH], goal = nodes[prng_below(&prng, 2)];
	void *pages[BATCH];

	for (i = 0; i < BATCH; i++) {
		pages[i] = own + (first + i * 3) % own_pages * PAGE;
		goals[i] = goal;
		status[i] = -ENOENT;
	}
	if (node_count < 2 || numa_move_pages(pid, BATCH, pages, goals, status) < 0)
		return;
	for (i = 0; i < BATCH; i++)
		worker->counters[MOVED] += status[i] == goal;
}

static void page_out_of(struct worker *worker, pid_t pid)
{
	unsigned int first = prng_below(&prng, own_pages / 2);
	struct iovec part = { own + first * PAGE, own_pages / 2 * PAGE };
	int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);

	if (descriptor < 0)
		return;
	if (syscall(SYS_process_madvise, descriptor, &part, 1UL, MADV_PAGEOUT, 0U) > 0)
		worker->counters[ADVISED]++;
	close(descriptor);
}

/* Memory for a moment: so much that this process reclaims what it needs from the growers. */
static void fill_memory(struct worker *worker)
{
	unsigned int i, count = own_pages / 2 + prng_below(&prng, own_pages);
	char *start = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return;
	for (i = 0; i < count && !crew_over(); i++) {
		*(volatile uint32_t *)(start + i * PAGE) = i;
		worker->counters[TOUCHES]++;
	}
	munmap(start, count * PAGE);
}

static void walker_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 16);
	struct worker *grower = &crew.roll[prng_below(&prng, crew.workers)];
	pid_t pid = prng_below(&prng, 3) ? (pid_t)grower->targets[0] : grower->pid;

	if (choice < 5)
		fill_memory(worker);
	else if (choice < 8)
		file_map(worker);
	else if (pid <= 0 || grower == worker)
		return;
	else if (choice < 12)
		move_pages_of(worker, pid);
	else if (choice < 15)
		page_out_of(worker, pid);
	else if (prng_below(&prng, 8) == 0)
		file_put("/proc/sys/vm/compact_memory", "1");
}

static int is_walker(const struct worker *worker)
{
	return worker->index % 4 == 1;
}

static void begin(struct worker *worker)
{
	prng = worker->prng;
	if (worker->index == 0)
		ballast_keep();
	generations = mmap(NULL, own_pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (generations == (void *)MAP_FAILED ||
	    mmap(own, own_pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
		_exit(1);
	/* No huge pages: they have no mapping of their own parts to walk. */
	madvise(own, own_pages * PAGE, MADV_NOHUGEPAGE);
	ballast_wait(BALLAST_MS);
	if (!is_walker(worker))
		touch_run(worker, 0, own_pages, 1);
	worker->targets[0] = (uintptr_t)getpid();
}

static void work(struct worker *worker)
{
	if (worker->index == 0) {
		ballast_keep();
		ballast_press((long)(own_pages * crew.workers * PAGE / 1024 / 8));
		worker->counters[BALLAST] = (uint64_t)ballast_held_kib() / 1024;
	}
	if (is_walker(worker))
		walker_round(worker);
	else
		grower_round(worker);
}

static char *reserve(size_t size)
{
	char *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		stressor_skip("cannot reserve %zu KiB of addresses: errno=%d", size / 1024, errno);
	return start;
}

int main(int argc, char **argv)
{
	char device[RAMDISK_PATH];
	long own_kib, swap_kib;
	const char *path;
	int list[64], status;

	settings_read(&settings, argc, argv);
	/* The growers' own pages fill the room; what their trees copy goes to swap. */
	own_kib = settings.memory_mib * 1024L / 6;
	/* Before 2.6.37 whoever reclaims naps for tenths of a second in between: others then run. */
	crew.workers = settings.threads * 2 > CREW_LIMIT ? CREW_LIMIT : settings.threads * 2;
	own_pages = (unsigned int)((unsigned long)own_kib * 1024 / PAGE) / crew.workers;
	if (own_pages < 64)
		own_pages = 64;
	if (own_pages > OWN_PAGES_MAX)
		own_pages = OWN_PAGES_MAX;
	file_pages = own_pages / 2 < FILE_PAGES_MAX ? own_pages / 2 : FILE_PAGES_MAX;
	ramdisk_path(device, settings.ram);
	swap_kib = swaparea_make(device, settings_swap_kib(&settings, 3 * own_kib));
	if (swap_kib > 0) {
		swaparea_fill(device, swap_kib);
		status = swaparea_on(device);
	} else {
		status = (int)swap_kib;
	}
	if (status)
		stressor_skip(status == -ENOSYS ? "not in this kernel: swap (%s, errno=%d)" : "no swap on %s: errno=%d",
			      device, -status);
	/*
	 * On tmpfs, so that its pages go to swap, too. 2.5.31 does not survive
	 * that for seconds (a page is dirtied while shmem_writepage has it): no
	 * tmpfs where the first RAM disk is the root.
	 */
	ramdisk_path(device, settings.ram + 1);
	mkdir("/tmp/ext2", 0700);
	path = settings.ram && !extfs_mount(device, EXT2_KIB, "/tmp/ext2") ? "/tmp/ext2/rmap" : "/tmp/rmap";
	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || ftruncate(file, (off_t)(file_pages * PAGE)))
		stressor_skip("no file %s: errno=%d", path, errno);
	node_count = memory_nodes(list, 64);
	nodes[0] = list[0];
	nodes[1] = list[node_count > 1];
	own = reserve(own_pages * PAGE);
	elsewhere = reserve(own_pages * PAGE);
	file_put("/proc/sys/vm/swappiness", "100");
	file_put("/sys/kernel/mm/ksm/pages_to_scan", "200");
	file_put("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	file_put("/sys/kernel/mm/ksm/run", "1");
	ballast_prepare(own_kib);
	report_line("# note rmap room_kib=%ld swap_kib=%ld own_pages=%u file_pages=%u nodes=%d", own_kib, swap_kib,
		    own_pages, file_pages, node_count);
	crew.name = "rmap";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.begin = begin;
	crew.work = work;
	status = crew_run(&crew);
	file_put("/sys/kernel/mm/ksm/run", "0");
	return status;
}
