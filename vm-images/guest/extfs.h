/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small file system of the second extended kind, revision 0, which every kernel mounts. */
#ifndef EXTFS_H
#define EXTFS_H

/* Makes one of the given KiB on a block device, and mounts it on a folder. Returns 0 or -errno. */
int extfs_mount(const char *device, long kib, const char *folder);

#endif
