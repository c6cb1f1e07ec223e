// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int report_descriptor = STDOUT_FILENO;
static void (*report_written)(int full);

void report_to(int descriptor, void (*written)(int full))
{
	report_descriptor = descriptor;
	report_written = written;
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

		if (count < 0 && errno == EAGAIN && report_written)
			report_written(1);
		else if (count < 0 && errno != EINTR)
			return;
		if (count > 0)
			written += (size_t)count;
	}
	if (report_written)
		report_written(0);
}

/* Seconds since boot, in hundredths; 0 where /proc is not mounted. */
static double uptime(void)
{
	char text[32];
	int descriptor = open("/proc/uptime", O_RDONLY);
	ssize_t count = descriptor < 0 ? 0 : read(descriptor, text, sizeof(text) - 1);

	if (descriptor >= 0)
		close(descriptor);
	text[count > 0 ? count : 0] = '\0';
	return strtod(text, NULL);
}

double clock_seconds(void)
{
	static double booted; /* the day's time of that */
	struct timespec now;
	struct timeval day;

	if (!clock_gettime(CLOCK_MONOTONIC, &now))
		return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	/* Before 2.5.63: the day's clock, which nobody sets in this guest. */
	gettimeofday(&day, NULL);
	if (!booted)
		booted = (double)day.tv_sec + (double)day.tv_usec / 1e6 - uptime();
	return (double)day.tv_sec + (double)day.tv_usec / 1e6 - booted;
}

void sleep_milliseconds(unsigned int milliseconds)
{
	struct timespec pause = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

	nanosleep(&pause, NULL);
}
