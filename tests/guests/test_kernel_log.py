"""The kernel's log out of made-up guest memory: each layout it has had, and memory that lies."""

from __future__ import annotations

import contextlib
import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.findings.parser import parse_console
from harness.guests import kernel_log
from harness.guests.kernel_log import LogUnreadable, Memory, NeverStarted, recover_log
from harness.guests.kernel_symbols import KernelSymbols, Segment
from harness.guests.monitor import CpuState
from harness.guests.post_mortem import on_stack, stack_text

MEMORY = 4 << 20
BASE = {4: 0xC0000000, 8: 0xFFFFFFFF80000000}
DIRECT = {4: 0xC0000000, 8: 0xFFFF888000000000}
LOAD = 0x100000
OOPS = (
    b"Unable to handle kernel NULL pointer dereference at virtual address 00000000\n"
    b"EIP is at foo+0x1/0x20\nCall Trace:\n bar+0x4/0x9\n"
)


class Machine:
    """Guest memory that is filled variable by variable, and the symbols that name the places."""

    def __init__(self, pointer: int, real_load_addresses: bool = True) -> None:
        self.pointer = pointer
        self.memory = bytearray(MEMORY)
        self.symbols: dict[str, tuple[int, int]] = {}
        self.next = LOAD
        self.real = real_load_addresses
        self.reads: list[tuple[int, int]] = []

    def place(self, name: str, data: bytes, size: int | None = None) -> int:
        """Puts ``data`` at the next free place under a name; returns the virtual address."""
        address = BASE[self.pointer] + self.next
        self.memory[self.next : self.next + len(data)] = data
        self.symbols[name] = (address, len(data) if size is None else size)
        self.next += (len(data) + 63) & ~63
        return address

    def number(self, name: str, value: int, size: int) -> int:
        """A variable."""
        return self.place(name, value.to_bytes(size, "little"))

    def word(self, name: str, value: int) -> int:
        """A variable of the machine's word size."""
        return self.number(name, value, self.pointer)

    def banner(self, as_pointer: bool = False) -> None:
        """linux_banner."""
        if as_pointer:
            text = self.place("somewhere", b"Linux version 2.5.31 (a@b)\n\0")
            self.word("linux_banner", text)
        else:
            self.place("linux_banner", b"Linux version 6.1.0 (a@b)\n\0")

    def read(self, physical: int, size: int) -> bytes:
        """Read as QEMU would."""
        self.reads.append((physical, size))
        return bytes(self.memory[physical : physical + size])

    @property
    def known(self) -> KernelSymbols:
        """The symbols as a vmlinux gives them."""
        names, entries = b"\0", []
        for name, (address, size) in self.symbols.items():
            entries.append((address, size, len(names), 1))
            names += name.encode() + b"\0"
        start = BASE[self.pointer] + LOAD
        segment = Segment(start, LOAD if self.real else start, 2 << 20)
        return KernelSymbols(self.pointer, [segment], entries, names)

    def log(self) -> bytes:
        """What is recovered."""
        return recover_log(self.mapped).text

    @property
    def mapped(self) -> Memory:
        """Memory by virtual addresses."""
        return Memory(self.known, self.read, MEMORY)


def plain(machine: Machine, text: bytes, size: int, width: int, moved: bool = False, old: bool = False) -> None:
    """A log of characters after ``text`` was written into a buffer of ``size`` bytes."""
    buffer = bytearray(size)
    for place, character in enumerate(text[-size:], max(0, len(text) - size)):
        buffer[place % size] = character
    if old:
        machine.place("log_buf", bytes(buffer))
    elif moved:
        machine.place("__log_buf", b"x" * 64)
        machine.memory[3 << 20 : (3 << 20) + size] = buffer
        machine.word("log_buf", DIRECT[machine.pointer] + (3 << 20))
        machine.number("log_buf_len", size, 4)
    else:
        machine.word("log_buf", machine.place("__log_buf", bytes(buffer)))
        machine.number("log_buf_len", size, 4)
    machine.number("log_end", len(text), width)
    machine.number("logged_chars", min(len(text), size), width)


@pytest.mark.parametrize(
    ("pointer", "width", "old", "real"),
    [(4, 4, True, False), (4, 4, False, False), (4, 4, False, True), (8, 8, False, True), (8, 4, False, True)],
)
@pytest.mark.parametrize("moved", [False, True])
def test_plain_text_of_2_5_to_3_4(pointer: int, width: int, old: bool, real: bool, moved: bool) -> None:
    machine = Machine(pointer, real)
    machine.banner(as_pointer=old)
    plain(machine, b"<5>Linux version 2.6\n<4>" + OOPS, 4096, width, moved and not old, old)
    assert machine.log() == b"Linux version 2.6\n" + OOPS
    (finding,) = parse_console(machine.log())
    assert finding.title == "NULL pointer dereference in foo"


def test_a_ring_that_went_round_begins_with_a_whole_line() -> None:
    machine = Machine(8)
    machine.banner()
    lines = b"".join(b"<6>line %d\n" % number for number in range(1000))
    plain(machine, lines, 1024, 4)
    text = machine.log()
    assert text.endswith(b"\nline 998\nline 999\n")
    first = int(text.split()[1])
    assert text == b"".join(b"line %d\n" % number for number in range(first, 1000))
    assert 700 < len(text) <= 1024


def record(stamp: int, text: bytes, flags: int, header: int, extra: bytes = b"") -> bytes:
    """One record of 3.5 to 5.9."""
    size = (header + len(text) + len(extra) + 3) & ~3
    head = struct.pack("<QHHHBB", stamp, size, len(text), len(extra), 0, flags | 6 << 5)
    return (head + bytes(header - 16) + text + extra).ljust(size, b"\0")


@pytest.mark.parametrize("header", [16, 20])
@pytest.mark.parametrize("wrapped", [False, True])
def test_records_of_3_5_to_5_9(header: int, wrapped: bool) -> None:
    machine = Machine(8)
    machine.banner()
    messages = [b"Linux version 4.9", b"usb 1-1: new", *OOPS.splitlines()]
    records = [record(number * 10**6, text, 2, header, b"SUBSYSTEM=usb") for number, text in enumerate(messages, 1)]
    buffer = bytearray(4096)
    at = 4096 - 200 if wrapped else 0
    first = at
    for one in records:
        if at + len(one) + header > len(buffer):
            buffer[at : at + header] = bytes(header)
            at = 0
        buffer[at : at + len(one)] = one
        at += len(one)
    machine.word("log_buf", machine.place("__log_buf", bytes(buffer)))
    machine.number("log_buf_len", 4096, 4)
    machine.number("log_first_idx", first, 4)
    machine.number("log_next_idx", at, 4)
    lines = machine.log().splitlines()
    assert lines[0] == b"[    0.001000] Linux version 4.9"
    assert [line[15:] for line in lines] == messages


def test_pieces_of_a_line_are_put_together() -> None:
    machine = Machine(8)
    machine.banner()
    parts = [record(1000, b"Code: 0f 0b", 4, 16), record(2000, b" 90", 8, 16), record(3000, b" 91", 10, 16)]
    parts.append(record(4000, b"two\nlines", 2, 16))
    machine.word("log_buf", machine.place("__log_buf", b"".join(parts), 4096))
    machine.number("log_buf_len", 4096, 4)
    machine.number("log_first_idx", 0, 4)
    machine.number("log_next_idx", sum(map(len, parts)), 4)
    assert machine.log() == b"[    0.000001] Code: 0f 0b 90 91\n[    0.000004] two\n[    0.000004] lines\n"


def ring(
    machine: Machine,
    messages: list[bytes],
    count_bits: int = 3,
    size_bits: int = 9,
    finalized: bool = True,
    last_open: bool = False,
    info_bytes: int = 88,
    dynamic: bool = False,
) -> None:
    """A printk ring buffer after ``messages`` were stored."""
    word = machine.pointer
    count, size = 1 << count_bits, 1 << size_bits
    mask = (1 << 8 * word) - 1
    layout = "<" + {4: "I", 8: "Q"}[word]
    identity = mask >> 2 & ~(count - 1)  # near the wrap of ids, as the kernel begins
    descriptors, infos, data = bytearray(count * 3 * word), bytearray(count * info_bytes), bytearray(size)
    position, tail = 0, identity
    for number, text in enumerate(messages):
        length = (word + len(text) + word - 1) // word * word
        begin = position
        following = begin + length
        if begin // size != (following - 1) // size:  # does not fit: the block stands at the beginning
            following = (begin // size + 1) * size + length
            at = 0
        else:
            at = begin % size
        data[at : at + word] = struct.pack(layout, identity)
        data[at + word : at + word + len(text)] = text
        state = 1 if last_open and number == len(messages) - 1 else 2
        index = identity % count
        descriptors[index * 3 * word : (index + 1) * 3 * word] = b"".join(
            struct.pack(layout, value) for value in (state << (8 * word - 2) | identity, begin & mask, following & mask)
        )
        info = struct.pack("<QQHBBI", number, number * 10**9, len(text), 0, 6 << 5, 0)
        infos[index * info_bytes : index * info_bytes + 24] = info
        position, head = following, identity
        identity = (identity + 1) & (mask >> 2)
        if number >= count:
            tail = (tail + 1) & (mask >> 2)
    at_descs = machine.place("_printk_rb_static_descs", bytes(descriptors))
    at_infos = machine.place("_printk_rb_static_infos", bytes(infos))
    at_data = machine.place("__log_buf", bytes(data))
    fields = [
        count_bits,
        at_descs,
        at_infos,
        head,
        tail,
        *([head] if finalized else []),
        size_bits,
        at_data,
        position,
        0,
        0,
    ]
    words = b"".join(struct.pack(layout, field & mask) for field in fields)
    if dynamic:
        machine.place("printk_rb_static", b"\0" * len(words))
        machine.memory[3 << 20 : (3 << 20) + len(words)] = words
        machine.word("prb", DIRECT[word] + (3 << 20))
    else:
        machine.word("prb", machine.place("printk_rb_static", words))


@pytest.mark.parametrize("pointer", [4, 8])
@pytest.mark.parametrize("finalized", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_the_ring_buffer_of_5_10_and_later(pointer: int, finalized: bool, dynamic: bool) -> None:
    machine = Machine(pointer)
    machine.banner()
    ring(machine, OOPS.splitlines(), finalized=finalized, dynamic=dynamic, last_open=True)
    lines = machine.log().splitlines()
    assert [line[15:] for line in lines] == OOPS.splitlines()
    assert lines[3].startswith(b"[    3.000000]")


@pytest.mark.parametrize("info_bytes", [88, 104])
def test_a_ring_buffer_that_went_round(info_bytes: int) -> None:
    machine = Machine(8)
    machine.banner()
    messages = [b"message %d " % number + b"x" * (number % 40) for number in range(60)]
    ring(machine, messages, info_bytes=info_bytes)
    lines = machine.log().splitlines()
    kept = [line[15:].rstrip(b" ") for line in lines]
    assert kept == [message.rstrip(b" ") for message in messages[-len(kept) :]]
    assert len(kept) >= 6


def test_a_kernel_that_never_started_is_told_so() -> None:
    machine = Machine(8)
    machine.banner()
    ring(machine, [b"hello"])
    machine.memory[LOAD : LOAD + 64] = bytes(64)
    with pytest.raises(NeverStarted, match="never started: its banner is not in guest memory at 0x100000"):
        machine.log()


def test_a_kernel_without_a_log() -> None:
    machine = Machine(8)
    machine.banner()
    with pytest.raises(LogUnreadable, match="no log of a known kind"):
        machine.log()


def test_pointers_to_nowhere_are_named() -> None:
    machine = Machine(8)
    machine.banner()
    machine.word("prb", 0xDEADBEEF00000000)
    with pytest.raises(LogUnreadable, match="0xdeadbeef00000000 is not in guest memory"):
        machine.log()


def test_sizes_are_bounded() -> None:
    machine = Machine(8)
    machine.banner()
    plain(machine, b"x\n", 1024, 4)
    address, _ = machine.symbols["log_buf_len"]
    at = address - BASE[8]
    machine.memory[at : at + 4] = struct.pack("<I", 0x80000000)
    with pytest.raises(LogUnreadable, match="a log of 2147483648 bytes"):
        machine.log()
    assert all(size <= 16 << 20 for _, size in machine.reads)


@pytest.mark.parametrize("layout", ["plain", "records", "ring"])
@pytest.mark.parametrize("pointer", [4, 8])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), where=st.integers(0, 2**20))
def test_damaged_memory_is_a_log_or_a_word_why_not(layout: str, pointer: int, seed: int, where: int) -> None:
    machine = Machine(pointer)
    machine.banner()
    start = machine.next
    if layout == "plain":
        plain(machine, OOPS * 9, 1024, 4)
    elif layout == "ring":
        ring(machine, OOPS.splitlines() * 5)
    else:
        records = b"".join(record(1, line, 2, 16) for line in OOPS.splitlines())
        machine.word("log_buf", machine.place("__log_buf", records))
        for name, value in (("log_buf_len", len(records)), ("log_first_idx", 0), ("log_next_idx", len(records))):
            machine.number(name, value, 4)
    random = Random(seed)
    for _ in range(random.randrange(1, 40)):
        at = start + random.randrange(machine.next - start)
        machine.memory[at] = random.choice((0, 0xFF, random.randrange(256)))
    with contextlib.suppress(LogUnreadable):
        assert len(machine.log()) < 32 << 20


@pytest.mark.parametrize("pointer", [4, 8])
def test_what_is_on_the_stack_of_a_cpu(pointer: int) -> None:
    machine = Machine(pointer)
    machine.banner()
    base = BASE[pointer]
    machine.symbols |= {"_text": (base + (2 << 20), 0), "_etext": (base + (2 << 20) + 0x1000, 0)}
    code = [(base + (2 << 20) + 0x100 * n, 0x80, name) for n, name in enumerate(("hang", "caller", "other"))]
    known = machine.known
    names = b"\0" + b"\0".join(name.encode() for _, _, name in code) + b"\0"
    offset = len(known._names)
    entries = [(address, size, offset + names.index(name.encode()), 2) for address, size, name in code]
    symbols = KernelSymbols(pointer, known.segments, (*known._all, *entries), known._names + names)
    stack = (3 << 20) + 8192 - 4 * pointer
    for place, value in enumerate((0x1234, code[1][0] + 0x10, code[2][0] + 0x90, code[2][0] + 0x7F)):
        machine.memory[stack + place * pointer : stack + (place + 1) * pointer] = value.to_bytes(pointer, "little")
    memory = Memory(symbols, machine.read, MEMORY)

    def told(number: int, cpu: CpuState) -> str:
        return stack_text(symbols, number, cpu, on_stack(memory, cpu))

    text = told(1, CpuState(code[0][0] + 5, DIRECT[pointer] + stack))
    first, *rest = text.splitlines()
    assert first == "# post-mortem: CPU 1 in hang+0x5; on its stack, leftovers among them:"
    assert [line.split("] ")[1] for line in rest] == ["? caller+0x10", "? other+0x7f"]
    assert told(0, CpuState(0x8048000, 0xBFFFF000)) == ""
    assert told(0, CpuState(code[0][0], 0x10)).endswith("nothing that can be read\n")
    assert parse_console(OOPS + text.encode())[0].frames == parse_console(OOPS)[0].frames


def test_records_that_overlap_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_log, "MAX_LOG", 4096)
    many = ((stamp, b"x" * 200) for stamp in range(1 << 20))
    assert 3000 < len(kernel_log._text(many)) <= 4096
