// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int file_put(const char *path, const char *text)
{
	int descriptor = open(path, O_WRONLY);
	int result = 0;

	if (descriptor < 0)
		return -errno;
	if (write(descriptor, text, strlen(text)) < 0)
		result = -errno;
	close(descriptor);
	return result;
}

int file_put_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", number);
	return file_put(path, text);
}

ssize_t file_get(const char *path, char *text, size_t size)
{
	int descriptor = open(path, O_RDONLY);
	size_t length = 0;

	text[0] = '\0';
	if (descriptor < 0)
		return -errno;
	while (length + 1 < size) {
		ssize_t count = read(descriptor, text + length, size - 1 - length);

		if (count < 0) {
			int error = errno;

			close(descriptor);
			return -error;
		}
		if (!count)
			break;
		length += (size_t)count;
	}
	close(descriptor);
	text[length] = '\0';
	return (ssize_t)length;
}

long long file_get_number(const char *path, long long missing)
{
	char text[64], *end;
	long long number;

	if (file_get(path, text, sizeof(text)) <= 0)
		return missing;
	number = strtoll(text, &end, 10);
	return end == text ? missing : number;
}

long long file_get_field(const char *path, const char *field, long long missing)
{
	static char text[16384];
	size_t length = strlen(field);
	char *line;

	if (file_get(path, text, sizeof(text)) <= 0)
		return missing;
	for (line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, field, length) && (line[length] == ' ' || line[length] == '\t' || line[length] == ':'))
			return strtoll(line + length + 1, NULL, 10);
	}
	return missing;
}

int file_contains(const char *path, const char *text)
{
	char content[4096];

	return file_get(path, content, sizeof(content)) > 0 && strstr(content, text);
}

int file_get_list(const char *path, int *numbers, int limit)
{
	char text[256], *position = text;
	int count = 0;

	if (file_get(path, text, sizeof(text)) <= 0)
		return 0;
	while (*position >= '0' && *position <= '9') {
		long first = strtol(position, &position, 10);
		long last = *position == '-' ? strtol(position + 1, &position, 10) : first;

		for (; first <= last && count < limit; first++)
			numbers[count++] = (int)first;
		if (*position == ',')
			position++;
	}
	return count;
}

/* Nodes by their folders, before 2.6.24; those with memory. */
static int node_folders(int *nodes, int limit)
{
	char path[64], text[256];
	int number, count = 0;

	for (number = 0; number < 64 && count < limit; number++) {
		const char *total;

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", number);
		if (file_get(path, text, sizeof(text)) <= 0)
			continue;
		/* "Node 0 MemTotal:   523764 kB" */
		total = strstr(text, "MemTotal:");
		if (total && strtoll(total + strlen("MemTotal:"), NULL, 10) > 0)
			nodes[count++] = number;
	}
	return count;
}

int memory_nodes(int *nodes, int limit)
{
	static const char *const lists[] = {
		"/sys/devices/system/node/has_memory",        /* 3.8 on */
		"/sys/devices/system/node/has_normal_memory", /* 2.6.24 on */
		"/sys/devices/system/node/online",
	};
	unsigned int i;
	int count;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		count = file_get_list(lists[i], nodes, limit);
		if (count > 0)
			return count;
	}
	count = node_folders(nodes, limit);
	if (count > 0)
		return count;
	nodes[0] = 0;
	return 1;
}

int cpus_online(void)
{
	static char text[4096];
	char *line = text;
	int count = 0;

	/* "cpu" for all of them, then "cpuN" for each; they come first in the file. */
	file_get("/proc/stat", text, sizeof(text));
	for (; line && !strncmp(line, "cpu", 3); line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		count += line[3] >= '0' && line[3] <= '9';
	return count ? count : (int)sysconf(_SC_NPROCESSORS_ONLN);
}
