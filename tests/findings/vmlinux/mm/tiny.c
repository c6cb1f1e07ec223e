/* A kernel of four functions, for the tests of harness.findings.dwarf. */
#include "tiny.h"

int state;

static __attribute__((noinline)) int shared_name(int a)
{
	sink(a + 1);
	return a * 3;
}

int tiny_free(int *page)
{
	int was = page_is_free(page);

	sink(was);
	return was + shared_name(*page);
}

int tiny_loop(int *pages, int count)
{
	int i, found = 0;

	for (i = 0; i < count; i++) {
		int *page = pages + i;

		if (page_is_free(page))
			found += tiny_free(page);
	}
	return found;
}

__attribute__((section(".init.text"))) int tiny_init(int *page)
{
	state = tiny_loop(page, 4);
	return page_count_of(page);
}
