// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks of 1 KiB, so that a page has four buffers. Each group of 8 MiB is laid
 * out alike: superblock, group descriptors, block bitmap, inode bitmap, inodes,
 * data; the copies of the first two in later groups stay empty, as nothing but
 * a repair would read them. Numbers are little-endian, as this processor's.
 */
#define _GNU_SOURCE
#include "extfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define BLOCK 1024UL
#define GROUP_BLOCKS 8192UL
#define GROUPS_MAX 32 /* descriptors of one block */
#define GROUP_INODES 64UL
#define INODE_BYTES 128UL
#define INODE_BLOCKS (GROUP_INODES * INODE_BYTES / BLOCK)
#define BLOCK_BITMAP 2 /* places in a group */
#define INODE_BITMAP 3
#define INODE_TABLE 4
#define GROUP_DATA (INODE_TABLE + INODE_BLOCKS)
#define RESERVED_INODES 10
#define ROOT_INODE 2
#define BLOCK_SIZE_SET _IOW(0x12, 113, size_t) /* BLKBSZSET of linux/fs.h */

/* The beginning of the superblock (Documentation/filesystems/ext2.rst); the rest is zero in revision 0. */
struct superblock {
	uint32_t inodes, blocks, reserved_blocks, free_blocks, free_inodes, first_data_block, log_block_size,
		log_fragment_size, blocks_per_group, fragments_per_group, inodes_per_group, mount_time, write_time;
	uint16_t mounts, mounts_max, magic, state, errors, minor_revision;
};

struct group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, folders, unused[7];
};

struct inode {
	uint16_t mode, uid;
	uint32_t size, accessed, changed, modified, deleted;
	uint16_t gid, links;
	uint32_t sectors, flags, reserved, block[15], unused[7];
};

static int block_write(int descriptor, unsigned long number, const void *block)
{
	return pwrite(descriptor, block, BLOCK, (off_t)(number * BLOCK)) == (ssize_t)BLOCK ? 0 : -EIO;
}

/* Marks bits [first, last) of a bitmap. */
static void bits_set(unsigned char *bitmap, unsigned long first, unsigned long last)
{
	for (; first < last; first++)
		bitmap[first / 8] |= (unsigned char)(1 << first % 8);
}

static int root_write(int descriptor, unsigned long start)
{
	static struct inode inodes[BLOCK / INODE_BYTES];
	static unsigned char block[BLOCK];
	struct inode *root = &inodes[ROOT_INODE - 1];
	unsigned long data = start + GROUP_DATA;
	/* inode, length of the entry, length of the name (16 bits of it), name */
	const uint16_t dot[] = { ROOT_INODE, 0, 12, 1, '.' };
	const uint16_t dots[] = { ROOT_INODE, 0, BLOCK - 12, 2, '.' | '.' << 8 };

	root->mode = 040755;
	root->links = 2;
	root->size = BLOCK;
	root->sectors = BLOCK / 512;
	root->block[0] = (uint32_t)data;
	if (block_write(descriptor, start + INODE_TABLE, inodes))
		return -EIO;
	memcpy(block, dot, sizeof(dot));
	memcpy(block + 12, dots, sizeof(dots));
	return block_write(descriptor, data, block);
}

static int extfs_write(int descriptor, unsigned int groups)
{
	static unsigned char bitmap[BLOCK], zeroes[BLOCK];
	static struct superblock super;
	static struct group descriptors[GROUPS_MAX];
	unsigned long blocks = groups * GROUP_BLOCKS, i, k;
	int result = 0;

	super.inodes = (uint32_t)(groups * GROUP_INODES);
	super.blocks = (uint32_t)blocks + 1;
	super.first_data_block = 1; /* block 0 is the boot block */
	super.blocks_per_group = super.fragments_per_group = GROUP_BLOCKS;
	super.inodes_per_group = GROUP_INODES;
	super.mounts_max = (uint16_t)-1;
	super.magic = 0xef53;
	super.state = 1; /* clean */
	super.errors = 1; /* go on */
	for (i = 0; i < groups; i++) {
		unsigned long start = 1 + i * GROUP_BLOCKS, used = GROUP_DATA + !i;
		unsigned long inodes = i ? 0 : RESERVED_INODES;

		descriptors[i].block_bitmap = (uint32_t)(start + BLOCK_BITMAP);
		descriptors[i].inode_bitmap = (uint32_t)(start + INODE_BITMAP);
		descriptors[i].inode_table = (uint32_t)(start + INODE_TABLE);
		descriptors[i].free_blocks = (uint16_t)(GROUP_BLOCKS - used);
		descriptors[i].free_inodes = (uint16_t)(GROUP_INODES - inodes);
		descriptors[i].folders = !i;
		super.free_blocks += descriptors[i].free_blocks;
		super.free_inodes += descriptors[i].free_inodes;
		memset(bitmap, 0, sizeof(bitmap));
		bits_set(bitmap, 0, used);
		result |= block_write(descriptor, start + BLOCK_BITMAP, bitmap);
		memset(bitmap, 0, sizeof(bitmap));
		bits_set(bitmap, 0, inodes);
		bits_set(bitmap, GROUP_INODES, 8 * BLOCK); /* there are no such inodes */
		result |= block_write(descriptor, start + INODE_BITMAP, bitmap);
		for (k = 0; k < INODE_BLOCKS; k++)
			result |= block_write(descriptor, start + INODE_TABLE + k, zeroes);
	}
	memset(bitmap, 0, sizeof(bitmap));
	memcpy(bitmap, &super, sizeof(super));
	result |= block_write(descriptor, 1, bitmap);
	memset(bitmap, 0, sizeof(bitmap));
	memcpy(bitmap, descriptors, groups * sizeof(descriptors[0]));
	result |= block_write(descriptor, 2, bitmap);
	return result | root_write(descriptor, 1);
}

int extfs_mount(const char *device, long kib, const char *folder)
{
	unsigned int groups = kib < 0 ? 0 : (unsigned int)((unsigned long)(kib - 1) / GROUP_BLOCKS);
	int descriptor = open(device, O_RDWR), result;
	size_t size = BLOCK;

	if (descriptor < 0)
		return -errno;
	/* Before 2.6.25 a RAM disk loses its content where the block size changes: now, not by mounting it. */
	ioctl(descriptor, (int)BLOCK_SIZE_SET, &size);
	result = groups ? extfs_write(descriptor, groups > GROUPS_MAX ? GROUPS_MAX : groups) : -ENOSPC;
	if (!result && fsync(descriptor))
		result = -EIO;
	if (!result && mount(device, folder, "ext2", 0, NULL))
		result = -errno;
	close(descriptor);
	return result;
}
