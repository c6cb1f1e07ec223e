"""The whitespace of flattened C lines is predicted from what stands around them."""

# ruff: noqa: E101  (the C text below mixes tabs and blanks, as kernel code does)

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.intake.repair.c_layout import Layout, Style, squeeze

SOURCE = """\
/*
 * Counts the cows of a meadow.
 */
static int count_cows(struct meadow *m, int flags)
{
	struct cow *cow;
	int n = 0;

	if (!m)
		return -EINVAL;
	spin_lock(&m->lock);
	list_for_each_entry(cow, &m->cows, list) {
		switch (cow->mood) {
		case GRUMPY:
			n++;
			break;
		default:
			if (flags & MEADOW_ALL)
				n++;
			else
				printk(KERN_DEBUG "cow %d of %d is not counted",
				       cow->id, n);
		}
	}
	spin_unlock(&m->lock);
out:
	return n;
}
"""


def _after(lines: list[str]) -> Layout:
    layout = Layout.begin(Style.of(lines))
    for line in lines:
        layout = layout.feed(line)
    return layout


def test_every_line_of_a_regular_file_comes_back() -> None:
    lines = SOURCE.splitlines()
    layout = Layout.begin(Style.of(()))
    for line in lines:
        guess = layout.guess(squeeze(line), indented=line[:1] in ("\t", " "))
        assert guess.line == line
        layout = layout.feed(line)
    assert layout.depth == 0 and not layout.in_comment


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(alphabet="{}()[];:,#/*\\\"'=?\t aif\u00e9\x00", max_size=12), max_size=30), st.text(max_size=40)
)
def test_no_text_upsets_it(lines: list[str], text: str) -> None:
    layout = _after(lines)
    squeezed = squeeze(text)
    for indented in (None, False, True):
        guess = layout.guess(squeezed, indented=indented, removed=lines[:3], after=lines[3:])
        assert squeeze(guess.line) == squeezed
        assert 0 <= guess.sure <= 1
    assert 0 <= layout.misfit(squeezed) <= 1
