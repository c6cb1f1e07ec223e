#ifndef _LINUX_SHELF_H
#define _LINUX_SHELF_H

#include <linux/list.h>
#include <linux/spinlock.h>

/*
 * A shelf holds boxes of one size, oldest first.
 */
struct shelf {
	spinlock_t		lock;		/* protects all below */
	struct list_head	boxes;
	unsigned int		nr_boxes;
	unsigned int		max_boxes;	/* 0: no limit */
};

struct box {
	struct list_head	list;		/* on shelf->boxes */
	struct shelf		*shelf;
	atomic_t		users;
	unsigned long		stamp;
};

#define SHELF_MAX_BOXES		64
#define box_get(box)		atomic_inc(&(box)->users)
#define box_count(box)		atomic_read(&(box)->users)

extern void shelf_init(struct shelf *shelf, unsigned int max_boxes);
extern int shelf_put(struct shelf *shelf, struct box *box);
extern struct box *shelf_take(struct shelf *shelf);
extern unsigned int shelf_shrink(struct shelf *shelf, unsigned int wanted);

#endif /* _LINUX_SHELF_H */
