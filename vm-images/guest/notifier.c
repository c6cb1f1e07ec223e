// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * notifier: a process's memory is read and written by others than its own
 * CPUs while it is unmapped, protected, forked, moved, merged, swapped out and
 * split.
 *
 * Even workers are owners. Each has four areas: pages that only it writes,
 * pages that only others write (both can be huge), pages that KSM merges, and
 * pages that go to a device's memory and come back when they are touched.
 * It discards and maps afresh, protects, forks (and its children break
 * copy-on-write and exit), moves pages between nodes and with mremap, pushes
 * them out, locks and unmerges them. Who looks in from outside, as far as the
 * kernel has it: a mirror of its address space (/dev/hmm_dmirror, 5.8 on, driven
 * by a second thread: reads, writes, moves to device memory and back; exclusive
 * access from 6.15 on); odd workers with process_vm_readv/writev (3.2 on), /proc/PID/mem and
 * ptrace (all kernels). They trace a process that shares the owner's memory and
 * only sleeps, so that the owner itself never has to stop.
 *
 * Each page holds the number of its last writing. Its writer raises "ceiling"
 * before and "floor" after; a look that began after a floor was raised and
 * sees less, or more than the ceiling after it, went to a page that is not
 * this address's any more: a mirror, a TLB or a reference gone stale.
 *
 * What it races against: invalidate_range_start and _end against the fault
 * that fills a mirror; get_user_pages and its copy against unmap, copy-on-write,
 * migration, KSM's replace_page and split; exit with a mirror open.
 *
 * Kernel functions that must run: __mmu_notifier_invalidate_range_start,
 * mn_itree_invalidate, hmm_range_fault, migrate_vma_setup, process_vm_rw,
 * access_process_vm or __access_remote_vm, get_user_pages, try_to_merge_one_page,
 * break_ksm.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "numa.h"
#include "kernel_has.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define PARTS (HUGE / PAGE)
#define MERGED_PAGES 160
#define ANCHORS 32  /* the first of them, which keep each content known to KSM: two of each */
#define CONTENTS 4  /* of one page, which takes them in turn */
#define GROUPS 4    /* of pages with the same contents */
#define BURST_MILLISECONDS 100
#define AWAY_PAGES 64
#define PAGES (2 * PARTS + MERGED_PAGES + AWAY_PAGES)
#define SWAP_KIB 12288
#define MIRROR_PATH "/dev/hmm_dmirror%u"
#define MIRRORS 2
#define MIRROR_PAGES 16 /* of one ioctl, each of which copies them all */
#define STOP_MILLISECONDS 2000
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

/* lib/test_hmm_uapi.h: 2 moves to the device in all versions; the numbers above it changed in 5.19. */
struct mirror_command {
	uint64_t address, data, pages, copied, faults;
};
#define MIRROR_IOCTL(number) _IOWR('H', number, struct mirror_command)
#define MIRROR_READ MIRROR_IOCTL(0)
#define MIRROR_WRITE MIRROR_IOCTL(1)
#define MIRROR_TO_DEVICE MIRROR_IOCTL(2)
#define MIRROR_THIRD 3 /* the snapshot, or the way back from the device */

enum { ROUNDS, CHECKS, DISCARDS, PROTECTS, FORKS, PAGEOUTS, MOVES, REMAPS, UNMERGES, MERGED, MIRROR_READS,
       MIRROR_WRITES, MIRROR_MOVES, SNAPSHOTS, EXCLUSIVES, VM_READS, VM_WRITES, MEM_READS, PEEKS, POKES };
static const char *const counter_names[] = { "rounds",	     "checks",	      "discards",     "protects",  "forks",
					     "pageouts",     "moves",	      "remaps",	      "unmerges",  "merged",
					     "mirror_reads", "mirror_writes", "mirror_moves", "snapshots", "exclusives",
					     "vm_reads",     "vm_writes",     "mem_reads",    "peeks",	   "pokes",
					     NULL };

/* The areas of an owner, by number of page. */
enum { OWN = 0, OTHERS = PARTS, MERGEABLE = 2 * PARTS, AWAY = MERGEABLE + MERGED_PAGES };

/* What an owner tells: a process to trace, a child to look into. */
enum { PARKED, CHILD };

/* What is known of an owner's pages, in memory shared by all. */
struct ledger {
	volatile uint32_t epoch; /* odd while the owner makes its memory */
	volatile uint32_t floor[PAGES], ceiling[PAGES];
};

static struct settings settings;
static struct crew crew;
static char *arena, *elsewhere; /* at one address in all workers */
static struct ledger *ledgers;	/* by worker */
static int nodes[2], node_count;
static int have_vm, have_pageout, have_ksm, have_exclusive, mirrors;
static unsigned int snapshot_number; /* of its ioctl: 3 or 4; exclusive access is the one after */
static int mirror = -1;		     /* this process's */
static struct worker *mirror_worker;

static uint32_t mark_of(unsigned int number, uint32_t version)
{
	uint64_t place = number;

	if (number >= MERGEABLE && number < AWAY)
		place = MERGEABLE + number % GROUPS;
	return (uint32_t)(((place << 32 | version) ^ settings.seed) * 0x9e3779b97f4a7c15ULL >> 32) | 1;
}

/* The number of a writing, and what tells this page's from any other. Pages that are to be merged know only a few. */
static uint64_t stamp_of(unsigned int number, uint32_t version)
{
	if (number >= MERGEABLE && number < AWAY)
		version = 1 + version % CONTENTS;
	return (uint64_t)mark_of(number, version) << 32 | version;
}

static char *page_at(unsigned int number)
{
	return arena + number * PAGE;
}

/* Who writes a page of OTHERS: one alone, or nobody would know what was last. */
enum { BY_MIRROR, BY_VM, BY_PTRACE };
static unsigned int writer_of(unsigned int number)
{
	unsigned int writer = number % 3;

	if (writer == BY_MIRROR && !mirrors)
		writer = BY_VM;
	return writer == BY_VM && !have_vm ? BY_PTRACE : writer;
}

/* What a look saw that began when the floor was as given. */
static void look(struct worker *worker, const char *where, unsigned int owner, unsigned int number, uint32_t floor,
		 uint64_t found)
{
	uint32_t ceiling, version = (uint32_t)found;

	__sync_synchronize();
	ceiling = ledgers[owner].ceiling[number];
	worker->counters[CHECKS]++;
	/* A page that is being discarded is fresh for a moment; nobody discards what others write. */
	if (!found && (!floor || (ceiling > floor && number < OTHERS)))
		return;
	/* Neither writing nor copying need be one access: it may be half of each, but only while somebody writes. */
	if ((uint32_t)(found >> 32) != mark_of(number, version) && ceiling > floor)
		return;
	if (number >= MERGEABLE && number < AWAY) {
		if (ceiling == floor && found != stamp_of(number, floor))
			worker_corrupt(worker, where, page_at(number), stamp_of(number, floor), found);
		return;
	}
	if (found != stamp_of(number, version) || version < floor || version > ceiling)
		worker_corrupt(worker, where, page_at(number), stamp_of(number, floor), found);
}

/* One of an owner's own looks. */
static void look_here(struct worker *worker, const char *where, unsigned int number)
{
	uint32_t floor = ledgers[worker->index].floor[number];

	__sync_synchronize();
	look(worker, where, worker->index, number, floor, *(volatile uint64_t *)page_at(number));
}

/* From here on a look may see the next version. Returns it. */
static uint32_t write_begin(unsigned int owner, unsigned int number)
{
	uint32_t version = ledgers[owner].ceiling[number] + 1;

	ledgers[owner].ceiling[number] = version;
	__sync_synchronize();
	return version;
}

/* From here on a look must. */
static void write_end(unsigned int owner, unsigned int number, uint32_t version)
{
	__sync_synchronize();
	ledgers[owner].floor[number] = version;
}

static void page_write(struct worker *worker, unsigned int number)
{
	uint32_t version = write_begin(worker->index, number);

	*(volatile uint64_t *)page_at(number) = stamp_of(number, version);
	write_end(worker->index, number, version);
}

/*
 * Pages that are written all the time while KSM compares and merges them: what
 * it wrote is always like an anchor, which has long been merged, so that KSM
 * takes it at once. Many, as KSM waits for all CPUs before it begins again.
 */
static void merged_burst(struct worker *worker)
{
	double end = clock_seconds() + BURST_MILLISECONDS / 1000.0;
	unsigned int number;

	while (have_ksm && clock_seconds() < end && !crew_over())
		for (number = MERGEABLE + ANCHORS; number < AWAY; number++) {
			look_here(worker, "merged pages", number);
			page_write(worker, number);
		}
}

/* --- the owner ---------------------------------------------------------------------------------------------------- */

/* Shares the owner's memory, and sleeps: a handle for those that trace. */
static int parked(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

static int mirror_call(unsigned long request, unsigned int first, unsigned int count, void *data)
{
	struct mirror_command command = { .address = (uintptr_t)page_at(first),
					  .data = (uintptr_t)data,
					  .pages = count };

	return ioctl(mirror, request, &command);
}

/*
 * The first device is the first owner's alone, and only to it do pages move:
 * from 6.1 on the test driver takes back all pages of a device when anybody
 * closes it, and that does not go together with others that move there.
 */
static int mirror_open(unsigned int device)
{
	char path[32];

	snprintf(path, sizeof(path), MIRROR_PATH, device);
	return open(path, O_RDWR);
}

/* Reads through a call of the mirror that gives the pages back, and looks at each. */
static void mirror_read(struct worker *worker, unsigned long request, unsigned int first, unsigned int count,
			unsigned int counter)
{
	static char copy[MIRROR_PAGES * PAGE];
	uint32_t floors[MIRROR_PAGES];
	unsigned int i;

	for (i = 0; i < count; i++)
		floors[i] = ledgers[worker->index].floor[first + i];
	__sync_synchronize();
	if (mirror_call(request, first, count, copy))
		return; /* some of it was not mapped, or is on its way */
	worker->counters[counter]++;
	for (i = 0; i < count; i++)
		look(worker, "a mirror", worker->index, first + i, floors[i],
		     *(volatile uint64_t *)(copy + i * PAGE));
}

static void mirror_write(struct worker *worker, unsigned int number)
{
	static char page[PAGE];
	uint32_t version;

	if (writer_of(number) != BY_MIRROR)
		return;
	version = write_begin(worker->index, number);
	*(uint64_t *)page = stamp_of(number, version);
	if (mirror_call(MIRROR_WRITE, number, 1, page))
		return;
	write_end(worker->index, number, version);
	worker->counters[MIRROR_WRITES]++;
}

/* The owner's second thread: what a device does. It touches no page that is mirrored. */
static void *mirror_drive(void *unused)
{
	struct worker *worker = mirror_worker;
	static char states[MIRROR_PAGES];
	struct prng prng;

	(void)unused;
	prng_start(&prng, settings.seed, 1000 + worker->index);
	while (!crew_over()) {
		unsigned int count = 1 + prng_below(&prng, MIRROR_PAGES);
		/*
		 * What has gone to the device is not read through the mirror: where an
		 * invalidation has emptied that, the test driver fills it with the
		 * device's own page, behind which there is no memory.
		 */
		unsigned int first = prng_below(&prng, AWAY - count), i = prng_below(&prng, 2);
		unsigned int away = AWAY + prng_below(&prng, AWAY_PAGES - count);

		switch (prng_below(&prng, 8)) {
		case 0:
			if (worker->index == 0)
				mirror_read(worker, MIRROR_TO_DEVICE, away, count, MIRROR_MOVES);
			break;
		case 1:
			if (snapshot_number > MIRROR_THIRD)
				mirror_call(MIRROR_IOCTL(MIRROR_THIRD), away, count, NULL);
			break;
		case 2:
			if (!mirror_call(MIRROR_IOCTL(snapshot_number), i & 1 ? away : first, count, states))
				worker->counters[SNAPSHOTS]++;
			break;
		case 3:
			if (have_exclusive)
				mirror_read(worker, MIRROR_IOCTL(snapshot_number + 1), first, count, EXCLUSIVES);
			break;
		case 4:
		case 5:
			for (i = 0; i < 8; i++)
				mirror_write(worker, OTHERS + prng_below(&prng, PARTS));
			break;
		default:
			mirror_read(worker, MIRROR_READ, first, count, MIRROR_READS);
		}
	}
	return NULL;
}

/* Maps part of the arena afresh; nobody else maps anything in this process. */
static void part_map(unsigned int first, unsigned int count)
{
	if (mmap(page_at(first), count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		_exit(1);
}

static void owner_begin(struct worker *worker)
{
	struct ledger *ledger = &ledgers[worker->index];
	static char stack[16384] __attribute__((aligned(16)));
	unsigned int number;
	pthread_t thread;

	ledger->epoch |= 1;
	worker->targets[PARKED] = worker->targets[CHILD] = 0;
	part_map(0, PAGES);
	madvise(arena, 2 * HUGE, MADV_HUGEPAGE);
	madvise(page_at(MERGEABLE), (MERGED_PAGES + AWAY_PAGES) * PAGE, MADV_NOHUGEPAGE);
	madvise(page_at(MERGEABLE), MERGED_PAGES * PAGE, MADV_MERGEABLE);
	for (number = 0; number < PAGES; number++) {
		ledger->ceiling[number] = 0;
		/* The anchors have each content of each group. */
		if (number >= MERGEABLE && number < MERGEABLE + ANCHORS)
			ledger->ceiling[number] = (number - MERGEABLE) / GROUPS;
		page_write(worker, number);
	}
	if (mirrors) {
		mirror = mirror_open(worker->index > 0);
		mirror_worker = worker;
		if (mirror >= 0 && pthread_create(&thread, NULL, mirror_drive, NULL))
			_exit(1);
	}
	/* Not a thread: those of 2.5 are not ours to make. */
	number = (unsigned int)clone(parked, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
	__sync_synchronize();
	ledger->epoch++;
	worker->targets[PARKED] = number;
}

/* Fresh pages for old ones: whoever still sees these is stale. */
static void discard(struct worker *worker, unsigned int first, unsigned int count, int unmap)
{
	uint32_t versions[PARTS];
	unsigned int i;

	for (i = 0; i < count; i++)
		versions[i] = write_begin(worker->index, first + i);
	if (unmap) {
		munmap(page_at(first), count * PAGE);
		part_map(first, count);
		madvise(page_at(first), count * PAGE, MADV_HUGEPAGE);
	} else {
		madvise(page_at(first), count * PAGE, MADV_DONTNEED);
	}
	for (i = 0; i < count; i++) {
		*(volatile uint64_t *)page_at(first + i) = stamp_of(first + i, versions[i]);
		write_end(worker->index, first + i, versions[i]);
	}
	worker->counters[DISCARDS]++;
}

/* A child that writes what must never be seen in its parent, sometimes with a mirror of its own, and exits. */
static void fork_and_write(struct worker *worker, unsigned int first, unsigned int count)
{
	unsigned int i, with_mirror = mirrors && prng_below(&worker->prng, 8) == 0;
	static char copy[PAGE];
	pid_t child = worker_fork();

	if (!child) {
		worker->targets[CHILD] = (uintptr_t)getpid();
		if (with_mirror)
			mirror = mirror_open(1);
		for (i = 0; i < count; i++) {
			if (with_mirror && i % 8 == 0)
				mirror_call(MIRROR_READ, first + i, 1, copy);
			*(volatile uint64_t *)page_at(first + i) = 0xc417dULL << 32 | i;
			if (with_mirror && i % 8 == 0 && !mirror_call(MIRROR_READ, first + i, 1, copy) &&
			    *(uint64_t *)copy != (0xc417dULL << 32 | i))
				worker_corrupt(worker, "a child's mirror", page_at(first + i), 0xc417dULL << 32 | i,
					       *(uint64_t *)copy);
		}
		_exit(0);
	}
	if (child < 0)
		return;
	worker->counters[FORKS]++;
	for (i = 0; i < count; i++)
		if (first + i < OTHERS)
			page_write(worker, first + i);
		else
			look_here(worker, "the owner", first + i);
	worker_wait(child, 2000);
	worker->targets[CHILD] = 0;
}

static void move_here(struct worker *worker, unsigned int first, unsigned int count)
{
	int goals[64], status[64];
	void *pages[64];
	unsigned int i;

	count = count > 64 ? 64 : count;
	for (i = 0; i < count; i++) {
		pages[i] = page_at(first + i);
		goals[i] = nodes[worker->counters[ROUNDS] & 1];
		status[i] = -ENOENT;
	}
	if (node_count < 2 || numa_move_pages(0, count, pages, goals, status) < 0)
		return;
	for (i = 0; i < count; i++)
		worker->counters[MOVES] += status[i] == goals[i];
}

static void owner_round(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 20);
	unsigned int count = 1 + prng_below(&worker->prng, 128);
	unsigned int first = prng_below(&worker->prng, 2 * PARTS - count), i;
	unsigned int own = first % (PARTS - count); /* the same in the owner's own */
	char *part = page_at(first);

	for (i = 0; i < 32; i++) {
		look_here(worker, "the owner", OTHERS + prng_below(&worker->prng, PARTS));
		page_write(worker, prng_below(&worker->prng, OTHERS));
	}
	switch (choice) {
	case 0:
	case 1:
	case 2:
		discard(worker, own, count, 1);
		break;
	case 3:
		discard(worker, own, count, 0);
		break;
	case 4:
		discard(worker, OWN, PARTS, 1); /* huge again */
		break;
	case 5:
	case 6:
		mprotect(part, count * PAGE, PROT_READ);
		look_here(worker, "the owner", first);
		mprotect(part, count * PAGE, PROT_READ | PROT_WRITE);
		worker->counters[PROTECTS]++;
		break;
	case 7:
	case 8:
	case 15:
		fork_and_write(worker, first, count);
		break;
	case 9:
		if (have_pageout && !madvise(part, count * PAGE, MADV_PAGEOUT))
			worker->counters[PAGEOUTS]++;
		break;
	case 10:
	case 11:
		move_here(worker, first, count);
		break;
	case 12:
		if (mremap(part, count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == MAP_FAILED)
			break;
		if (mremap(elsewhere, count * PAGE, count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, part) == MAP_FAILED)
			_exit(1);
		worker->counters[REMAPS]++;
		break;
	case 13:
		merged_burst(worker);
		break;
	case 14:
		if (worker->index == 0)
			worker->counters[MERGED] += (uint64_t)file_get_number("/sys/kernel/mm/ksm/pages_sharing", 0);
		if (madvise(page_at(MERGEABLE), MERGED_PAGES * PAGE, MADV_UNMERGEABLE))
			break;
		madvise(page_at(MERGEABLE), MERGED_PAGES * PAGE, MADV_MERGEABLE);
		worker->counters[UNMERGES]++;
		break;
	case 16:
		if (!mlock(part, count * PAGE))
			munlock(part, count * PAGE);
		break;
	default:
		merged_burst(worker);
	}
	for (i = MERGEABLE; i < AWAY; i++)
		look_here(worker, "merged pages", i);
	for (i = 0; i < 8; i++)
		page_write(worker, AWAY + prng_below(&worker->prng, AWAY_PAGES));
	for (i = 0; i < 8; i++)
		look_here(worker, "pages of a device", AWAY + prng_below(&worker->prng, AWAY_PAGES));
	/* Pages on the device have no home once the mirror is closed, and others may still look. */
	if (crew_over() && mirror >= 0)
		munmap(arena, PAGES * PAGE);
}

/* --- those who look in -------------------------------------------------------------------------------------------- */

static pid_t traced; /* by this process: an owner's parked one */
static int memory_file = -1;

static void trace_end(void)
{
	if (memory_file >= 0)
		close(memory_file);
	memory_file = -1;
	traced = 0;
}

/* Stops the owner's parked process, once; all of its memory can be had by it then. */
static int trace(pid_t pid)
{
	double end = clock_seconds() + STOP_MILLISECONDS / 1000.0;
	char path[32];
	int status;

	if (traced == pid)
		return 1;
	trace_end();
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return 0;
	/* __WALL: old kernels hide what was not made by fork(). */
	while (waitpid(pid, &status, WNOHANG | __WALL) == 0) {
		if (clock_seconds() > end || crew_over())
			return 0;
		sleep_milliseconds(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	memory_file = open(path, O_RDONLY);
	traced = pid;
	return 1;
}

/* One page by one of the ways in; 0 where that did not work. */
enum { LOOK_MEM, LOOK_PEEK, LOOK_VM, LOOK_KINDS };
static int read_other(struct worker *worker, unsigned int kind, pid_t pid, unsigned int number, uint64_t *found)
{
	union {
		uint64_t all;
		long words[sizeof(uint64_t) / sizeof(long)];
	} value = { 0 };
	unsigned int i;

	if (kind == LOOK_MEM) {
		if (memory_file < 0 || pread(memory_file, &value, sizeof(value), (off_t)(uintptr_t)page_at(number)) !=
					       (ssize_t)sizeof(value))
			return 0;
		worker->counters[MEM_READS]++;
	} else if (kind == LOOK_PEEK) {
		for (i = 0; i < sizeof(value) / sizeof(long); i++) {
			errno = 0;
			value.words[i] = ptrace(PTRACE_PEEKDATA, traced, page_at(number) + i * sizeof(long), NULL);
			if (errno)
				return 0;
		}
		worker->counters[PEEKS]++;
	} else {
#ifdef SYS_process_vm_readv
		struct iovec here = { &value, sizeof(value) }, there = { page_at(number), sizeof(value) };

		if (syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0) != (long)sizeof(value))
			return 0;
		worker->counters[VM_READS]++;
#else
		return pid < 0;
#endif
	}
	*found = value.all;
	return 1;
}

static void look_there(struct worker *worker, unsigned int kind, unsigned int owner, unsigned int number)
{
	static const char *const names[LOOK_KINDS] = { "/proc/PID/mem", "ptrace", "process_vm_readv" };
	uint32_t epoch = ledgers[owner].epoch, floor = ledgers[owner].floor[number];
	uint64_t found;

	__sync_synchronize();
	if (epoch & 1 || !read_other(worker, kind, crew.roll[owner].pid, number, &found))
		return;
	/* Or the owner was replaced: this was another's memory, or a ledger just begun. */
	if (ledgers[owner].epoch == epoch)
		look(worker, names[kind], owner, number, floor, found);
}

static void write_there(struct worker *worker, unsigned int owner, unsigned int number)
{
	uint32_t epoch = ledgers[owner].epoch, version;
	unsigned int i, done = 0;
	union {
		uint64_t all;
		long words[sizeof(uint64_t) / sizeof(long)];
	} value;

	if (epoch & 1 || writer_of(number) == BY_MIRROR)
		return;
	version = write_begin(owner, number);
	value.all = stamp_of(number, version);
	if (writer_of(number) == BY_PTRACE) {
		for (i = 0, done = 1; i < sizeof(value) / sizeof(long); i++)
			done = done && !ptrace(PTRACE_POKEDATA, traced, page_at(number) + i * sizeof(long),
					       (void *)value.words[i]);
		worker->counters[POKES] += done;
	} else {
#ifdef SYS_process_vm_writev
		struct iovec here = { &value, sizeof(value) }, there = { page_at(number), sizeof(value) };

		done = syscall(SYS_process_vm_writev, crew.roll[owner].pid, &here, 1, &there, 1, 0) ==
		       (long)sizeof(value);
		worker->counters[VM_WRITES] += done;
#endif
	}
	if (done && ledgers[owner].epoch == epoch)
		write_end(owner, number, version);
}

static void visitor_round(struct worker *worker)
{
	unsigned int owner = worker->index - 1, kind = worker_choose(worker, LOOK_KINDS), i;
	pid_t handle = (pid_t)crew.roll[owner].targets[PARKED], child = (pid_t)crew.roll[owner].targets[CHILD];
	uint64_t found;

	if (handle <= 0 || crew.roll[owner].pid <= 0 || !trace(handle)) {
		sleep_milliseconds(5);
		return;
	}
	if (kind == LOOK_VM && !have_vm)
		kind = LOOK_MEM;
	for (i = 0; i < 32 && !crew_over(); i++)
		look_there(worker, kind, owner, prng_below(&worker->prng, PAGES));
	for (i = 0; i < 16 && !crew_over(); i++)
		write_there(worker, owner, OTHERS + prng_below(&worker->prng, PARTS));
	/* What a child holds is its own matter; that somebody holds its memory while it exits is ours. */
	for (i = 0; i < 16 && child > 0 && have_vm; i++)
		read_other(worker, LOOK_VM, child, prng_below(&worker->prng, PAGES), &found);
	/* A handle that died with its owner. */
	if (kill(handle, 0))
		trace_end();
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

static void begin(struct worker *worker)
{
	if (worker->index % 2 == 0)
		owner_begin(worker);
}

static void work(struct worker *worker)
{
	if (worker->index % 2 == 0)
		owner_round(worker);
	else
		visitor_round(worker);
}

/* Before 5.19 the driver made no nodes for its devices: "240 HMM_DMIRROR" in /proc/devices is all it says. */
static void mirrors_make(void)
{
	char text[2048], path[32], *line;
	unsigned int i;

	if (file_get("/proc/devices", text, sizeof(text)) <= 0 || !(line = strstr(text, " HMM_DMIRROR")))
		return;
	while (line > text && line[-1] != '\n')
		line--;
	for (i = 0; i < MIRRORS; i++) {
		snprintf(path, sizeof(path), MIRROR_PATH, i);
		mknod(path, S_IFCHR | 0600, makedev((unsigned int)strtoul(line, NULL, 10), i));
	}
}

/*
 * Exclusive access came in 5.13, and until 6.15 the entries that it leaves in
 * page tables were taken for pages by whoever migrates or splits them: there it
 * is left out, or every kernel would die of it.
 */
static int exclusive_works(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	return major > 6 || (major == 6 && minor >= 15);
}

/* Which ioctl is the snapshot: it is the one that gives states, not data, of pages. */
static void mirrors_probe(void)
{
	static char copy[PAGE];
	char *page = page_at(0);
	char state[8];

	mirrors_make();
	mirror = mirror_open(0);
	if (mirror < 0)
		return;
	part_map(0, 1);
	*(volatile uint64_t *)page = 1;
	memset(state, 0x7e, sizeof(state));
	mirrors = !mirror_call(MIRROR_READ, 0, 1, copy);
	snapshot_number = MIRROR_THIRD;
	if (mirror_call(MIRROR_IOCTL(MIRROR_THIRD), 0, 1, state) || state[0] == 0x7e)
		snapshot_number++;
	mmap(page, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	close(mirror);
	mirror = -1;
}

int main(int argc, char **argv)
{
	char device[RAMDISK_PATH];
	int list[64], status, swap;

	settings_read(&settings, argc, argv);
	node_count = memory_nodes(list, 64);
	nodes[0] = list[0];
	nodes[1] = list[node_count > 1];
	arena = addresses_reserve(PAGES * PAGE);
	elsewhere = addresses_reserve(HUGE);
#ifdef SYS_process_vm_readv
	have_vm = syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) == 0;
#endif
	have_pageout = kernel_has_advice(MADV_PAGEOUT);
	ramdisk_path(device, settings.ram);
	swap = have_pageout && swaparea_make(device, settings_swap_kib(&settings, SWAP_KIB)) > 0 && !swaparea_on(device);
	mirrors_probe();
	have_exclusive = mirrors && exclusive_works();
	crew.name = "notifier";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads < 2 ? 2 : settings.threads & ~1U;
	crew.begin = begin;
	crew.work = work;
	ledgers = mmap(NULL, crew.workers * sizeof(*ledgers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	if (ledgers == (void *)MAP_FAILED)
		stressor_skip("no shared memory: errno=%d", errno);
	report_line("# note notifier mirrors=%d snapshot_ioctl=%u process_vm=%d pageout=%d swap=%d", mirrors,
		    snapshot_number, have_vm, have_pageout, swap);
	file_put("/sys/kernel/mm/ksm/pages_to_scan", "100");
	file_put("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	have_ksm = !file_put("/sys/kernel/mm/ksm/run", "1");
	status = crew_run(&crew);
	file_put("/sys/kernel/mm/ksm/run", "0");
	return status;
}
