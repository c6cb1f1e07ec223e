// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "port.h"

#include "report.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define STILL_SECONDS 0.1
#define DRAIN_SECONDS 10

static int port = -1;
static int waiting;	   /* bytes in the kernel's buffer, when last looked at */
static double waiting_since; /* and since when none has gone */

void port_watch(void)
{
	double now = clock_seconds();
	int left = 0;

	if (port < 0 || ioctl(port, TIOCOUTQ, &left))
		return;
	if (left && waiting && left >= waiting) {
		if (now - waiting_since < STILL_SECONDS)
			return;
		/* Lines that came meanwhile may hide that others went: then this does no harm. */
		tcflow(port, TCOOFF);
		tcflow(port, TCOON);
	}
	waiting = left;
	waiting_since = now;
}

static void port_written(int full)
{
	port_watch();
	if (full)
		sleep_milliseconds(5);
}

void port_drain(void)
{
	double end = clock_seconds() + DRAIN_SECONDS;
	int left = 0;

	while (port >= 0 && !ioctl(port, TIOCOUTQ, &left) && left && clock_seconds() < end) {
		port_watch();
		sleep_milliseconds(5);
	}
}

/* As a plain pipe of bytes: no echo, no newline changed; a full one is waited for here, where it is watched. */
void port_open(const char *path)
{
	struct termios mode;

	port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (port < 0)
		port = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (port < 0)
		return;
	if (!tcgetattr(port, &mode)) {
		cfmakeraw(&mode);
		mode.c_cflag |= CLOCAL;
		cfsetspeed(&mode, B115200);
		tcsetattr(port, TCSANOW, &mode);
	}
	fcntl(port, F_SETFD, FD_CLOEXEC);
	report_to(port, port_written);
}
