// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thpsplit: huge pages are split just after they were allocated, while others
 * take references on their parts.
 *
 * Even workers are splitters: they fault huge pages in, split them by a partial
 * munmap, mprotect, mremap, madvise or mlock, by copy-on-write after fork, by
 * KSM, by swap-out to a RAM disk and through debugfs, look whether each part
 * still holds what was written, have them collapsed again now and then, give
 * all back and start again. What swaps out is MADV_PAGEOUT (5.4 on) or a memory
 * cgroup whose limit is lowered for a moment.
 *
 * A second thread in each splitter takes references on the tails all the time:
 * it reads and writes a RAM disk around the page cache (O_DIRECT), gifts parts
 * to a pipe (vmsplice), looks shared futexes up in them and reads them through
 * /proc/.../mem. Both threads map, unmap, protect, lock and discard parts of
 * one more huge page, at the same time. Odd workers are disturbers: they pin the
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
 * __split_huge_pmd, deferred_split_scan), get_user_pages_fast, add_to_swap,
 * find_get_page or filemap_get_entry, ksm_do_scan, collapse_huge_page.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "kernel_has.h"
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
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* 6.1 on */
#endif
#define ROOT "/cgroup"
#define GROUP ROOT "/thpsplit"
#define SWAP_KIB 16384
#define OUT_PAGES 64 /* swapped out at once: all of a huge page would take longer than some splits */
#define NO_LIMIT (1LL << 40)
#define DIRECT_START (4L << 20) /* on the RAM disk, behind the page cache that is churned */
#define DIRECT_PAGES 8
#define DIRECT_PLACE 2048 /* in a page: what is read leaves the stamp alone */
#define DIRECT_SIZE 512

enum { ROUNDS, HUGES, UNMAPS, PROTECTS, REMAPS, DISCARDS, MLOCKS, FORKS, MERGES, SWAP_OUTS, DEBUGS, COLLAPSES,
       CONTESTS, DIRECTS, SPLICED, FUTEXES, READS, MOVES, SHRINKS };
static const char *const counter_names[] = { "rounds",	 "faults",    "unmaps",	   "protects",	   "remaps",
					     "discards", "mlocks",    "forks",	   "merges",	   "swap_outs",
					     "splits",	 "collapses", "contests",  "directs",	   "spliced",
					     "futexes",	 "reads",     "moved",	   "shrinks",	   NULL };

static struct settings settings;
static struct crew crew;
static char cache_device[RAMDISK_PATH]; /* newer kernels take no advice about tmpfs */
static char *arena;		/* of HUGES_MAX huge pages, at one address in all workers */
static char *second_arena;	/* where mremap puts things */
static char *contested;		/* one huge page that both threads of a splitter map, unmap and protect */
static unsigned int huges;	/* huge pages of a splitter */
static int version;		/* of the cgroup interface; 0: none that can be used */
static int have_swap, have_pageout;
static char swap_device[RAMDISK_PATH];
static int nodes[2], node_count;
enum { RESTS, BESIDE, ELSEWHERE };
static volatile int holder_on;	/* this process's second thread may take references, on the same CPU or any other */
static struct worker *holder_worker;
static int contest_zeroes;	/* /dev/zero */

static uint64_t stamp_of(unsigned int number)
{
	return (number + 1) * 0x9e3779b97f4a7c15ULL ^ settings.seed;
}

/*
 * One more huge page, changed by both threads at once. Nobody touches it but
 * the kernel for them, which answers with an error where a touch would be a
 * signal.
 */
static void contest(struct worker *worker, struct prng *prng, int zeroes)
{
	unsigned int count = 1 + prng_below(prng, PARTS / 2), first = prng_below(prng, PARTS - count);
	char *part = contested + first * PAGE;
	size_t length = count * PAGE;

	switch (prng_below(prng, 16)) {
	case 0:
	case 1:
		mmap(part, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
		break;
	case 2:
	case 3:
	case 4:
		mprotect(part, length, PROT_READ);
		break;
	case 5:
	case 6:
	case 7:
		mprotect(part, length, PROT_READ | PROT_WRITE);
		break;
	case 8:
	case 9:
		madvise(part, length, MADV_DONTNEED);
		break;
	case 10:
		if (!mlock(part, length))
			munlock(part, length);
		break;
	case 11:
		if (read(zeroes, part, PAGE) < 0)
			return;
		break;
	default:
		mmap(contested, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		madvise(contested, HUGE, MADV_HUGEPAGE);
		if (read(zeroes, contested + first * PAGE, PAGE) < 0)
			return;
	}
	__sync_fetch_and_add(&worker->counters[CONTESTS], 1);
}

/* From and to the RAM disk without a page between: the parts themselves are pinned. Errors are expected. */
static void direct(struct worker *worker, struct prng *prng, int disk)
{
	struct iovec parts[DIRECT_PAGES];
	off_t place = DIRECT_START + (off_t)(worker->index * DIRECT_PAGES * DIRECT_SIZE);
	unsigned int i;

	for (i = 0; i < DIRECT_PAGES; i++) {
		parts[i].iov_base = arena + prng_below(prng, huges * PARTS) * PAGE + DIRECT_PLACE;
		parts[i].iov_len = DIRECT_SIZE;
	}
	if ((prng_below(prng, 2) ? preadv(disk, parts, DIRECT_PAGES, place) :
				   pwritev(disk, parts, DIRECT_PAGES, place)) > 0)
		worker->counters[DIRECTS]++;
}

/* Takes and drops references on tails of this process's huge pages, never touching them itself. */
static void *holder(void *unused)
{
	int ends[2], disk = open(cache_device, O_RDWR | O_DIRECT), zeroes = open("/dev/zero", O_RDONLY);
	struct worker *worker = holder_worker;
	static char sink[64 * PAGE];
	int place = BESIDE, self;
	struct prng prng;
	char path[64];

	(void)unused;
	if (pipe(ends))
		return NULL;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	/* Of this thread: old kernels let a task read only itself. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/mem", (int)syscall(SYS_gettid));
	self = open(path, O_RDONLY);
	prng_start(&prng, settings.seed, 1000 + worker->index);
	while (!crew_over()) {
		struct iovec parts[8];
		unsigned int i;
		ssize_t count;

		if (holder_on == RESTS) {
			sleep_milliseconds(3);
			continue;
		}
		if (place != holder_on) {
			place = holder_on;
			run_on(place == ELSEWHERE ? -1 : (int)worker->index);
		}
		for (i = 0; i < 8; i++) {
			parts[i].iov_base = arena + prng_below(&prng, huges * PARTS) * PAGE;
			parts[i].iov_len = PAGE;
			/* A shared futex is looked up by its page; nobody waits on it. */
			syscall(SYS_futex, parts[i].iov_base, FUTEX_WAKE_SHARED, 1, NULL, NULL, 0);
		}
		worker->counters[FUTEXES] += 8;
		if (disk >= 0)
			direct(worker, &prng, disk);
		if (self >= 0 && pread(self, sink, 64, (off_t)(uintptr_t)parts[0].iov_base) > 0)
			__sync_fetch_and_add(&worker->counters[READS], 1);
		count = vmsplice(ends[1], parts, 8, SPLICE_F_NONBLOCK);
		if (count > 0)
			worker->counters[SPLICED] += (uint64_t)count / PAGE;
		/* Some stay in the pipe, pinned, over the next splits; what was read out is let go. */
		if (prng_below(&prng, 4))
			while (read(ends[0], sink, sizeof(sink)) > 0)
				;
		if (prng_below(&prng, 4) == 0)
			contest(worker, &prng, zeroes);
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

static void group_put(const struct worker *worker, const char *file, long long number)
{
	char path[64];

	snprintf(path, sizeof(path), GROUP "/%u/%s", worker->index, file);
	file_put_number(path, number);
}

/*
 * Out to the RAM disk: at a limit for a moment, or by advice. Some parts only:
 * the huge page is split before the first of them goes.
 */
static void swap_out(struct worker *worker, char *start)
{
	const char *limit = version == 1 ? "memory.limit_in_bytes" : "memory.high";
	const char *usage = version == 1 ? "memory.usage_in_bytes" : "memory.current";
	char path[64];

	if (!have_swap)
		return;
	if (version == 0 || (have_pageout && prng_below(&worker->prng, 2))) {
		if (have_pageout && !madvise(start, OUT_PAGES * PAGE, MADV_PAGEOUT))
			worker->counters[SWAP_OUTS]++;
		return;
	}
	snprintf(path, sizeof(path), GROUP "/%u/%s", worker->index, usage);
	group_put(worker, limit, file_get_number(path, HUGE) - (long long)(OUT_PAGES * PAGE));
	group_put(worker, limit, NO_LIMIT);
	worker->counters[SWAP_OUTS]++;
}

static void discard(struct worker *worker, char *part, size_t length)
{
	madvise(part, length, MADV_DONTNEED);
	worker->counters[DISCARDS]++;
}

static void splitter_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 15);
	unsigned int huge = prng_below(&worker->prng, huges);
	unsigned int count = 1 + prng_below(&worker->prng, PARTS - 2);
	unsigned int first = huge * PARTS + 1 + prng_below(&worker->prng, PARTS - 1 - count);
	unsigned int all = huges * PARTS, after = first + count;
	int merge = choice == 9, empty = 0;
	char *part = arena + first * PAGE;
	size_t length = count * PAGE;

	fill(worker, merge);
	/*
	 * Rarely elsewhere: each of 512 parts unmapped is an interrupt to each
	 * CPU on which the process runs, and an emulated CPU is slow to answer.
	 */
	if (prng_below(&worker->prng, 3) == 0)
		holder_on = prng_below(&worker->prng, 8) ? BESIDE : ELSEWHERE;
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
			worker->counters[DISCARDS]++;
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
	case 11:
		/* From 5.4 on: to the end of the list only, where the shrinkers find it. */
		if (choice == 10 || madvise(part, length, MADV_COLD))
			swap_out(worker, arena + huge * HUGE);
		break;
	case 12:
	case 13:
		/* Something of a hole, which does not keep it from being collapsed. */
		discard(worker, part, PAGE);
		empty = 1;
		if (!madvise(arena, huges * HUGE, MADV_COLLAPSE))
			worker->counters[COLLAPSES]++;
		else
			sleep_milliseconds(60); /* for khugepaged to come by */
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
	if (holder_on)
		contest(worker, &worker->prng, contest_zeroes);
	holder_on = RESTS;
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
		__sync_fetch_and_add(&worker->counters[READS], 1);
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
		if (pwrite(file, block, sizeof(block), (off_t)(i * PAGE)) < 0)
			break;
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
	/* A limit of its own to be pushed against; charges of huge pages are split with them. */
	if (version)
		group_put(worker, version == 1 ? "tasks" : "cgroup.procs", getpid());
	run_on((int)worker->index);
	contest_zeroes = open("/dev/zero", O_RDONLY);
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

static void groups_make(void)
{
	unsigned int i;
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
	for (i = 0; i < crew.workers; i += 2) {
		snprintf(path, sizeof(path), GROUP "/%u", i);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), GROUP "/0/%s", version == 1 ? "memory.limit_in_bytes" : "memory.high");
	if (stat(path, &found))
		version = 0;
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
	arena = addresses_reserve(HUGES_MAX * HUGE);
	second_arena = addresses_reserve(HUGES_MAX * HUGE);
	contested = addresses_reserve(HUGES_MAX * HUGE);
	crew.name = "thpsplit";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads < 2 ? 2 : settings.threads;
	crew.begin = begin;
	crew.work = work;
	/* Copies after fork and mremap: up to twice the arena in each splitter. */
	huges = (settings.memory_mib / 2 - 8) / (2 * ((crew.workers + 1) / 2));
	huges = huges < 1 ? 1 : huges > HUGES_MAX ? HUGES_MAX : huges;
	groups_make();
	ramdisk_path(swap_device, settings.ram + 1);
	have_swap = swaparea_make(swap_device, settings_swap_kib(&settings, SWAP_KIB)) > 0 && !swaparea_on(swap_device);
	have_pageout = !madvise(arena, 0, MADV_PAGEOUT);
	report_line("# note thpsplit huge_pages=%u swap=%d cgroup_version=%d pageout=%d debugfs=%d nodes=%d", huges,
		    have_swap, version, have_pageout, !stat(DEBUG_SPLIT, &found), node_count);
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
