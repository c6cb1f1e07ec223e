"""One report while its lines arrive: which lines are its own, what they tell, and the finding made of it at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.config.alias_file import default_aliases
from harness.findings.body import AFTER_END, body_of
from harness.findings.console import Line
from harness.findings.frames import (
    Frame,
    Resolve,
    bare_name,
    entries,
    is_entry_line,
    is_plumbing,
    is_printing,
    is_program_counter,
    is_root,
    is_shared_helper,
    key_function,
    program_counter,
)
from harness.findings.shapes import also_seen_as
from harness.findings.signature import signature_of
from harness.findings.splats import AFTER_DEATH, DEATHS, END_PANIC, END_TRACE, Key, Splat
from harness.model.finding import Finding, Severity

MAX_LINES = 400
"""Lines kept of one finding: a lockdep report of 6.x is 60 to 150, an OOM report with its task list can be more."""
MAX_SPAN = 3000
"""Lines after which a report is finished although more of its kind arrive: a guest that loops in its dump."""
MAX_FRAMES = 32
MAX_TITLE = 160

_PATIENCE_AFTER_TRACE = 8
"""Foreign lines in a row after a call trace: old kernels print no end, and a second CPU may write in between."""
_PATIENCE_UNNAMED = 60
"""... and as long as a report that needs a trace has told no function that could name it: other CPUs and programs can
write much in between, and only lines that look like its own are taken."""
_LINGER = 4
"""Foreign lines for which a finished report still waits for the panic that it causes ..."""
_LINGER_DEATH = 40
"""... and the same for oopses: the dying task exits, and what it held complains, before init is found dead."""

_ONE_TRACE = DEATHS | {
    "warning", "list-corruption", "refcount", "atomic-schedule", "atomic-sleep", "preemptible-cpu-id",
    "page-allocation-failure", "bad-page-state", "bad-page-map", "page-mapcount",
}  # fmt: skip
"""Kinds with one "Call Trace:", below which all the entries are: what is otherwise is of two reports."""
_ENDING = DEATHS | {
    "warning", "list-corruption", "refcount", "page-mapcount", "hard-lockup", "panic", "init-died", "stack-corruption",
    "early-exception", "bug-message",
}  # fmt: skip
"""Kinds that print an end mark, from 2.6.27 on; no other does."""
_LAST_COUNTER = re.compile(r"[RE]?IP(?: {1,2}|: )\[?<")
"""The line behind an old oops that repeats where it was."""

_TRACE_START = re.compile(r"(?:Call [Tt]race|Trace|stack backtrace|[Bb]acktrace)\b.{0,20}?:")
_OTHER_TRACE = re.compile(
    r"[Aa]llocated by task|[Ff]reed by task|page last (?:allocated|free)|INFO: (?:Allocated|Freed) in|"
    r"Last potentially|Preemption disabled at|"
    r"(?:the )?existing dependency chain|-> ?#\d|the dependencies between|page_owner|Second to last"
)
_STACK = re.compile(r"Stack: {1,4}([0-9a-f]{8}(?:[0-9a-f]{8})?)\b")
_LOCK_AT = re.compile(r"(?:, at: ?| at:$)")
_TIME = re.compile(r"(?:<\d{1,3}>)?\[ {0,12}(\d{1,8}\.\d{1,9})[\]@]")
_TASK = re.compile(r"(?:WARNING: )?(?:CPU: \d{1,5} )?(?:UID: \d{1,10} )?P(?:ID|id): (\d{1,10})\b")
_DROPPED = re.compile(r"\*\* \d{1,9} printk messages dropped")
_BACKWARDS = 1.0
"""Seconds by which lines of one report may be out of order: CPUs stamp their lines before they have the console."""
_EXITS = re.compile(r"do_exit|make_task_dead|do_group_exit")
_KILLS = re.compile(r"oops_end|_{0,4}die(?:_nmi)?|rewind_stack_\w{1,40}|make_task_dead|no_context")
_LINK = re.compile(r"LR is at ([A-Za-z_.$][\w.$]{0,120})\+0x")
_LAST_USER = re.compile(r"Last user: ")
_LAST_FUNCTION = re.compile(r"last function: ([A-Za-z_][\w.]{0,120})")
_INTERRUPT_ENDS = re.compile(r"</IRQ>|<EOI>|</NMI>|<EOE>|<<EOE>>")
_DIE_COUNT = re.compile(r"\[#\d{1,4}\]")
_VARIABLE = re.compile(
    r"\b(?:0x)?[0-9a-f]{8,16}\b|\b0x[0-9a-f]+|\(\d+,\d+\)|exitcode=\S*|\[[\d#]+\]|"
    r"(?<![A-Za-z_])-?\d+\b|\bCPU ?#?\d+|'[^']{0,80}'|\{[^}]{0,80}\}|\([^)]{0,80}\)|(?<![!.,;])[!.,;]++(?= |$)"
)


class Report:
    """One report while its lines arrive."""

    def __init__(self, splat: Splat, match: re.Match[str], line: Line, preamble: list[Line]) -> None:
        self.splat = splat
        self.caller = line.caller
        self.fields = {name: value for name, value in match.groupdict().items() if value}
        self.severity = splat.severity
        self.first_line = preamble[0].number if preamble else line.number
        self.last_line = line.number
        self.lines: list[Line] = [*preamble, line][:MAX_LINES]
        self.joined: set[str] = set()
        self.counted = _DIE_COUNT.search(line.message) is not None
        """die() was entered: what it prints with the next number is another report."""
        self.foreign: list[Line] = []
        self.foreign_count = 0
        self.places: list[tuple[str, Frame]] = []
        """("pc" | "stack" | "trace" | "later" | "loose" | "lock", frame) in the order of the console."""
        self.in_trace = False
        self.in_other_trace = False
        self.trace_seen = False
        self.address_seen = False
        self.nameless = False
        """Its trace holds addresses without names."""
        self.counter_seen = False
        self.named = False
        """A line of its trace names a function that is neither plumbing nor a shared helper."""
        self.rooted = False
        """Its trace goes back to where the job began: it is whole, whatever it names."""
        self.traces = 0
        self.interrupt_end: int | None = None
        self.ended = False
        self.past_end = False
        """Its end was seen, and a line behind it; or one that its kind may print again and again."""
        self.panicked = line.message.startswith("Kernel panic")
        self.cause_lost = False
        """A header that only ever follows another line or report, which the console lacks."""
        self.cuts_in = False
        """It began while another one was not at its end, on a console that does not tell their lines apart."""
        self.mixed = False
        """It holds lines of another report."""
        self.after: Report | None = None
        """The death that was open when it began, and of which it may be a part."""
        self.torn = "lost" in match.groupdict() and match.start("lost") >= 0
        """Something in it shows that lines are missing or another's: lost bytes, a jump back in time, a second task."""
        self.time: float | None = None
        self.task: str | None = None
        self._look_for_tears(line)
        self.over = False

    def resolve_header(self, resolve: Resolve | None) -> None:
        """Take the name of the address in the header for its function."""
        address = self.fields.get("address", self.fields.get("address2"))
        if address is not None and resolve is not None:
            name = resolve(int(address, 16))
            if name is not None:
                self.fields["function"] = name

    # -- growing ------------------------------------------------------------------------------------------------------

    def join(self, line: Line, kind: str | None) -> None:
        """Take a line that is known to belong to the report."""
        if kind is not None:
            self.joined.add(kind)
            self.counted = self.counted or _DIE_COUNT.search(line.message) is not None
            if kind in DEATHS:
                self.severity = Severity.FATAL
        self._look_for_tears(line)
        self.foreign_count = 0
        for foreign in self.foreign:
            self._keep(foreign)
        self.foreign.clear()
        self._keep(line)
        self.last_line = line.number

    def _look_for_tears(self, line: Line) -> None:
        """Note what a line tells of whether the report is one piece, for as long as it goes on."""
        if self.ended or self.panicked:
            return
        if (stamp := _TIME.match(line.text)) is not None:
            time = float(stamp[1])
            self.torn = self.torn or (self.time is not None and time < self.time - _BACKWARDS)
            self.time = time
        if not self.splat.other_cpus and not self.trace_seen and (task := _TASK.match(line.message)) is not None:
            self.torn = self.torn or (self.task is not None and task[1] != self.task)
            self.task = task[1]

    def _keep(self, line: Line) -> None:
        if len(self.lines) < MAX_LINES and (not self.lines or self.lines[-1].number != line.number):
            self.lines.append(line)

    def take(self, line: Line, resolve: Resolve | None, opens_next: bool) -> None:
        """Take the next line of the console, which may or may not belong to the report; sets ``over`` at its end.

        ``opens_next``: the line looks like the preamble of another report; it is this one's only if more follows.
        """
        message = line.message
        if not message:
            return
        if _DROPPED.match(message) and not self.named and not self.ended:
            self.torn = self.torn or self.splat.needs_trace
        if not opens_next and self._belongs(message, resolve):
            self.join(line, None)
        else:
            self.foreign_count += 1
            # Behind the end mark of an oops come registers again, or the panic that it causes.
            self.past_end = self.past_end or (self.ended and not self.panicked)
            if len(self.foreign) < MAX_LINES:
                self.foreign.append(line)
            if self.foreign_count >= self._patience():
                self.over = True
        if line.number - self.first_line >= MAX_SPAN:
            self.over = True

    def _patience(self) -> int:
        if self.panicked:
            return _PATIENCE_AFTER_TRACE
        if self.ended:
            return _LINGER_DEATH if self.dies else _LINGER
        if self.splat.needs_trace and not self.splat.confirm and not self.named:
            return _PATIENCE_UNNAMED
        if self.dies:
            return _LINGER_DEATH if self.trace_seen else self.splat.patience
        if self.trace_seen and self.splat.ends is None and not self.splat.other_cpus:
            return _PATIENCE_AFTER_TRACE
        return self.splat.patience

    def _belongs(self, message: str, resolve: Resolve | None) -> bool:
        for pattern, what in self.splat.says:
            if pattern.match(message):
                self.fields["what"] = what
                return True
        if END_PANIC.match(message):
            if self.panicked:
                self.over = True
            return self.panicked
        if END_TRACE.match(message):
            self.mixed = self.mixed or not (self.joined | {self.splat.kind}) & _ENDING
            self.ended = True
            self.in_trace = False
            return True
        if self.ended and not self.foreign and is_entry_line(message) and self._has_one_trace:
            self.mixed = True
        if self.splat.ends and self.splat.ends.match(message):
            self.ended = self.past_end = True
            if (named := program_counter(message, resolve)) is not None:
                self.places.append(("pc", named))
            return True
        if self.ended and not self.panicked:
            return self.dies and AFTER_END.match(message) is not None
        if _TRACE_START.match(message):
            self._start_trace()
            self._take_entries(message, resolve)
            return True
        if _OTHER_TRACE.match(message):
            self.in_trace = False
            self.in_other_trace = True
            self._take_lock(message, resolve)
            return True
        counter = program_counter(message, resolve)
        if counter is not None:
            self._take_counter(counter, message)
            return True
        self.counter_seen = self.counter_seen or is_program_counter(message)
        if (link := _LINK.match(message)) is not None:
            self.places.append(("stack", Frame(bare_name(link[1]), True)))
            return True
        if resolve is not None and (stack := _STACK.match(message)) is not None:
            name = resolve(int(stack[1], 16))
            if name is not None:
                self.places.append(("stack", Frame(name, True)))
            return True
        if _INTERRUPT_ENDS.search(message):
            self._take_entries(message, resolve, after_interrupt=True)
            return True
        if is_entry_line(message):
            self._take_entries(message, resolve)
            return True
        if self._take_lock(message, resolve):
            return True
        return body_of(self.splat.kind).match(message) is not None

    @property
    def _has_one_trace(self) -> bool:
        return self.splat.kind in _ONE_TRACE and not self.panicked

    def _take_counter(self, counter: Frame, message: str) -> None:
        first = next((frame for where, frame in self.places if where == "pc"), counter)
        if first != counter and self._has_one_trace and (not self.trace_seen or _LAST_COUNTER.match(message)):
            self.mixed = True
        self.places.append(("pc", counter))

    def _start_trace(self) -> None:
        self.in_trace = True
        self.in_other_trace = False
        self.trace_seen = True
        if any(where == "trace" for where, _ in self.places):
            self.traces += 1
            self.mixed = self.mixed or self._has_one_trace

    def _take_entries(self, message: str, resolve: Resolve | None, after_interrupt: bool = False) -> None:
        if after_interrupt and self.interrupt_end is None:
            self.interrupt_end = len(self.places)
        for frame in entries(message, resolve):
            if frame is None:
                self.address_seen = True
                self.nameless = self.nameless or self.in_trace
                continue
            self.rooted = self.rooted or is_root(frame.function)
            if not self.in_other_trace and not (is_plumbing(frame.function) or is_shared_helper(frame.function)):
                self.named = self.named or frame.trusted
            if self.in_trace and len(self.places) < 4 * MAX_FRAMES:
                self.places.append(("trace" if not self.traces else "later", frame))
            elif not self.in_other_trace and len(self.places) < 4 * MAX_FRAMES:
                # entries with no "Call Trace:" above them: below " at:" of lockdep, or a trace whose head was lost
                self.places.append(("loose", frame))
                self.mixed = self.mixed or (self.cuts_in and self._has_one_trace)

    def _take_lock(self, message: str, resolve: Resolve | None) -> bool:
        if _LAST_USER.match(message) is not None and "slab" in self.splat.kind:
            self.places += [("user", frame) for frame in entries(message, resolve) if frame][:1]
            return True
        if (last := _LAST_FUNCTION.match(message)) is not None:
            self.places.append(("lock", Frame(bare_name(last[1]), True)))
            return True
        if not _LOCK_AT.search(message):
            return False
        found = [frame for frame in entries(message, resolve) if frame]
        if found and len(self.places) < 4 * MAX_FRAMES:
            self.places.append(("lock", found[-1]))
        return True

    # -- what came of it ----------------------------------------------------------------------------------------------

    def continues_with(self, splat: Splat, message: str) -> bool:
        """Whether a header is only this report's next line."""
        if self.trace_seen or self.ended or splat.kind not in self.splat.continues or splat.kind in self.joined:
            return False
        return not (self.counted and _DIE_COUNT.search(message))

    @property
    def dies(self) -> bool:
        """Whether a task died in it."""
        return self.splat.is_death or bool(self.joined & DEATHS)

    @property
    def may_be_followed(self) -> bool:
        """Whether it has said enough for a rule or a page dump to be the beginning of another report."""
        return self.trace_seen or self.ended or not self.splat.needs_trace

    def refined_by(self, splat: Splat) -> bool:
        """Whether a header says better what this report is about."""
        return not self.trace_seen and not self.ended and self.splat.kind in splat.refines

    def refine(self, splat: Splat, match: re.Match[str]) -> None:
        self.joined.add(self.splat.kind)
        self.splat = splat
        if self.severity is Severity.WARNING:
            self.severity = splat.severity
        self.fields |= {name: value for name, value in match.groupdict().items() if value}

    @property
    def comes_of_dying(self) -> bool:
        """Whether it was met on the way of an oops itself: in the exit of the task that it killed, or in its dump."""
        trace = [frame.function for where, frame in self.places if where in ("trace", "loose")]
        dying = next((index for index, function in enumerate(trace) if _EXITS.fullmatch(function)), None)
        if dying is not None and any(_KILLS.fullmatch(function) for function in trace[dying + 1 :]):
            return True
        counter = next((frame.function for where, frame in self.places if where == "pc"), None)
        return self.dies and counter is not None and is_printing(counter)

    def absorb(self, consequence: Report) -> None:
        """Take a report that only follows from this one."""
        self.joined |= {consequence.splat.kind, *consequence.joined}
        for line in consequence.lines:
            self._keep(line)
        self.last_line = max(self.last_line, consequence.last_line)
        self.panicked = self.panicked or consequence.panicked

    def cut_before(self, number: int) -> None:
        """Give up the lines from ``number`` on: they turned out to be the preamble of another report."""
        if self.first_line < number <= self.last_line:
            self.last_line = number - 1
            self.lines = [line for line in self.lines if line.number < number]

    def panic(self, line: Line) -> None:
        """Take the panic that follows from this report."""
        self.join(line, "panic")
        self.severity = Severity.FATAL
        self.panicked = True
        if self.places:  # the panic's own trace tells nothing
            self.traces += 1

    @property
    def is_complete_fatal(self) -> bool:
        return self.severity is Severity.FATAL and (self.over or self.past_end)

    def _trusted(self, places: Iterable[str]) -> list[str]:
        wanted = set(places)
        frames = [frame for where, frame in self.places if where in wanted]
        trusted = [frame.function for frame in frames if frame.trusted]
        # kernels without frame pointers mark every entry with "?": then the marks tell nothing
        if not any(frame.trusted for where, frame in self.places if where == "trace"):
            return [frame.function for frame in frames]
        return trusted

    def _guesses(self) -> list[str]:
        """The entries of the first trace that the kernel itself does not trust."""
        named = [frame for where, frame in self.places if where == "trace" and not frame.trusted]
        return [frame.function for frame in named[:MAX_FRAMES]]

    def _candidates(self) -> Iterator[str]:
        key = self.splat.key
        header = [self.fields[name] for name in ("function", "function2", "function3") if name in self.fields]
        if key is Key.NONE:
            return
        if key in (Key.HEADER, Key.INSTRUCTION):
            yield from (bare_name(self.splat.spelled.get(name, name)) for name in header)
        if key is Key.HEADER:
            return
        if key is Key.LOCK:
            yield from self._trusted(("lock", "loose"))
        if key is Key.INSTRUCTION:
            counters = [frame.function for where, frame in self.places if where == "pc"]
            yield from counters[:1]
            if self.counter_seen and not counters:
                # A call of nowhere: its return address is the first on the stack, and as nothing there has made a
                # frame, unwinders by frame pointers mark it with "?", or pass it over.
                yield from [frame.function for where, frame in self.places if where == "stack"][:1]
                yield from [frame.function for where, frame in self.places if where == "trace"][:1]
        if key is Key.INTERRUPTED:
            yield from self._interrupted()
        yield from self._trusted(("trace",)) or self._trusted(("loose",))
        if key is Key.TRACE:
            # no trace at all: where the CPU was is better than nothing
            yield from [frame.function for where, frame in self.places if where in ("pc", "user")]

    def _interrupted(self) -> Iterator[str]:
        first_counter = next((index for index, (where, _) in enumerate(self.places) if where == "pc"), None)
        start = first_counter if first_counter is not None else self.interrupt_end
        if start is not None:
            no_marks = not any(frame.trusted for where, frame in self.places if where == "trace")
            yield from (
                frame.function
                for where, frame in self.places[start:]
                if where in ("pc", "trace", "later") and (frame.trusted or no_marks)
            )

    @property
    def _has_trace(self) -> bool:
        return self.trace_seen or any(where in ("trace", "loose", "user") for where, _ in self.places)

    def is_believed(self) -> bool:
        return self.trace_seen or not self.splat.confirm

    @property
    def is_cut(self) -> bool:
        """Whether it may go on behind the line that was last looked at."""
        return not self.ended and "panic" not in self.joined and not self.over and self.foreign_count < 3

    @property
    def lacks_its_trace(self) -> bool:
        """Whether it cannot be at its end: the trace that is printed with it has not come."""
        return self.splat.needs_trace and not self.splat.confirm and not self._has_trace

    def _is_undecided(self, function: str | None) -> bool:
        """Whether lines behind those that were seen could name another function."""
        key = self.splat.key
        if key in (Key.NONE, Key.HEADER):
            return False
        if self.rooted or (function is None and self.nameless):
            return False
        if function is None or is_shared_helper(function):
            return not self.rooted
        seen = {where for where, frame in self.places if frame.trusted}
        if key is Key.INSTRUCTION:
            return not self.fields.keys() & {"function", "function2", "function3"} and not seen & {"pc", "trace"}
        if key is Key.INTERRUPTED:
            return "pc" not in seen and self.interrupt_end is None
        return not seen & {"loose", "user", "lock" if key is Key.LOCK else "trace"}

    def finding(self, cut: bool = False) -> Finding:
        """Return what was found. ``cut``: the console, or another report, went on before this one was at its end."""
        splat = self.splat
        function = key_function(self._candidates(), splat.names_itself)
        frames = self._trusted(("trace",)) or self._trusted(("loose",))
        while frames and is_plumbing(frames[0]):
            frames = frames[1:]
        head = title = splat.title.format(what=_steady(self.fields.get("what", ""))).strip(" :")
        aliases = default_aliases()
        name = aliases.canonical(function) if function is not None else None
        if name is not None and "other" in self.fields:
            both = sorted((name, aliases.canonical(bare_name(self.fields["other"]))))
            title = f"{head} in {' / '.join(both)}"
        elif name is not None:
            title = f"{head} in {name}"
        elif splat.key is Key.INSTRUCTION and "file" in self.fields:
            title = f"{title} at {_source_file(self.fields['file'])}"
        has_trace = self._has_trace
        if splat.needs_trace and has_trace and not (self.named or self.rooted or self.ended or self.address_seen):
            # The trace was cut before it came out of the report's own code. What the header or the instruction
            # pointer named still holds.
            has_trace = function is not None
        if self.dies:
            has_counter = self.counter_seen or any(where == "pc" for where, _ in self.places)
            has_trace = has_trace and (self.address_seen or has_counter)
        # What a task meets while it dies of an oops is part of that oops; here the oops itself was lost.
        follows = splat.kind in AFTER_DEATH and any(map(_KILLS.fullmatch, frames))
        return Finding(
            kind=splat.kind,
            title=title[:MAX_TITLE],
            function=function,
            severity=self.severity,
            first_line=self.first_line,
            last_line=self.last_line,
            lines=tuple(line.text for line in self.lines),
            corrupted=self.cause_lost
            or follows
            or self.mixed
            or self.torn
            or (splat.needs_trace and not has_trace)
            or (cut and self._is_undecided(function)),
            frames=tuple(frames[:MAX_FRAMES]),
            signature=signature_of(splat.kind, function, frames, title[:MAX_TITLE], aliases),
            also=also_seen_as(head, name),
            guesses=tuple(self._guesses()),
        )


def _steady(text: str) -> str:
    """Return a message without what differs between two runs: numbers, addresses, quoted names."""
    head = re.split(r"[!\[]", text, maxsplit=1)[0] or text
    return " ".join(_VARIABLE.sub(" ", head).split())[:80].strip(" -")


def _source_file(path: str) -> str:
    """Return a source path from the kernel's top folder on: builds elsewhere print absolute paths."""
    found = re.search(
        r"(?:^|/)((?:arch|block|drivers|fs|include|init|ipc|kernel|lib|mm|net|security|sound|virt)/.*)", path
    )
    return found.group(1) if found else path.rpartition("/")[2]
