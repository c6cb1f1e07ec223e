/*
 * Shelves: boxes that wait to be used again.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/shelf.h>

static kmem_cache_t *box_cache;

void shelf_init(struct shelf *shelf, unsigned int max_boxes)
{
	spin_lock_init(&shelf->lock);
	INIT_LIST_HEAD(&shelf->boxes);
	shelf->nr_boxes = 0;
	shelf->max_boxes = max_boxes;
}

static void box_free(struct box *box)
{
	if (box_count(box) != 0)
		BUG();
	kmem_cache_free(box_cache, box);
}

/*
 * Puts a box on the shelf.  A full shelf refuses it, and
 * the caller keeps the box.
 */
int shelf_put(struct shelf *shelf, struct box *box)
{
	int ret = -ENOSPC;

	spin_lock(&shelf->lock);
	if (shelf->max_boxes && shelf->nr_boxes >= shelf->max_boxes)
		goto out;
	list_add_tail(&box->list, &shelf->boxes);
	box->shelf = shelf;
	box->stamp = jiffies;
	shelf->nr_boxes++;
	ret = 0;
out:
	spin_unlock(&shelf->lock);
	return ret;
}

/*
 * Takes the oldest box, or none.
 */
struct box *shelf_take(struct shelf *shelf)
{
	struct box *box = NULL;

	spin_lock(&shelf->lock);
	if (!list_empty(&shelf->boxes)) {
		box = list_entry(shelf->boxes.next, struct box, list);
		list_del(&box->list);
		shelf->nr_boxes--;
	}
	spin_unlock(&shelf->lock);

	return box;
}

/*
 * Frees up to `wanted' boxes and returns how many are gone.
 */
unsigned int shelf_shrink(struct shelf *shelf, unsigned int wanted)
{
	unsigned int gone = 0;

	while (gone < wanted) {
		struct box *box = shelf_take(shelf);

		if (box == NULL)
			break;
		box_free(box);
		gone++;
	}

	return gone;
}

static int __init shelf_setup(void)
{
	box_cache = kmem_cache_create("shelf_box", sizeof(struct box), 0,
				      SLAB_HWCACHE_ALIGN, NULL, NULL);
	if (!box_cache)
		panic("shelf: cannot create its cache\n");
	return 0;
}

__initcall(shelf_setup);

EXPORT_SYMBOL(shelf_init);
EXPORT_SYMBOL(shelf_put);
EXPORT_SYMBOL(shelf_take); 
