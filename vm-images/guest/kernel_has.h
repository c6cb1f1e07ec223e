/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the running kernel has, found by asking it; nothing is changed by that. */
#ifndef KERNEL_HAS_H
#define KERNEL_HAS_H

/* Whether madvise() knows the number for memory of its own; for destructive advice see kernel_has_advice_for_nothing(). */
int kernel_has_advice(int number);

/* The same by advice for no bytes, which takes nothing away. Before 2.6.29 any number is taken then: 0. */
int kernel_has_advice_for_nothing(int number);

/* Version of the memory cgroups' interface that init has mounted at /cgroup: 1, 2, 0 for none. */
int memory_cgroups(void);

#endif
