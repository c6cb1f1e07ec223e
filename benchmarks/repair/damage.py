"""Ways in which archives and mailers damage patches: each a pure function of the patch's text and a seeded generator.

What the archives of the two combined ways do was read off real pages. The hypermail archive of linux-kernel strips the
leading blanks of every line and makes one blank of every run of blanks and tabs (a mark survives, and one blank after
it where the line was indented), blanks out domains, and keeps every line. A text copy of a lkml.org page lost the same
blanks and also every line of one word, whatever its mark ("}", "-{", "+/*", "else", "cond_resched();", a bare "+"; but
not "+ *", where an indented line behind a mark has a blank), and every line of which more than half is capital letters:
text extraction for language corpora throws such lines away.
"""

from __future__ import annotations

import enum
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.repair.clean import HUNK, Line, Lines, Part, parse, render

Step = Callable[[Lines, Random], Lines]

WRAP_COLUMN = 76
DELIMITERS = frozenset({"{", "}", "};", "{}", "/*", "/**", "*/", "**/", "*"})
_BLANKS = re.compile(r"[ \t]+")
_ADDRESS = re.compile(r"(?<=[\w.+-]@)[\w-]+(?:\.[\w-]+)+")


def _stripped(line: Line) -> Line:
    """Without leading blanks; a mark that is a sign stays, with one blank where the text was indented."""
    text = line.text.lstrip(" \t")
    if line.part in (Part.ADDED, Part.REMOVED):
        return line.with_text(f" {text}" if text and text != line.text else text)
    return replace(line, text=text, mark=line.mark.lstrip(" \t"))


def leading_space(lines: Lines, rng: Random) -> Lines:
    """Leading blanks lost: of context with the mark, of added and removed lines all but one."""
    return tuple(_stripped(line) for line in lines)


def _collapsed(line: Line) -> Line:
    whole = _BLANKS.sub(" ", str(line))
    mark = whole[: len(line.mark)]
    return replace(line, mark=mark, text=whole[len(mark) :])


def tabs_collapsed(lines: Lines, rng: Random) -> Lines:
    """Every run of blanks and tabs is one blank, the mark of a context line taken in."""
    return tuple(_collapsed(line) for line in lines)


def tabs_expanded(lines: Lines, rng: Random) -> Lines:
    """Tabs are blanks up to the next column of eight, as a terminal's copy gives them; the mark shifts them by one."""
    return tuple(replace(line, text=str(line).expandtabs(8)[len(line.mark) :]) for line in lines)


def blank_context(lines: Lines, rng: Random) -> Lines:
    """Blank context lines lost."""
    return tuple(line for line in lines if line.part is not Part.CONTEXT or line.text.strip())


def brace_comment(lines: Lines, rng: Random) -> Lines:
    """Lines lost that hold only braces or comment delimiters, whatever their mark."""
    return tuple(line for line in lines if not (line.part.in_hunk and line.text.strip() in DELIMITERS))


def trailing_space(lines: Lines, rng: Random) -> Lines:
    """Trailing blanks lost; nothing is left of a blank context line."""
    return tuple(
        replace(line, text=line.text.rstrip(" \t"), mark=line.mark if line.text.strip() else line.mark.rstrip())
        for line in lines
    )


def _wrapped(line: Line) -> Lines:
    """As a mailer that fills at WRAP_COLUMN columns: broken at the last blank that fits, which is lost."""
    pieces: list[str] = []
    rest = str(line)
    while len(rest.expandtabs(8)) > WRAP_COLUMN:
        body = len(rest) - len(rest[1 if not pieces else 0 :].lstrip(" \t"))
        blanks = [at for at in range(body, len(rest)) if rest[at] in " \t"]
        fitting = [at for at in blanks if len(rest[:at].expandtabs(8)) <= WRAP_COLUMN]
        at = fitting[-1] if fitting else min(blanks, default=0)
        if at == 0:
            break
        pieces.append(rest[:at])
        rest = rest[at + 1 :]
    pieces.append(rest)
    first, *others = pieces
    return (
        replace(line, text=first[len(line.mark) :]),
        *(replace(line, text=other, mark="") for other in others),
    )


def wrapped(lines: Lines, rng: Random) -> Lines:
    """Lines longer than WRAP_COLUMN columns go on in the next line, without a mark."""
    return tuple(piece for line in lines for piece in _wrapped(line))


def html_escaped(lines: Lines, rng: Random) -> Lines:
    """``&``, ``<``, ``>`` and double quotes stand as entities."""
    return tuple(
        replace(line, text=html.escape(line.text, quote=False).replace('"', "&quot;"), mark=html.escape(line.mark))
        for line in lines
    )


def quoted(lines: Lines, rng: Random) -> Lines:
    """Quoted in a reply, under a line that says whom."""
    said = Line(Part.PROSE, f"On {_DAYS[rng.randrange(7)]}, someone wrote:")
    return (said, *(replace(line, mark=f"> {line.mark}" if str(line) else ">") for line in lines))


def headers_dropped(lines: Lines, rng: Random) -> Lines:
    """``diff``, ``Index:``, ``---`` and ``+++`` lines lost, and the diffstat."""
    return tuple(line for line in lines if line.part not in (Part.NAME, Part.STAT))


def headers_dropped_diffstat(lines: Lines, rng: Random) -> Lines:
    """``diff``, ``Index:``, ``---`` and ``+++`` lines lost; the diffstat is still there."""
    return tuple(line for line in lines if line.part is not Part.NAME)


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _prose(*texts: str) -> Lines:
    return tuple(Line(Part.PROSE, text) for text in texts)


def _majordomo(host: str) -> Lines:
    """The footer that majordomo lists add."""
    return _prose(
        "-",
        'To unsubscribe from this list: send the line "unsubscribe linux-kernel" in',
        f"the body of a message to majordomo@{host}",
        f"More majordomo info at  http://{host}/majordomo-info.html",
        f"Please read the FAQ at  http://{host}/faq/",
    )


def navigation(lines: Lines, rng: Random) -> Lines:
    """An archive's page around the message: links, thread index, the list's footer, what its page ends with."""
    number = rng.randrange(100, 2000)
    before = _prose(
        "[list]   [archive]   [today]   [last100]",
        "Views: [wrap][no wrap]   [headers]  [forward]",
        "Messages in this thread",
        "  First message in thread",
        f"    * Message {number} of {number + rng.randrange(1, 50)}",
        "      Re: [PATCH] something else --- first take",
        "Patch in this message: Get diff 1",
        "",
    )
    behind = _prose(
        *(["", ""][: rng.randrange(3)]),
        *map(str, _majordomo("lists.example.org")),
        "",
        f"  Last update: {rng.randrange(1999, 2010)}-03-22 13:28    [W:0.{rng.randrange(1000):03} seconds]",
        '  * Next in thread: Somebody Else: "Re: [PATCH] something else"',
        "  * Messages sorted by: [ date ] [ thread ] [ subject ] [ author ]",
    )
    return (*before, *lines, *behind)


def obfuscated(lines: Lines, rng: Random) -> Lines:
    """Domains of mail addresses are blanked out, in the patch too."""
    return tuple(line.with_text(_ADDRESS.sub(lambda match: "x" * len(match[0]), line.text)) for line in lines)


def quilt_headers(lines: Lines, rng: Random) -> Lines:
    """File headers as quilt writes them, function names in hunk headers cut at 40 columns as ``diff -p`` does."""
    tree = rng.choice(("linux-2.6.22-rc2-mm1", "linux", "mmtom-2.6.27-rc3+", "linux-2.6"))

    def header(path: str) -> Sequence[str]:
        return f"Index: {tree}/{path}", "=" * 67, f"--- {tree}.orig/{path}", f"+++ {tree}/{path}"

    return _with_headers(lines, header, 40)


def dated_headers(lines: Lines, rng: Random) -> Lines:
    """File headers as ``diff -ur`` of two trees writes them, with times; no function names in hunk headers."""
    tree = rng.choice(("linux-2.5.31", "linux-2.5.31-bk7", "2.5"))
    time = f"{_DAYS[rng.randrange(7)]} Aug {rng.randrange(1, 32):2} {rng.randrange(24):02}:30:38 2002"

    def header(path: str) -> Sequence[str]:
        mine = f"{tree}-mine/{path}"
        return f"diff -ur {tree}/{path} {mine}", f"--- {tree}/{path}\t{time}", f"+++ {mine}\t{time}"

    return _with_headers(lines, header, 0)


def _with_headers(lines: Lines, header: Callable[[str], Sequence[str]], section: int) -> Lines:
    """The diff under other file headers, hunk headers without more than ``section`` characters of the function."""
    made: list[Line] = []
    for line in lines:
        match = HUNK.match(line.text) if line.part is Part.HUNK else None
        if match:
            made.append(line.with_text(f"{match[0]}{line.text[match.end() :][: section + 1 if section else 0]}"))
        elif line.part is not Part.NAME:
            made.append(line)
        elif line.text.startswith("+++ "):
            made.extend(Line(Part.NAME, text) for text in header(line.text[4:].partition("/")[2]))
    return tuple(made)


def _lost_in_extraction(line: Line) -> bool:
    text = str(line).strip()
    return bool(text) and (not _BLANKS.search(text) or sum(map(str.isupper, text)) > len(text) / 2)


def one_word(lines: Lines, rng: Random) -> Lines:
    """Lines of one word lost, and those that are mostly capitals."""
    return tuple(line for line in lines if not _lost_in_extraction(line))


@dataclass(frozen=True, slots=True)
class Way:
    """A way of damage by name: its steps in their order."""

    name: str
    steps: tuple[Step, ...]


_LOSSLESS = (html_escaped, quoted, wrapped, navigation, headers_dropped, headers_dropped_diffstat)
SINGLE: dict[str, tuple[Step, ...]] = {
    "leading-space": (leading_space,),
    "tabs-collapsed": (tabs_collapsed,),
    "tabs-expanded": (tabs_expanded,),
    "blank-context": (blank_context,),
    "brace-comment": (brace_comment,),
    "trailing-space": (trailing_space,),
    "wrapped": (wrapped,),
    "html-escaped": (html_escaped,),
    "quoted": (quoted,),
    "headers-dropped": (headers_dropped,),
    "headers-dropped-diffstat": (headers_dropped_diffstat,),
    "navigation": (navigation,),
    "one-word": (one_word,),
    "as-002-003": (quilt_headers, obfuscated, leading_space, tabs_collapsed, trailing_space, navigation),
    "as-004": (dated_headers, leading_space, tabs_collapsed, trailing_space, one_word, navigation),
}
DEFAULT = (
    *SINGLE,
    "none",
    "leading-space+blank-context",
    "tabs-collapsed+brace-comment",
    "html-escaped+quoted",
    "wrapped+quoted",
    "leading-space+headers-dropped",
    "blank-context+brace-comment+trailing-space",
)


def way(name: str) -> Way:
    """The way of that name, or several joined by ``+``, done in that order; "none" is no damage. Raises KeyError."""
    if name == "none":
        return Way(name, ())
    return Way(name, tuple(step for single in name.split("+") for step in SINGLE[single]))


def damaged(lines: Lines, how: Way, rng: Random) -> Lines:
    """The lines after every step of the damage."""
    for step in how.steps:
        lines = step(lines, rng)
    return lines


def damage(text: str, name: str, rng: Random) -> str:
    """A clean patch's text after the way ``name``. Raises ValueError for a text that is no clean patch."""
    return render(damaged(parse(text), way(name), rng))


class Left(enum.StrEnum):
    """What damage left of the lines that no tree can give back."""

    INTACT = "intact"  # every added and removed line is there, byte for byte but for what a rule undoes
    RESTORABLE = "restorable"  # only blanks, or lines without a word
    GONE = "gone"  # a word of an added line


def left(lines: Lines, how: Way, rng: Random) -> Left:
    """What the damage takes from the patch that its tree cannot give back."""
    lossy = Way(how.name, tuple(step for step in how.steps if step not in _LOSSLESS))
    after = damaged(lines, lossy, rng)

    def of(found: Lines, part: Part) -> list[str]:
        return [line.text for line in found if line.part is part]

    def words(found: Lines) -> list[str]:
        return [word for text in of(found, Part.ADDED) for word in re.findall(r"\w+", text)]

    removed = [len(of(found, Part.REMOVED)) for found in (lines, after)]
    if of(lines, Part.ADDED) == of(after, Part.ADDED) and removed[0] == removed[1]:
        return Left.INTACT
    return Left.RESTORABLE if words(lines) == words(after) else Left.GONE
