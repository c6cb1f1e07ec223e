"""The lines of a hunk put together again: a search over what the archive may have lost.

The window of the tree's file says which old lines there were, the hunk's header how many lines each side had, C which
orders make sense. A hypothesis is a sequence of lines; the cheapest that accounts for everything is taken, and how much
dearer the next one is says how sure that is. Only lines of a brace, of a comment delimiter, or blank ones are put in.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.intake.repair.c_structure import SOMEWHERE, Structure, column_of, stands_outside
from harness.intake.repair.damaged_diff import Item, key
from harness.intake.repair.effort import READING, Effort
from harness.intake.repair.placement import FOOTER, same_line

CONTEXT = 3  # lines of context that diff -u and git give
MAX_TABLE = 1_000_000  # items times lines of a window that are looked ahead over
KEPT = 3  # readings of one state that are kept
BEAM = 48  # hypotheses kept for each number of lines accounted for
HOPELESS = 7.0  # cost by which a hypothesis is behind the best of its layer to be given up
MAX_LOST = 40  # added lines that one hunk may have lost
LOST_ADDED = {"{": 0.3, "}": 0.4, "/*": 0.3, "*/": 0.3, "*": 0.9, "": 0.8}
DELIMITERS = frozenset(("{", "}", "};", "/*", "/**", "*/", "**/", "*"))
WORDLESS = frozenset(("", "{", "}", "/*", "*/", "*", "};", "}else{", "else", "do{", "/**", "**/"))

_KERNEL_DOC = re.compile(r"\*\s+(?:struct |enum |union )?\w+(?:\(\))?\s*[-:]\s")

COST_SKIPPED = 0.6  # a line that stands in the text is read as another, equal one
COST_LOST_CONTEXT = 0.1
COST_LOST_REMOVED = 1.5
COST_UNCALLED = 1.5  # a lost removed or added line that the counts do not ask for
COST_JUNK = 4.0  # an unmarked line is none of the hunk's
COST_JUNK_BLANK = 0.3
COST_JUNK_GAP = 1.5  # a blank line, where one of the window's could be it
COST_COUNT = 5.0  # a line more or less than the header says
COST_EDGE = 3.0  # not three lines of context before the first or after the last change
COST_ORDER = 5.0  # a removed line right after an added one: diff puts them the other way round
COST_SPLIT = 0.3  # a lost line of context between two changes that stand together in the text
COST_KEPT = 2.5  # a lost line of a kind that the archive kept elsewhere
COST_ALONE = 1.5  # a lost added line with no added line beside it
COST_IMPOSSIBLE = 8.0
COST_DUE = 0.6  # about what a lost line costs; only the order of the search depends on it


@dataclass(frozen=True, slots=True)
class Piece:
    """A line of the rebuilt hunk. ``text`` is the tree's line, or the given text of an added one.

    ``number`` is None where the text had lost the line. ``wrapped``: it stood on several lines. ``inside``: a lost
    added line that stands in braces.
    """

    mark: str
    text: str
    given: str | None
    number: int | None
    wrapped: bool = False
    inside: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """A hunk's pieces, with what it cost to believe them and their share of the odds among all readings found.

    ``left_out`` are the items that were taken for no part of the hunk; ``off_counts`` says by how many lines the new
    side differs from the header's count; ``unsure`` are the indexes of the pieces where readings of about the same cost
    differ.
    """

    pieces: tuple[Piece, ...]
    cost: float
    sure: float
    left_out: tuple[Item, ...]
    off_counts: int
    unsure: frozenset[int]

    @property
    def lost(self) -> int:
        return sum(piece.number is None for piece in self.pieces)

    @cached_property
    def lost_changes(self) -> bool:
        """Whether an added or removed line was lost."""
        return any(piece.number is None and piece.mark != " " for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Kept:
    """Which changed lines without words the text still has, so that others of their kind are hardly lost: blank ones,
    braces and comment delimiters in column 0 (``flat``), and indented ones."""

    blank: bool = False
    flat: bool = False
    indented: bool = False


@dataclass(frozen=True)
class Frame:
    """What is known of a hunk's place: the window's lines, the state of C before and after it, and its edges.

    ``new_count`` is what the header says of the new side; ``from_top`` and ``to_end`` are the lines of the file before
    and after the window; ``indents`` says that added lines have their indentation, ``kept``
    which kinds of lines the archive did not lose.
    """

    window: tuple[str, ...]
    keys: tuple[str, ...]
    new_count: int
    before: Structure
    after: Structure
    from_top: int
    to_end: int
    is_c: bool
    indents: bool = False
    kept: Kept = Kept()

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(self.keys)


@dataclass(frozen=True, slots=True)
class _Path:
    """A hypothesis: linked list of what was put out, newest first."""

    piece: Piece | None
    left: Item | None
    back: _Path | None


@dataclass(slots=True)
class _Node:
    cost: float
    i: int
    j: int
    new: int
    lost: int
    mark: str
    changed: bool
    context: int
    structure: Structure
    path: _Path | None
    digest: int
    words: int = 0

    @property
    def state(self) -> tuple[object, ...]:
        return (self.i, self.j, self.new, self.lost, self.mark, self.changed, min(self.context, 4), self.structure)


def is_plain(items: Sequence[Item], frame: Frame) -> bool:
    """Whether nothing is lost: the old lines are the window's, one for one, and the new side counts right."""
    old = [item for item in items if item.mark not in ("+", "\\")]
    if len(old) != len(frame.keys):
        return False
    if sum(item.mark not in ("-", "\\") for item in items) != frame.new_count:
        return False
    return all(same_line(key(item.text), line) for item, line in zip(old, frame.keys, strict=True))


def _plain(items: Sequence[Item], frame: Frame) -> Rebuilt:
    pieces: list[Piece] = []
    at = 0
    for item in items:
        if item.mark == "\\":
            continue
        if item.mark == "+":
            pieces.append(Piece("+", item.text, item.text, item.number, item.wrapped))
        else:
            mark = item.mark if item.mark == "-" else " "
            pieces.append(Piece(mark, frame.window[at], item.text, item.number, item.wrapped))
            at += 1
    return Rebuilt(tuple(pieces), 0.0, 1.0, (), 0, frozenset())


def rebuild(items: Sequence[Item], frame: Frame, effort: Effort) -> Rebuilt | None:
    """The hunk with everything accounted for; None where no reading does. Raises UserError as ``effort`` does."""
    kept = _without_tail(items, frame)
    found = _plain(kept, frame) if is_plain(kept, frame) else _searched(kept, frame, effort)
    other = _other_context(items[len(kept) :])
    return replace(found, left_out=(*found.left_out, *other)) if found is not None and other else found


def _searched(items: Sequence[Item], frame: Frame, effort: Effort) -> Rebuilt | None:
    best: list[_Node] = []
    start = _Node(0.0, 0, 0, 0, 0, "", False, 0, frame.before, None, 0)
    line = items[0].number if items else 0
    ahead = _Ahead(items, frame, effort)
    layers: dict[int, dict[tuple[object, ...], list[_Node]]] = {0: {start.state: [start]}}
    last = len(items) + len(frame.keys)
    budget = max(0, min(MAX_LOST, frame.new_count))
    for progress in range(last + 1):
        layer = layers.pop(progress, None)
        if layer is None:
            continue
        nodes = _widened(layer, items, frame, budget, ahead)
        effort.spend(READING * len(nodes), line)
        for node in nodes:
            if progress == last:
                best.append(_finished(node, frame))
                continue
            for successor in _steps(node, items, frame, ahead):
                _keep(layers.setdefault(successor.i + successor.j, {}), successor)
    return _chosen(best, frame)


def _without_tail(items: Sequence[Item], frame: Frame) -> list[Item]:
    """The items without what an archive put behind the last hunk: unmarked lines that are none of the window's."""
    kept = [item for item in items if item.mark != "\\"]
    known = frame.known
    old = sum(item.mark != "+" for item in kept)
    while kept and kept[-1].mark in ("", " ", "-"):
        item = kept[-1]
        text = key(item.text)
        if item.mark == "-" and text not in ("", "-"):
            break
        if text and text in known:
            break
        if not text and old <= len(frame.keys) and "" in known and frame.keys[-1] == "":
            break
        kept.pop()
        old -= 1
    return kept


def _other_context(tail: Sequence[Item]) -> list[Item]:
    """Those of the lines behind the last one known that are context, which the tree has otherwise, and no footer."""
    found: list[Item] = []
    for item in tail:
        if item.mark not in ("", " ") or not item.text.strip() or FOOTER.match(item.text):
            break
        found.append(item)
    return found


class _Ahead:
    """What is still to come from each item on: how many lines it adds to the new side beyond the window's, and the
    least that old lines will cost which the rest of the window does not have."""

    def __init__(self, items: Sequence[Item], frame: Frame, effort: Effort) -> None:
        self.new_count, self.lines = frame.new_count, len(frame.keys)
        self.changes = [0] * (len(items) + 1)
        for at in range(len(items) - 1, -1, -1):
            self.changes[at] = self.changes[at + 1] + (items[at].mark == "+") - (items[at].mark == "-")
        self.table: list[list[float]] | None = None
        width = len(frame.keys) + 1
        if (len(items) + 1) * width > MAX_TABLE:
            return
        effort.spend(len(items) * width, items[0].number if items else 0)
        row = [0.0] * width
        table = [row]
        for item in reversed(items):
            if item.mark != "+":
                row = _missed_row(item, row, frame)
            table.append(row)
        self.table = table[::-1]

    def due(self, node: _Node) -> int:
        """How many lines the new side still lacks if nothing more is lost; below 0 where it has too many."""
        return self.new_count - node.new - self.changes[node.i] - (self.lines - node.j)

    def missed(self, i: int, j: int) -> float:
        return self.table[i][j] if self.table is not None else 0.0


def _missed_row(item: Item, below: Sequence[float], frame: Frame) -> list[float]:
    """The least cost of old lines missed, from this item on, for each place in the window."""
    text = key(item.text)
    price = _junk_price(item, text, frame)
    row = [0.0] * len(below)
    row[-1] = below[-1] + min(price, 0.1) if item.mark != "-" and text not in frame.known else below[-1] + price
    for j in range(len(below) - 2, -1, -1):
        row[j] = min(row[j + 1], below[j] + price)
        if same_line(text, frame.keys[j]):
            row[j] = min(row[j], below[j + 1])
    return row


def _junk_price(item: Item, text: str, frame: Frame) -> float:
    if not text:
        return COST_JUNK_BLANK
    return COST_IMPOSSIBLE if item.mark == "-" else COST_JUNK


def _keep(layer: dict[tuple[object, ...], list[_Node]], node: _Node) -> None:
    """Keeps the cheapest different readings of each state."""
    held = layer.setdefault(node.state, [])
    for index, other in enumerate(held):
        if other.digest == node.digest:
            if node.cost < other.cost:
                held[index] = node
            return
    held.append(node)
    held.sort(key=lambda n: n.cost)
    if len(held) > KEPT:
        # of readings that differ in blank lines only, one fewer is worth keeping
        alike = [n for n, other in enumerate(held) if other.words == held[0].words]
        del held[alike[-1] if len(alike) == len(held) else KEPT]


def _widened(
    layer: dict[tuple[object, ...], list[_Node]],
    items: Sequence[Item],
    frame: Frame,
    budget: int,
    ahead: _Ahead,
) -> list[_Node]:
    """The layer's nodes, and those with lost added lines put in after them; the cheapest BEAM."""

    def hoped(node: _Node) -> float:
        """The cost with what the lines that the counts still lack will at least add to it."""
        return node.cost + COST_DUE * abs(ahead.due(node)) + ahead.missed(node.i, node.j)

    heap = [(hoped(node), n, node) for n, node in enumerate(node for held in layer.values() for node in held)]
    heapq.heapify(heap)
    count = len(heap)
    seen: dict[tuple[object, ...], set[int]] = {}
    taken: list[_Node] = []
    best = math.inf
    while heap and len(taken) < BEAM:
        hope, _, node = heapq.heappop(heap)
        best = min(best, hope)
        if hope > best + HOPELESS:
            break
        digests = seen.setdefault(node.state, set())
        if node.digest in digests or len(digests) >= KEPT:
            continue
        digests.add(node.digest)
        taken.append(node)
        if node.lost < budget and frame.is_c:
            for inserted in _insertions(node, items, frame, ahead.due(node) > 0):
                heapq.heappush(heap, (hoped(inserted), count, inserted))
                count += 1
    return taken


def _advance(node: _Node, mark: str, text: str, column: int | None, frame: Frame) -> tuple[Structure, float]:
    if mark == "-" or not frame.is_c:
        return node.structure, 0.0
    return node.structure.feed(text.strip(), column)


def _follow(
    node: _Node,
    piece: Piece,
    cost: float,
    frame: Frame,
    *,
    items: int = 0,
    lines: int = 0,
    lost: int = 0,
    column: int | None = None,
) -> _Node:
    """The node after putting out one more line."""
    structure, odd = _advance(node, piece.mark, piece.text, column, frame)
    cost += odd
    changed = node.changed
    context = node.context
    if piece.mark == " ":
        context += 1
    else:
        if not changed:
            cost += _edge_cost(context, frame.from_top)
        if piece.mark == "-" and node.mark == "+":
            cost += COST_ORDER
        changed, context = True, 0
    is_new, text = piece.mark != "-", key(piece.text)
    return _Node(
        node.cost + cost,
        node.i + items,
        node.j + lines,
        node.new + (piece.mark != "-"),
        node.lost + lost,
        piece.mark,
        changed,
        context,
        structure,
        _Path(piece, None, node.path),
        hash((node.digest, text)) if is_new else node.digest,
        hash((node.words, text)) if is_new and text else node.words,
    )


def _edge_cost(context: int, outside: int) -> float:
    """How odd so many lines of context at a hunk's edge are, with ``outside`` lines of the file beyond the window."""
    if context == CONTEXT or (context < CONTEXT and outside == 0):
        return 0.0
    return COST_EDGE if context else COST_IMPOSSIBLE  # git refuses a hunk that ends with a change


def _insertions(node: _Node, items: Sequence[Item], frame: Frame, called: bool) -> Iterator[_Node]:
    """The node with one lost added line after it."""
    state = node.structure
    following = items[node.i] if node.i < len(items) else None
    beside = node.mark == "+" or (following is not None and following.mark == "+")
    alone = (0.0 if beside else COST_ALONE) + (0.0 if called else COST_UNCALLED)
    next_text = following.text.lstrip() if following is not None and following.mark == "+" else ""
    next_column = _next_column(node, following, frame)
    in_text = next_text.startswith("*") and not next_text.startswith("*/")
    for text, price in LOST_ADDED.items():
        if state.in_comment:
            if text not in ("*/", "*") or node.mark != "+" or in_text != (text == "*"):
                continue
        elif text in ("*/", "*") or (text == "/*" and not in_text) or (text == "}" and not state.braces):
            continue
        structure, odd = state.feed(text, None)
        if odd >= COST_IMPOSSIBLE:
            continue
        cost = price + alone + odd + (COST_KEPT if _survives(text, state, frame.kept) else 0.0)
        cost += _untimely(text, node, next_column)
        put = state.closer if text == "}" else text
        # kernel-doc opens with two stars: "name - what it does"
        put = "/**" if text == "/*" and _KERNEL_DOC.match(next_text) else put
        piece = Piece("+", put, None, None, inside=state.braces > 0)
        yield _Node(
            node.cost + cost + (0.0 if node.changed else _edge_cost(node.context, 1)),
            node.i,
            node.j,
            node.new + 1,
            node.lost + 1,
            "+",
            True,
            0,
            structure,
            _Path(piece, None, node.path),
            hash((node.digest, text)),
            hash((node.words, text)) if text else node.words,
        )


def _next_column(node: _Node, following: Item | None, frame: Frame) -> int | None:
    """The column of the new side's next line, as far as it is known and says what block the line is in."""
    if following is not None and following.mark == "+":
        text = following.text if frame.indents else ""
    elif following is not None and following.mark == "-":
        return None
    else:
        text = frame.window[node.j] if node.j < len(frame.window) else ""
    return None if stands_outside(text.strip()) else column_of(text)


def _untimely(text: str, node: _Node, next_column: int | None) -> float:
    """How odd the line is before what comes next and after what came last."""
    last = node.path.piece.text.strip() if node.path is not None and node.path.piece is not None else ""
    if text == "}":
        around = node.structure.opened[-1] if node.structure.opened else None
        is_inside = around is not None and next_column is not None and next_column > around
        return (3.0 if is_inside else 0.0) + (0.5 if last.startswith("#") else 0.0)
    return 1.5 if text == "*" and last.startswith("/*") else 0.0


def _survives(text: str, state: Structure, kept: Kept) -> bool:
    """Whether the archive kept lines such as this one would be."""
    if not text:
        return kept.blank
    is_flat = text in ("{", "}", "/*") and state.braces == (text == "}")
    return kept.flat if is_flat else kept.indented


def _steps(node: _Node, items: Sequence[Item], frame: Frame, ahead: _Ahead) -> Iterator[_Node]:
    """Every way to account for one more item or one more line of the window."""
    item = items[node.i] if node.i < len(items) else None
    line = frame.window[node.j] if node.j < len(frame.keys) else None
    line_key = frame.keys[node.j] if node.j < len(frame.keys) else None
    fits = False
    if item is not None and item.mark == "+":
        yield _added(node, item, frame)
    elif item is not None and line is not None and line_key is not None:
        if same_line(key(item.text), line_key):
            fits = True
            piece = Piece("-" if item.mark == "-" else " ", line, item.text, item.number, item.wrapped)
            yield _follow(node, piece, 0.0, frame, items=1, lines=1, column=column_of(line))
        if item.mark == "-" and same_line(key(item.raw), line_key):
            # the mark is the line's own: its context mark went with its indentation
            piece = Piece(" ", line, item.raw, item.number)
            yield _follow(node, piece, 1.0, frame, items=1, lines=1, column=column_of(line))
    if item is not None and item.mark == "+" and line_key is not None and same_line(key(item.raw), line_key):
        piece = Piece(" ", line or "", item.raw, item.number)
        yield _follow(node, piece, 2.0, frame, items=1, lines=1, column=column_of(line or ""))
    if line is not None and line_key is not None:
        skipped = COST_SKIPPED if fits else 0.0
        cheap = line_key in WORDLESS
        lost = Piece(" ", line, None, None)
        split = COST_SPLIT if node.mark in ("+", "-") and item is not None and item.mark in ("+", "-") else 0.0
        cost = skipped + split + (0.02 if cheap else COST_LOST_CONTEXT)
        yield _follow(node, lost, cost, frame, lines=1, column=column_of(line))
        removed = Piece("-", line, None, None)
        skipped += 0.0 if ahead.due(node) < 0 else COST_UNCALLED
        yield _follow(node, removed, skipped + (0.4 if cheap else COST_LOST_REMOVED), frame, lines=1)
    if item is not None and item.mark != "+":
        yield _dropped(node, item, frame, line is None and key(item.text) not in frame.known)


def _added(node: _Node, item: Item, frame: Frame) -> _Node:
    piece = Piece("+", item.text, item.text, item.number, item.wrapped)
    # an archive that strips leaves no blank; one that collapses leaves one for any indentation
    left = SOMEWHERE if item.text[:1] in (" ", "\t") else None
    column = column_of(item.text) if frame.indents else left
    return _follow(node, piece, 0.0, frame, items=1, column=column)


def _dropped(node: _Node, item: Item, frame: Frame, at_end: bool) -> _Node:
    """The node with the item taken for no part of the hunk."""
    if not item.text.strip() and item.mark == "-" and not at_end:
        cost = COST_JUNK  # a blank line that somebody marked as removed
    elif not item.text.strip():
        could_be = not at_end and "" in frame.known
        cost = COST_JUNK_GAP if could_be else COST_JUNK_BLANK if not at_end else 0.1
    elif item.mark == "-":
        cost = COST_IMPOSSIBLE
    else:
        cost = 0.1 if at_end else COST_JUNK
    return _Node(
        node.cost + cost,
        node.i + 1,
        node.j,
        node.new,
        node.lost,
        node.mark,
        node.changed,
        node.context,
        node.structure,
        _Path(None, item, node.path),
        node.digest,
        node.words,
    )


def _finished(node: _Node, frame: Frame) -> _Node:
    """The node with what its end costs."""
    cost = COST_COUNT * abs(node.new - frame.new_count)
    if node.changed:
        cost += _edge_cost(node.context, frame.to_end)
    if frame.is_c:
        cost += node.structure.agreement(frame.after)
    node.cost += cost
    return node


def _trace(node: _Node) -> tuple[list[Piece], list[Item]]:
    pieces: list[Piece] = []
    left: list[Item] = []
    path = node.path
    while path is not None:
        if path.piece is not None:
            pieces.append(path.piece)
        if path.left is not None:
            left.append(path.left)
        path = path.back
    return pieces[::-1], left[::-1]


def _chosen(ends: list[_Node], frame: Frame) -> Rebuilt | None:
    if not ends:
        return None
    ends.sort(key=lambda node: node.cost)
    winner = ends[0]
    pieces, left = _trace(winner)
    rivals = [node for node in ends[1:] if node.digest != winner.digest]
    # one reading may be reached in several ways: each counts once, at its cheapest
    # where one has its blank lines is no doubt about what it says
    margins = {n.digest: n.cost - winner.cost for n in reversed(rivals) if n.words != winner.words}
    sure = 1.0 / (1.0 + sum(math.exp(-1.5 * margin) for margin in margins.values()))
    unsure: set[int] = set()
    for rival in rivals:
        if rival.cost - winner.cost < 4.0:
            unsure |= _differences(pieces, _trace(rival)[0])
    return Rebuilt(tuple(pieces), winner.cost, sure, tuple(left), winner.new - frame.new_count, frozenset(unsure))


def _differences(pieces: Sequence[Piece], others: Sequence[Piece]) -> set[int]:
    """Indexes of pieces that the other reading puts elsewhere."""
    ours = [(p.mark, key(p.text)) for p in pieces]
    theirs = [(p.mark, key(p.text)) for p in others]
    head = 0
    while head < min(len(ours), len(theirs)) and ours[head] == theirs[head]:
        head += 1
    tail = 0
    while tail < min(len(ours), len(theirs)) - head and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    return {n for n in range(head, len(ours) - tail) if pieces[n].number is None}
