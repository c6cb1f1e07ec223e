// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the guest: prepares the kernel, runs one stressor between two
 * readings of the kernel's counters, tells the host on the report port, and
 * powers the machine off. The protocol is in ../README.md.
 *
 * It allocates nothing and trusts the stressor with nothing: output comes
 * through a pipe and is bounded and made printable here, and a stressor that
 * does not end is killed or, where even that fails, left behind.
 */
#define _GNU_SOURCE
#include "areas.h"
#include "crew.h"
#include "port.h"
#include "report.h"
#include "sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_SECONDS 45     /* after the stressor's own deadline */
#define ABANDON_SECONDS 10   /* after SIGKILL */
#define OUTPUT_LINES_MAX 2000 /* of one stressor */
#define POWER_OFF_MILLISECONDS 5000
#define MEMORY_MIB_MAX 384   /* default for harness.memory on a large guest */

#define THP "/sys/kernel/mm/transparent_hugepage/"

struct request {
	char stressor[32];
	char report[64];
	unsigned int seconds;
	unsigned int threads;
	unsigned int memory_mib;
	unsigned int swap_mib;
	char thp[16];
	int reset; /* end by a reset: this kernel's power switch does nothing */
	unsigned int ram; /* the first RAM disk that is not the root */
	int cgroup; /* 0: version 1 where it exists, else 2; 1, 2: that one */
	char seed[24];
};

static void request_read(struct request *request)
{
	static char line[4096];
	char *word, *rest = line;

	memset(request, 0, sizeof(*request));
	strcpy(request->stressor, "quiet");
	strcpy(request->report, "/dev/ttyS1");
	strcpy(request->seed, "1");
	strcpy(request->thp, "always");
	request->seconds = 20;
	file_get("/proc/cmdline", line, sizeof(line));
	while ((word = strsep(&rest, " \n"))) {
		char *value = strchr(word, '=');

		if (strncmp(word, "harness.", 8) || !value)
			continue;
		*value++ = '\0';
		word += 8;
		if (!strcmp(word, "stressor") && !strchr(value, '/'))
			snprintf(request->stressor, sizeof(request->stressor), "%s", value);
		else if (!strcmp(word, "report"))
			snprintf(request->report, sizeof(request->report), "%s", value);
		else if (!strcmp(word, "seed"))
			snprintf(request->seed, sizeof(request->seed), "%s", value);
		else if (!strcmp(word, "seconds"))
			request->seconds = (unsigned int)strtoul(value, NULL, 10);
		else if (!strcmp(word, "threads"))
			request->threads = (unsigned int)strtoul(value, NULL, 10);
		else if (!strcmp(word, "memory"))
			request->memory_mib = (unsigned int)strtoul(value, NULL, 10);
		else if (!strcmp(word, "swap"))
			request->swap_mib = (unsigned int)strtoul(value, NULL, 10);
		else if (!strcmp(word, "thp"))
			snprintf(request->thp, sizeof(request->thp), "%s", value);
		else if (!strcmp(word, "ram"))
			request->ram = (unsigned int)strtoul(value, NULL, 10);
		else if (!strcmp(word, "end"))
			request->reset = !strcmp(value, "reset");
		else if (!strcmp(word, "cgroup"))
			request->cgroup = (int)strtol(value, NULL, 10);
	}
}

static void mount_all(int cgroup)
{
	int quick;

	mount("none", "/sys", "sysfs", 0, NULL);
	mount("none", "/dev", "devtmpfs", 0, NULL); /* else the image's own nodes */
	mount("none", "/tmp", "tmpfs", 0, NULL);
	mount("none", "/debug", "debugfs", 0, NULL);
	/* 6.0 on: a task that is moved to another group waits for no RCU grace period. */
	quick = file_contains("/sys/kernel/cgroup/features", "favordynmods");
	if (cgroup == 2 || mount("none", "/cgroup", "cgroup", 0, quick ? "memory,favordynmods" : "memory"))
		if (cgroup != 1)
			mount("none", "/cgroup", "cgroup2", 0, quick ? "favordynmods" : NULL);
}

/* Huge pages wherever they fit, and a khugepaged that comes back at once. */
static void thp_prepare(const char *mode)
{
	file_put(THP "enabled", mode);
	file_put(THP "defrag", "always");
	file_put(THP "khugepaged/scan_sleep_millisecs", "20");
	file_put(THP "khugepaged/alloc_sleep_millisecs", "20");
	file_put(THP "khugepaged/pages_to_scan", "2048");
}

/* The word in brackets of e.g. "[always] madvise never". */
static const char *thp_mode(void)
{
	static char text[64];
	char *mode, *end;

	if (file_get(THP "enabled", text, sizeof(text)) <= 0)
		return "none";
	mode = strchr(text, '[');
	end = mode ? strchr(mode, ']') : NULL;
	if (!end)
		return "none";
	*end = '\0';
	return mode + 1;
}

static void guest_describe(void)
{
	struct utsname name;
	int nodes[64];

	uname(&name);
	report_line("# guest: release=%.64s arch=%.16s cpus=%d nodes=%d memory_kb=%lld thp=%s", name.release,
		    name.machine, cpus_online(), memory_nodes(nodes, 64),
		    file_get_field("/proc/meminfo", "MemTotal", 0), thp_mode());
	areas_report();
}

/* Each "NAME VALUE" line of a file as a counter, with a prefix to its name. */
static void counters_of_file(const char *when, const char *prefix, const char *path)
{
	static char text[32768];
	char *line, *rest = text;

	if (file_get(path, text, sizeof(text)) <= 0)
		return;
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ' ');

		if (!value || value[1] < '0' || value[1] > '9')
			continue;
		*value++ = '\0';
		report_line("# counter-%s %s%.60s %lld", when, prefix, line, strtoll(value, NULL, 10));
	}
}

static void counter_of_file(const char *when, const char *name, const char *path)
{
	long long value = file_get_number(path, -1);

	if (value >= 0)
		report_line("# counter-%s %s %lld", when, name, value);
}

/*
 * What stands in /proc/stat before 2.5.34, by the names that /proc/vmstat has
 * given it since.
 */
static void counters_of_stat(const char *when)
{
	static const char *const names[][2] = {
		{ "pageallocs", "pgalloc" },   { "pagefrees", "pgfree" },      { "pageactiv", "pgactivate" },
		{ "pagedeact", "pgdeactivate" }, { "pagefault", "pgfault" },   { "majorfault", "pgmajfault" },
		{ "pagescan", "pgscan" },      { "pagesteal", "pgsteal" },     { "pageoutrun", "pageoutrun" },
		{ "allocstall", "allocstall" }, { "swap", "pswpin" },
	};
	char text[8192], *swap;
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		long long value = file_get_field("/proc/stat", names[i][0], -1);

		if (value >= 0)
			report_line("# counter-%s %s %lld", when, names[i][1], value);
	}
	/* "swap IN OUT" */
	if (file_get("/proc/stat", text, sizeof(text)) > 0 && (swap = strstr(text, "\nswap "))) {
		strtoll(swap + 6, &swap, 10);
		report_line("# counter-%s pswpout %lld", when, strtoll(swap, NULL, 10));
	}
}

static void counters_report(const char *when)
{
	struct dirent *entry;
	struct stat found;
	DIR *ksm;

	if (stat("/proc/vmstat", &found))
		counters_of_stat(when);
	else
		counters_of_file(when, "", "/proc/vmstat");
	ksm = opendir("/sys/kernel/mm/ksm");
	while (ksm && (entry = readdir(ksm))) {
		char name[96], path[320];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "ksm.%.80s", entry->d_name);
		snprintf(path, sizeof(path), "/sys/kernel/mm/ksm/%s", entry->d_name);
		counter_of_file(when, name, path);
	}
	if (ksm)
		closedir(ksm);
	counter_of_file(when, "thp.full_scans", THP "khugepaged/full_scans");
	counter_of_file(when, "thp.pages_collapsed", THP "khugepaged/pages_collapsed");
	counter_of_file(when, "memcg.failcnt", "/cgroup/memory.failcnt");
	counters_of_file(when, "memcg.", "/cgroup/memory.stat");
	report_line("# counter-%s swap.used_kb %lld", when,
		    file_get_field("/proc/meminfo", "SwapTotal", 0) - file_get_field("/proc/meminfo", "SwapFree", 0));
}

static void power_off(const struct request *request, int fast)
{
	report_line("# harness: done");
	port_drain();
	if (!fast)
		sleep_milliseconds(50); /* the last bytes are still in the port */
	/* Where there is no switch, old kernels end who asked for it: not process 1, that would be a panic. */
	if (!request->reset && !fork()) {
		reboot(RB_POWER_OFF);
		_exit(0);
	}
	if (!request->reset)
		sleep_milliseconds(POWER_OFF_MILLISECONDS);
	/* The emulator ends on a reset, too. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* What the stressor's output is gathered in. */
struct output {
	char line[REPORT_LINE_MAX + 1];
	size_t length;
	unsigned int lines;
	unsigned int dropped;
	char reason[200]; /* of the last "# skip" or "# error" */
};

static void output_line(struct output *output)
{
	char *line = output->line;

	line[output->length] = '\0';
	output->length = 0;
	report_clean(line);
	if (!strncmp(line, "# skip ", 7) || !strncmp(line, "# error ", 8))
		snprintf(output->reason, sizeof(output->reason), "%.190s", strchr(line + 2, ' ') + 1);
	/* The digest must come through however much was said before it. */
	if (++output->lines > OUTPUT_LINES_MAX && strncmp(line, "# digest ", 9)) {
		output->dropped++;
		return;
	}
	/* A result line can only be init's: all else is a comment. */
	report_line("%s%s", line[0] == '#' ? "" : "# ", line);
}

static void output_take(struct output *output, const char *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			output_line(output);
		else if (output->length < REPORT_LINE_MAX)
			output->line[output->length++] = bytes[i] ? bytes[i] : '?';
	}
}

static pid_t stressor_start(const struct request *request, const char *program, int input)
{
	char seconds[16], threads[16], memory[16], swap[16], ram[16];
	pid_t child = fork();

	if (child)
		return child;
	snprintf(seconds, sizeof(seconds), "%u", request->seconds);
	snprintf(threads, sizeof(threads), "%u", request->threads);
	snprintf(memory, sizeof(memory), "%u", request->memory_mib);
	snprintf(swap, sizeof(swap), "%u", request->swap_mib);
	snprintf(ram, sizeof(ram), "%u", request->ram);
	dup2(input, STDOUT_FILENO);
	dup2(input, STDERR_FILENO);
	setsid();
	execl(program, program, "--seconds", seconds, "--seed", request->seed, "--threads", threads, "--memory", memory,
	      "--swap", swap, "--ram", ram, (char *)NULL);
	_exit(127);
}

/* Runs the stressor; returns its wait status, or -1 when it had to be ended. */
static int stressor_run(const struct request *request, const char *program, struct output *output)
{
	double deadline = clock_seconds() + request->seconds + GRACE_SECONDS;
	int ends[2], status = 0, ended = 0, overdue = 0;
	char bytes[4096];
	pid_t stressor, pid;

	if (pipe(ends))
		return -1;
	report_line("# harness: stressor seconds=%.3f", clock_seconds());
	stressor = stressor_start(request, program, ends[1]);
	close(ends[1]);
	if (stressor < 0)
		return -1;
	for (;;) {
		struct pollfd wait = { ends[0], POLLIN, 0 };
		ssize_t count = 0;
		int got;

		port_watch();
		/* Before the pipe is looked at: what the stressor said last is in it once it has ended. */
		while ((pid = waitpid(-1, &got, WNOHANG)) > 0)
			if (pid == stressor) {
				ended = 1;
				status = got;
			}
		if (poll(&wait, 1, 100) > 0) {
			count = read(ends[0], bytes, sizeof(bytes));
			if (count > 0)
				output_take(output, bytes, (size_t)count);
			else
				sleep_milliseconds(20);
		}
		if (ended && count <= 0)
			break;
		if (clock_seconds() > deadline) {
			if (overdue)
				return -1;
			overdue = 1;
			kill(-1, SIGKILL);
			deadline = clock_seconds() + ABANDON_SECONDS;
		}
	}
	if (output->length)
		output_line(output);
	kill(-1, SIGKILL);
	return overdue ? -1 : status;
}

static void result_report(const char *name, int status, const struct output *output)
{
	const char *reason = output->reason[0] ? output->reason : "no reason given";

	if (status == -1)
		report_line("not ok 1 %s # the stressor did not end by its deadline", name);
	else if (output->dropped)
		report_line("not ok 1 %s # the stressor said more than %d lines: %u left out", name, OUTPUT_LINES_MAX,
			    output->dropped);
	else if (WIFSIGNALED(status))
		report_line("not ok 1 %s # the stressor died of signal %d", name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == STRESSOR_WORKED)
		report_line("ok 1 %s", name);
	else if (WEXITSTATUS(status) == STRESSOR_IMPOSSIBLE)
		report_line("ok 1 %s # SKIP %s", name, reason);
	else
		report_line("not ok 1 %s # exit status %d: %s", name, WEXITSTATUS(status), reason);
}

static void quiet_run(const struct request *request)
{
	unsigned int tenth;

	for (tenth = 1; tenth <= 10 * request->seconds; tenth++) {
		sleep_milliseconds(100);
		port_watch();
		if (tenth % 10 == 0)
			report_line("# progress quiet seconds=%u", tenth / 10);
	}
}

/* Nothing ends process 1, which would fault for ever: the kernel has lost or changed its memory. */
static void broken(int number)
{
	static struct request request = { .reset = 1 };

	signal(number, SIG_DFL);
	report_line("# error memory of process 1 corrupted: signal=%d", number);
	report_line("not ok 1 init # died of signal %d", number);
	power_off(&request, 0);
}

int main(void)
{
	static struct output output;
	struct request request;
	struct stat found;
	char program[64];
	int status;

	signal(SIGSEGV, broken);
	signal(SIGBUS, broken);
	signal(SIGILL, broken);
	/* What it says must come through whatever becomes of pages that were swapped out. */
	mlockall(MCL_CURRENT);
	mount("none", "/proc", "proc", 0, NULL);
	request_read(&request);
	port_open(request.report);
	report_line("KTAP version 1");
	report_line("# harness: user-space seconds=%.3f", clock_seconds());
	mount_all(request.cgroup);
	if (!strcmp(request.stressor, "canary")) {
		guest_describe();
		report_line("1..1");
		report_line("ok 1 canary");
		power_off(&request, 1);
	}
	thp_prepare(request.thp);
	if (!request.threads)
		request.threads = (unsigned int)cpus_online();
	if (!request.memory_mib) {
		request.memory_mib = (unsigned int)(file_get_field("/proc/meminfo", "MemTotal", 262144) / 1024 / 3);
		if (request.memory_mib > MEMORY_MIB_MAX)
			request.memory_mib = MEMORY_MIB_MAX;
	}
	guest_describe();
	report_line("1..1");
	if (!strcmp(request.stressor, "quiet")) {
		counters_report("before");
		quiet_run(&request);
		counters_report("after");
		report_line("ok 1 quiet");
		power_off(&request, 0);
	}
	snprintf(program, sizeof(program), "/stressors/%s", request.stressor);
	if (stat(program, &found)) {
		report_line("not ok 1 %s # no such stressor in this image", request.stressor);
		power_off(&request, 0);
	}
	counters_report("before");
	status = stressor_run(&request, program, &output);
	counters_report("after");
	result_report(request.stressor, status, &output);
	power_off(&request, 0);
	return 0;
}
