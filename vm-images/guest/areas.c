// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "areas.h"

#include "kernel_has.h"
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

static int soft_offline(void)
{
	return exists("/sys/devices/system/memory/soft_offline_page") ||
	       kernel_has_advice_for_nothing(MADV_SOFT_OFFLINE);
}

static const char *memcg(void)
{
	static const char *const versions[] = { "no", "v1", "v2" };

	return versions[memory_cgroups()];
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
	report_append(line, " pageout=%s", yes_no(kernel_has_advice(MADV_PAGEOUT)));
	report_append(line, " drop_caches=%s", yes_no(exists("/proc/sys/vm/drop_caches")));
	report_append(line, " soft_offline=%s", yes_no(soft_offline()));
	report_line("%s", line);
}
