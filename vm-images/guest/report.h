/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines to the host: each one bounded, printable and written whole; and the
 * clock they are dated with.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

/* Longest line, without its newline; the host cuts or refuses longer ones. */
#define REPORT_LINE_MAX 400

/*
 * Lines go to this descriptor from now on (before: standard output). The
 * function is called after each of them, and where it is full, to wait.
 */
void report_to(int descriptor, void (*written)(int full));

void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes a line printable ASCII in place and cuts it to REPORT_LINE_MAX. */
void report_clean(char *line);

/* Appends to a line buffer of REPORT_LINE_MAX + 1 bytes; what does not fit is left out. */
void report_append(char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Seconds since boot. */
double clock_seconds(void);

void sleep_milliseconds(unsigned int milliseconds);

#endif
