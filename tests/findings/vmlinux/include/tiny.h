/* Inlined into its callers, two deep. */
extern void sink(int);

static inline __attribute__((always_inline)) int page_count_of(int *page)
{
	sink(*page);
	return *page + 1;
}

static inline __attribute__((always_inline)) int page_is_free(int *page)
{
	int count = page_count_of(page);

	if (count > 7)
		sink(count);
	return count == 1;
}
