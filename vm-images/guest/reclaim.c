// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reclaim: pages are let go of while the LRU lists are scanned for pages to let
 * go of.
 *
 * All workers do all of this to the same few files at the same time: write,
 * read, map and touch, truncate, punch, invalidate, write around the page cache,
 * write out, unlink and make anew. Half of the files are on an ext2 made on a
 * RAM disk, with four buffers to a page; half on tmpfs, so that their pages go
 * to swap. Between that they write private memory and free it by unmapping, by
 * discarding, and by the exit of children while the parent frees the same pages.
 *
 * A ballast leaves less room than all that takes: kswapd and every allocation
 * scan, unmap, write and free the same pages all the time.
 *
 * What it races against: the last reference to a page dropped on one CPU
 * (truncate, invalidate, unmap, exit: through pagevecs or directly) while
 * reclaim takes a page with a count of zero or one off the LRU on another;
 * truncation against writepage, swap-out of shared memory, and buffers that
 * reclaim takes from a page.
 *
 * Kernel functions that must run: shrink_cache, shrink_list or their successors
 * (shrink_inactive_list, shrink_page_list, shrink_folio_list), refill_inactive
 * or shrink_active_list, __page_cache_release, __pagevec_release or
 * release_pages, truncate_inode_pages, invalidate_mapping_pages, try_to_free_buffers,
 * add_to_swap, shmem_writepage, remove_mapping.
 */
#define _GNU_SOURCE
#include "ballast.h"
#include "crew.h"
#include "extfs.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL
#define FILES 6 /* even: ext2, odd: tmpfs */
/*
 * Old kernels by themselves fall over writing around mapped pages (2.6.9), and
 * show what a block held before while such a write fills a hole (2.5): this
 * file is never mapped, and what it holds is not looked at.
 */
#define DIRECT_FILE 0
#define RUN 64 /* pages of one operation, at most */
#define BALLAST_MS 5000
#define FILE_SALT 0x10000 /* beyond all workers' own */
#define CHUNK 16 /* pages of one read or write */
#define EXT2_KIB 16385
#define FOLDER "/tmp/ext2"
#define BLOCK_FLUSH _IO(0x12, 97) /* BLKFLSBUF of linux/fs.h */
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { ROUNDS, PAGES, MAPS, TRUNCATES, INVALIDATES, DIRECTS, FLUSHES, SYNCS, UNLINKS, REMOVES, ANON, EXITS,
       PAGEOUTS, DROPS, SIGNALS, BALLAST };
static const char *const counter_names[] = { "rounds",	"file_pages", "maps",	 "truncates", "invalidates", "directs",
					     "flushes", "syncs",      "unlinks", "removes",   "anon_pages",  "exits",
					     "pageouts", "drops",     "sigbus",	 "ballast_mib", NULL };

/* What a worker is at, for the others to go there too. */
enum { AT_FILE, AT_PAGE };

static struct settings settings;
static struct crew crew;
static int have_ext2;
static char file_device[RAMDISK_PATH], spare_device[RAMDISK_PATH];
static unsigned int file_pages;

/* A worker's own memory. */
static char *own;
static unsigned int own_pages;
static unsigned char *generations; /* of the own pages' stamps; 0: fresh */

/* Touching mapped pages that are truncated just now ends in a signal. */
static sigjmp_buf truncated;
static volatile int touching;

static uint32_t stamp_of(unsigned int number, unsigned int salt)
{
	uint64_t word = ((uint64_t)salt << 32 | (number + 1)) * 0x9e3779b97f4a7c15ULL ^ settings.seed;

	return (uint32_t)(word >> 32) | 0x01010101;
}

static uint32_t file_stamp(unsigned int file, unsigned int number)
{
	return stamp_of(number, FILE_SALT + file);
}

/*
 * A page of a file holds its stamp at both ends, or nothing where it was
 * truncated. Each byte counts by itself: copying is not atomic.
 */
static void file_check(struct worker *worker, unsigned int file, unsigned int number, const char *page)
{
	uint32_t expected = file_stamp(file, number);
	unsigned int end, i;

	for (end = 0; file != DIRECT_FILE && end < 2; end++) {
		uint32_t found = ((const volatile uint32_t *)page)[end ? PAGE / 4 - 1 : 0];

		for (i = 0; i < 32; i += 8)
			if ((found >> i & 255) && (found >> i & 255) != (expected >> i & 255)) {
				worker_corrupt(worker, file % 2 ? "reclaim tmpfs" : "reclaim ext2",
					       (const void *)(uintptr_t)(number * PAGE), expected, found);
				return;
			}
	}
}

static void page_stamp(unsigned int file, unsigned int number, char *page)
{
	((volatile uint32_t *)page)[0] = file_stamp(file, number);
	((volatile uint32_t *)page)[PAGE / 4 - 1] = file_stamp(file, number);
}

static void file_path(char *path, size_t size, unsigned int file)
{
	snprintf(path, size, "%s/file%u", file % 2 || !have_ext2 ? "/tmp" : FOLDER, file);
}

static int file_open(unsigned int file, int flags)
{
	char path[64];

	file_path(path, sizeof(path), file);
	return open(path, O_RDWR | O_CREAT | flags, 0600);
}

static void file_write(struct worker *worker, unsigned int file, int descriptor, unsigned int first, unsigned int count)
{
	static char block[CHUNK * PAGE] __attribute__((aligned(4096)));
	unsigned int i, k;

	for (i = 0; i < count && !crew_over(); i += CHUNK) {
		for (k = 0; k < CHUNK; k++)
			page_stamp(file, first + i + k, block + k * PAGE);
		if (pwrite(descriptor, block, sizeof(block), (off_t)((first + i) * PAGE)) > 0)
			worker->counters[PAGES] += CHUNK;
	}
}

static void file_read(struct worker *worker, unsigned int file, int descriptor, unsigned int first, unsigned int count)
{
	static char block[CHUNK * PAGE];
	unsigned int i, k;

	for (i = 0; i < count && !crew_over(); i += CHUNK) {
		ssize_t got = pread(descriptor, block, sizeof(block), (off_t)((first + i) * PAGE));

		for (k = 0; got > 0 && k < (size_t)got / PAGE; k++)
			file_check(worker, file, first + i + k, block + k * PAGE);
		if (got > 0)
			worker->counters[PAGES] += (uint64_t)got / PAGE;
	}
}

static void truncated_under(int number)
{
	if (touching)
		siglongjmp(truncated, 1);
	signal(number, SIG_DFL);
}

static void touch_mapped(struct worker *worker, unsigned int file, char *view, unsigned int first, unsigned int count)
{
	volatile unsigned int i;

	if (sigsetjmp(truncated, 1)) {
		worker->counters[SIGNALS]++;
	} else {
		touching = 1;
		for (i = 0; i < count; i++) {
			file_check(worker, file, first + i, view + i * PAGE);
			if (i % 2)
				page_stamp(file, first + i, view + i * PAGE);
			worker->counters[PAGES]++;
		}
	}
	touching = 0;
}

/* Mapped pages are let go of by unmapping, by advice, or by the exit of a child that has them too. */
static void file_map(struct worker *worker, unsigned int file, int descriptor, unsigned int first, unsigned int count)
{
	char *view = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, (off_t)(first * PAGE));
	unsigned int how = prng_below(&worker->prng, 4);
	pid_t child;

	if (view == MAP_FAILED)
		return;
	worker->counters[MAPS]++;
	if (how == 0 && (child = worker_fork()) >= 0) {
		if (!child) {
			touch_mapped(worker, file, view, first, count);
			_exit(0);
		}
		worker->counters[EXITS]++;
		touch_mapped(worker, file, view, first, count);
		munmap(view, count * PAGE);
		worker_wait(child, 3000);
		return;
	}
	touch_mapped(worker, file, view, first, count);
	if (how == 1 && !madvise(view, count * PAGE, MADV_PAGEOUT)) /* 5.4 on */
		worker->counters[PAGEOUTS]++;
	if (how == 2 && file % 2 && !madvise(view, count * PAGE, MADV_REMOVE)) /* 2.6.16 on */
		worker->counters[REMOVES]++;
	munmap(view, count * PAGE);
}

/* To the middle of a page, and long again at once: what is between reads as zeroes. */
static void file_truncate(struct worker *worker, int descriptor, unsigned int first)
{
	off_t size = (off_t)(first * PAGE + prng_below(&worker->prng, PAGE / 4) * 4);

	if (!ftruncate(descriptor, size))
		worker->counters[TRUNCATES]++;
	if (ftruncate(descriptor, (off_t)(file_pages * PAGE)))
		return;
}

/*
 * Only clean pages can be invalidated, so they are written out before, or
 * just now by somebody else. No such advice before 2.5.60.
 */
static void file_invalidate(struct worker *worker, int descriptor, unsigned int first, unsigned int count)
{
	if (prng_below(&worker->prng, 2) && !fdatasync(descriptor))
		worker->counters[SYNCS]++;
	if (!posix_fadvise(descriptor, (off_t)(first * PAGE), (off_t)(count * PAGE), POSIX_FADV_DONTNEED))
		worker->counters[INVALIDATES]++;
}

/* Around the page cache, which is invalidated by that: in every kernel. */
static void file_direct(struct worker *worker, unsigned int first, unsigned int count)
{
	int descriptor = file_open(DIRECT_FILE, O_DIRECT);
	uint64_t pages = worker->counters[PAGES];

	if (descriptor < 0)
		return; /* tmpfs before 6.6 */
	file_write(worker, DIRECT_FILE, descriptor, first, count);
	worker->counters[DIRECTS] += worker->counters[PAGES] > pages;
	close(descriptor);
}

/*
 * The page cache of a block device. A RAM disk of its own, where there is one,
 * loses its pages all at once; of the disk in use pages are read and dropped.
 */
static void device_flush(struct worker *worker, unsigned int first)
{
	static char block[CHUNK * PAGE];
	int descriptor = open(spare_device, O_RDWR);
	int spare = descriptor >= 0;
	unsigned int i;

	if (!spare)
		descriptor = open(file_device, O_RDONLY);
	if (descriptor < 0)
		return;
	for (i = 0; i < 4; i++) {
		off_t place = (off_t)((first % 64 + i * CHUNK) * PAGE);

		if (spare ? pwrite(descriptor, block, sizeof(block), place) < 0 :
			    pread(descriptor, block, sizeof(block), place) < 0)
			break;
	}
	/* Refused while too many others have it open. */
	if ((spare && !ioctl(descriptor, (int)BLOCK_FLUSH, 0)) ||
	    !posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED))
		worker->counters[FLUSHES]++;
	close(descriptor);
}

/* A third of the time where somebody else is just now, or there would seldom be two at one page. */
static void file_round(struct worker *worker, unsigned int choice)
{
	unsigned int file = prng_below(&worker->prng, FILES), count = CHUNK * (1 + prng_below(&worker->prng, RUN / CHUNK));
	unsigned int first = prng_below(&worker->prng, file_pages - RUN), how = prng_below(&worker->prng, 3);
	struct worker *other = &crew.roll[prng_below(&worker->prng, crew.workers)];
	char path[64];
	int descriptor;

	if (how) {
		file = (unsigned int)other->targets[AT_FILE];
		first = how == 1 ? (unsigned int)other->targets[AT_PAGE] : first;
	}
	worker->targets[AT_FILE] = file;
	worker->targets[AT_PAGE] = first;
	descriptor = file_open(file, 0);
	if (descriptor < 0)
		return;
	switch (choice) {
	case 0:
	case 1:
		file_write(worker, file, descriptor, first, count);
		break;
	case 2:
	case 3:
		file_read(worker, file, descriptor, first, count);
		break;
	case 4:
	case 5:
		if (file == DIRECT_FILE)
			file_read(worker, file, descriptor, first, count);
		else
			file_map(worker, file, descriptor, first, count);
		break;
	case 6:
	case 7:
		file_truncate(worker, descriptor, first);
		break;
	case 8:
		file_invalidate(worker, descriptor, first, count);
		break;
	case 9:
		file_direct(worker, first, count);
		break;
	case 10:
		file_path(path, sizeof(path), file);
		/* The last one to close it truncates it. */
		if (prng_below(&worker->prng, 2) && !unlink(path))
			worker->counters[UNLINKS]++;
		break;
	default:
		device_flush(worker, first);
	}
	close(descriptor);
}

static void own_touch(struct worker *worker, unsigned int number, int rewrite)
{
	volatile uint32_t *word = (volatile uint32_t *)(own + number * PAGE);
	uint32_t expected = generations[number] ? stamp_of(number, worker->index * 256 + generations[number]) : 0;

	if (*word != expected)
		worker_corrupt(worker, "reclaim", (const void *)word, expected, *word);
	if (rewrite) {
		generations[number] = (unsigned char)(1 + generations[number] % 255);
		*word = stamp_of(number, worker->index * 256 + generations[number]);
	}
	worker->counters[ANON]++;
}

/* Pages whose last reference is dropped by one of two exits or discards, whichever is later. */
static void own_round(struct worker *worker, unsigned int choice)
{
	unsigned int count = 16 + prng_below(&worker->prng, own_pages / 4);
	unsigned int first = prng_below(&worker->prng, own_pages - count), i;
	pid_t child = 0;

	for (i = 0; i < count && !crew_over(); i++)
		own_touch(worker, first + i, (int)(i & 1));
	if (choice > 13)
		return;
	if (choice == 12) {
		child = worker_fork();
		if (!child) {
			for (i = 0; i < count && !crew_over(); i++)
				own_touch(worker, first + i, (int)(i & 2));
			_exit(0);
		}
		worker->counters[EXITS] += child > 0;
	}
	if (!madvise(own + first * PAGE, count * PAGE, MADV_DONTNEED))
		memset(generations + first, 0, count);
	if (child > 0)
		worker_wait(child, 3000);
}

/* Memory that lives for a moment only: all of it is allocated, on the LRU and free again within a round. */
static void moment_round(struct worker *worker)
{
	unsigned int count = 16 + prng_below(&worker->prng, own_pages / 4), i;
	char *start = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return;
	for (i = 0; i < count && !crew_over(); i++)
		*(volatile uint32_t *)(start + i * PAGE) = stamp_of(i, worker->index);
	for (i = 0; i < count && !crew_over(); i += 3) {
		uint32_t found = *(volatile uint32_t *)(start + i * PAGE);

		if (found != stamp_of(i, worker->index))
			worker_corrupt(worker, "reclaim", start + i * PAGE, stamp_of(i, worker->index), found);
	}
	worker->counters[ANON] += i;
	munmap(start, count * PAGE);
}

static void begin(struct worker *worker)
{
	struct sigaction action = { .sa_handler = truncated_under };

	sigaction(SIGBUS, &action, NULL);
	if (worker->index == 0)
		ballast_keep();
	own = mmap(NULL, own_pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	generations = mmap(NULL, own_pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED || generations == (void *)MAP_FAILED)
		_exit(1);
	ballast_wait(BALLAST_MS);
}

static void work(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 18);

	if (worker->index == 0) {
		ballast_keep();
		ballast_press((long)(own_pages * crew.workers * PAGE / 1024 / 4));
		worker->counters[BALLAST] = (uint64_t)ballast_held_kib() / 1024;
	}
	if (choice < 12)
		file_round(worker, choice);
	else if (choice < 16)
		own_round(worker, choice);
	else
		moment_round(worker);
	/* All clean page cache at once; 2.6.16 on. */
	if (prng_below(&worker->prng, 128) == 0 && !file_put("/proc/sys/vm/drop_caches", "1"))
		worker->counters[DROPS]++;
}

int main(int argc, char **argv)
{
	char swap_device[RAMDISK_PATH];
	long room_kib, swap_kib;
	int mounted;

	settings_read(&settings, argc, argv);
	/*
	 * A tenth of it is the room, so that it is filled at once however slow the
	 * guest; all together take twice that: files, shared memory and own pages, a
	 * third each.
	 */
	room_kib = settings.memory_mib * 1024L / 10;
	file_pages = (unsigned int)((unsigned long)room_kib * 1024 / PAGE * 2 / 3 / (FILES / 2));
	/* Before 2.6.37 whoever reclaims naps for tenths of a second in between: others then run. */
	crew.workers = settings.threads * 2 > CREW_LIMIT ? CREW_LIMIT : settings.threads * 2;
	own_pages = (unsigned int)((unsigned long)room_kib * 1024 / PAGE * 2 / 3) / crew.workers;
	if (own_pages < 64)
		own_pages = 64;
	if (file_pages < 2 * RUN)
		file_pages = 2 * RUN;
	ramdisk_path(swap_device, settings.ram);
	ramdisk_path(file_device, settings.ram + 1);
	ramdisk_path(spare_device, settings.ram + 2);
	swap_kib = swaparea_make(swap_device, settings_swap_kib(&settings, 2 * room_kib));
	if (swap_kib > 0) {
		swaparea_fill(swap_device, swap_kib);
		if (swaparea_on(swap_device))
			swap_kib = 0;
	}
	mkdir(FOLDER, 0700);
	/*
	 * Never full, though files that are unlinked stay open: 2.5.31 calls BUG()
	 * where writepage finds no space.
	 */
	mounted = extfs_mount(file_device, EXT2_KIB, FOLDER);
	have_ext2 = !mounted;
	file_put("/proc/sys/vm/drop_caches", "4"); /* no line in the log for each time; 3.15 on */
	file_put("/proc/sys/vm/swappiness", "100");
	ballast_prepare(room_kib);
	report_line("# note reclaim room_kib=%ld swap_kib=%ld ext2=%d file_pages=%u own_pages=%u", room_kib,
		    swap_kib > 0 ? swap_kib : 0, mounted, file_pages, own_pages);
	crew.name = "reclaim";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.begin = begin;
	crew.work = work;
	return crew_run(&crew);
}
