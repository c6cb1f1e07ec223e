
/*
 * Planted by the harness's own tests: the boot word harness_plant=KIND makes the kernel fail in that way. What comes
 * of it is recorded, and is what the parser of consoles and the reader of guest RAM are tested with.
 *
 * setup-...  in the parser of boot words, before traps are set up
 * early-...  just before the serial console is registered (in 2.5, which cannot do that: in the parser)
 * boot-...   in the last initcall, in process 1
 * others     in a kernel thread, when user space is at work
 */
#include <linux/version.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
#include <linux/kthread.h>
#include <asm/bug.h>
#endif

#define PLANTED __attribute__((__noinline__))

static char planted_kind[40];
static volatile int planted_depth;

static PLANTED void planted_triple_fault(void)
{
	/* An empty interrupt table: the first exception has no handler, nor has the one that follows from it. */
	struct {
		unsigned short limit;
		unsigned long base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ __volatile__("cli; lidt %0; int3" : : "m" (none));
}

static PLANTED void planted_hang(int interrupts)
{
	preempt_disable();
	if (!interrupts)
		__asm__ __volatile__("cli");
	for (;;)
		planted_depth++;
}

static PLANTED void planted_null_call(void)
{
	void (*volatile nothing)(void) = 0;

	nothing();
	planted_depth++;
}

static PLANTED void planted_null_read(void)
{
	int *volatile nothing = 0;

	planted_depth = nothing[4];
}

static PLANTED void planted_wild_write(void)
{
	int *volatile wild = (int *)((unsigned long)&planted_depth ^ (1UL << 29));

	*wild = planted_depth;
}

static PLANTED void planted_divide(void)
{
	planted_depth = 1;
	planted_depth = planted_depth / (planted_depth - 1);
}

static PLANTED void planted_bug(void)
{
	if (planted_depth >= 0)
		BUG();
	planted_depth++;
}

static PLANTED void planted_warn(void)
{
#ifdef WARN_ON
	WARN_ON(planted_depth >= 0);
#else
	printk("planted: this kernel has no WARN_ON\n");
#endif
	planted_depth++;
}

static PLANTED void planted_panic(void)
{
	panic("planted for the harness");
}

static PLANTED void planted_sleep(void)
{
	preempt_disable();
	set_current_state(TASK_INTERRUPTIBLE);
	schedule_timeout(2);
	preempt_enable();
}

static PLANTED void planted_act(const char *act)
{
	printk("planted: %s\n", act);
	if (!strcmp(act, "triple-fault"))
		planted_triple_fault();
	else if (!strcmp(act, "hang"))
		planted_hang(1);
	else if (!strcmp(act, "hang-irqs-off"))
		planted_hang(0);
	else if (!strcmp(act, "null-call"))
		planted_null_call();
	else if (!strcmp(act, "null-read"))
		planted_null_read();
	else if (!strcmp(act, "wild-write"))
		planted_wild_write();
	else if (!strcmp(act, "divide"))
		planted_divide();
	else if (!strcmp(act, "bug"))
		planted_bug();
	else if (!strcmp(act, "warn"))
		planted_warn();
	else if (!strcmp(act, "panic"))
		planted_panic();
	else if (!strcmp(act, "sleep"))
		planted_sleep();
	else
		printk("planted: there is no such kind\n");
	planted_depth++;
}

static int planted_thread(void *unused)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 9)
	strcpy(current->comm, "planted");
#endif
	set_current_state(TASK_INTERRUPTIBLE);
	schedule_timeout(2 * HZ);
	planted_act(planted_kind);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_timeout(3600 * HZ);
	}
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
	if (!strncmp(planted_kind, "setup-", 6))
		planted_act(planted_kind + 6);
#ifndef console_initcall
	if (!strncmp(planted_kind, "early-", 6))
		planted_act(planted_kind + 6);
#endif
	return 1;
}
__setup("harness_plant=", planted_setup);
