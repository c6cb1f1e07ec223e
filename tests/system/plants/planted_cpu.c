
/*
 * Planted by the harness's own tests: the boot word harness_plant=KIND makes the kernel fail in that way. What comes
 * of it is recorded, and is what the parser of consoles and the reader of guest RAM are tested with.
 *
 * setup-...  in the parser of boot words, before traps are set up
 * early-...  just before the serial console is registered (in 2.5, which cannot do that: in the parser)
 * boot-...   in the last initcall, in process 1
 * timer-...  in a timer, so in an interrupt
 * others     in a kernel thread, when user space is at work
 *
 * This file comes first: faults of the processor and assertions. planted_mm.c and planted_locks.c follow, planted.c
 * starts what was asked for.
 */
#include <linux/version.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/list.h>
#include <linux/timer.h>
#include <linux/spinlock.h>
#include <linux/interrupt.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/vmalloc.h>
#include <linux/highmem.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
#include <linux/kthread.h>
#include <linux/kref.h>
#include <asm/bug.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 22)
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <linux/rcupdate.h>
#include <linux/rmap.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#endif
#ifdef CONFIG_KFENCE
#include <linux/kfence.h>
#endif

#define PLANTED __attribute__((__noinline__))

struct planted_kind {
	const char *name;
	void (*fail)(void);
};

static volatile int planted_depth;

static void planted_pause(unsigned long ticks)
{
	set_current_state(TASK_INTERRUPTIBLE);
	schedule_timeout(ticks);
}

/* For some seconds, on a processor that does nothing else. */
static PLANTED void planted_spin(int seconds)
{
	unsigned long end = jiffies + seconds * HZ;

	while (time_before(jiffies, end))
		planted_depth++;
}

static PLANTED void planted_triple_fault(void)
{
	/* An empty interrupt table: the first exception has no handler, nor has the one that follows from it. */
	struct {
		unsigned short limit;
		unsigned long base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ __volatile__("cli; lidt %0; int3" : : "m" (none));
}

static PLANTED void planted_hang(void)
{
	preempt_disable();
	for (;;)
		planted_depth++;
}

static PLANTED void planted_hang_irqs_off(void)
{
	__asm__ __volatile__("cli");
	planted_hang();
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

static PLANTED void planted_null_write(void)
{
	int *volatile nothing = 0;

	nothing[6] = planted_depth;
}

static PLANTED void planted_wild_write(void)
{
	int *volatile wild = (int *)((unsigned long)&planted_depth ^ (1UL << 29));

	*wild = planted_depth;
}

/* The kernel's own code, which may be protected. */
static PLANTED void planted_text_write(void)
{
	char *volatile text = (char *)planted_spin;

	*text = 0;
	planted_depth++;
}

/* No instruction can be fetched from there where data is not executable. */
static PLANTED void planted_data_call(void)
{
	static char data[16] = { 0x90, 0xc3 };
	void (*volatile call)(void) = (void (*)(void))data;

	call();
	planted_depth++;
}

#ifdef CONFIG_X86_64
static PLANTED void planted_non_canonical(void)
{
	int *volatile wild = (int *)0x6b6b6b6b6b6b6b6bUL;

	planted_depth = *wild;
}
#endif

static PLANTED void planted_opcode(void)
{
	/* Not of BUG(): what follows is no line and no file. */
	__asm__ __volatile__("ud2; .fill 16, 1, 0x90");
	planted_depth++;
}

static PLANTED void planted_breakpoint(void)
{
	__asm__ __volatile__("int3");
	planted_depth++;
}

static PLANTED void planted_privilege(void)
{
	/* A selector beyond the table. */
	__asm__ __volatile__("mov %0, %%fs" : : "r" (0xfff8));
	planted_depth++;
}

static PLANTED void planted_divide(void)
{
	planted_depth = 1;
	planted_depth = planted_depth / (planted_depth - 1);
}

static PLANTED void planted_double_fault(void)
{
	/* No stack: the page fault of the push has none to be reported on. */
#ifdef CONFIG_X86_64
	__asm__ __volatile__("mov $0x1000, %%rsp; push %%rax" : : : "memory");
#else
	__asm__ __volatile__("mov $0x1000, %%esp; push %%eax" : : : "memory");
#endif
}

static PLANTED int planted_recursion(int depth)
{
	volatile char frame[512];

	frame[depth & 511] = depth;
	if (planted_depth >= -1)
		depth += planted_recursion(depth + 1);
	return depth + frame[1];
}

static PLANTED void planted_stack_overflow(void)
{
	planted_depth = planted_recursion(0);
}

static PLANTED void planted_stack_smash(void)
{
	volatile char frame[24];
	volatile int size = 72;
	int i;

	for (i = 0; i < size; i++)
		*(volatile char *)((unsigned long)frame + i) = 0x5a;
	planted_depth = frame[3];
}

static PLANTED void planted_bug(void)
{
	if (planted_depth >= 0)
		BUG();
	planted_depth++;
}

static PLANTED void planted_bug_on(void)
{
	BUG_ON(planted_depth >= 0);
	planted_depth++;
}

#ifdef WARN_ON
static PLANTED void planted_warn(void)
{
	WARN_ON(planted_depth >= 0);
	planted_depth++;
}
#endif

#ifdef WARN_ON_ONCE
static PLANTED void planted_warn_once(void)
{
	int i;

	for (i = 0; i < 3; i++)
		WARN_ON_ONCE(planted_depth >= 0);
	planted_depth++;
}
#endif

#ifdef WARN
static PLANTED void planted_warn_text(void)
{
	WARN(planted_depth >= 0, "planted depth %d is wrong\n", planted_depth);
	planted_depth++;
}
#endif

static PLANTED void planted_panic(void)
{
	panic("planted for the harness");
}

static PLANTED void planted_exit(void)
{
	do_exit(1);
}

static PLANTED void planted_atomic_oops(void)
{
	preempt_disable();
	planted_null_read();
	planted_depth++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
static PLANTED void planted_oops_panics(void)
{
	panic_on_oops = 1;
	planted_null_read();
	planted_depth++;
}
#endif

static PLANTED void planted_sleep(void)
{
	preempt_disable();
	planted_pause(2);
	preempt_enable();
}

static PLANTED void planted_preempt_leak(void)
{
	preempt_disable();
}

/* The recorder of consoles does it, from outside. */
static void planted_from_outside(void)
{
	planted_pause(2 * HZ);
}

static struct planted_kind planted_cpu_kinds[] = {
	{ "triple-fault", planted_triple_fault },
	{ "hang", planted_hang },
	{ "hang-irqs-off", planted_hang_irqs_off },
	{ "null-call", planted_null_call },
	{ "null-read", planted_null_read },
	{ "null-write", planted_null_write },
	{ "wild-write", planted_wild_write },
	{ "text-write", planted_text_write },
	{ "data-call", planted_data_call },
#ifdef CONFIG_X86_64
	{ "non-canonical", planted_non_canonical },
#endif
	{ "opcode", planted_opcode },
	{ "breakpoint", planted_breakpoint },
	{ "privilege", planted_privilege },
	{ "divide", planted_divide },
	{ "double-fault", planted_double_fault },
	{ "stack-overflow", planted_stack_overflow },
	{ "stack-smash", planted_stack_smash },
	{ "bug", planted_bug },
	{ "bug-on", planted_bug_on },
#ifdef WARN_ON
	{ "warn", planted_warn },
#endif
#ifdef WARN_ON_ONCE
	{ "warn-once", planted_warn_once },
#endif
#ifdef WARN
	{ "warn-text", planted_warn_text },
#endif
	{ "panic", planted_panic },
	{ "exit", planted_exit },
	{ "atomic-oops", planted_atomic_oops },
#if LINUX_VERSION_CODE >= KERNEL_VERSION(2, 6, 9)
	{ "oops-panics", planted_oops_panics },
#endif
	{ "sleep", planted_sleep },
	{ "preempt-leak", planted_preempt_leak },
	{ "nmi", planted_from_outside },
	{ "machine-check", planted_from_outside },
	{ 0, 0 }
};
