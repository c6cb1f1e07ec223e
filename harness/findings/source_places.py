"""Where a report's call trace is in the source: the kernel's vmlinux asked for each entry of the first trace."""

from __future__ import annotations

import json
import posixpath
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from harness.config.whole_file import write_whole
from harness.findings.console import clean_text, read_messages
from harness.findings.dwarf import Budget, Dwarf, read_dwarf
from harness.model.finding import Finding, SourceFrame

MAX_SOURCE = 32
"""Frames kept of a finding, inlined ones counted."""
MAX_ENTRIES = 64
SECONDS = 20.0
"""Processor time that the frames of one finding may take; what is not found by then is left out."""
FOLDERS = ("/source/", "/out/")
"""Where a build's container has the tree and its output."""
CACHE = "source-places.json"
"""Name of the file, beside the vmlinux, that holds the places found so far."""
MAX_CACHE_BYTES = 16 << 20
MAX_CACHED = 20_000
MAX_BANNER_BYTES = 64 << 20  # of a vmlinux in which its version is looked for

_KNOWN_FOLDERS = (
    "arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|scripts|security|sound|virt"
)
_LINKED = re.compile(r"include2?/asm/")
_BELOW = re.compile(rf"(?:^|/)((?:{_KNOWN_FOLDERS})/.*)")


class Symbols(Protocol):
    """What is asked of a kernel's symbol table."""

    def starts(self, name: str, size: int | None) -> Sequence[int]:
        """Addresses of the functions of that name; of those that have ``size`` bytes where one is given."""

    def place_of(self, address: int) -> tuple[str, int] | None:
        """(function, offset in it) of an address; None outside of the kernel's code."""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """An entry of a call trace, as far as it says where it is.

    Either ``function`` with ``offset`` and, where it is printed, the function's ``size`` (bytes), or only ``address``;
    old kernels print both. ``call``: the address behind a call, which itself is before it; else the instruction that
    ran.
    """

    function: str
    offset: int
    size: int | None
    address: int | None
    call: bool
    trusted: bool

    @property
    def key(self) -> str:
        """A name for what is looked up."""
        if self.function:
            place = f"{self.function}+{self.offset:#x}" + (f"/{self.size:#x}" if self.size is not None else "")
            return f"{place} {self.address or 0:x} {'call' if self.call else 'at'}"
        return f"{self.address or 0:x} {'call' if self.call else 'at'}"


_NAME = r"[A-Za-z_$.][\w.$]{0,199}"
# "[<c0112233>] ? name+0x10/0x20", "name+0x10/0x20 [module]", "<ffffffff80112233>{name+16}", "[<c0112233>]"
_ENTRY = re.compile(
    rf"(?:\[?<(?P<address>[0-9a-fA-F]{{8,16}})>\]?[ ]{{0,4}})?"
    rf"(?:(?P<guess>\?)[ ]{{0,4}})?"
    rf"(?:\{{(?P<braced>{_NAME})\+(?P<decimal>\d{{1,8}})\}}|"
    rf"(?<![\w.$])(?P<name>{_NAME})\+0x(?P<offset>[0-9a-fA-F]{{1,8}})/0x(?P<size>[0-9a-fA-F]{{1,8}})"
    rf"(?P<module>[ ]\[\w{{1,64}}\])?)|"
    rf"\[<(?P<bare>[0-9a-fA-F]{{8,16}})>\]"
)
_ENTRY_LINE = re.compile(
    rf"(?:(?:Call Trace|Trace): {{0,4}})?(?:<[#/A-Z]{{1,16}}> {{0,4}}|#\d{{1,3}} )?(?:\? {{0,4}})?"
    rf"(?:\[?<[0-9a-fA-F]{{8,16}}>\]?|{_NAME}\+0x[0-9a-fA-F]{{1,8}}/0x[0-9a-fA-F]{{1,8}})"
)
_START = re.compile(r"(?:Call [Tt]race|Trace|stack backtrace|Backtrace)\b.{0,20}?:")
_OTHER = re.compile(
    r"[Aa]llocated by task|[Ff]reed by task|page last (?:allocated|free)|INFO: (?:Allocated|Freed) in|Last potentially|"
    r"(?:the )?existing dependency chain|-> ?#\d|the dependencies between|page_owner|Second to last"
)
_END = re.compile(r"---\[ end trace|</TASK>|Code: |Rebooting in|Kernel panic - not syncing")
_COUNTER = re.compile(r"(?:RIP|EIP|IP|EIP is at|RIP is at|PC is at|pc ?:)(?: |:|$)")
_USER = re.compile(r"\s{0,4}00(?:33|23|73|1b|2b):")


def trace_entries(finding: Finding) -> tuple[TraceEntry, ...]:
    """The entries of a report's first call trace, as printed; before them where the kernel was, if that is said.

    At most MAX_ENTRIES. Entries of modules are left out: they are not in the vmlinux.
    """
    before: list[TraceEntry] = []
    trace: list[TraceEntry] = []
    loose: list[TraceEntry] = []
    in_trace = in_other = False
    for message in _messages(finding):
        if _OTHER.search(message):
            if trace:
                break
            in_trace, in_other = False, True
            continue
        if _START.match(message):
            if trace:
                break
            in_trace, in_other = True, False
        counter = _COUNTER.match(message)
        if counter is not None:
            if not _USER.match(message, counter.end()):
                told = list(_entries(message[counter.end() :], call=False))
                here = [one for one in told if one.function][:1] or told[:1]
                if trace:
                    trace += here
                elif not before:
                    before += here
        elif in_trace and (_START.match(message) or _ENTRY_LINE.match(message)):
            trace += _entries(message, call=True)
        elif not in_trace and not in_other and _ENTRY_LINE.match(message):
            loose += _entries(message, call=True)
        elif trace and _END.match(message):
            break
        if len(trace) >= MAX_ENTRIES:
            break
    found = [*before, *(trace or loose)]
    # Where the unwinder begins with the registers, it tells the same place again.
    if before and len(found) > 1 and _same(found[0], found[1]):
        del found[1]
    return tuple(found[:MAX_ENTRIES])


def _messages(finding: Finding) -> Iterator[str]:
    for number, text in enumerate(finding.lines[:400]):
        for line in read_messages(number, clean_text(text.encode("utf-8", "replace"))):
            yield line.message


def _same(one: TraceEntry, other: TraceEntry) -> bool:
    return bool(one.function) and (one.function, one.offset) == (other.function, other.offset)


def _entries(message: str, call: bool) -> Iterator[TraceEntry]:
    for found in _ENTRY.finditer(message):
        if found["module"]:
            continue
        name = found["braced"] or found["name"] or ""
        address = found["address"] or found["bare"]
        offset = int(found["decimal"]) if found["decimal"] else int(found["offset"] or "0", 16)
        # The first address of a function is none that a call returns to: a pointer to it lay on the stack.
        called = call and (offset > 0 or not name)
        yield TraceEntry(
            function=name.removeprefix(".") if name else "",
            offset=offset,
            size=int(found["size"], 16) if found["size"] else None,
            address=int(address, 16) if address else None,
            call=called,
            trusted=found["guess"] is None and called == call,
        )


class SourcePlaces:
    """The source of one kernel's traces. ``symbols`` is called, once, when a name must be looked up.

    What was found is kept in a small file beside the vmlinux, so that the next process need not read it. Several
    threads may ask.
    """

    def __init__(
        self, vmlinux: Path, symbols: Callable[[], Symbols], folders: Sequence[str] = FOLDERS, keep: bool = True
    ) -> None:
        self._vmlinux = vmlinux
        self._load = symbols
        self._folders = tuple(folders)
        self._keep = keep
        self._lock = threading.Lock()
        self._symbols: Symbols | None = None
        self._dwarf: Dwarf | None = None
        self._unreadable = False
        self._asm: str | None = None
        self._known: dict[str, tuple[SourceFrame, ...]] | None = None
        self._stamp: list[int] = []

    def frames(self, finding: Finding, seconds: float = SECONDS) -> tuple[SourceFrame, ...]:
        """The trace in the source, innermost first: each entry with the copies inlined there before it. () where
        nothing is told; never raises, for no verdict depends on it."""
        wanted = trace_entries(finding)
        if not wanted or seconds <= 0:
            return ()
        with self._lock:
            budget = Budget(seconds)
            known = self._remembered()
            count = len(known)
            found: list[SourceFrame] = []
            told = False
            for entry in wanted:
                places = self._place(entry, known, budget)
                if entry is wanted[0] and not entry.call:
                    places = _as_reported(places, finding)
                if not entry.trusted:
                    places = places[-1:]  # who was inlined into what is over tells nothing
                told = told or any(place.file for place in places)
                # An entry without a place stays in the trace: leaving it out would tell another story.
                found += _marked(places or _unplaced(entry), entry.trusted)
            if len(known) > count:
                self._remember(known)
        return tuple(found[:MAX_SOURCE]) if told else ()

    def let_go(self) -> None:
        """Frees what was read of the vmlinux, which is much; what was found stays known."""
        with self._lock:
            self._dwarf = self._symbols = None

    def _place(
        self, entry: TraceEntry, known: dict[str, tuple[SourceFrame, ...]], budget: Budget
    ) -> tuple[SourceFrame, ...]:
        if entry.key in known:
            return known[entry.key]
        if self._unreadable:
            return ()
        try:
            if self._dwarf is None:
                self._dwarf = read_dwarf(self._vmlinux)
            found = self._read(entry, self._dwarf, budget)
        except (OSError, ValueError, MemoryError):
            self._unreadable = self._dwarf is None or self._symbols is None
            return ()
        if len(known) < MAX_CACHED:
            known[entry.key] = found
        return found

    def _read(self, entry: TraceEntry, dwarf: Dwarf, budget: Budget) -> tuple[SourceFrame, ...]:
        start, offset, name = self._address(entry)
        if start is None:
            return ()
        # The first address of a function is none that a call returns to, with its name printed or not.
        called = entry.call and offset > 0
        found = []
        for place in dwarf.places(start + offset - called, budget, start):
            file = self._in_tree(relative_source(place.path, self._folders))
            found.append(
                SourceFrame(
                    place.function or name, file, place.line if file else 0, place.inlined, called == entry.call
                )
            )
        # Assembler inside of C has a name and no place.
        return tuple(found) or (SourceFrame(name, "", 0, trusted=called == entry.call),)

    def _in_tree(self, file: str) -> str:
        """Old builds reach the architecture's headers through a link: the file that the tree has."""
        linked = _LINKED.match(file)
        if linked is None:
            return file
        if self._asm is None:
            with self._vmlinux.open("rb") as handle:
                self._asm = _asm_folder(handle.read(MAX_BANNER_BYTES))
        return f"{self._asm}/{file[linked.end() :]}"

    def _address(self, entry: TraceEntry) -> tuple[int | None, int, str]:
        """(where the function begins, offset in it, its name) of an entry; (None, 0, "") where its name could be more
        than one, or none."""
        if self._symbols is None:
            self._symbols = self._load()
        if entry.address is not None:
            place = self._symbols.place_of(entry.address)
            # With a name it must be the name's: kernels may be moved, and lines torn.
            if place is not None and (not entry.function or place == (entry.function, entry.offset)):
                return entry.address - place[1], place[1], place[0]
        starts = self._symbols.starts(entry.function, entry.size) if entry.function else ()
        if len(starts) != 1 or (entry.size is not None and entry.offset > entry.size):
            return None, 0, ""
        return starts[0], entry.offset, entry.function

    # -- what is known from before -----------------------------------------------------------------------------------

    def _remembered(self) -> dict[str, tuple[SourceFrame, ...]]:
        if self._known is None:
            self._known = {}
            try:
                status = self._vmlinux.stat()
                self._stamp = [status.st_mtime_ns, status.st_size]
                path = self._vmlinux.with_name(CACHE)
                if self._keep and path.stat().st_size <= MAX_CACHE_BYTES:
                    self._known = _places(json.loads(path.read_text()), self._stamp)
            except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                pass
        return self._known

    def _remember(self, known: dict[str, tuple[SourceFrame, ...]]) -> None:
        if not self._keep:
            return
        places = {key: [astuple(frame) for frame in frames] for key, frames in known.items()}
        with suppress(OSError):  # a cache that cannot be written is none
            write_whole(self._vmlinux.with_name(CACHE), json.dumps({"vmlinux": self._stamp, "places": places}))


@lru_cache(maxsize=4)
def source_places(vmlinux: Path, symbols: Callable[[Path], Symbols]) -> SourcePlaces:
    """The places of a finished kernel, kept for the next finding."""
    return SourcePlaces(vmlinux, lambda: symbols(vmlinux))


def _places(data: Any, stamp: list[int]) -> dict[str, tuple[SourceFrame, ...]]:
    if data["vmlinux"] != stamp:
        return {}
    return {
        str(key): tuple(
            SourceFrame(str(function), str(file), int(line), bool(inlined), bool(trusted))
            for function, file, line, inlined, trusted in frames
        )
        for key, frames in data["places"].items()
    }


def _marked(frames: Sequence[SourceFrame], trusted: bool) -> list[SourceFrame]:
    return [replace(one, trusted=trusted and one.trusted) for one in frames]


_REPORTED = re.compile(r"(?:kernel BUG at|WARNING: .{0,100}?\bat) ((?:[\w+.-]*/)*[\w+.-]+\.[chS]):(\d{1,7})\b")


def _as_reported(places: tuple[SourceFrame, ...], finding: Finding) -> tuple[SourceFrame, ...]:
    """The frame of the instruction that trapped, with the line that the kernel's own table of BUGs has for it:
    compilers put one trap out of the way behind another and forget its line."""
    found = next(filter(None, (_REPORTED.search(line) for line in finding.lines[:6])), None)
    if not places or found is None:
        return places
    file = relative_source(found[1])
    if not file or not f"/{places[0].file}".endswith(f"/{file}"):
        return places
    return (replace(places[0], line=int(found[2])), *places[1:])


def _unplaced(entry: TraceEntry) -> tuple[SourceFrame, ...]:
    return (SourceFrame(entry.function, "", 0),) if entry.function else ()


def _asm_folder(vmlinux: bytes) -> str:
    """Where the tree of an x86 kernel has what it includes as asm/, by the version in its banner: a folder for each
    width until 2.6.23, one for both from 2.6.24 on, below arch/ from 2.6.28 on."""
    banner = re.search(rb"Linux version 2\.(\d{1,2})\.(\d{1,3})", vmlinux)
    version = (int(banner[1]), int(banner[2])) if banner else (99, 0)
    if version < (6, 24):
        return "include/asm-x86_64" if vmlinux[4:5] == b"\2" else "include/asm-i386"
    return "include/asm-x86" if version < (6, 28) else "arch/x86/include/asm"


def relative_source(path: str, folders: Sequence[str] = FOLDERS) -> str:
    """A path of the compiler's from the kernel's top folder on; "" for one that is not in the tree."""
    if not path or "\0" in path:
        return ""
    whole = posixpath.normpath(path)
    for folder in folders:
        if whole.startswith(folder):
            whole = whole.removeprefix(folder)
            break
    else:
        if whole.startswith("/"):
            below = _BELOW.search(whole)
            whole = below[1] if below else ""
    return "" if whole in ("", ".") or whole.startswith(("../", "/")) else whole
