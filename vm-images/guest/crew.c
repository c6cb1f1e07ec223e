// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "crew.h"

#include "report.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Emulated guests with lock debugging are slow to end a system call such as swapoff. */
#define STOP_SECONDS 8
#define KILL_SECONDS 20 /* init waits for 45 s in all */
#define CORRUPTIONS_SHOWN 5
#define HUGE (2UL << 20) /* a huge page, or with 32-bit page tables half of one */
#define COUNTER_LENGTH 44 /* of " NAME=NUMBER", at most */
#define END_LENGTH 112	  /* of all that follows the counters in a digest */

/* What the supervisor and its workers share. */
struct board {
	volatile int stop;
	volatile unsigned int corruptions;
	struct worker roll[CREW_LIMIT];
};

static struct board *board;

void settings_read(struct settings *settings, int argc, char **argv)
{
	int i;

	settings->seconds = 20;
	settings->seed = 1;
	settings->threads = 4;
	settings->memory_mib = 192;
	settings->swap_mib = 0;
	settings->ram = 0;
	for (i = 1; i + 1 < argc; i += 2) {
		unsigned long long number = strtoull(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--seconds"))
			settings->seconds = (unsigned int)number;
		else if (!strcmp(argv[i], "--seed"))
			settings->seed = number;
		else if (!strcmp(argv[i], "--threads"))
			settings->threads = (unsigned int)number;
		else if (!strcmp(argv[i], "--memory"))
			settings->memory_mib = (unsigned int)number;
		else if (!strcmp(argv[i], "--swap"))
			settings->swap_mib = (unsigned int)number;
		else if (!strcmp(argv[i], "--ram"))
			settings->ram = (unsigned int)number;
		else
			break;
	}
	if (i != argc) {
		report_line("# error cannot use argument %s: expected --seconds, --seed, --threads, --memory, --swap "
			    "or --ram and a number", argv[i]);
		exit(STRESSOR_FAILED);
	}
	if (settings->threads < 1)
		settings->threads = 1;
	if (settings->threads > CREW_LIMIT)
		settings->threads = CREW_LIMIT;
	if (settings->memory_mib < 32)
		settings->memory_mib = 32;
}

long settings_swap_kib(const struct settings *settings, long own_kib)
{
	return settings->swap_mib ? (long)settings->swap_mib * 1024 : own_kib;
}

void stressor_skip(const char *format, ...)
{
	char reason[REPORT_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	report_line("# skip %s", reason);
	exit(STRESSOR_IMPOSSIBLE);
}

unsigned int worker_choose(struct worker *worker, unsigned int limit)
{
	unsigned int choice = prng_below(&worker->choices, limit);

	/* FNV-1a (Fowler, Noll, Vo) over the choices, in 64 bits. */
	if (worker->lives == 1 && worker->chosen < CREW_ORDER) {
		worker->order = ((worker->chosen ? worker->order : 0xcbf29ce484222325ULL) ^ choice) * 0x100000001b3ULL;
		worker->chosen++;
	}
	return choice;
}

int crew_over(void)
{
	return board && board->stop;
}

void worker_corrupt(struct worker *worker, const char *where, const void *address, uint64_t expected, uint64_t found)
{
	if (__sync_fetch_and_add(&board->corruptions, 1) < CORRUPTIONS_SHOWN)
		report_line("# error memory corrupted in %s: worker=%u address=%p expected=%016llx found=%016llx", where,
			    worker->index, address, (unsigned long long)expected, (unsigned long long)found);
}

void run_on(int cpu)
{
	long i, cpus = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t set;

	CPU_ZERO(&set);
	for (i = 0; i < cpus && i < CPU_SETSIZE; i++)
		if (cpu < 0 || cpu % cpus == i)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

char *addresses_reserve(size_t size)
{
	char *start = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		stressor_skip("cannot reserve %zu KiB of addresses: errno=%d", size / 1024, errno);
	return (char *)(((uintptr_t)start + HUGE - 1) & ~(HUGE - 1));
}

pid_t worker_fork(void)
{
	pid_t parent = getpid();
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
	}
	return child;
}

int worker_wait(pid_t child, unsigned int milliseconds)
{
	double end = clock_seconds() + milliseconds / 1000.0;
	int status = 0, killed = 0;
	unsigned int pause = 0;

	for (;;) {
		pid_t got = waitpid(child, &status, WNOHANG);

		if (got == child || (got < 0 && errno != EINTR))
			return status;
		if (!killed && (clock_seconds() > end || board->stop)) {
			kill(child, SIGKILL);
			killed = 1;
		}
		if (pause < 5)
			pause++;
		sleep_milliseconds(pause);
	}
}

static void worker_start(struct crew *crew, struct worker *worker)
{
	pid_t child;

	worker->lives++;
	child = worker_fork();
	if (child < 0) {
		worker->pid = 0;
		return;
	}
	if (child) {
		worker->pid = child;
		return;
	}
	/* A group of its own, so that the supervisor's kill reaches what it forked. */
	setpgid(0, 0);
	worker->pid = getpid();
	prng_start(&worker->prng, crew->settings->seed, worker->index + ((uint64_t)worker->lives << 32));
	prng_start(&worker->choices, ~crew->settings->seed, worker->index + ((uint64_t)worker->lives << 32));
	if (crew->begin)
		crew->begin(worker);
	while (!board->stop) {
		crew->work(worker);
		worker->counters[0]++;
	}
	_exit(0);
}

static void worker_kill(struct worker *worker)
{
	if (worker->pid > 0) {
		kill(-worker->pid, SIGKILL);
		kill(worker->pid, SIGKILL);
	}
}

static struct worker *worker_of(struct crew *crew, pid_t pid)
{
	unsigned int i;

	for (i = 0; i < crew->workers; i++)
		if (crew->roll[i].pid == pid)
			return &crew->roll[i];
	return NULL;
}

/* Prints a line into which so much does not fit any more, and begins another (NULL: what does not fit is left out). */
static void line_break(char *line, const char *again, size_t length)
{
	if (!again || strlen(line) + length <= REPORT_LINE_MAX)
		return;
	report_line("%s", line);
	strcpy(line, again);
}

static void counters_append(struct crew *crew, char *line, const char *again)
{
	unsigned int i, k;

	for (k = 0; crew->counters[k]; k++) {
		uint64_t sum = 0;

		for (i = 0; i < crew->workers; i++)
			sum += crew->roll[i].counters[k];
		line_break(line, again, COUNTER_LENGTH);
		report_append(line, " %s=%llu", crew->counters[k], (unsigned long long)sum);
	}
}

/* One number for what all workers did first; 0 where one has not done that much. */
static uint64_t order_of(struct crew *crew)
{
	uint64_t order = 0;
	unsigned int i;

	for (i = 0; i < crew->workers; i++) {
		if (crew->roll[i].chosen < CREW_ORDER)
			return 0;
		order = order * 31 + crew->roll[i].order;
	}
	return order;
}

/* Reaps what has ended; returns the number of workers that still run. */
static unsigned int reap(struct crew *crew, unsigned int *died, unsigned int *signalled)
{
	unsigned int i, running = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct worker *worker = worker_of(crew, pid);

		if (!worker)
			continue;
		worker->pid = 0;
		/*
		 * The out-of-memory killer is not a fault of the worker; anything else is.
		 * 2.5 and early 2.6 send SIGTERM to who may touch the hardware.
		 */
		if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
			(*signalled)++;
		else if (WIFSIGNALED(status) && (*died)++ < CORRUPTIONS_SHOWN)
			report_line("# error worker %u died of signal %d", worker->index, WTERMSIG(status));
	}
	for (i = 0; i < crew->workers; i++)
		running += crew->roll[i].pid > 0;
	return running;
}

int crew_run(struct crew *crew)
{
	unsigned int i, died = 0, killed = 0, ignored = 0, stuck, ticks = 0;
	char line[REPORT_LINE_MAX + 1], digest[64];
	double start, now, tick;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED) {
		report_line("# error no memory for the workers' board: errno=%d", errno);
		return STRESSOR_FAILED;
	}
	if (crew->workers > CREW_LIMIT)
		crew->workers = CREW_LIMIT;
	crew->roll = board->roll;
	start = tick = clock_seconds();
	for (i = 0; i < crew->workers; i++) {
		crew->roll[i].index = i;
		worker_start(crew, &crew->roll[i]);
	}
	while ((now = clock_seconds()) < start + crew->settings->seconds) {
		reap(crew, &died, &killed);
		for (i = 0; i < crew->workers; i++)
			if (!crew->roll[i].pid && crew->roll[i].lives < 1000)
				worker_start(crew, &crew->roll[i]);
		if (now >= tick + 1) {
			tick = now;
			ticks++;
			snprintf(line, sizeof(line), "# progress %s seconds=%.0f", crew->name, now - start);
			counters_append(crew, line, NULL);
			report_line("%s", line);
		}
		sleep_milliseconds(50);
	}
	board->stop = 1;
	for (now = clock_seconds(); reap(crew, &died, &killed) && clock_seconds() < now + STOP_SECONDS;)
		sleep_milliseconds(20);
	for (i = 0; i < crew->workers; i++)
		worker_kill(&crew->roll[i]);
	for (now = clock_seconds(); (stuck = reap(crew, &died, &ignored)) && clock_seconds() < now + KILL_SECONDS;)
		sleep_milliseconds(20);
	if (stuck)
		report_line("# error %u workers did not end when killed", stuck);
	/* Nothing of it may be left out: what does not fit stands in a second line. */
	snprintf(digest, sizeof(digest), "# digest %s", crew->name);
	strcpy(line, digest);
	counters_append(crew, line, digest);
	line_break(line, digest, END_LENGTH);
	report_append(line, " died=%u killed=%u stuck=%u corruptions=%u order=%llu", died, killed, stuck,
		      board->corruptions, (unsigned long long)order_of(crew));
	report_line("%s", line);
	return died || stuck || board->corruptions ? STRESSOR_FAILED : STRESSOR_WORKED;
}
