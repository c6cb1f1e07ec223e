// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int report_descriptor = STDOUT_FILENO;

void report_to(int descriptor)
{
	report_descriptor = descriptor;
}

void report_clean(char *line)
{
	size_t length = 0;

	for (; line[length] && length < REPORT_LINE_MAX; length++)
		if (line[length] < ' ' || line[length] > '~')
			line[length] = '?';
	line[length] = '\0';
}

void report_append(char *line, const char *format, ...)
{
	size_t length = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	/* A part that does not fit would be a wrong number: it goes as a whole. */
	if (vsnprintf(line + length, REPORT_LINE_MAX + 1 - length, format, arguments) >
	    (int)(REPORT_LINE_MAX - length))
		line[length] = '\0';
	va_end(arguments);
}

void report_line(const char *format, ...)
{
	char line[REPORT_LINE_MAX + 2];
	size_t length, written = 0;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, REPORT_LINE_MAX + 1, format, arguments);
	va_end(arguments);
	report_clean(line);
	length = strlen(line);
	line[length++] = '\n';
	while (written < length) {
		ssize_t count = write(report_descriptor, line + written, length - written);

		if (count < 0 && errno != EINTR)
			return;
		if (count > 0)
			written += (size_t)count;
	}
}

double clock_seconds(void)
{
	struct timespec now;
	struct timeval day;

	if (!clock_gettime(CLOCK_MONOTONIC, &now))
		return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	gettimeofday(&day, NULL);
	return (double)day.tv_sec + (double)day.tv_usec / 1e6;
}

void sleep_milliseconds(unsigned int milliseconds)
{
	struct timespec pause = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&pause, NULL);
}
