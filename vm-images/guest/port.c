// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "port.h"

#include "report.h"
#include "sysfile.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PORT_INTERRUPT "3" /* of a PC's second port */
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

/*
 * When it is opened, the driver tries whether the port interrupts once it can
 * send, by looking at the register that says so. Should another processor take
 * the interrupt meanwhile, the look finds nothing, and the driver works around
 * a fault that is none, by looking again whenever it has something to send: it
 * then takes interrupts away from its own handler, which never sends. So the
 * port is opened on the processor that gets the interrupt.
 */
static void interrupt_to_first(void)
{
	cpu_set_t first;

	file_put("/proc/irq/" PORT_INTERRUPT "/smp_affinity", "1");
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
}

static void run_anywhere(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

/* As a plain pipe of bytes: no echo, no newline changed; a full one is waited for here, where it is watched. */
void port_open(const char *path)
{
	struct termios mode;

	interrupt_to_first();
	port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (port >= 0) {
		/* The interrupt goes there only after one more came: that of the first try. */
		close(port);
		port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	}
	run_anywhere();
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
