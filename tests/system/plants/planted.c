
/* Starts what the boot word asks for. */

static char planted_kind[40];

static int planted_act_of(struct planted_kind *kinds, const char *name)
{
	for (; kinds->name; kinds++)
		if (!strcmp(name, kinds->name)) {
			kinds->fail();
			return 1;
		}
	return 0;
}

static PLANTED void planted_act(const char *name)
{
	printk("planted: %s\n", name);
	if (!planted_act_of(planted_cpu_kinds, name) && !planted_act_of(planted_mm_kinds, name) &&
	    !planted_act_of(planted_lock_kinds, name))
		printk("planted: there is no such kind\n");
	planted_depth++;
}

static struct timer_list planted_timer;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
static void planted_expired(struct timer_list *unused)
#else
static void planted_expired(unsigned long unused)
#endif
{
	planted_act(planted_kind + 6);
}

static void planted_start_timer(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
	timer_setup(&planted_timer, planted_expired, 0);
#else
	init_timer(&planted_timer);
	planted_timer.function = planted_expired;
#endif
	mod_timer(&planted_timer, jiffies + HZ / 2);
}

static int planted_thread(void *unused)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 9)
	strcpy(current->comm, "planted");
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
	/* Until then the kernel's own text can be written. */
	while (system_state != SYSTEM_RUNNING)
		planted_pause(HZ / 10);
#endif
	planted_pause(HZ);
	if (strncmp(planted_kind, "timer-", 6))
		planted_act(planted_kind);
	else
		planted_start_timer();
	for (;;)
		planted_pause(3600 * HZ);
	return 0;
}

static int __init planted_boot(void)
{
	if (!planted_kind[0])
		return 0;
	if (!strncmp(planted_kind, "boot-", 5))
		planted_act(planted_kind + 5);
	else if (strncmp(planted_kind, "early-", 6) && strncmp(planted_kind, "setup-", 6))
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 9)
		kernel_thread(planted_thread, 0, CLONE_FS | CLONE_FILES);
#else
		kthread_run(planted_thread, 0, "planted");
#endif
	return 0;
}
late_initcall(planted_boot);

#ifdef console_initcall
static int __init planted_early(void)
{
	if (!strncmp(planted_kind, "early-", 6))
		planted_act(planted_kind + 6);
	return 0;
}
console_initcall(planted_early);
#endif

static int __init planted_setup(char *kind)
{
	strncpy(planted_kind, kind, sizeof(planted_kind) - 1);
#ifdef CONFIG_DETECT_HUNG_TASK
	if (!strncmp(planted_kind, "blocked", 7)) {
		extern unsigned long sysctl_hung_task_timeout_secs;

		/* Before the watchdog first sleeps that long. */
		sysctl_hung_task_timeout_secs = 10;
	}
#endif
	if (!strncmp(planted_kind, "setup-", 6))
		planted_act(planted_kind + 6);
#ifndef console_initcall
	if (!strncmp(planted_kind, "early-", 6))
		planted_act(planted_kind + 6);
#endif
	return 1;
}
__setup("harness_plant=", planted_setup);
