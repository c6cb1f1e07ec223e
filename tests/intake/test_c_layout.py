"""The whitespace of flattened C lines is predicted from what stands around them."""

# ruff: noqa: E101  (the C text below mixes tabs and blanks, as kernel code does)
from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.intake.repair.c_layout import Guess, Layout, Style, squeeze

SOURCE = """\
/*
 * Counts the cows of a meadow.
 */
#define COW_MOODS	3
#define COW_AGE_MAX	20
#define cow_is_old(cow) ((cow)->age > COW_AGE_MAX)

struct cow {
	struct list_head	list;
	int			mood;	/* see COW_MOODS */
	unsigned long		age;
};

#define for_each_calf(calf, cow)		\\
	do {					\\
		calf = (cow)->calf;		\\
	} while (0)

static struct meadow_ops green = {
	.open		= green_open,
	.graze		= green_graze,
};

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
				for (; n < 3; n++)
					cond_resched();
			else if (flags)
				printk(KERN_DEBUG "cow %d of %d is not counted",
				       cow->id, n);
			else
				n--;
		}
	}
	do {
		n++;
	} while (n < 0);
#ifdef CONFIG_CALF
	if (n) {
#else
	if (n > 1) {
#endif
		/*
		 * Calves come last.
		 */
		n += calves(m);
	}
	spin_unlock(&m->lock);
out:
	return n;
}
"""


def _after(lines: Sequence[str], style: Style | None = None) -> Layout:
    layout = Layout.begin(style if style is not None else Style.of(lines))
    for line in lines:
        layout = layout.feed(line)
    return layout


def _line(file: str, text: str, *, at: str, removed: Sequence[str] = (), indented: bool | None = None) -> Guess:
    """What is guessed for ``text`` right after the line of ``file`` that holds ``at``."""
    lines = file.splitlines()
    here = next(number for number, line in enumerate(lines) if at in line) + 1
    layout = _after(lines[:here], Style.of(lines))
    after = lines[here + len(removed) :]
    return layout.guess(text, indented=indented, removed=removed, after=after)


def test_a_regular_function_comes_back_line_by_line() -> None:
    lines = SOURCE[SOURCE.index("static int count") :].splitlines()
    layout = Layout.begin(Style.of(()))
    for line in lines:
        guess = layout.guess(squeeze(line), indented=line[:1] in ("\t", " ") if line else None)
        assert guess.line == line
        layout = layout.feed(line)
    assert layout.depth == 0 and not layout.in_comment


def test_indentation_is_found_where_the_archive_took_even_the_mark_of_it() -> None:
    layout = Layout.begin(Style.of(()))
    lines = SOURCE[SOURCE.index("static int count") :].splitlines()
    for line in lines:
        guess = layout.guess(squeeze(line), indented=None)
        assert guess.line == line
        layout = layout.feed(line)


@pytest.mark.parametrize(
    ("at", "text", "line"),
    [
        ("COW_AGE_MAX\t20", "#define COW_LEGS 4", "#define COW_LEGS\t4"),
        ("unsigned long\t\tage", "char *name;", "\tchar\t\t\t*name;"),
        ("int\t\t\tmood", "int id; /* on the ear */", "\tint\t\t\tid;\t/* on the ear */"),
        ("green_open", ".close = green_close,", "\t.close\t\t= green_close,"),
        ("(cow)->calf;", "calf->age = 0; \\", "\t\tcalf->age = 0;\t\t\t\\"),
        ("if (!m)", "m = &nowhere;", "\t\tm = &nowhere;"),
        ("return n;", "}", "}"),
        ("Calves come last", "* But they do come.", "\t\t * But they do come."),
    ],
)
def test_gaps_follow_the_neighbours(at: str, text: str, line: str) -> None:
    assert _line(SOURCE, text, at=at).line == line


def test_a_similar_removed_line_lends_its_gaps() -> None:
    removed = ["\tint\t\t\tmood;\t/* see COW_MOODS */"]
    guess = _line(SOURCE, "short mood; /* see COW_MOODS */", at="list_head\tlist", removed=removed)
    assert guess.line == "\tshort\t\t\tmood;\t/* see COW_MOODS */"


def test_an_equal_removed_line_shows_that_its_whitespace_changed() -> None:
    inside = SOURCE.index("\t\tcase GRUMPY")
    lines = SOURCE[:inside].splitlines()
    layout = _after(lines)
    assert layout.guess("moo();", indented=True, removed=["\tmoo();"]).line == "\t\t\tmoo();"
    at_column = _after(["int f(void)", "{"]).guess("moo( );", indented=True, removed=["\tmoo( );  "])
    assert at_column.line == "\tmoo( );"


def test_continuation_lines_follow_the_habit_of_the_file() -> None:
    aligned = ["int f(void)", "{"]
    tabs = ["int f(void)", "{"]
    for number in range(8):
        aligned += [f"\tmilk_cow(cow{number},", "\t\t bucket);"]
        tabs += [f"\tmilk_cow(cow{number},", "\t\t\tbucket);"]
    for lines, indent in ((aligned, "\t\t "), (tabs, "\t\t\t")):
        layout = _after([*lines, "\tmilk_cow(last,"], Style.of(lines))
        assert layout.guess("big_bucket);", indented=True).line == indent + "big_bucket);"


def test_two_spaces_after_a_full_stop_where_the_comment_has_them() -> None:
    layout = _after(["/*", " * Cows graze.  They do."])
    assert layout.guess("* They rest. They sleep.", indented=True).line == " * They rest.  They sleep."
    layout = _after(["/*", " * Cows graze. They do."])
    assert layout.guess("* They rest. They sleep.", indented=True).line == " * They rest. They sleep."


def test_label_of_one_blank() -> None:
    lines = ["int f(void)", "{", "\tgoto out;", " out:", "\treturn 0;", "}", "int g(void)", "{", "\tgoto out;"]
    assert _after(lines).guess("out:", indented=True).line == " out:"
    assert _after(lines).guess("out:", indented=False).line == "out:"


def test_moved_lines_keep_what_they_had_in_another_file() -> None:
    style = Style.of(["int f(void)", "{"], moved=["\tmoo(cow,   1);"])
    assert _after(["int f(void)", "{"], style).guess("moo(cow, 1);", indented=True).line == "\tmoo(cow,   1);"


def test_what_is_open_is_told() -> None:
    layout = _after(["int f(int a)"])
    assert layout.depth == 0
    layout = layout.feed("{")
    assert layout.depth == 1 and not layout.in_comment
    layout = layout.feed("\tmoo(a); /* open")
    assert layout.depth == 1 and layout.in_comment


_HOSTILE = st.text(alphabet="{}()[];:,#/*\\\"'=?\t aif\u00e9\x00\x1b\u2028", max_size=16)
_C_WORDS = st.sampled_from(
    "#define #if #else #endif if else for while do switch case default: return struct enum static int x ( ) { } ; , "
    "= * /* */ // \\ [ ] ? : \" '".split()
)
_C_LIKE = st.lists(_C_WORDS, max_size=8).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(_HOSTILE | _C_LIKE, max_size=25), st.one_of(st.text(max_size=40), _C_LIKE))
def test_no_text_upsets_it(lines: list[str], text: str) -> None:
    layout = _after(lines)
    squeezed = squeeze(text)
    for indented in (None, False, True):
        guess = layout.guess(squeezed, indented=indented, removed=lines[:3], after=lines[3:], ahead=lines[:2])
        assert squeeze(guess.line) == squeezed
        assert 0 <= guess.sure <= 1 and guess.why
        assert "\n" not in guess.line.replace(text, "")
    assert layout.guess(squeezed, indented=False).line[:1] not in (" ", "\t")


@pytest.mark.parametrize("mark", ["(", "{", "}", "/*", '"', "\\", "#if ", "case ", "a ", ". A", "else ", "\t", "[=,?:"])
def test_hostile_lines_cost_no_more_than_their_length(mark: str) -> None:
    line = mark * (65536 // len(mark))
    begun = time.perf_counter()
    layout = _after([line] * 20)
    layout.guess(squeeze(line), indented=True, removed=[line] * 3, after=[line] * 3, ahead=[squeeze(line)])
    assert time.perf_counter() - begun < 2


def test_a_state_can_be_forked() -> None:
    layout = _after(["int f(int a)", "{"])
    one, other = layout.feed("\tif (a) {"), layout.feed("\ta = 1;")
    assert (one.depth, other.depth, layout.depth) == (2, 1, 1)
    assert one == layout.feed("\tif (a) {")
