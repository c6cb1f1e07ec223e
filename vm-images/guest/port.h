/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serial port to the host. On an emulated machine a transmit interrupt of
 * an old kernel gets lost now and then, and the port then says nothing more:
 * one that stands still is stopped and started, which raises the interrupt
 * anew.
 */
#ifndef PORT_H
#define PORT_H

/* Opens it, or else the console, and sends the report there. */
void port_open(const char *path);

/* Looks whether it stands still; to be called now and then while nothing is written. */
void port_watch(void);

/* Waits until all is sent, or some seconds. */
void port_drain(void);

#endif
