
/* Locks, contexts, watchdogs, and two processors that fail at one time. */

static atomic_t planted_arrived = ATOMIC_INIT(0);
static void (*planted_both[2])(void);

static int planted_member(void *number)
{
	int cpu = (int)(long)number;
	unsigned long start;

#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 9)
	strcpy(current->comm, "planted");
	set_cpus_allowed(current, 1UL << cpu);
#endif
	/* Both leave at one tick of the clock. */
	atomic_inc(&planted_arrived);
	while (atomic_read(&planted_arrived) < 2)
		planted_pause(1);
	start = (jiffies | 63) + 1;
	while (time_before(jiffies, start))
		planted_depth++;
	planted_depth = 0;
	planted_both[cpu]();
	for (;;)
		planted_pause(3600 * HZ);
	return 0;
}

static void planted_pair(void (*first)(void), void (*second)(void))
{
	long cpu;

	planted_both[0] = first;
	planted_both[1] = second;
	for (cpu = 0; cpu < 2; cpu++) {
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 9)
		kernel_thread(planted_member, (void *)cpu, CLONE_FS | CLONE_FILES);
#else
		struct task_struct *task = kthread_create(planted_member, (void *)cpu, "planted/%ld", cpu);

		kthread_bind(task, cpu);
		wake_up_process(task);
#endif
	}
}

static void planted_pair_oops(void)
{
	planted_pair(planted_null_read, planted_wild_write);
}

static void planted_pair_bug(void)
{
	planted_pair(planted_bug, planted_null_read);
}

static void planted_pair_same(void)
{
	planted_pair(planted_bug, planted_bug);
}

#ifdef WARN_ON
static PLANTED void planted_warn_ten(void)
{
	int i;

	for (i = 0; i < 10; i++)
		WARN_ON(planted_depth >= 0);
	planted_depth++;
}

static void planted_pair_warn(void)
{
	planted_pair(planted_warn, planted_warn_ten);
}

static void planted_warn_and_bug(void)
{
	planted_pair(planted_warn_ten, planted_bug);
}
#endif

static void planted_page_and_bug(void)
{
	planted_pair(planted_bad_flags, planted_bug);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 0)
static PLANTED void planted_sleep_atomic(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
}

static PLANTED void planted_alloc_atomic(void)
{
	unsigned long flags;

	local_irq_save(flags);
	kmalloc(100, GFP_KERNEL);
	local_irq_restore(flags);
}

static PLANTED void planted_cpu_id(void)
{
	planted_depth = smp_processor_id();
}
#endif

static PLANTED void planted_spin_zeroed(void)
{
	static spinlock_t zeroed;

	spin_lock(&zeroed);
	spin_unlock(&zeroed);
	planted_depth++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
static DEFINE_SPINLOCK(planted_lock_a);
static DEFINE_SPINLOCK(planted_lock_b);
static DEFINE_MUTEX(planted_mutex_a);
static DEFINE_MUTEX(planted_mutex_b);

static PLANTED void planted_recursive(void)
{
	spin_lock(&planted_lock_a);
	spin_lock(&planted_lock_a);
	planted_depth++;
}

static PLANTED void planted_circular(void)
{
	mutex_lock(&planted_mutex_a);
	mutex_lock(&planted_mutex_b);
	mutex_unlock(&planted_mutex_b);
	mutex_unlock(&planted_mutex_a);
	mutex_lock(&planted_mutex_b);
	mutex_lock(&planted_mutex_a);
	mutex_unlock(&planted_mutex_a);
	mutex_unlock(&planted_mutex_b);
	planted_depth++;
}

static void planted_in_irq(void *unused)
{
	spin_lock(&planted_lock_a);
	spin_unlock(&planted_lock_a);
}

static void planted_on_other_cpus(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 27)
	smp_call_function(planted_in_irq, 0, 0, 1);
#else
	smp_call_function(planted_in_irq, 0, 1);
#endif
}

static PLANTED void planted_irq_state(void)
{
	planted_on_other_cpus();
	spin_lock(&planted_lock_a);
	spin_unlock(&planted_lock_a);
	planted_depth++;
}

static PLANTED void planted_irq_order(void)
{
	planted_on_other_cpus();
	spin_lock(&planted_lock_b);
	spin_unlock(&planted_lock_b);
	local_irq_disable();
	spin_lock(&planted_lock_a);
	spin_lock(&planted_lock_b);
	spin_unlock(&planted_lock_b);
	spin_unlock(&planted_lock_a);
	local_irq_enable();
}

/* The lock taken inside is the one that an interrupt takes, too: known only later. */
static PLANTED void planted_irq_inversion(void)
{
	local_irq_disable();
	spin_lock(&planted_lock_a);
	spin_lock(&planted_lock_b);
	spin_unlock(&planted_lock_b);
	spin_unlock(&planted_lock_a);
	local_irq_enable();
	spin_lock(&planted_lock_b);
	spin_unlock(&planted_lock_b);
	planted_on_other_cpus();
	planted_depth++;
}

static PLANTED void planted_unlock(void)
{
	mutex_unlock(&planted_mutex_a);
	planted_depth++;
}

static PLANTED void planted_lock_freed(void)
{
	struct planted_object {
		int before;
		struct mutex mutex;
	} *object = kmalloc(sizeof(*object), GFP_KERNEL);

	mutex_init(&object->mutex);
	mutex_lock(&object->mutex);
	kfree(object);
	planted_depth++;
}

static PLANTED void planted_lock_static(void)
{
	spinlock_t *lock = kmalloc(sizeof(*lock), GFP_KERNEL);

	memset(lock, 0, sizeof(*lock));
	spin_lock(lock);
	spin_unlock(lock);
	planted_depth++;
}

static PLANTED void planted_exit_locked(void)
{
	mutex_lock(&planted_mutex_a);
	do_exit(0);
}

static PLANTED void planted_rcu_usage(void)
{
	static int *pointer;

	planted_depth = rcu_dereference(pointer) != 0;
}

static PLANTED void planted_rcu_sleep(void)
{
	rcu_read_lock();
	planted_pause(2);
	rcu_read_unlock();
}

#ifdef DEFINE_RAW_SPINLOCK
static DEFINE_RAW_SPINLOCK(planted_raw);

static PLANTED void planted_wait_context(void)
{
	raw_spin_lock(&planted_raw);
	spin_lock(&planted_lock_a);
	spin_unlock(&planted_lock_a);
	raw_spin_unlock(&planted_raw);
	planted_depth++;
}
#endif

static PLANTED void planted_hold_lock(void)
{
	spin_lock(&planted_lock_a);
	planted_spin(60);
	spin_unlock(&planted_lock_a);
	planted_depth++;
}

static PLANTED void planted_want_lock(void)
{
	planted_spin(1);
	spin_lock(&planted_lock_a);
	spin_unlock(&planted_lock_a);
	planted_depth++;
}

static void planted_spin_lockup(void)
{
	planted_pair(planted_hold_lock, planted_want_lock);
}

/* --- watchdogs --- */

static PLANTED void planted_soft_lockup(void)
{
	preempt_disable();
	planted_spin(50);
	preempt_enable();
}

static PLANTED void planted_irqs_off(void)
{
	unsigned long i;

	local_irq_disable();
	/* No clock ticks here: counted, far longer than any watchdog waits. */
	for (i = 0; i < 200000000000UL; i++)
		planted_depth++;
	local_irq_enable();
}

static void planted_idle(void)
{
}

static void planted_hang_one(void)
{
	planted_pair(planted_idle, planted_irqs_off);
}

static PLANTED void planted_rcu_hog(void)
{
	rcu_read_lock();
	planted_spin(60);
	rcu_read_unlock();
}

static PLANTED void planted_blocked(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
	planted_depth++;
}

static PLANTED void planted_mutex_holder(void)
{
	mutex_lock(&planted_mutex_a);
	for (;;)
		planted_pause(HZ);
}

static PLANTED void planted_mutex_waiter(void)
{
	planted_pause(HZ);
	mutex_lock(&planted_mutex_a);
	planted_depth++;
}

static void planted_blocked_mutex(void)
{
	planted_pair(planted_mutex_holder, planted_mutex_waiter);
}

static PLANTED void planted_work_leaks(struct work_struct *unused)
{
	preempt_disable();
}

static PLANTED void planted_work_hogs(struct work_struct *unused)
{
	planted_spin(40);
	planted_depth++;
}

static PLANTED void planted_work_oops(struct work_struct *unused)
{
	planted_null_read();
	planted_depth++;
}

static void planted_work(void (*function)(struct work_struct *))
{
	struct work_struct *work = kmalloc(sizeof(*work), GFP_KERNEL);

	INIT_WORK(work, function);
	schedule_work(work);
}

static void planted_work_leak(void)
{
	planted_work(planted_work_leaks);
}

static void planted_work_hog(void)
{
	planted_work(planted_work_hogs);
	planted_work(planted_work_leaks);
}

static void planted_work_null(void)
{
	planted_work(planted_work_oops);
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
static void planted_tick(struct timer_list *unused)
{
}

/* Memory of a timer that is still to run. */
static PLANTED void planted_timer_freed(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	timer_setup(timer, planted_tick, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
	planted_depth++;
}
#endif

#ifdef CONFIG_SCHED_STACK_END_CHECK
static PLANTED void planted_stack_end(void)
{
	*end_of_stack(current) = 0;
	planted_pause(2);
	planted_depth++;
}
#endif

static int planted_shared;

static PLANTED void planted_race_write(void)
{
	int i;

	for (i = 0; i < 3000000; i++) {
		planted_shared = i;
		barrier();
	}
}

static PLANTED void planted_race_read(void)
{
	int i, sum = 0;

	for (i = 0; i < 3000000; i++) {
		sum += planted_shared;
		barrier();
	}
	planted_depth = sum;
}

static void planted_race(void)
{
	planted_pair(planted_race_write, planted_race_read);
}

static struct planted_kind planted_lock_kinds[] = {
	{ "pair-oops", planted_pair_oops },
	{ "pair-bug", planted_pair_bug },
	{ "pair-same", planted_pair_same },
#ifdef WARN_ON
	{ "pair-warn", planted_pair_warn },
	{ "warn-and-bug", planted_warn_and_bug },
#endif
	{ "page-and-bug", planted_page_and_bug },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 0)
	{ "sleep-atomic", planted_sleep_atomic },
	{ "alloc-atomic", planted_alloc_atomic },
	{ "cpu-id", planted_cpu_id },
#endif
	{ "spin-zeroed", planted_spin_zeroed },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
	{ "recursive", planted_recursive },
	{ "circular", planted_circular },
	{ "irq-state", planted_irq_state },
	{ "irq-order", planted_irq_order },
	{ "irq-inversion", planted_irq_inversion },
	{ "unlock", planted_unlock },
	{ "lock-freed", planted_lock_freed },
	{ "lock-static", planted_lock_static },
	{ "exit-locked", planted_exit_locked },
	{ "rcu-usage", planted_rcu_usage },
	{ "rcu-sleep", planted_rcu_sleep },
#ifdef DEFINE_RAW_SPINLOCK
	{ "wait-context", planted_wait_context },
#endif
	{ "spin-lockup", planted_spin_lockup },
	{ "soft-lockup", planted_soft_lockup },
	{ "hang-one", planted_hang_one },
	{ "rcu-hog", planted_rcu_hog },
	{ "blocked", planted_blocked },
	{ "blocked-mutex", planted_blocked_mutex },
	{ "work-leak", planted_work_leak },
	{ "work-hog", planted_work_hog },
	{ "work-null", planted_work_null },
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
	{ "freed-timer", planted_timer_freed },
#endif
#ifdef CONFIG_SCHED_STACK_END_CHECK
	{ "stack-end", planted_stack_end },
#endif
	{ "race", planted_race },
	{ 0, 0 }
};
