/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page-moving system calls, for which the C library has no names.
 * All return what the kernel returned, or -errno; -ENOSYS: not in this kernel.
 */
#ifndef NUMA_H
#define NUMA_H

#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* include/linux/mempolicy.h */
#define MPOL_DEFAULT 0
#define MPOL_PREFERRED 1
#define MPOL_BIND 2
#define MPOL_MF_MOVE 2
#define MPOL_MF_MOVE_ALL 4

static inline long numa_move_pages(pid_t pid, unsigned long count, void **pages, const int *nodes, int *status)
{
	long result = syscall(SYS_move_pages, pid, count, pages, nodes, status, MPOL_MF_MOVE_ALL);

	return result < 0 ? -errno : result;
}

static inline long numa_bind(void *start, unsigned long length, int policy, unsigned long nodes, unsigned int flags)
{
	/* The kernel reads one bit less than it is told. */
	long result = syscall(SYS_mbind, start, length, policy, nodes ? &nodes : NULL, nodes ? 8 * sizeof(nodes) : 0,
			      flags);

	return result < 0 ? -errno : result;
}

static inline long numa_migrate_pages(pid_t pid, unsigned long from, unsigned long to)
{
	long result = syscall(SYS_migrate_pages, pid, 8 * sizeof(from), &from, &to);

	return result < 0 ? -errno : result;
}

#endif
