// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mix: several stressors at once, in phases.
 *
 * Starts the other programs of /stressors as its children: two to four of them
 * at once, drawn from the seed, for a few seconds, each with its share of
 * threads and memory; then others. All have their turn before one comes again.
 * A program that cannot do anything in this kernel says so by its exit status
 * and is left out from then on. Their errors and digests are passed on, the
 * digests also summed; all else that they say is kept back.
 *
 * What it races against: each part against all others, as nothing but the
 * kernel holds them apart: migration of pages that are being swapped out,
 * swapoff under memory pressure, huge pages split while their group goes.
 *
 * Kernel functions that must run: those of its parts.
 */
#define _GNU_SOURCE
#include "ballast.h"
#include "crew.h"
#include "kernel_has.h"
#include "report.h"
#include "swaparea.h"
#include "sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/stressors"
#define PARTS_MAX 16
#define AT_ONCE_MIN 2
#define AT_ONCE_MAX 4
#define PHASE_SECONDS_MIN 3 /* less, and a part does little but start */
#define PHASE_SECONDS_MAX 5
#define FILLERS_MAX 2	    /* of those that hold memory: what all want must still fit into their swap areas */
#define ROOM_KIB (96 * 1024L) /* left to all parts by this program's own ballast: theirs are there sooner then */
#define ROOM_GROUPS_KIB (192 * 1024L)
#define BALLAST_MS 6000
#define FILL_SECONDS 8	    /* more, where all memory has to be filled first */
#define PART_MEMORY_MIB 48  /* at most, so that swap areas are full and limits met within a phase */
#define LATE_SECONDS 20	    /* a part ends its own workers in up to 16 s */
#define KILL_SECONDS 4	    /* until a part that was killed counts as stuck */
#define CLEAN_SECONDS 6
#define ERRORS_SHOWN 20
#define RAMDISKS 16
#define RAMDISK_MAJOR 1
#define BLOCK_SIZE_512 _IO(0x12, 96) /* BLKGETSIZE of linux/fs.h */

/*
 * What a part cannot share. RAM disks are each one's own: another's page cache
 * would be written over its swap area.
 */
enum {
	NEVER = 1, /* not started at all */
	FILLS = 2, /* holds memory until something is pushed out: of the others, too */
	SCARCE = 4, /* the same, but only where there are no groups to do it */
};

static const struct rule {
	const char *name;
	unsigned int takes;
	unsigned int disks; /* RAM disks that it must have, in a row from --ram on */
	const char *reason;
} rules[] = {
	{ "mix", NEVER, 0, "that is this program" },
	{ "hwpoison", NEVER, 0, "page frames that it takes away are gone for all that follow" },
	{ "migration", 0, 1, "moves the page cache of a RAM disk" },
	{ "notifier", 0, 1, "swaps to a RAM disk" },
	{ "memcg", 0, 2, "swaps to one RAM disk, caches another" },
	{ "thpsplit", 0, 2, "swaps to one RAM disk, caches another" },
	{ "rmap", FILLS, 1, "swaps to one RAM disk, leaves little memory free" },
	{ "reclaim", FILLS, 3, "swaps to one RAM disk, mounts another, leaves little memory free" },
	{ "swapoff", SCARCE, 2, "switches RAM disks off and on, leaves little memory free where there are no groups" },
	{ NULL, FILLS, 3, "not known here" },
};

struct part {
	char name[24];
	const struct rule *rule;
	int possible; /* 0: this kernel has nothing for it */
	unsigned int skips;
	int noted; /* what it found in this kernel was told */
	uint64_t rounds;
};

/* A part that runs. */
struct run {
	struct part *part;
	pid_t pid; /* 0: it has ended */
	int output;
	unsigned int disk; /* the first of its RAM disks */
	int killed; /* by us */
	int status;
	char line[REPORT_LINE_MAX + 1];
	size_t length;
};

static struct settings settings;
static struct part parts[PARTS_MAX];
static unsigned int part_count;
static struct run runs[AT_ONCE_MAX];
static unsigned int run_count;
static unsigned int disks, lost; /* RAM disks that there are, and a bit for each that could not be given back */
static int have_groups;
static unsigned int deck[PARTS_MAX], deck_left;
static struct prng choices;
static unsigned int phases, started, finished, skipped, died, killed, stuck, corruptions, failed, errors;
static uint64_t order;

static unsigned int choose(unsigned int limit)
{
	unsigned int choice = prng_below(&choices, limit);

	/* FNV-1a, as in crew.c; all but the first phases come or not, as time allows. */
	if (phases < 2)
		order = ((order ? order : 0xcbf29ce484222325ULL) ^ choice) * 0x100000001b3ULL;
	return choice;
}

static const struct rule *rule_of(const char *name)
{
	const struct rule *rule = rules;

	while (rule->name && strcmp(rule->name, name))
		rule++;
	return rule;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(((const struct part *)one)->name, ((const struct part *)other)->name);
}

static void parts_find(void)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)) && part_count < PARTS_MAX) {
		struct part *part = &parts[part_count];

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(part->name))
			continue;
		part->rule = rule_of(entry->d_name);
		if (part->rule->takes & NEVER)
			continue;
		strcpy(part->name, entry->d_name);
		part->possible = 1;
		part_count++;
	}
	if (folder)
		closedir(folder);
	qsort(parts, part_count, sizeof(parts[0]), by_name);
}

/*
 * RAM disks: from 2.6.25 on a disk is made when its node is opened,
 * before 2.6.10 there are 16, between as many as configured.
 */
static void disks_find(void)
{
	unsigned int number;
	char path[RAMDISK_PATH];

	for (number = settings.ram; number < RAMDISKS; number++) {
		unsigned long sectors = 0;
		int disk;

		ramdisk_path(path, number);
		mknod(path, S_IFBLK | 0600, makedev(RAMDISK_MAJOR, number));
		disk = open(path, O_RDWR);
		if (disk < 0 || ioctl(disk, (int)BLOCK_SIZE_512, &sectors) < 0 || sectors < 2 * 8192) {
			if (disk >= 0)
				close(disk);
			break;
		}
		close(disk);
		disks++;
	}
}

static void disk_path(char *path, unsigned int disk)
{
	ramdisk_path(path, settings.ram + disk);
}

/* The first of so many free disks in a row, or -1. */
static int disks_free(unsigned int count)
{
	unsigned int taken = lost, disk, i;

	/* Fewer in all are enough for most: who misses one does without. */
	if (count > disks)
		count = disks;
	for (i = 0; i < run_count; i++)
		taken |= ((1U << runs[i].part->rule->disks) - 1) << runs[i].disk;
	for (disk = 0; disk + count <= disks; disk++)
		if (!(taken >> disk & ((1U << count) - 1)))
			return (int)disk;
	return -1;
}

static unsigned int fills(const struct part *part)
{
	return (part->rule->takes & FILLS) || ((part->rule->takes & SCARCE) && !have_groups);
}

/* Whether a part can run beside those that were chosen before. */
static int fits(const struct part *part)
{
	unsigned int i, fillers = fills(part);

	if (part->rule->disks && disks_free(part->rule->disks) < 0)
		return 0;
	for (i = 0; i < run_count; i++) {
		if (runs[i].part == part)
			return 0;
		fillers += fills(runs[i].part);
	}
	return !fills(part) || fillers <= FILLERS_MAX;
}

/* Draws the parts of a phase; those that do not fit beside the others stay for the next. */
static void phase_compose(void)
{
	unsigned int wanted = AT_ONCE_MIN + choose(AT_ONCE_MAX - AT_ONCE_MIN + 1), i, k, possible = 0;

	for (i = 0; i < part_count; i++)
		possible += parts[i].possible != 0;
	run_count = 0;
	for (k = 0; k < 2 && run_count < wanted && run_count < possible; k++) {
		for (i = 0; i < deck_left && run_count < wanted;) {
			unsigned int number = deck[i];
			struct run *run = &runs[run_count];

			if (parts[number].possible && !fits(&parts[number])) {
				i++;
				continue;
			}
			deck_left--;
			memmove(deck + i, deck + i + 1, (deck_left - i) * sizeof(deck[0]));
			if (!parts[number].possible)
				continue;
			memset(run, 0, sizeof(*run));
			run->disk = parts[number].rule->disks ? (unsigned int)disks_free(parts[number].rule->disks) : 0;
			run->part = &parts[number];
			run_count++;
		}
		if (deck_left)
			break;
		/* All had their turn: shuffle anew (Fisher and Yates). */
		for (i = 0; i < part_count; i++) {
			unsigned int place = choose(i + 1);

			deck[i] = deck[place];
			deck[place] = i;
		}
		deck_left = part_count;
	}
}

static int run_start(struct run *run, unsigned int seconds)
{
	char program[64], number[5][24];
	unsigned int threads = settings.threads * 2 / run_count, memory = settings.memory_mib / run_count;
	int ends[2];

	if (pipe(ends))
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	snprintf(program, sizeof(program), FOLDER "/%s", run->part->name);
	snprintf(number[0], sizeof(number[0]), "%u", seconds);
	snprintf(number[1], sizeof(number[1]), "%llu", (unsigned long long)(settings.seed + phases));
	snprintf(number[2], sizeof(number[2]), "%u", threads < 2 ? 2 : threads);
	snprintf(number[3], sizeof(number[3]), "%u", memory < PART_MEMORY_MIB ? memory : PART_MEMORY_MIB);
	snprintf(number[4], sizeof(number[4]), "%u", settings.ram + run->disk);
	run->pid = worker_fork();
	if (!run->pid) {
		setpgid(0, 0);
		if (file_put("/proc/self/oom_score_adj", "0"))
			file_put("/proc/self/oom_adj", "0");
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		execl(program, program, "--seconds", number[0], "--seed", number[1], "--threads", number[2], "--memory",
		      number[3], "--ram", number[4], (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (run->pid < 0) {
		run->pid = 0;
		close(ends[0]);
		return -errno;
	}
	run->output = ends[0];
	started++;
	return 0;
}

/* The number after " KEY=" in a digest. */
static uint64_t digest_value(const char *line, const char *key)
{
	char text[32];
	const char *place;

	snprintf(text, sizeof(text), " %s=", key);
	place = strstr(line, text);
	return place ? strtoull(place + strlen(text), NULL, 10) : 0;
}

static void run_line(struct run *run)
{
	char *line = run->line;

	line[run->length] = '\0';
	run->length = 0;
	report_clean(line);
	if (!strncmp(line, "# error ", 8)) {
		if (errors++ < ERRORS_SHOWN)
			report_line("# error %s: %.340s", run->part->name, line + 8);
	} else if (!strncmp(line, "# digest ", 9)) {
		report_line("# part %s", line + 9);
		run->part->rounds += digest_value(line, "rounds");
		died += (unsigned int)digest_value(line, "died");
		killed += (unsigned int)digest_value(line, "killed");
		stuck += (unsigned int)digest_value(line, "stuck");
		corruptions += (unsigned int)digest_value(line, "corruptions");
	} else if (!strncmp(line, "# skip ", 7)) {
		/* Want of memory may pass; what is not in the kernel will not come. */
		if (!strncmp(line + 7, "not in this kernel", 18) || run->part->skips++)
			run->part->possible = 0;
		report_line("# note mix skipped=%s: %.340s", run->part->name, line + 7);
	} else if (!strncmp(line, "# note ", 7) && !run->part->noted) {
		run->part->noted = 1;
		report_line("%s", line);
	}
}

/* Takes what there is; a part that floods gets as much of the time as all others. */
static void run_read(struct run *run)
{
	char bytes[4096];
	ssize_t count = read(run->output, bytes, sizeof(bytes)), i;

	for (i = 0; i < count; i++) {
		if (bytes[i] == '\n')
			run_line(run);
		else if (run->length < REPORT_LINE_MAX)
			run->line[run->length++] = bytes[i] ? bytes[i] : '?';
	}
}

static void run_ended(struct run *run)
{
	unsigned int i;

	run->pid = 0;
	/* Its last lines; a worker it left behind may hold the other end open. */
	for (i = 0; i < 16; i++)
		run_read(run);
	close(run->output);
	if (WIFSIGNALED(run->status)) {
		if (run->killed || WTERMSIG(run->status) == SIGKILL) {
			killed++;
			return;
		}
		died++;
		failed++;
		report_line("# error %s died of signal %d", run->part->name, WTERMSIG(run->status));
	} else if (WEXITSTATUS(run->status) == STRESSOR_IMPOSSIBLE) {
		skipped++;
	} else if (WEXITSTATUS(run->status) == STRESSOR_WORKED) {
		finished++;
	} else {
		failed++;
		if (!errors)
			report_line("# error %s: exit status %d", run->part->name, WEXITSTATUS(run->status));
	}
}

/* Waits for the parts of a phase to end, until the time given; returns how many have not. */
static unsigned int phase_wait(double until, double *told, double begun)
{
	struct pollfd wait[AT_ONCE_MAX];
	unsigned int i, alive;

	do {
		for (i = alive = 0; i < run_count; i++) {
			if (runs[i].pid && waitpid(runs[i].pid, &runs[i].status, WNOHANG) == runs[i].pid)
				run_ended(&runs[i]);
			wait[i].fd = runs[i].pid ? runs[i].output : -1;
			wait[i].events = POLLIN;
			wait[i].revents = 0;
			alive += runs[i].pid != 0;
		}
		if (!alive)
			break;
		poll(wait, run_count, 50);
		for (i = 0; i < run_count; i++)
			if (wait[i].revents && runs[i].pid)
				run_read(&runs[i]);
		/* Where another end is closed poll() returns at once. */
		sleep_milliseconds(10);
		if (clock_seconds() >= *told + 1) {
			*told = clock_seconds();
			report_line("# progress mix seconds=%.0f phases=%u started=%u finished=%u running=%u "
				    "ballast_mib=%ld", *told - begun, phases, started, finished, alive,
				    ballast_held_kib() / 1024);
		}
	} while (clock_seconds() < until);
	return alive;
}

/* Mounts and swap areas that the parts of a phase left on their RAM disks; in a child, as it can take for ever. */
static void disks_clear(void)
{
	unsigned int i, k;
	char path[RAMDISK_PATH], text[4096], target[64], *place;

	for (i = 0; i < run_count; i++)
		for (k = 0; k < runs[i].part->rule->disks; k++) {
			disk_path(path, runs[i].disk + k);
			swaparea_off(path);
			file_get("/proc/mounts", text, sizeof(text));
			place = strstr(text, path);
			if (place && place[strlen(path)] == ' ' && sscanf(place + strlen(path), " %63s", target) == 1)
				umount2(target, MNT_DETACH);
		}
}

static void phase_clean(void)
{
	double end = clock_seconds() + CLEAN_SECONDS;
	char path[RAMDISK_PATH + 1];
	unsigned int disk;
	pid_t child = fork();

	if (!child) {
		disks_clear();
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, WNOHANG) == 0) {
		if (clock_seconds() > end) {
			kill(child, SIGKILL);
			break;
		}
		sleep_milliseconds(10);
	}
	for (disk = 0; disk < disks; disk++) {
		disk_path(path, disk);
		strcat(path, " ");
		if (file_contains("/proc/swaps", path))
			lost |= 1U << disk;
	}
}

static void phase_run(unsigned int seconds, double *told, double begun)
{
	unsigned int i, left;

	for (i = 0; i < run_count; i++)
		run_start(&runs[i], seconds);
	left = phase_wait(clock_seconds() + seconds + LATE_SECONDS, told, begun);
	for (i = 0; i < run_count && left; i++)
		if (runs[i].pid) {
			runs[i].killed = 1;
			kill(-runs[i].pid, SIGKILL);
		}
	left = left ? phase_wait(clock_seconds() + KILL_SECONDS, told, begun) : 0;
	for (i = 0; i < run_count && left; i++)
		if (runs[i].pid) {
			report_line("# error %s did not end when killed", runs[i].part->name);
			stuck++;
			lost |= ((1U << runs[i].part->rule->disks) - 1) << runs[i].disk;
			runs[i].part->possible = 0;
		}
	phase_clean();
}

int main(int argc, char **argv)
{
	char line[REPORT_LINE_MAX + 1] = "# note mix parts=";
	double begun, told;
	unsigned int i, worked = 0;

	settings_read(&settings, argc, argv);
	prng_start(&choices, ~settings.seed, 0);
	parts_find();
	disks_find();
	have_groups = memory_cgroups() != 0;
	for (i = 0; i < part_count; i++)
		report_append(line, "%s%s", i ? "," : "", parts[i].name);
	report_append(line, " ramdisks=%u groups=%d", disks, have_groups);
	report_line("%s", line);
	/* When memory ends, those who use it are to go. */
	if (file_put("/proc/self/oom_score_adj", "-1000"))
		file_put("/proc/self/oom_adj", "-17");
	begun = told = clock_seconds();
	ballast_prepare(have_groups ? ROOM_GROUPS_KIB : ROOM_KIB);
	ballast_keep();
	ballast_wait(BALLAST_MS);
	for (;;) {
		unsigned int seconds = PHASE_SECONDS_MIN + choose(PHASE_SECONDS_MAX - PHASE_SECONDS_MIN + 1);
		double remaining = begun + settings.seconds - clock_seconds();

		phase_compose();
		for (i = 0; i < run_count && !fills(runs[i].part); i++)
			;
		if (i < run_count)
			seconds += FILL_SECONDS;
		if (!run_count || (phases && remaining < PHASE_SECONDS_MIN - 1))
			break;
		ballast_keep(); /* the first to go where memory ended */
		phases++;
		phase_run(remaining < seconds ? remaining < 1 ? 1 : (unsigned int)remaining : seconds, &told, begun);
	}
	strcpy(line, "# digest mix");
	for (i = 0; i < part_count; i++)
		worked += parts[i].rounds > 0;
	report_append(line, " rounds=%u phases=%u started=%u finished=%u skipped=%u worked=%u died=%u killed=%u "
			    "stuck=%u corruptions=%u order=%llu", phases, phases, started, finished, skipped, worked,
		      died, killed, stuck, corruptions, (unsigned long long)order);
	for (i = 0; i < part_count; i++)
		if (parts[i].rounds)
			report_append(line, " %s.rounds=%llu", parts[i].name, (unsigned long long)parts[i].rounds);
	if (!finished && !failed && !killed && !stuck)
		stressor_skip("not in this kernel: anything that the stressors of this image need");
	report_line("%s", line);
	return failed || died || stuck || corruptions ? STRESSOR_FAILED : STRESSOR_WORKED;
}
