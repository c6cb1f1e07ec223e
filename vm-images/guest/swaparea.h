/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A swap area on a RAM disk: its header, switching it on and off, and how much is in it. */
#ifndef SWAPAREA_H
#define SWAPAREA_H

#include <stddef.h>
#include <stdint.h>

/* The path of a RAM disk by its number. */
#define RAMDISK_PATH 16
void ramdisk_path(char *path, unsigned int number);

/*
 * Writes a swap header to a block device, of which at most limit_kib are used.
 * Returns the area's KiB, or -errno.
 */
long swaparea_make(const char *device, long limit_kib);

/*
 * Fills an area that is off, but for its header, with zeroes. A RAM disk takes
 * its memory when first written to, so that each page swapped out costs the
 * page that it frees: where all memory is to be scarce this is paid before.
 */
void swaparea_fill(const char *device, long kib);

/* 0 or -errno. Areas of equal priority are filled in turns. */
int swaparea_on(const char *device);
int swaparea_off(const char *device);

/* KiB in use, of all areas and of one. */
long swap_used_kib(void);
long swaparea_used_kib(const char *device);

#endif
