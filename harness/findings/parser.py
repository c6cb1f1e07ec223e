"""The state machine that turns lines of a console into findings: which lines belong to one report, and when it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from harness.findings.console import (
    BEHIND_BYTES,
    PREFIX_BYTES,
    WRAP_WIDTH,
    Line,
    LineBlocks,
    clean_text,
    continues,
    is_quoted,
    is_stamped,
    read_messages,
    torn_at,
    without_escapes,
)
from harness.findings.frames import Resolve
from harness.findings.report import MAX_LINES, Report
from harness.findings.splats import (
    AFTER_DEATH,
    CLOSES_ALL,
    PANICS_AFTER,
    PREAMBLES,
    SPLATS,
    PanicAfter,
    Preamble,
    Splat,
)
from harness.model.finding import Finding, Severity

MAX_OPEN = 8
"""Reports followed at the same time (one per printk caller)."""
RECENT = 4096
"""Bytes of what came before that are kept, to see whether a report's beginning is lost."""


def _skip_patterns() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    leads = {lead for splat in SPLATS for lead in splat.leads} | {lead for pre in PREAMBLES for lead in pre.leads}
    by_letter: dict[bytes, list[bytes]] = {}
    for lead in sorted(leads):
        by_letter.setdefault(lead[:1], []).append(re.escape(lead[1:]))
    one_of_leads = rb"|".join(
        re.escape(letter) + rb"(?:" + rb"|".join(rest) + rb")" for letter, rest in by_letter.items()
    )
    letters = re.escape(b"".join(by_letter))
    lead = rb"(?=[" + letters + rb"])(?:" + one_of_leads + rb")"
    # Both start with one literal byte, which the regular expression engine finds at memchr speed.
    return re.compile(rb"\n" + PREFIX_BYTES + lead), re.compile(BEHIND_BYTES + lead)


_LEAD, _LEAD_BEHIND = _skip_patterns()
_WORDS = tuple(sorted({word for splat in SPLATS for word in splat.words}))

# One look instead of one for each kind: most lines with a word of a header are none.
_ANY_HEADER = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", splat.header.pattern) for splat in SPLATS))


def _candidates(block: bytes) -> list[int]:
    """Where the lines begin, in order, that can begin a report or its preamble, in a block that begins with a newline.

    Literals first: a search for one of them runs at memory speed, and clean blocks, nearly all there are, have none.
    """
    starts = {found.start() + 1 for found in _LEAD.finditer(block)}
    starts |= {block.rfind(b"\n", 0, found.start()) + 1 for found in _LEAD_BEHIND.finditer(block)}
    for word in _WORDS:
        at = block.find(word)
        while at >= 0:
            starts.add(block.rfind(b"\n", 0, at) + 1)
            at = block.find(word, block.index(b"\n", at))
    return sorted(starts)


# "Oops: 0002 [#1]" is the second line of a page fault's report; every other trap has a name of its own.
_FAULT_CODE = re.compile(r"(?:Oops: |Internal error: ){0,2}Oops: [0-9a-f]{4,8}\b")
_BODY = re.compile(
    rb"\[<[0-9a-f]{8,16}>\]|\w\+0x[0-9a-f]{1,8}/0x|---\[ end trace |\b(?:[RE][AD]X|R1\d|CR2|DR6): |\bCode: |"
    rb"note: [^\n]{1,40} exited with "
)
# Of page_remove_rmap()'s message, which comes before its BUG.
_PAGE_DUMP = re.compile(rb"\b(?:page|vma)->\w")


@dataclass(frozen=True, slots=True)
class _Held:
    """A line whose rest may come with the next one."""

    number: int
    text: str
    may_begin: bool


class ConsoleParser:
    """Finds reports in a console that arrives in pieces of any size; memory use does not grow with its length.

    ``resolve`` names the addresses of traces that hold nothing else (2.5 without kallsyms).
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve
        self._blocks = LineBlocks()
        self._number = 0
        self._open: list[Report] = []
        self._preamble: list[tuple[Line, Preamble | None]] = []
        self._preamble_reach = 0
        self._held: _Held | None = None
        self._widest = 0
        self._block = b""
        self._line_at = 0
        self._recent = b""
        self._reported = 0
        self._last_death = False
        self._fatal = False
        self._ready: list[Finding] = []

    @property
    def fatal_report_complete(self) -> bool:
        """Whether a fatal report is at its end, but for a few lines that repeat it.

        What may still come is a consequence of it, so that a watcher needs to wait for a few seconds only.
        """
        return self._fatal or any(report.is_complete_fatal for report in self._open)

    @property
    def fatal_report_begun(self) -> bool:
        """Whether a fatal report has begun; it is complete if nothing more comes."""
        return self._fatal or any(report.severity is Severity.FATAL and report.is_believed() for report in self._open)

    def feed(self, data: bytes) -> list[Finding]:
        """Take the next bytes; return the findings finished by them, in the order in which they ended."""
        for block in self._blocks.feed(data):
            self._read(block)
        return self._handed_out()

    def close(self) -> list[Finding]:
        """End of the console: return the findings that were still open."""
        for block in self._blocks.close():
            self._read(block)
        if self._held is not None:
            self._messages(self._held.number, self._held.text, self._held.may_begin)
            self._held = None
        for report in list(self._open):
            self._finish(report)
        self._preamble.clear()
        return self._handed_out()

    def _handed_out(self) -> list[Finding]:
        ready, self._ready = self._ready, []
        return ready

    def _read(self, block: bytes) -> None:
        block = b"\n" + without_escapes(block)
        self._block = block
        at = 1
        for start in [*_candidates(block), len(block)]:
            # What is between two candidates is looked at only as long as something is open.
            while at < start and (self._open or self._preamble or self._held):
                at = self._next_line(block, at, False)
            if at < start:
                self._number += block.count(b"\n", at, start)
                at = start
            if at < len(block):
                at = self._next_line(block, at, True)
        self._recent = (self._recent + block[1:])[-RECENT:]
        self._block = b""

    def _next_line(self, block: bytes, start: int, may_begin: bool) -> int:
        """Read the line that begins there; return where the next one does."""
        end = block.index(b"\n", start)
        self._line_at = start
        self._number += 1
        text = clean_text(block[start:end])
        held, self._held = self._held, None
        if held is not None and continues(text):
            self._messages(held.number, held.text + text, held.may_begin or may_begin)
            return end + 1
        if held is not None:
            self._messages(held.number, held.text, held.may_begin)
        self._widest = max(self._widest, len(text))
        torn = torn_at(text)
        if torn is not None:
            # The beginning waits for its rest, the message that tore it does not.
            self._held = _Held(self._number, text[:torn], may_begin)
            self._messages(self._number, text[torn:], may_begin)
        elif len(text) == WRAP_WIDTH >= self._widest and is_stamped(text):
            self._held = _Held(self._number, text, may_begin)
        else:
            self._messages(self._number, text, may_begin)
        return end + 1

    def _lines_before(self) -> bytes:
        """Return the end of what came between the last report's last line and this one, at most RECENT bytes."""
        before = (self._recent + self._block[1 : self._line_at])[-RECENT:]
        since = max(0, self._number - 1 - self._reported)
        return b"".join(before.splitlines(keepends=True)[-since:]) if since else b""

    # -- one line -----------------------------------------------------------------------------------------------------

    def _messages(self, number: int, text: str, may_begin: bool) -> None:
        may_begin = may_begin and not is_quoted(text)
        for line in read_messages(number, text):
            self._line(line, may_begin)

    def _line(self, line: Line, may_begin: bool) -> None:
        if CLOSES_ALL.match(line.message):
            for report in list(self._open):
                self._finish(report)
            self._preamble.clear()
            return
        found = _header(line.message) if may_begin else None
        if found is not None:
            self._header_line(line, *found)
        else:
            self._plain_line(line)

    def _header_line(self, line: Line, splat: Splat, match: re.Match[str]) -> None:
        report = self._report_of(line)
        if splat.alone:
            self._finish(Report(splat, match, line, []))
            return
        if splat.inside and report is not None:
            self._plain_line(line)
            return
        if report is not None and splat.ends is None and line.text == report.lines[-1].text:
            report.join(line, None)  # the same line from two consoles
            return
        if line.message.startswith("Kernel panic") and report is not None and report.after is not None:
            self._open[self._open.index(report)] = report = self._settled(report)
        if line.message.startswith("Kernel panic") and self._panic_follows(line):
            self._preamble.clear()
            return
        if report is not None and report.continues_with(splat, line.message):
            report.join(line, splat.kind)
            self._preamble.clear()
            return
        if report is not None and report.refined_by(splat):
            report.join(line, splat.kind)
            report.refine(splat, match)
            return
        if report is not None and splat is report.splat and splat.ends and splat.ends.match(line.message):
            report.take(line, self._resolve, False)
            return
        preamble = self._preamble_of(line)
        cuts_in = mixed = False
        death: Report | None = None
        if report is not None:
            if preamble:
                report.cut_before(preamble[0].number)
            cuts_in = report.is_cut and not report.foreign_count and not report.rooted
            mixed = cuts_in and report.lacks_its_trace
            self._open.remove(report)
            settled = self._settled(report)
            if settled.dies and splat.kind in AFTER_DEATH:
                death = settled
                self._fatal = True
            else:
                self._hand_out(settled)
        elif len(self._open) >= MAX_OPEN:
            self._finish(self._open[0])
        report = Report(splat, match, line, preamble)
        report.resolve_header(self._resolve)
        report.cuts_in, report.mixed = cuts_in, mixed
        report.after = death
        report.cause_lost = splat.inside or self._lacks_its_cause(splat, line, bool(preamble))
        self._open.append(report)
        self._preamble.clear()

    def _panic_follows(self, line: Line) -> bool:
        """Join a panic to the report it follows from; True if it is no report of its own."""
        for rule in _panic_rules(line):
            for report in reversed(self._open):
                if report.caller == line.caller and _can_follow(report, rule, line):
                    report.panic(line)
                    return True
            return rule.only_after and self._last_death
        return False

    def _lacks_its_cause(self, splat: Splat, line: Line, has_preamble: bool) -> bool:
        """Whether what must have come before the header is not on the console."""
        if splat.kind == "oops":
            return _FAULT_CODE.match(line.message) is not None
        if splat.kind == "panic":
            return bool(_panic_rules(line))
        if splat.kind == "init-died":  # by its own end, or by an oops
            before = self._lines_before()
            return self._last_death or not before.strip() or _BODY.search(before) is not None
        if splat.kind == "bug" and _PAGE_DUMP.search(self._lines_before()):
            return True
        if splat.kind in ("bug", "warning", "invalid-opcode") and not has_preamble:
            # What they can follow may have stood before the first line.
            return not (self._recent + self._block[: self._line_at]).strip() and (
                splat.kind == "invalid-opcode" or is_stamped(line.text)
            )
        return False

    def _plain_line(self, line: Line) -> None:
        starts = next((pre for pre in PREAMBLES if pre.start.match(line.message)), None)
        report = self._report_of(line) or next((r for r in self._open if r.splat.other_cpus), None)
        if report is not None:
            report.take(line, self._resolve, starts is not None and report.may_be_followed)
            if report.over:
                self._finish(report)
        if starts is not None and (report is None or report.may_be_followed):
            if len(self._preamble) > MAX_LINES // 4:
                self._preamble.clear()
            self._preamble_reach = max(self._preamble_reach if self._preamble else 0, line.number + starts.reach)
            self._preamble.append((line, starts))
        elif self._preamble:
            if line.number > self._preamble_reach:
                self._preamble.clear()
            elif line.message:
                self._preamble.append((line, None))

    def _preamble_of(self, header: Line) -> list[Line]:
        """Return the lines before a header that belong to it, the oldest first."""
        own = [(line, starts) for line, starts in self._preamble if line.caller == header.caller]
        for index, (_, starts) in enumerate(own):
            if starts is None:
                continue
            if starts.vouched is None or any(starts.vouched.match(line.message) for line, _ in own[index:]):
                return [line for line, _ in own[index:]]
        return []

    def _report_of(self, line: Line) -> Report | None:
        return next((report for report in self._open if report.caller == line.caller), None)

    def _finish(self, report: Report) -> None:
        if report in self._open:
            self._open.remove(report)
        self._hand_out(self._settled(report))

    def _settled(self, report: Report) -> Report:
        """Return the death that a report is only a part of, else the report: then the death before it is handed out."""
        death, report.after = report.after, None
        if death is None:
            return report
        if report.comes_of_dying:
            death.absorb(report)
            return death
        if not (report.rooted or report.ended) and (report.task is None or report.task == death.task):
            report.torn = True  # its trace may have been cut before it came to the task's end
        self._hand_out(death)
        return report

    def _hand_out(self, report: Report) -> None:
        if not report.is_believed():
            return
        finding = report.finding(report.is_cut)
        self._reported = max(self._reported, finding.last_line)
        self._last_death = self._last_death or report.dies
        self._fatal = self._fatal or finding.severity is Severity.FATAL
        self._ready.append(finding)


def _panic_rules(line: Line) -> list[PanicAfter]:
    _, _, reason = line.message.partition(": ")
    return [rule for rule in PANICS_AFTER if rule.what.match(reason)]


def _can_follow(report: Report, rule: PanicAfter, line: Line) -> bool:
    if report.panicked:
        return False
    return rule.kinds is None or report.splat.kind in rule.kinds or bool(report.joined & rule.kinds)


def _header(message: str) -> tuple[Splat, re.Match[str]] | None:
    if _ANY_HEADER.match(message) is None:
        return None
    for splat in SPLATS:
        match = splat.header.match(message)
        if match is not None:
            return splat, match
    return None


MAX_FINDINGS = 200
"""Findings kept of one console: a guest can write another title with every line."""


def folded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the first finding of each title and signature, with how often it came, in the order of the console.

    Memory does not grow with their number. A torn or milder report does not stand for a whole or fatal one. Beyond
    MAX_FINDINGS, new titles of a kind that is there already count for the kind's first.
    """
    first: dict[object, Finding] = {}
    counts: Counter[object] = Counter()
    of_kind: dict[str, object] = {}
    for finding in findings:
        key: object = (finding.title, finding.signature, finding.severity, finding.corrupted, finding.artefact)
        if key not in first and len(first) >= MAX_FINDINGS:
            key = of_kind.get(finding.kind, key)
        first.setdefault(key, finding)
        of_kind.setdefault(finding.kind, key)
        counts[key] += finding.repeats
    return _in_order(replace(finding, repeats=counts[key]) for key, finding in first.items())


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (finding.first_line, finding.last_line)))


def findings_of(data: Iterable[bytes], resolve: Resolve | None = None) -> Iterator[Finding]:
    """Yield the findings of a console that comes in pieces, in the order in which they end."""
    parser = ConsoleParser(resolve)
    for piece in data:
        yield from parser.feed(piece)
    yield from parser.close()


def parse_console(data: bytes | Iterable[bytes], resolve: Resolve | None = None) -> tuple[Finding, ...]:
    """Return the findings of a whole console, in the order in which they begin."""
    return _in_order(findings_of((data,) if isinstance(data, bytes) else data, resolve))
