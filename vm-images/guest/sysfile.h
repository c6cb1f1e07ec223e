/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing the one-value files of /proc, /sys, debugfs and cgroups. */
#ifndef SYSFILE_H
#define SYSFILE_H

#include <stddef.h>
#include <sys/types.h>

/* Writes text in one write(). Returns 0 or -errno. */
int file_put(const char *path, const char *text);
int file_put_number(const char *path, long long number);

/* Reads up to size - 1 bytes and ends them with 0. Returns their count or -errno. */
ssize_t file_get(const char *path, char *text, size_t size);

/* The number at the file's start; missing when there is no such file. */
long long file_get_number(const char *path, long long missing);

/* The number after a line's first word, as in /proc/meminfo or memory.stat. */
long long file_get_field(const char *path, const char *field, long long missing);

/* Whether the text stands anywhere in the file. */
int file_contains(const char *path, const char *text);

/* Expands a kernel list such as "0-1,3"; returns how many numbers were stored. */
int file_get_list(const char *path, int *numbers, int limit);

/* Nodes that have memory; 1 node, number 0, on a kernel that tells of none. */
int memory_nodes(int *nodes, int limit);

/* Processors that the kernel started. */
int cpus_online(void);

#endif
