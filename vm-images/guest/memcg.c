// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memcg: memory control groups with limits too small for what runs in them.
 *
 * Each worker owns two groups and starts a child in the first. The child
 * faults anonymous, copied-on-write and page-cache pages (of a RAM disk and of
 * tmpfs) beyond the limit, forks and executes; meanwhile the worker moves it to
 * and fro between the groups with its charges, changes the limits, empties the
 * groups by force and removes them, first with tasks in them and then with
 * their last pages still charged. Both versions of the interface are known;
 * what one lacks (charge moving and force_empty in version 2) is left out.
 *
 * What it races against: charge against uncharge of the same page, both
 * against reclaim at the limit, charge moving, swap-in, huge pages being
 * split, and a group that goes away.
 *
 * Kernel functions that must run: 3.0: __mem_cgroup_try_charge,
 * __mem_cgroup_uncharge_common, mem_cgroup_move_account,
 * mem_cgroup_force_empty, mem_cgroup_hierarchical_reclaim; 6.1: try_charge_memcg,
 * uncharge_batch, mem_cgroup_move_account, try_to_free_mem_cgroup_pages,
 * mem_cgroup_css_offline; in both lookup_page_cgroup or its successor.
 */
#define _GNU_SOURCE
#include "crew.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL
#define ROOT "/cgroup"
#define BASE ROOT "/harness"
#define CACHE_KIB 8192
#define LIMIT_KIB_MAX 2560 /* more only makes each round longer; a huge page must fit */
#define TOUCH "--touch" /* this program as its own child: touches memory and ends */

enum { ROUNDS, FAULTS, CHARGE_FAILURES, MOVES, EMPTIED, LIMITS, REMOVED, BUSY, EXECS, KILLS };
static const char *const counter_names[] = { "rounds",	    "faults",	"charge_failures", "moves", "force_empties",
					     "limit_changes", "rmdirs", "rmdirs_busy",	   "execs", "kills",
					     NULL };

static struct settings settings;
static struct crew crew;
static int version;	       /* of the cgroup interface */
static long limit_kib;	       /* of one group */
static int have_swap, have_cache;
static char base[64] = BASE;
static char cache_device[RAMDISK_PATH]; /* page cache that can be dropped, unlike tmpfs's */
static char swap_device[RAMDISK_PATH];

static void group_path(char *path, size_t size, const struct worker *worker, int which, const char *file)
{
	snprintf(path, size, "%s/%u%c%s%s", base, worker->index, which ? 'b' : 'a', file ? "/" : "", file ? file : "");
}

static int group_put(const struct worker *worker, int which, const char *file, long long number)
{
	char path[128];

	group_path(path, sizeof(path), worker, which, file);
	return file_put_number(path, number);
}

static void group_make(const struct worker *worker, int which)
{
	char path[128];

	group_path(path, sizeof(path), worker, which, NULL);
	mkdir(path, 0700);
	group_put(worker, which, version == 1 ? "memory.limit_in_bytes" : "memory.max", limit_kib * 1024);
	if (version == 1) {
		group_put(worker, which, "memory.move_charge_at_immigrate", 3); /* anonymous and file pages */
		group_put(worker, which, "memory.swappiness", 100);
	}
}

/* How often a charge met the limit in this group, counted before the group goes. */
static long long group_failures(const struct worker *worker, int which)
{
	char path[128];

	if (version == 1) {
		group_path(path, sizeof(path), worker, which, "memory.failcnt");
		return file_get_number(path, 0);
	}
	group_path(path, sizeof(path), worker, which, "memory.events");
	return file_get_field(path, "max", 0);
}

static int group_enter(const struct worker *worker, int which, pid_t pid)
{
	return group_put(worker, which, version == 1 ? "tasks" : "cgroup.procs", pid);
}

/* rmdir; what is still charged goes to the parent group, or back by force. */
static int group_remove(struct worker *worker, int which)
{
	long long failures = group_failures(worker, which);
	char path[128];

	group_path(path, sizeof(path), worker, which, NULL);
	if (rmdir(path)) {
		worker->counters[BUSY]++;
		return -errno;
	}
	worker->counters[CHARGE_FAILURES] += (uint64_t)failures;
	worker->counters[REMOVED]++;
	return 0;
}

static void group_force_empty(struct worker *worker, int which)
{
	/* 3.0 takes only an empty group, later kernels reclaim under its tasks. */
	if (version == 1 && !group_put(worker, which, "memory.force_empty", 0))
		worker->counters[EMPTIED]++;
	else if (version == 2 && !group_put(worker, which, "memory.reclaim", limit_kib * 512))
		worker->counters[EMPTIED]++;
}

/* Faults in a region by turns of the given kind; each page is stamped and read back. */
static void touch_anonymous(struct worker *worker, size_t size, int huge)
{
	char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t offset;

	if (start == MAP_FAILED)
		return;
	madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (offset = 0; offset < size; offset += PAGE) {
		*(volatile uint64_t *)(start + offset) = offset ^ settings.seed;
		__sync_fetch_and_add(&worker->counters[FAULTS], 1);
	}
	for (offset = 0; offset < size; offset += PAGE) {
		uint64_t found = *(volatile uint64_t *)(start + offset);

		if (found != (offset ^ settings.seed))
			worker_corrupt(worker, "memcg", start + offset, offset ^ settings.seed, found);
	}
	munmap(start, size);
}

static void touch_cache(struct worker *worker, int file, size_t size, int write)
{
	char *start = mmap(NULL, size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, file, 0);
	volatile char sum = 0;
	size_t offset;

	if (start == MAP_FAILED)
		return;
	for (offset = 0; offset < size; offset += PAGE) {
		if (write)
			start[offset] = (char)offset;
		else
			sum = (char)(sum + start[offset]);
		__sync_fetch_and_add(&worker->counters[FAULTS], 1);
	}
	munmap(start, size);
	posix_fadvise(file, 0, (off_t)size, POSIX_FADV_DONTNEED);
}

/* What runs in the group; ends by itself or by the worker's kill. */
static void inmate(struct worker *worker, struct prng *prng)
{
	size_t limit = (size_t)limit_kib * 1024;
	/* Without swap, anonymous memory above the limit only calls the out-of-memory killer. */
	size_t most = have_swap ? limit + limit / 2 : limit / 2;
	unsigned int turn, turns = 2 + prng_below(prng, 4);
	char path[64], memory[24];
	pid_t child;
	int file;

	for (turn = 0; turn < turns && !crew_over(); turn++) {
		size_t size = (most / 2 + prng_below(prng, (unsigned int)(most / 2))) & ~(PAGE - 1);

		switch (prng_below(prng, 5)) {
		case 0:
			touch_anonymous(worker, size, 1);
			break;
		case 1:
			file = open(cache_device, O_RDWR);
			if (file >= 0 && have_cache)
				touch_cache(worker, file, 2 * limit < CACHE_KIB * 1024 ? 2 * limit : CACHE_KIB * 1024,
					    (int)prng_below(prng, 2));
			close(file);
			break;
		case 2:
			snprintf(path, sizeof(path), "/tmp/memcg.%u", worker->index);
			file = open(path, O_RDWR | O_CREAT, 0600);
			if (file >= 0 && !ftruncate(file, (off_t)(size / 2)))
				touch_cache(worker, file, size / 2, 1);
			close(file);
			unlink(path);
			break;
		case 3:
			child = worker_fork();
			if (!child) {
				touch_anonymous(worker, size / 2, 0);
				snprintf(memory, sizeof(memory), "%zu", size / 4);
				execl("/proc/self/exe", "memcg", TOUCH, memory, (char *)NULL);
				_exit(0);
			}
			__sync_fetch_and_add(&worker->counters[EXECS], 1);
			touch_anonymous(worker, size / 2, 0);
			worker_wait(child, 3000);
			break;
		default:
			touch_anonymous(worker, size, 0);
		}
	}
}

static void begin(struct worker *worker)
{
	group_make(worker, 0);
	group_make(worker, 1);
}

static void work(struct worker *worker)
{
	struct prng inner = worker->prng;
	unsigned int moves = 4 + prng_below(&worker->prng, 24), i;
	int in = 0;
	pid_t child;

	group_make(worker, 0);
	group_make(worker, 1);
	child = worker_fork();
	if (!child) {
		group_enter(worker, in, getpid());
		inmate(worker, &inner);
		_exit(0);
	}
	if (child < 0)
		return;
	for (i = 0; i < moves && !crew_over(); i++) {
		sleep_milliseconds(1 + prng_below(&worker->prng, 8));
		switch (worker_choose(worker, 8)) {
		case 0:
			group_put(worker, in, version == 1 ? "memory.limit_in_bytes" : "memory.max",
				  limit_kib * 1024 * (2 + prng_below(&worker->prng, 4)) / 4);
			worker->counters[LIMITS]++;
			break;
		case 1:
			group_force_empty(worker, in);
			break;
		case 2:
			group_remove(worker, in); /* busy: its task is there */
			break;
		default:
			if (!group_enter(worker, !in, child)) {
				in = !in;
				worker->counters[MOVES]++;
			}
			/* The group just left: empty of tasks, its page cache still charged to it. */
			if (prng_below(&worker->prng, 4) == 0)
				group_force_empty(worker, !in);
			if (prng_below(&worker->prng, 2) && !group_remove(worker, !in))
				group_make(worker, !in);
		}
	}
	if (prng_below(&worker->prng, 3) == 0) {
		kill(child, SIGKILL);
		worker->counters[KILLS]++;
	}
	worker_wait(child, 4000);
	if (prng_below(&worker->prng, 2))
		group_force_empty(worker, in);
	group_remove(worker, 0);
	group_remove(worker, 1);
}

/* The group above the workers': its own limit makes reclaim go through the hierarchy. */
static void base_make(void)
{
	char path[96];
	long long limit = (long long)limit_kib * 1024 * crew.workers * 3 / 2;
	int result;

	if (version == 2)
		file_put(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(base, 0700) && errno != EEXIST)
		stressor_skip("cannot make a memory cgroup: errno=%d", errno);
	if (version == 2) {
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", base);
		result = file_put(path, "+memory");
		if (result)
			stressor_skip("the memory controller cannot be used in cgroup version 2: errno=%d", -result);
		snprintf(path, sizeof(path), "%s/memory.max", base);
		file_put_number(path, limit);
		return;
	}
	snprintf(path, sizeof(path), "%s/memory.use_hierarchy", base);
	file_put(path, "1");
	snprintf(path, sizeof(path), "%s/memory.limit_in_bytes", base);
	result = file_put_number(path, limit);
	if (result)
		stressor_skip("a memory cgroup takes no limit: errno=%d", -result);
}

/* After exec: charges of a fresh address space, in the group of the one before. */
static int touch_and_end(const char *bytes)
{
	size_t size = strtoul(bytes, NULL, 10), offset;
	char *start = mmap(NULL, size ? size : PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (offset = 0; start != MAP_FAILED && offset < size; offset += PAGE)
		start[offset] = 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct stat found;

	if (argc == 3 && !strcmp(argv[1], TOUCH))
		return touch_and_end(argv[2]);
	settings_read(&settings, argc, argv);
	if (!stat(ROOT "/memory.limit_in_bytes", &found) || !stat(ROOT "/memory.usage_in_bytes", &found))
		version = 1;
	else if (!stat(ROOT "/cgroup.controllers", &found))
		version = 2;
	else
		stressor_skip("not in this kernel: memory cgroups");
	crew.name = "memcg";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads;
	crew.begin = begin;
	crew.work = work;
	limit_kib = (long)settings.memory_mib * 1024 / (4 * (long)crew.workers);
	if (limit_kib > LIMIT_KIB_MAX)
		limit_kib = LIMIT_KIB_MAX;
	ramdisk_path(cache_device, settings.ram);
	ramdisk_path(swap_device, settings.ram + 1);
	base_make();
	/* Swap for what anonymous memory exceeds the limits. */
	have_swap = swaparea_make(swap_device, (long)settings.memory_mib * 1024 / 4) >= crew.workers * limit_kib &&
		    !swaparea_on(swap_device);
	have_cache = swaparea_make(cache_device, CACHE_KIB) > 0; /* its content does not matter */
	report_line("# note memcg cgroup_version=%d limit_kib=%ld swap=%d droppable_cache=%d", version, limit_kib,
		    have_swap, have_cache);
	return crew_run(&crew);
}
