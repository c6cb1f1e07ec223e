
/* Pages, page tables, slabs, lists, counters: what a kernel says of damaged memory. */

static PLANTED void planted_bad_flags(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	set_bit(PG_lru, &page->flags);
	__free_pages(page, 0);
	planted_depth++;
}

static PLANTED void planted_bad_mapping(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	page->mapping = (void *)&planted_depth;
	__free_pages(page, 0);
	planted_depth++;
}

static PLANTED void planted_free_twice(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	__free_pages(page, 0);
	__free_pages(page, 0);
	planted_depth++;
}

/* A flag set on a page that is free, which is seen when it is given away. */
static PLANTED void planted_bad_alloc(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	int i;

	__free_pages(page, 0);
	set_bit(PG_locked, &page->flags);
	for (i = 0; i < 600; i++)
		alloc_pages(GFP_KERNEL, 0);
}

static PLANTED void planted_use_freed_page(void)
{
	char *volatile page = (char *)__get_free_pages(GFP_KERNEL, 0);
	int i;

	free_pages((unsigned long)page, 0);
	page[100] = 1;
	for (i = 0; i < 600; i++)
		__get_free_pages(GFP_KERNEL, 0);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
static PLANTED void planted_bad_mapcount(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	atomic_set(&page->_mapcount, 3);
	__free_pages(page, 0);
	planted_depth++;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 2, 0)
static PLANTED void planted_rmap(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 0)
	static pte_t pte;

	page_remove_rmap(page, &pte);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 22)
	page_remove_rmap(page);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 29)
	static struct vm_area_struct vma;

	page_remove_rmap(page, &vma);
#else
	page_remove_rmap(page);
#endif
	__free_pages(page, 0);
	planted_depth++;
}
#endif

#ifdef VM_BUG_ON
static PLANTED void planted_vm_bug(void)
{
	VM_BUG_ON(planted_depth >= 0);
	planted_depth++;
}
#endif

#ifdef VM_BUG_ON_PAGE
static PLANTED void planted_vm_bug_page(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	VM_BUG_ON_PAGE(page_count(page) > 0, page);
	planted_depth++;
}
#endif

#ifdef VM_BUG_ON_FOLIO
static PLANTED void planted_vm_bug_folio(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);

	VM_BUG_ON_FOLIO(folio_test_large(page_folio(page)), page_folio(page));
	planted_depth++;
}
#endif

#ifdef VM_WARN_ON_ONCE_PAGE
static PLANTED void planted_vm_warn_page(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	VM_WARN_ON_ONCE_PAGE(page_count(page) > 0, page);
	planted_depth++;
}
#endif

#ifdef VM_BUG_ON_VMA
static PLANTED void planted_vm_bug_vma(void)
{
	static struct vm_area_struct vma;

	vma.vm_mm = &init_mm;
	VM_BUG_ON_VMA(vma.vm_start == 0, &vma);
	planted_depth++;
}

static PLANTED void planted_vm_bug_mm(void)
{
	struct mm_struct *mm = mm_alloc();

	VM_BUG_ON_MM(mm != NULL, mm);
	planted_depth++;
}

static PLANTED void planted_bad_rss(void)
{
	struct mm_struct *mm = mm_alloc();

	add_mm_counter(mm, MM_ANONPAGES, 5);
	mmdrop(mm);
	planted_depth++;
}

static PLANTED void planted_page_tables(void)
{
	struct mm_struct *mm = mm_alloc();

	mm_inc_nr_ptes(mm);
	mmdrop(mm);
	planted_depth++;
}
#endif

static PLANTED void planted_bad_pmd(void)
{
	pmd_t pmd;

	memset(&pmd, 0x15, sizeof(pmd));
	pmd_ERROR(pmd);
	planted_depth++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
static PLANTED void planted_bad_pte(void)
{
	static struct vm_area_struct vma;

	/* A page far beyond the memory, as if it were mapped where vmalloc() maps. */
	vma.vm_mm = &init_mm;
	vm_normal_page(&vma, (unsigned long)vmalloc(PAGE_SIZE), __pte(0xabcdef067ULL));
	planted_depth++;
}
#endif

static PLANTED void planted_swap_free(void)
{
	swp_entry_t entry = swp_entry(3, 0x1234);

	swap_free(entry);
	planted_depth++;
}

static PLANTED void planted_alloc_failure(void)
{
	static unsigned long held[1024];
	int i;

	for (i = 0; i < 1024; i++) {
		held[i] = __get_free_pages(GFP_ATOMIC, 8);
		if (!held[i])
			break;
	}
	while (i-- > 0)
		free_pages(held[i], 8);
}

/* Of an order that there is not. */
static PLANTED void planted_alloc_order(void)
{
	volatile int order = 20;

	planted_depth = alloc_pages(GFP_KERNEL, order) != 0;
}

static PLANTED void planted_vmalloc(void)
{
	volatile unsigned long size = 1UL << 30;

	planted_depth = vmalloc(size) != 0;
}

/* Takes all the memory, a little more, and gives it back. */
static PLANTED void planted_oom(void)
{
	unsigned long *last = 0, *page;
	unsigned long end = jiffies + 60 * HZ;
	struct sysinfo info;
	int count = 0, more = 0;

	while (more < 40 && time_before(jiffies, end)) {
		page = (unsigned long *)__get_free_pages(GFP_KERNEL, 0);
		if (!page)
			break;
		*page = (unsigned long)last;
		last = page;
		if (count++ % 64)
			continue;
		si_meminfo(&info);
		if (info.freeram < 2048)
			more++;
	}
	while (last) {
		page = last;
		last = (unsigned long *)*last;
		free_pages((unsigned long)page, 0);
	}
}

/* --- slabs --- */

#define PLANTED_SIZE 200

/* What was written to a freed object is seen when it is given away again. */
static PLANTED void planted_reuse(void)
{
	int i;

	for (i = 0; i < 200; i++)
		kmalloc(PLANTED_SIZE, GFP_KERNEL);
}

static PLANTED void planted_double_free(void)
{
	void *volatile object = kmalloc(PLANTED_SIZE, GFP_KERNEL);

	kfree(object);
	kfree(object);
	planted_reuse();
	planted_depth++;
}

static PLANTED void planted_overrun(void)
{
	volatile char *volatile object = kmalloc(256, GFP_KERNEL);

	object[256] = 1;
	kfree((void *)object);
	planted_depth++;
}

static PLANTED void planted_overread(void)
{
	volatile char *volatile object = kmalloc(PLANTED_SIZE, GFP_KERNEL);

	planted_depth = object[PLANTED_SIZE + 3];
	kfree((void *)object);
	planted_depth++;
}

static PLANTED void planted_use_after_free(void)
{
	volatile char *volatile object = kmalloc(PLANTED_SIZE, GFP_KERNEL);

	kfree((void *)object);
	object[100] = 1;
	planted_reuse();
	planted_depth++;
}

static PLANTED void planted_free_middle(void)
{
	char *volatile object = kmalloc(PLANTED_SIZE, GFP_KERNEL);

	kfree(object + 16);
	planted_depth++;
}

static PLANTED void planted_free_static(void)
{
	static char nothing[4096 * 3];
	char *volatile object = nothing + 4096;

	kfree(object);
	planted_depth++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 23)
#define planted_cache(name) kmem_cache_create(name, 104, 0, 0x2000 /* SLAB_HWCACHE_ALIGN: not merged */, 0)
#else
#define planted_cache(name) kmem_cache_create(name, 104, 0, 0, 0, 0)
#endif

static PLANTED void planted_cache_objects(void)
{
	void *cache = planted_cache("planted_objects");

	kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_destroy(cache);
	planted_depth++;
}

static PLANTED void planted_cache_mixup(void)
{
	void *one = planted_cache("planted_one");
	void *other = planted_cache("planted_other");

	kmem_cache_free(other, kmem_cache_alloc(one, GFP_KERNEL));
	planted_depth++;
}

static PLANTED void planted_leak(void)
{
	int i;

	for (i = 0; i < 20; i++)
		memset(kmalloc(PLANTED_SIZE, GFP_KERNEL), 0, PLANTED_SIZE);
}

/* --- lists and counters --- */

static PLANTED void planted_list_add(void)
{
	struct list_head one, two, three;

	INIT_LIST_HEAD(&one);
	INIT_LIST_HEAD(&three);
	list_add(&two, &one);
	two.prev = &three;
	list_add(&three, &one);
	planted_depth++;
}

static PLANTED void planted_list_del(void)
{
	struct list_head one, two;

	INIT_LIST_HEAD(&one);
	list_add(&two, &one);
	list_del(&two);
	list_del(&two);
	planted_depth++;
}

static PLANTED void planted_list_broken(void)
{
	struct list_head one, two, three;

	INIT_LIST_HEAD(&one);
	INIT_LIST_HEAD(&three);
	list_add(&two, &one);
	one.next = &three;
	list_del(&two);
	planted_depth++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
static PLANTED void planted_refcount_zero(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
	planted_depth++;
}

static PLANTED void planted_refcount_underflow(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	planted_depth = refcount_dec_and_test(&count);
}

static PLANTED void planted_refcount_saturated(void)
{
	refcount_t count = REFCOUNT_INIT(0x7fffffff);

	refcount_inc(&count);
	planted_depth++;
}

static PLANTED void planted_refcount_leak(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
	planted_depth++;
}
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
static PLANTED void planted_kref(void)
{
	struct kref count;

	atomic_set(&count.refcount, 0);
	kref_get(&count);
	planted_depth++;
}
#endif

/* --- what the compiler checks --- */

static int planted_row[8];
static int planted_behind[8];

static PLANTED void planted_bounds(void)
{
	volatile int index = 9;

	planted_depth = planted_row[index] + planted_behind[0];
}

static PLANTED void planted_shift(void)
{
	volatile int by = 40;

	planted_depth = 1 << by;
}

static PLANTED void planted_stack_bounds(void)
{
	volatile char frame[24];
	volatile int index = 27;

	frame[3] = 1;
	planted_depth = frame[index];
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 13, 0)
static PLANTED void planted_fortify(void)
{
	static char small[8], large[64];
	volatile size_t size = 24;

	memcpy(small, large, size);
	planted_depth = small[1];
}

static PLANTED void planted_usercopy(void)
{
	volatile size_t size = 64;

	check_object_size((void *)planted_fortify, size, true);
	planted_depth++;
}
#endif

#ifdef CONFIG_KFENCE
static char *planted_guarded(void)
{
	char *object;

	for (;;) {
		object = kmalloc(64, GFP_KERNEL);
		if (is_kfence_address(object))
			return object;
		kfree(object);
		planted_pause(1);
	}
}

static PLANTED void planted_kfence_overread(void)
{
	volatile char *volatile object = planted_guarded();

	planted_depth = object[-1] + object[64];
	kfree((void *)object);
	planted_depth++;
}

static PLANTED void planted_kfence_after_free(void)
{
	volatile char *volatile object = planted_guarded();

	kfree((void *)object);
	planted_depth = object[8];
}

static PLANTED void planted_kfence_corruption(void)
{
	/* Objects lie at either end of a page: one of these two bytes is watched on free only. */
	volatile char *volatile object = planted_guarded();
	unsigned long at = (unsigned long)object & (PAGE_SIZE - 1);

	object[at ? -3 : 67] = 1;
	kfree((void *)object);
	planted_depth++;
}
#endif

static struct planted_kind planted_mm_kinds[] = {
	{ "bad-flags", planted_bad_flags },
	{ "bad-mapping", planted_bad_mapping },
	{ "free-twice", planted_free_twice },
	{ "bad-alloc", planted_bad_alloc },
	{ "use-freed-page", planted_use_freed_page },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
	{ "bad-mapcount", planted_bad_mapcount },
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 2, 0)
	{ "rmap", planted_rmap },
#endif
#ifdef VM_BUG_ON
	{ "vm-bug", planted_vm_bug },
#endif
#ifdef VM_BUG_ON_PAGE
	{ "vm-bug-page", planted_vm_bug_page },
#endif
#ifdef VM_BUG_ON_FOLIO
	{ "vm-bug-folio", planted_vm_bug_folio },
#endif
#ifdef VM_WARN_ON_ONCE_PAGE
	{ "vm-warn-page", planted_vm_warn_page },
#endif
#ifdef VM_BUG_ON_VMA
	{ "vm-bug-vma", planted_vm_bug_vma },
	{ "vm-bug-mm", planted_vm_bug_mm },
	{ "bad-rss", planted_bad_rss },
	{ "page-tables", planted_page_tables },
#endif
	{ "bad-pmd", planted_bad_pmd },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
	{ "bad-pte", planted_bad_pte },
#endif
	{ "swap-free", planted_swap_free },
	{ "alloc-failure", planted_alloc_failure },
	{ "alloc-order", planted_alloc_order },
	{ "vmalloc", planted_vmalloc },
	{ "oom", planted_oom },
	{ "double-free", planted_double_free },
	{ "overrun", planted_overrun },
	{ "overread", planted_overread },
	{ "use-after-free", planted_use_after_free },
	{ "free-middle", planted_free_middle },
	{ "free-static", planted_free_static },
	{ "cache-objects", planted_cache_objects },
	{ "cache-mixup", planted_cache_mixup },
	{ "leak", planted_leak },
	{ "list-add", planted_list_add },
	{ "list-del", planted_list_del },
	{ "list-broken", planted_list_broken },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
	{ "refcount-zero", planted_refcount_zero },
	{ "refcount-underflow", planted_refcount_underflow },
	{ "refcount-saturated", planted_refcount_saturated },
	{ "refcount-leak", planted_refcount_leak },
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
	{ "kref", planted_kref },
#endif
	{ "bounds", planted_bounds },
	{ "shift", planted_shift },
	{ "stack-bounds", planted_stack_bounds },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 13, 0)
	{ "fortify", planted_fortify },
	{ "usercopy", planted_usercopy },
#endif
#ifdef CONFIG_KFENCE
	{ "kfence-overread", planted_kfence_overread },
	{ "kfence-after-free", planted_kfence_after_free },
	{ "kfence-corruption", planted_kfence_corruption },
#endif
	{ 0, 0 }
};
