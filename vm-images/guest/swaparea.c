// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include "swaparea.h"

#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <unistd.h>

#define BLOCK_SIZE_512 _IO(0x12, 96) /* BLKGETSIZE of linux/fs.h: sectors of 512 bytes */
#define BLOCK_SIZE_SET _IOW(0x12, 113, size_t) /* BLKBSZSET */
#define SWAP_PRIORITY 10

/* Version 1 of the header (include/linux/swap.h), in the first page after 1 KiB of boot blocks. */
#define HEADER_VERSION 1024
#define HEADER_LAST_PAGE 1028
#define SIGNATURE "SWAPSPACE2"

void ramdisk_path(char *path, unsigned int number)
{
	snprintf(path, RAMDISK_PATH, "/dev/ram%u", number % 16);
}

long swaparea_make(const char *device, long limit_kib)
{
	static unsigned char page[65536];
	long page_size = sysconf(_SC_PAGESIZE), pages;
	int descriptor = open(device, O_RDWR), result = 0;
	unsigned long sectors = 0;
	size_t block_size = (size_t)page_size;
	uint32_t word;

	if (descriptor < 0)
		return -errno;
	if (ioctl(descriptor, (int)BLOCK_SIZE_512, &sectors) < 0)
		result = -errno;
	pages = (long)(sectors / 2) < limit_kib ? (long)(sectors / 2) : limit_kib;
	pages = pages * 1024 / page_size;
	if (!result && pages < 16)
		result = -ENOSPC;
	/*
	 * Before 2.6.25 a RAM disk's content is its page cache, which is thrown
	 * away where swapon changes the block size.
	 */
	ioctl(descriptor, (int)BLOCK_SIZE_SET, &block_size);
	word = 1;
	memcpy(page + HEADER_VERSION, &word, sizeof(word));
	word = (uint32_t)(pages - 1);
	memcpy(page + HEADER_LAST_PAGE, &word, sizeof(word));
	memcpy(page + page_size - (long)strlen(SIGNATURE), SIGNATURE, strlen(SIGNATURE));
	if (!result && (write(descriptor, page, (size_t)page_size) != page_size || fsync(descriptor)))
		result = -EIO;
	close(descriptor);
	return result ? result : pages * page_size / 1024;
}

void swaparea_fill(const char *device, long kib)
{
	static char zeroes[65536]; /* not constant: that would be part of the file */
	long offset = sysconf(_SC_PAGESIZE);
	int descriptor = open(device, O_RDWR);

	if (descriptor < 0)
		return;
	while (offset < kib * 1024) {
		long size = kib * 1024 - offset < (long)sizeof(zeroes) ? kib * 1024 - offset : (long)sizeof(zeroes);

		if (pwrite(descriptor, zeroes, (size_t)size, (off_t)offset) != size)
			break;
		offset += size;
	}
	/* Never BLKFLSBUF: on a RAM disk it throws the content away. */
	fsync(descriptor);
	close(descriptor);
}

int swaparea_on(const char *device)
{
	return swapon(device, SWAP_FLAG_PREFER | SWAP_PRIORITY) ? -errno : 0;
}

int swaparea_off(const char *device)
{
	return swapoff(device) ? -errno : 0;
}

long swap_used_kib(void)
{
	long total = (long)file_get_field("/proc/meminfo", "SwapTotal", 0);

	return total - (long)file_get_field("/proc/meminfo", "SwapFree", 0);
}

/* /proc/swaps: name, type, size, used, priority; sizes in KiB. */
long swaparea_used_kib(const char *device)
{
	char text[1024], *line;
	long size, used;

	if (file_get("/proc/swaps", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, device);
	if (!line || sscanf(line + strlen(device), " %*s %ld %ld", &size, &used) != 2)
		return 0;
	return used;
}
