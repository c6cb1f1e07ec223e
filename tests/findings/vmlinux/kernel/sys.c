/* The other file: a static function of a name that mm/tiny.c has too, and the program's entry. */
#include "tiny.h"

extern int tiny_init(int *page);
volatile int counter;

void sink(int a)
{
	counter += a;
}

static __attribute__((noinline)) int shared_name(int a)
{
	sink(a);
	sink(a + 2);
	sink(a + 4);
	sink(a + 6);
	return a;
}

int start_kernel(int *page)
{
	return tiny_init(page) + shared_name(page_is_free(page));
}
