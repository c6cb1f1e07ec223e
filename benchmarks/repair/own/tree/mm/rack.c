/*
 * Racks: one shelf per processor, so that taking a box costs no lock of others.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/shelf.h>

#ifdef CONFIG_SMP
static struct shelf rack[NR_CPUS];
#define my_shelf()	(&rack[smp_processor_id()])
#else
static struct shelf rack[1];
#define my_shelf()	(&rack[0])
#endif

struct box *rack_take(void)
{
	struct box *box;

	preempt_disable();
	box = shelf_take(my_shelf());
	preempt_enable();
	return box;
}

int rack_put(struct box *box)
{
	int ret;

	preempt_disable();
	ret = shelf_put(my_shelf(), box);
	preempt_enable();
	return ret;
}

void rack_init(void)
{
	int cpu;

	for (cpu = 0; cpu < ARRAY_SIZE(rack); cpu++) {
		if (!cpu_possible(cpu))
			continue;
		shelf_init(&rack[cpu], SHELF_MAX_BOXES);
	}
}

unsigned int rack_shrink(unsigned int wanted)
{
	unsigned int gone = 0;
	int cpu;

	for (cpu = 0; cpu < ARRAY_SIZE(rack); cpu++) {
		if (gone >= wanted)
			break;
		gone += shelf_shrink(&rack[cpu], wanted - gone);
	}
	return gone;
}
