// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "areas.h"

#include "numa.h"
#include "report.h"
#include "sysfile.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#define PAGE 4096UL
#define NO_ADVICE 9999
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21 /* 5.4 on */
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

static int exists(const char *path)
{
	struct stat found;

	return !stat(path, &found);
}

static const char *yes_no(int yes)
{
	return yes ? "yes" : "no";
}

/* Any answer but "no such call" is the kernel's own. */
static int migration(void)
{
	static int here;
	void *page = &here;
	int status;

	return numa_move_pages(0, 1, &page, NULL, &status) != -ENOSYS;
}

static int mempolicy(void)
{
	return syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) == 0 || errno != ENOSYS;
}

static int swap(void)
{
	return swapoff("/proc") == 0 || errno != ENOSYS;
}

/* Advice that the kernel does not know is EINVAL; a fresh mapping has nothing to lose by it. */
static int advice(int number)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int known = page != MAP_FAILED && !madvise(page, PAGE, number);

	if (page != MAP_FAILED)
		munmap(page, PAGE);
	return known;
}

/* Nothing is offlined: the advice is for no bytes. Before 2.6.29 any number is taken then. */
static int soft_offline(void)
{
	static char page[2 * PAGE];
	char *start = page + PAGE - (uintptr_t)page % PAGE;

	return exists("/sys/devices/system/memory/soft_offline_page") ||
	       (!madvise(start, 0, MADV_SOFT_OFFLINE) && madvise(start, 0, NO_ADVICE));
}

static const char *memcg(void)
{
	if (exists("/cgroup/memory.usage_in_bytes"))
		return "v1";
	/* Version 2 can be mounted without any controller. */
	if (file_contains("/cgroup/cgroup.controllers", "memory"))
		return "v2";
	return "no";
}

void areas_report(void)
{
	char line[REPORT_LINE_MAX + 1];

	strcpy(line, "# areas:");
	report_append(line, " migration=%s", yes_no(migration()));
	report_append(line, " mempolicy=%s", yes_no(mempolicy()));
	report_append(line, " memcg=%s", memcg());
	report_append(line, " memcg_swap=%s", yes_no(exists("/cgroup/memory.memsw.usage_in_bytes")));
	report_append(line, " cpusets=%s", yes_no(file_contains("/proc/filesystems", "\tcpuset\n")));
	report_append(line, " thp=%s", yes_no(exists("/sys/kernel/mm/transparent_hugepage/enabled")));
	report_append(line, " hugetlb=%s", yes_no(exists("/proc/sys/vm/nr_hugepages")));
	report_append(line, " ksm=%s", yes_no(exists("/sys/kernel/mm/ksm/run")));
	report_append(line, " compaction=%s", yes_no(exists("/proc/sys/vm/compact_memory")));
	report_append(line, " swap=%s", yes_no(swap()));
	report_append(line, " pageout=%s", yes_no(advice(MADV_PAGEOUT)));
	report_append(line, " drop_caches=%s", yes_no(exists("/proc/sys/vm/drop_caches")));
	report_append(line, " soft_offline=%s", yes_no(soft_offline()));
	report_line("%s", line);
}
