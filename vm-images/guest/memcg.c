// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memcg: memory control groups with limits too small for what runs in them.
 *
 * Each worker owns two groups and shares a third with the other workers; it
 * stays outside itself. Its child, the inmate, charges in them: anonymous
 * memory beyond the limit, small and huge, copied on write, swapped out and in
 * again; page cache of a RAM disk and of tmpfs, some of it in a file that all
 * inmates write and truncate; fork, exec and exit. The worker meanwhile moves
 * the inmate between the groups with its charges, moves its charged pages to
 * the other memory node, changes the limits of memory and of swap, empties
 * groups by force, kills the inmate and removes groups: with a task in them,
 * with the page cache of the one who left still charged, and while the pages
 * of the one just killed are still being uncharged.
 *
 * Both versions of the interface are known. What the kernel lacks is left out:
 * charge moving before 2.6.34 and in version 2, swap accounting before 2.6.29.
 * In version 2 before 5.19 force_empty is a limit put low for a moment.
 *
 * What it races against: charge against uncharge of the same page, both
 * against reclaim at the limit, against migration of the page, against charge
 * moving, swap-in, huge pages being split, and a group that goes away.
 *
 * Kernel functions that must run: 2.6.27: mem_cgroup_charge_common,
 * mem_cgroup_uncharge_page, mem_cgroup_prepare_migration,
 * mem_cgroup_force_empty; 3.0: __mem_cgroup_try_charge,
 * __mem_cgroup_uncharge_common, mem_cgroup_move_account,
 * mem_cgroup_force_empty, mem_cgroup_hierarchical_reclaim; 6.1: try_charge_memcg,
 * uncharge_batch, mem_cgroup_move_account, mem_cgroup_migrate,
 * try_to_free_mem_cgroup_pages, mem_cgroup_css_offline.
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define ROOT "/cgroup"
#define BASE ROOT "/memcg"
#define SHARED_FILE "/tmp/memcg"
#define SHARED_PAGES 64
#define CACHE_KIB 1024	   /* of each worker, on the RAM disk */
#define SMALL_KIB 768	   /* limit: the smaller, the more often a charge meets it */
#define LARGE_KIB 3072	   /* limit of every fourth worker: a huge page fits */
#define ARENA (2 * HUGE)   /* where an inmate has its anonymous memory */
#define KEPT 32		   /* pages behind the arena that an inmate has all its life */
#define BATCH (2 * KEPT)   /* pages of one move_pages(): those, and as many of the arena */
#define USAGE_MOST (1LL << 40) /* no guest is so large: a count below zero */
#define TOUCH "--touch"	   /* this program as its own child: touches memory and ends */

enum { ROUNDS, FAULTS, CHARGE_FAILURES, MOVES, MOVES_REFUSED, MIGRATED, EMPTIED, DRAINED, LIMITS, SWAP_LIMITS, REMOVED,
       BUSY, FORKS, EXECS, KILLS, KILLED };
static const char *const counter_names[] = { "rounds",	     "faults",	       "charge_failures", "moves",
					     "moves_refused", "pages_migrated", "force_empties",  "drained",
					     "limit_changes", "swap_limits",	"rmdirs",	  "rmdirs_busy",
					     "forks",	     "execs",	       "kills",		  "inmates_killed",
					     NULL };

/* Groups of a worker; the third is everybody's. */
enum { FIRST, SECOND, COMMON, GROUPS };
enum { INMATE_LEAVES }; /* in the targets: it ends at its next turn */

static struct settings settings;
static struct crew crew;
static int version; /* of the cgroup interface */
static int have_swap, have_cache;
static char cache_device[RAMDISK_PATH]; /* page cache that can be dropped, unlike tmpfs's */
static char swap_device[RAMDISK_PATH];
static char *arena; /* at one address in all inmates, so that their workers know it */
static int nodes[2], node_count;

/* Of this worker. */
static pid_t inmate;
static unsigned int inside; /* the group in which the inmate is */
static unsigned int lives;
static long long failures[GROUPS]; /* of each group, as last read */

static long limit_kib(const struct worker *worker)
{
	return worker->index % 4 ? SMALL_KIB : LARGE_KIB;
}

static void group_path(char *path, size_t size, const struct worker *worker, unsigned int group, const char *file)
{
	if (group == COMMON)
		snprintf(path, size, BASE "/common%s%s", file ? "/" : "", file ? file : "");
	else
		snprintf(path, size, BASE "/%u%c%s%s", worker->index, 'a' + group, file ? "/" : "", file ? file : "");
}

/* Writes to the file that the version of the interface has; NULL: it has none. */
static int group_put(const struct worker *worker, unsigned int group, const char *file1, const char *file2,
		     long long number)
{
	const char *file = version == 1 ? file1 : file2;
	char path[128];

	if (!file)
		return -ENOENT;
	group_path(path, sizeof(path), worker, group, file);
	return file_put_number(path, number);
}

static int limit_put(const struct worker *worker, unsigned int group, long kib)
{
	return group_put(worker, group, "memory.limit_in_bytes", "memory.max", kib * 1024LL);
}

static long group_limit(const struct worker *worker, unsigned int group)
{
	/* As large as for two, so that those who meet there push each other out. */
	return group == COMMON ? LARGE_KIB : limit_kib(worker);
}

static void group_make(const struct worker *worker, unsigned int group)
{
	char path[128];

	group_path(path, sizeof(path), worker, group, NULL);
	if (mkdir(path, 0700))
		return;
	if (version == 1)
		failures[group] = 0;
	limit_put(worker, group, group_limit(worker, group));
	if (version == 1) {
		/* Anonymous and file pages; to the common group a task moves without its charges. */
		group_put(worker, group, "memory.move_charge_at_immigrate", NULL, group == COMMON ? 0 : 3);
		group_put(worker, group, "memory.swappiness", NULL, 100);
	}
}

/*
 * How often a charge met the limit since the last look. In version 1 each group
 * counts for itself; in version 2 the one above also counts for those removed.
 */
static void failures_count(struct worker *worker, unsigned int group)
{
	long long now;
	char path[128];

	if (version == 1) {
		group_path(path, sizeof(path), worker, group, "memory.failcnt");
		now = file_get_number(path, 0);
	} else {
		group = FIRST;
		now = file_get_field(BASE "/memory.events", "max", 0);
	}
	/* Worker 0 counts what is everybody's. */
	if ((version == 2 || group == COMMON) && worker->index)
		return;
	if (now > failures[group])
		worker->counters[CHARGE_FAILURES] += (uint64_t)(now - failures[group]);
	failures[group] = now;
}

static long long group_read(struct worker *worker, unsigned int group)
{
	char path[128];
	long long usage;

	failures_count(worker, group);
	group_path(path, sizeof(path), worker, group, version == 1 ? "memory.usage_in_bytes" : "memory.current");
	usage = file_get_number(path, -1);
	if (usage > USAGE_MOST || usage < -1)
		worker_corrupt(worker, "the usage of a memory cgroup", NULL, 0, (uint64_t)usage);
	return usage;
}

/* What is still charged goes to the group above, is taken back by force, or outlives the group. */
static int group_remove(struct worker *worker, unsigned int group)
{
	char path[128];

	group_read(worker, group);
	group_path(path, sizeof(path), worker, group, NULL);
	if (rmdir(path)) {
		worker->counters[BUSY]++;
		return -errno;
	}
	worker->counters[REMOVED]++;
	return 0;
}

/* Old kernels empty only groups without tasks; newer ones reclaim under their tasks. */
static void group_empty(struct worker *worker, unsigned int group)
{
	long long now = group_limit(worker, group) * 512;
	int result = group_put(worker, group, "memory.force_empty", "memory.reclaim", version == 1 ? 0 : now);

	if (result == -ENOENT && version == 2) {
		result = group_put(worker, group, NULL, "memory.high", now / 4);
		group_put(worker, group, NULL, "memory.high", 4 * now);
	}
	if (result && result != -EAGAIN)
		return;
	worker->counters[EMPTIED]++;
	worker->counters[DRAINED] += group_read(worker, group) == 0;
}

/* What runs in the groups: from here on in the inmate. */

static uint64_t stamp_of(const char *address, unsigned int turn)
{
	return ((uint64_t)(uintptr_t)address ^ settings.seed) * 0x9e3779b97f4a7c15ULL + turn;
}

static void stamp(struct worker *worker, char *start, size_t size, unsigned int turn)
{
	size_t offset;

	for (offset = 0; offset < size && !crew_over(); offset += PAGE)
		*(volatile uint64_t *)(start + offset) = stamp_of(start + offset, turn);
	__sync_fetch_and_add(&worker->counters[FAULTS], offset / PAGE);
}

static void verify(struct worker *worker, char *start, size_t size, unsigned int turn, int may_be_empty)
{
	size_t offset;

	for (offset = 0; offset < size && !crew_over(); offset += PAGE) {
		uint64_t found = *(volatile uint64_t *)(start + offset);

		if (found != stamp_of(start + offset, turn) && !(may_be_empty && !found))
			worker_corrupt(worker, "memcg", start + offset, stamp_of(start + offset, turn), found);
	}
}

/* Beyond the limit: the first pages are out when the last ones come. */
static void charge_anonymous(struct worker *worker, struct prng *prng, size_t size, unsigned int turn, int huge)
{
	char *part;
	size_t length;

	if (mmap(arena, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return;
	madvise(arena, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	stamp(worker, arena, size, turn);
	if (crew_over())
		return;
	verify(worker, arena, size, turn, 0);
	/* A part goes, and comes again at once. */
	length = (1 + prng_below(prng, (unsigned int)(size / PAGE) - 1)) * PAGE;
	part = arena + (size - length);
	madvise(part, length, MADV_DONTNEED);
	stamp(worker, part, length / 2, turn);
	verify(worker, arena, size, turn, 1);
	munmap(arena, size);
}

/* Pages charged before a fork, and copied by both sides after it; the child goes on as another program. */
static void charge_forked(struct worker *worker, struct prng *prng, size_t size, unsigned int turn)
{
	char memory[24];
	pid_t child;

	size /= 2;
	if (mmap(arena, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return;
	stamp(worker, arena, size, turn);
	if (crew_over())
		return;
	child = worker_fork();
	if (!child) {
		verify(worker, arena, size, turn, 0);
		stamp(worker, arena, size, turn + 1);
		verify(worker, arena, size, turn + 1, 0);
		if (prng_below(prng, 2) || crew_over())
			_exit(0);
		__sync_fetch_and_add(&worker->counters[EXECS], 1);
		snprintf(memory, sizeof(memory), "%zu", size / 2);
		execl("/proc/self/exe", "memcg", TOUCH, memory, (char *)NULL);
		_exit(0);
	}
	__sync_fetch_and_add(&worker->counters[FORKS], child > 0);
	verify(worker, arena, size, turn, 0);
	stamp(worker, arena, size, turn);
	if (child > 0)
		worker_wait(child, 3000);
	munmap(arena, size);
}

/* Page cache that is charged by being read or written and uncharged by being dropped. */
static void charge_cache(struct worker *worker, struct prng *prng)
{
	off_t start = (off_t)worker->index * CACHE_KIB * 1024;
	int file = open(cache_device, O_RDWR), writes = prng_below(prng, 2) == 0;
	static char block[16 * PAGE];
	off_t offset;

	if (file < 0)
		return;
	for (offset = start; offset < start + CACHE_KIB * 1024 && !crew_over(); offset += (off_t)sizeof(block))
		if ((writes ? pwrite(file, block, sizeof(block), offset) :
			      pread(file, block, sizeof(block), offset)) > 0)
			__sync_fetch_and_add(&worker->counters[FAULTS], sizeof(block) / PAGE);
	posix_fadvise(file, start, CACHE_KIB * 1024, POSIX_FADV_DONTNEED);
	close(file);
}

/*
 * One file of all inmates: charged in the group of the one who comes first,
 * uncharged by whoever truncates it. Never mapped, as that would be a SIGBUS.
 */
static void charge_shared_file(struct worker *worker, struct prng *prng)
{
	int file = open(SHARED_FILE, O_RDWR | O_CREAT, 0600);
	unsigned int i, number;
	uint64_t words[64];

	if (file < 0)
		return;
	for (i = 0; i < SHARED_PAGES && !crew_over(); i++) {
		number = prng_below(prng, SHARED_PAGES);
		words[0] = words[63] = stamp_of(NULL, number);
		if (i % 2 == 0)
			pwrite(file, words, sizeof(words), (off_t)(number * PAGE));
		else if (pread(file, words, sizeof(words), (off_t)(number * PAGE)) == sizeof(words) && words[0] &&
			 words[0] != stamp_of(NULL, number))
			worker_corrupt(worker, "a file in memcg", NULL, stamp_of(NULL, number), words[0]);
	}
	__sync_fetch_and_add(&worker->counters[FAULTS], i / 2);
	/* Should it fail, the next one does it. */
	if (prng_below(prng, 2) && ftruncate(file, (off_t)(prng_below(prng, SHARED_PAGES) * PAGE)))
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	close(file);
}

/* Shared memory, mapped: swapped out as tmpfs is, and charged again by whoever faults it in. */
static void charge_shared_memory(struct worker *worker, size_t size, unsigned int turn)
{
	char *start;

	start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return;
	stamp(worker, start, size, turn);
	if (!crew_over())
		verify(worker, start, size, turn, 0);
	munmap(start, size);
}

static void inmate_run(struct worker *worker)
{
	size_t limit = (size_t)limit_kib(worker) * 1024;
	/* Without swap, anonymous memory above the limit only calls the out-of-memory killer. */
	size_t most = have_swap ? limit + limit / 4 : limit / 2;
	char *kept = arena + ARENA;
	struct prng prng;
	unsigned int turn;

	prng_start(&prng, settings.seed, worker->index + 256 + ((uint64_t)lives << 32));
	if (mmap(kept, KEPT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		_exit(0);
	for (turn = 0; !crew_over() && !worker->targets[INMATE_LEAVES]; turn += 2) {
		size_t size = (most / 4 + prng_below(&prng, (unsigned int)(3 * most / 4))) & ~(PAGE - 1);

		if (turn)
			verify(worker, kept, KEPT * PAGE, turn - 2, 0);
		stamp(worker, kept, KEPT * PAGE, turn);
		switch (prng_below(&prng, 10)) {
		case 0:
		case 1:
			if (have_cache)
				charge_cache(worker, &prng);
			break;
		case 2:
		case 3:
			charge_shared_file(worker, &prng);
			break;
		case 4:
			charge_shared_memory(worker, size / 2, turn);
			break;
		case 5:
		case 6:
			charge_forked(worker, &prng, size, turn);
			break;
		default:
			charge_anonymous(worker, &prng, size, turn, limit_kib(worker) == LARGE_KIB);
		}
	}
	_exit(0);
}

/* What the worker does to the inmate, from outside. */

/* A death that no killer gave is the worker's too, so that the crew tells of it. */
static void inmate_ended(struct worker *worker, int status)
{
	inmate = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		worker->counters[KILLED]++;
	else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGBUS) /* a page could not be had: out of memory */
		raise(WTERMSIG(status));
}

static void inmate_start(struct worker *worker)
{
	int status;

	if (inmate > 0 && waitpid(inmate, &status, WNOHANG) == inmate)
		inmate_ended(worker, status);
	if (inmate > 0)
		return;
	group_make(worker, inside);
	worker->targets[INMATE_LEAVES] = 0;
	lives++;
	inmate = worker_fork();
	if (!inmate) {
		group_put(worker, inside, "tasks", "cgroup.procs", getpid());
		inmate_run(worker);
	}
}

/* Ends the inmate by a kill, while it charges, or at its next turn, and removes its group behind it. */
static void inmate_end(struct worker *worker, int by_force)
{
	int status;

	if (inmate <= 0)
		return;
	if (by_force) {
		kill(inmate, SIGKILL);
		worker->counters[KILLS]++;
		/* Its pages are still being uncharged. */
		group_remove(worker, inside);
		waitpid(inmate, NULL, 0);
		inmate = 0;
	} else {
		worker->targets[INMATE_LEAVES] = 1;
		status = worker_wait(inmate, 4000);
		if (crew_over())
			inmate = 0;
		else
			inmate_ended(worker, status);
		group_empty(worker, inside);
	}
	if (!group_remove(worker, inside))
		group_make(worker, inside);
}

enum { LEFT_THERE, LEFT_EMPTIED, LEFT_REMOVED };

/* To another group, with what is charged to it; the group just left has no task, but page cache. */
static void inmate_move(struct worker *worker, int what)
{
	unsigned int left = inside, goal = (inside + 1 + prng_below(&worker->prng, GROUPS - 1)) % GROUPS;

	group_make(worker, goal);
	if (group_put(worker, goal, "tasks", "cgroup.procs", inmate)) {
		worker->counters[MOVES_REFUSED]++; /* it has ended, or its charges have no room there */
		return;
	}
	worker->counters[MOVES]++;
	inside = goal;
	if (what == LEFT_EMPTIED)
		group_empty(worker, left);
	if (what != LEFT_THERE && !group_remove(worker, left))
		group_make(worker, left);
}

/* Charged pages go to the other node: what replaces a page takes its charge over. */
static void inmate_migrate(struct worker *worker)
{
	unsigned int i, first = prng_below(&worker->prng, (unsigned int)(limit_kib(worker) / 4)), count = 0;
	void *pages[BATCH], *wanted[BATCH];
	int status[BATCH], goals[BATCH];

	if (node_count < 2) {
		file_put("/proc/sys/vm/compact_memory", "1");
		return;
	}
	for (i = 0; i < BATCH; i++)
		pages[i] = i < KEPT ? arena + ARENA + i * PAGE : arena + (first + i) * PAGE;
	if (numa_move_pages(inmate, BATCH, pages, NULL, status) < 0)
		return;
	for (i = 0; i < BATCH; i++) {
		if (status[i] < 0)
			continue;
		wanted[count] = pages[i];
		goals[count++] = status[i] == nodes[0] ? nodes[1] : nodes[0];
	}
	for (i = 0; i < count; i++)
		status[i] = -ENOENT;
	if (!count || numa_move_pages(inmate, count, wanted, goals, status) < 0)
		return;
	for (i = 0; i < count; i++)
		worker->counters[MIGRATED] += status[i] == goals[i];
}

/* Memory and swap together (version 1), or swap alone (version 2): now too little, now enough. */
static void swap_limit(struct worker *worker)
{
	long limit = group_limit(worker, inside);
	int tight = prng_below(&worker->prng, 2) == 0, result;

	if (version == 1)
		result = group_put(worker, inside, "memory.memsw.limit_in_bytes", NULL,
				   (tight ? limit + limit / 8 : 4 * limit) * 1024LL);
	else
		result = group_put(worker, inside, NULL, "memory.swap.max", (tight ? limit / 8 : 4 * limit) * 1024LL);
	worker->counters[SWAP_LIMITS] += result == 0;
	if (tight) {
		sleep_milliseconds(prng_below(&worker->prng, 20));
		group_put(worker, inside, "memory.memsw.limit_in_bytes", "memory.swap.max", 4 * limit * 1024LL);
	}
}

static void begin(struct worker *worker)
{
	inside = worker->index % 2;
	group_make(worker, FIRST);
	group_make(worker, SECOND);
	group_make(worker, COMMON);
}

static void work(struct worker *worker)
{
	unsigned int choice = worker_choose(worker, 16);
	long limit = group_limit(worker, inside);

	inmate_start(worker);
	if (inmate <= 0)
		return;
	switch (choice) {
	case 0:
	case 1:
	case 2:
	case 3:
		inmate_move(worker, choice < 2 ? LEFT_REMOVED : choice == 2 ? LEFT_EMPTIED : LEFT_THERE);
		break;
	case 4:
		group_empty(worker, inside);
		break;
	case 5:
		group_remove(worker, inside); /* busy: its task is there */
		group_make(worker, inside);
		break;
	case 6:
	case 7:
		inmate_end(worker, choice == 6);
		break;
	case 8:
	case 9:
		/* Below what is charged: refused, or reclaimed until it fits. */
		if (!limit_put(worker, inside, limit * (2 + (long)prng_below(&worker->prng, 2)) / 4))
			worker->counters[LIMITS]++;
		sleep_milliseconds(prng_below(&worker->prng, 10));
		limit_put(worker, inside, limit);
		break;
	case 10:
		swap_limit(worker);
		break;
	default:
		inmate_migrate(worker);
	}
	/* Time to charge something, or moving and killing is all that there is. */
	sleep_milliseconds(1 + prng_below(&worker->prng, 6));
	group_read(worker, inside);
}

/* The group above the workers': its own limit makes reclaim go through the hierarchy, where there is one. */
static void base_make(void)
{
	long long limit = LARGE_KIB * 1024LL;
	unsigned int i;
	int result;

	for (i = 0; i < crew.workers; i++)
		limit += (i % 4 ? SMALL_KIB : LARGE_KIB) * 1280LL;
	if (version == 2)
		file_put(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(BASE, 0700) && errno != EEXIST)
		stressor_skip("cannot make a memory cgroup: errno=%d", errno);
	if (version == 2) {
		result = file_put(BASE "/cgroup.subtree_control", "+memory");
		if (result)
			stressor_skip("the memory controller cannot be used in cgroup version 2: errno=%d", -result);
		file_put_number(BASE "/memory.max", limit);
		return;
	}
	file_put(BASE "/memory.use_hierarchy", "1"); /* 2.6.29 on */
	result = file_put_number(BASE "/memory.limit_in_bytes", limit);
	if (result)
		stressor_skip("a memory cgroup takes no limit: errno=%d", -result);
}

/*
 * Before 2.6.29 emptying a group by force waits, for ever and deaf to signals,
 * for pages that are charged and in no LRU list yet: they are in some CPU's
 * pagevec until that CPU adds more. Calls that drain all of them go on to the end.
 */
static void drain_pagevecs(void)
{
	int here = nodes[0], status;
	void *page = arena + ARENA;

	if (worker_fork())
		return;
	mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (;;) {
		numa_move_pages(0, 1, &page, &here, &status);
		sleep_milliseconds(300);
	}
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
	int list[64];

	if (argc == 3 && !strcmp(argv[1], TOUCH))
		return touch_and_end(argv[2]);
	settings_read(&settings, argc, argv);
	version = memory_cgroups();
	if (!version)
		stressor_skip("not in this kernel: memory cgroups");
	node_count = memory_nodes(list, 64);
	nodes[0] = list[0];
	nodes[1] = list[node_count > 1];
	crew.name = "memcg";
	crew.settings = &settings;
	crew.counters = counter_names;
	crew.workers = settings.threads;
	crew.begin = begin;
	crew.work = work;
	arena = mmap(NULL, ARENA + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		stressor_skip("cannot reserve %lu KiB of addresses: errno=%d", (ARENA + 2 * HUGE) / 1024, errno);
	arena = (char *)(((uintptr_t)arena + HUGE - 1) & ~(HUGE - 1));
	ramdisk_path(cache_device, settings.ram);
	ramdisk_path(swap_device, settings.ram + 1);
	base_make();
	unlink(SHARED_FILE); /* of a run before, with another seed */
	/* Swap for what anonymous memory exceeds the limits. */
	have_swap = swaparea_make(swap_device, settings_swap_kib(&settings, (long)settings.memory_mib * 256)) >=
			    (long)crew.workers * SMALL_KIB && !swaparea_on(swap_device);
	have_cache = swaparea_make(cache_device, (long)crew.workers * CACHE_KIB) > 0; /* its content does not matter */
	report_line("# note memcg cgroup_version=%d limits_kib=%d,%d swap=%d droppable_cache=%d nodes=%d", version,
		    SMALL_KIB, LARGE_KIB, have_swap, have_cache, node_count);
	if (version == 1 && stat(BASE "/memory.use_hierarchy", &found)) /* came with 2.6.29 */
		drain_pagevecs();
	return crew_run(&crew);
}
