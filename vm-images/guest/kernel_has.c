// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "kernel_has.h"

#include "sysfile.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096UL
#define NO_ADVICE 9999

/* A fresh mapping has nothing to lose. */
int kernel_has_advice(int number)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int known = page != MAP_FAILED && !madvise(page, PAGE, number);

	if (page != MAP_FAILED)
		munmap(page, PAGE);
	return known;
}

int kernel_has_advice_for_nothing(int number)
{
	static char pages[2 * PAGE];
	char *page = pages + PAGE - (uintptr_t)pages % PAGE;

	return !madvise(page, 0, number) && madvise(page, 0, NO_ADVICE);
}

int memory_cgroups(void)
{
	struct stat found;

	if (!stat("/cgroup/memory.usage_in_bytes", &found))
		return 1;
	/* Version 2 can be mounted without any controller. */
	return file_contains("/cgroup/cgroup.controllers", "memory") ? 2 : 0;
}
