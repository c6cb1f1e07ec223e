"""The kernel's own log out of guest RAM, in each shape it has had since 2.5: for kernels that die before their console.

Pure: memory is a function, so that a test makes one up. Nothing in guest memory is believed: a kernel that lies here
died of writing where it should not. Every size is bounded, every pointer may lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.guests.kernel_symbols import KernelSymbols

Read = Callable[[int, int], bytes]
"""(physical address, size) to bytes, fewer or none where guest memory ends. May raise OSError."""

MAX_LOG = 16 << 20
"""Bytes taken of a log: log_buf_len= is seldom more than 16 MiB."""
MAX_RECORDS = 1 << 17
BANNER = b"Linux version "

# Where a kernel's own code is mapped (arch/x86/include/asm/page_*_types.h): __START_KERNEL_map of x86-64 since 2.6.0,
# PAGE_OFFSET of i386 with the usual split.
_CODE_64 = 0xFFFFFFFF80000000
_DIRECT_32 = 0xC0000000
# PAGE_OFFSET of x86-64, where all memory is mapped: from 4.20 on, 2.6.27 to 4.19, 2.6.11 to 2.6.26, 2.6.0 to 2.6.10.
_DIRECT_64 = (0xFFFF888000000000, 0xFFFF880000000000, 0xFFFF810000000000, 0x0000010000000000)


class LogUnreadable(Exception):
    """The log is not in guest memory where this kernel's symbols say; the text says why."""


class NeverStarted(LogUnreadable):
    """Not even the kernel's own constants are in guest memory."""


@dataclass(frozen=True, slots=True)
class KernelLog:
    """A kernel's log: ``text`` in lines as on a console, ``lines`` their number, ``layout`` the shape it was in."""

    text: bytes
    layout: str

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.text.count(b"\n")


class Memory:
    """Guest memory by the kernel's virtual addresses."""

    def __init__(self, symbols: KernelSymbols, read: Read, size: int) -> None:
        self.symbols = symbols
        self.size = size
        self._read = read
        self._bits = 8 * symbols.pointer
        self._direct = _DIRECT_64 if symbols.pointer == 8 else (_DIRECT_32,)

    def physical(self, address: int) -> int | None:
        """The physical address, or None: through the program headers, else through the map of all memory."""
        wide = self.symbols.pointer == 8
        base = _CODE_64 if wide else _DIRECT_32
        for segment in self.symbols.segments:
            if segment.virtual >= base and segment.virtual <= address < segment.virtual + segment.size:
                # Kernels before 2.6.12 (i386) were linked without load addresses: both are the virtual one.
                start = segment.physical if segment.physical != segment.virtual else segment.virtual - base
                return self._within(start + address - segment.virtual)
        if wide and address >= _CODE_64:
            return self._within(address - _CODE_64)
        for direct in self._direct:
            if address >= direct and (found := self._within(address - direct)) is not None:
                return found
        return None

    def _within(self, physical: int) -> int | None:
        return physical if 0 <= physical < self.size else None

    def bytes_at(self, address: int, size: int) -> bytes:
        """Bytes from a virtual address on; fewer where memory ends. Raises LogUnreadable for an address of nothing."""
        physical = self.physical(address)
        if physical is None:
            raise LogUnreadable(f"address {address:#x} is not in guest memory")
        return self._read(physical, min(size, MAX_LOG, self.size - physical))

    def number(self, address: int, size: int) -> int:
        """The little-endian number there. Raises LogUnreadable."""
        found = self.bytes_at(address, size)
        if len(found) != size:
            raise LogUnreadable(f"address {address:#x} is not in guest memory")
        return int.from_bytes(found, "little")

    def pointer(self, address: int) -> int:
        """The address that is kept at an address. Raises LogUnreadable."""
        return self.number(address, self.symbols.pointer)

    def variable(self, name: str) -> int | None:
        """The value of a variable of 2, 4 or 8 bytes; None where the kernel has none of that name."""
        symbol = self.symbols.find(name)
        if symbol is None:
            return None
        return self.number(symbol.address, symbol.size if symbol.size in (2, 4, 8) else 4)


def recover_log(memory: Memory) -> KernelLog:
    """The log of the kernel in ``memory``.

    Raises NeverStarted when the kernel itself is not in memory, LogUnreadable when its log cannot be made out, and
    what reading raises.
    """
    symbols = memory.symbols
    prove_place(memory)
    if symbols.find("prb") is not None:
        return KernelLog(_text(_ring_of_records(memory)), "printk ring buffer")
    if symbols.find("log_next_idx") is not None:
        return KernelLog(_text(_records(memory)), "records")
    if symbols.find("log_end") is not None:
        return KernelLog(_plain(memory), "plain text")
    raise LogUnreadable("the kernel has no log of a known kind (is CONFIG_PRINTK off?)")


def prove_place(memory: Memory) -> None:
    """Looks for the first words of linux_banner where they must be. Raises NeverStarted where they are not.

    The banner is an array from 2.6.21 on, a pointer to one before.
    """
    banner = memory.symbols.find("linux_banner")
    if banner is None:
        raise LogUnreadable("vmlinux has no linux_banner")
    found = memory.bytes_at(banner.address, len(BANNER))
    if found == BANNER:
        return
    try:
        if memory.bytes_at(memory.pointer(banner.address), len(BANNER)) == BANNER:
            return
    except LogUnreadable:
        pass
    raise NeverStarted(
        f"the kernel never started: its banner is not in guest memory at {memory.physical(banner.address) or 0:#x}"
    )


def _clean(text: bytes) -> bytes:
    return text.replace(b"\0", b"").replace(b"\r", b"")


def _text(messages: Iterator[tuple[int, bytes]]) -> bytes:
    """Lines with the time before each as printk shows it, from (nanoseconds, message); MAX_LOG bytes at the most, for
    records may be made to overlap."""
    out: list[bytes] = []
    size = 0
    for nanoseconds, message in messages:
        stamp = b"[%5d.%06d] " % (nanoseconds // 10**9, nanoseconds % 10**9 // 1000)
        for line in _clean(message).split(b"\n"):
            size += len(stamp) + len(line) + 1
            if size > MAX_LOG:
                return b"".join(out)
            out.append(stamp + line + b"\n")
    return b"".join(out)


# 2.5 to 3.4: characters, the oldest overwritten by the newest.

_LEVEL = re.compile(rb"^<[0-7]>", re.MULTILINE)


def _plain(memory: Memory) -> bytes:
    """kernel/printk.c: log_end counts all characters ever written; logged_chars those since the last clear."""
    symbols = memory.symbols
    array = symbols.find("__log_buf")
    if array is None:  # 2.5: log_buf is the array itself
        array = symbols.find("log_buf")
        address = array.address if array else 0
    else:
        pointer = symbols.find("log_buf")
        address = memory.pointer(pointer.address) if pointer else array.address
    if array is None:
        raise LogUnreadable("vmlinux has no log_buf")
    # The length is a variable since the buffer can be another (2.6.0, log_buf_len=); before, a size.
    size = memory.variable("log_buf_len") or array.size
    if not 0 < size <= MAX_LOG or size & (size - 1):
        raise LogUnreadable(f"a log of {size} bytes")
    end = memory.variable("log_end") or 0
    buffer = memory.bytes_at(address, size)
    if len(buffer) < size:
        raise LogUnreadable("the log is not all in guest memory")
    at = end % size
    # Not only logged_chars: klogd or "dmesg -c" may have set it back, and the text is still there.
    text = buffer[at:] + buffer[:at] if end >= size else buffer[:at]
    if end >= size:
        text = text.partition(b"\n")[2]  # the oldest line has lost its beginning
    text = _LEVEL.sub(b"", _clean(text))
    return text if not text or text.endswith(b"\n") else text + b"\n"


# 3.5 to 5.9: records of struct log (printk_log from 3.9 on) in one buffer.

_CONTINUES = 8  # LOG_CONT
_NEWLINE = 2  # LOG_NEWLINE


def _records(memory: Memory) -> Iterator[tuple[int, bytes]]:
    """Header: u64 ts_nsec, u16 len, text_len, dict_len, u8 facility, u8 flags:5 and level:3, u32 caller_id with
    PRINTK_CALLER (5.1 on); the text follows. A length of 0 sends to the beginning."""
    symbols = memory.symbols
    pointer, array = symbols.find("log_buf"), symbols.find("__log_buf")
    if pointer is None and array is None:
        raise LogUnreadable("vmlinux has no log_buf")
    address = memory.pointer(pointer.address) if pointer else array.address if array else 0
    size = memory.variable("log_buf_len") or (array.size if array else 0)
    if not 0 < size <= MAX_LOG:
        raise LogUnreadable(f"a log of {size} bytes")
    first, last = memory.variable("log_first_idx") or 0, memory.variable("log_next_idx") or 0
    buffer = memory.bytes_at(address, size)
    # On x86 records are aligned to 4 bytes, in 3.5 to 8.
    for header, alignment in ((16, 4), (20, 4), (16, 8)):
        found = _record_chain(buffer, first, last, header, alignment)
        if found is not None:
            break
    else:
        raise LogUnreadable("the log's records do not hang together")
    return _joined(found)


def _record_chain(
    buffer: bytes, first: int, last: int, header: int, alignment: int
) -> list[tuple[int, bytes, int]] | None:
    """(time, text, flags) of every record; None where a length cannot be right for a header of that size."""
    found: list[tuple[int, bytes, int]] = []
    at, wrapped = first, first <= last
    while not (wrapped and at >= last) and len(found) < MAX_RECORDS:
        if at + 16 > len(buffer):
            return None
        length, text, extra = (int.from_bytes(buffer[at + 8 + i : at + 10 + i], "little") for i in (0, 2, 4))
        if length == 0:
            if wrapped:
                return found or None
            at, wrapped = 0, True
            continue
        if not 0 <= length - header - text - extra < alignment:
            return None
        stamp = int.from_bytes(buffer[at : at + 8], "little")
        found.append((stamp, buffer[at + header : at + header + text], buffer[at + 15] & 31))
        at += length
    return found


def _joined(records: list[tuple[int, bytes, int]]) -> Iterator[tuple[int, bytes]]:
    """Messages; pieces printed by KERN_CONT are put together."""
    held: list[bytes] = []
    since = 0
    open_line = False
    for stamp, text, flags in records:
        if not (held and open_line and flags & _CONTINUES):
            if held:
                yield since, b"".join(held)
            since, held = stamp, []
        held.append(text)
        open_line = not flags & _NEWLINE
    if held:
        yield since, b"".join(held)


# 5.10 on: descriptors, infos and text in three rings (kernel/printk/printk_ringbuffer.h).

_REUSABLE, _RESERVED = 3, 0
_INFO_BYTES = 88  # struct printk_info: seq, ts_nsec, text_len, facility, flags and level, caller_id, dev_info


@dataclass(frozen=True, slots=True)
class _Rings:
    count: int
    descriptors: int
    infos: int
    info_bytes: int
    tail: int
    head: int
    size: int
    data: int


def _rings(memory: Memory) -> _Rings:
    """struct printk_ringbuffer: desc_ring (count_bits, descs, infos, head_id, tail_id, from 5.18 on also the last
    finalized record), then text_data_ring (size_bits, data, head_lpos, tail_lpos)."""
    word = memory.symbols.pointer
    prb = memory.symbols.find("prb")
    assert prb is not None
    ring = memory.pointer(prb.address)
    fields = memory.bytes_at(ring, 12 * word)
    at = [int.from_bytes(fields[i * word : (i + 1) * word], "little") for i in range(12)]
    count_bits = at[0] & 0xFFFFFFFF
    for text_ring in (5, 6):
        size_bits, data = at[text_ring] & 0xFFFFFFFF, at[text_ring + 1]
        if 8 <= size_bits <= 31 and memory.physical(data) is not None and 1 <= count_bits <= 20:
            break
    else:
        raise LogUnreadable("the printk ring buffer is of no known shape")
    if 1 << size_bits > MAX_LOG:
        raise LogUnreadable(f"a log of {1 << size_bits} bytes")
    # What a later kernel adds to an info shows in the size of the static array.
    array, info_bytes = memory.symbols.find("_printk_rb_static_infos"), _INFO_BYTES
    if array is not None and at[2] == array.address and array.size % (1 << count_bits) == 0:
        info_bytes = max(_INFO_BYTES, min(4096, array.size >> count_bits))
    return _Rings(1 << count_bits, at[1], at[2], info_bytes, at[4], at[3], 1 << size_bits, data)


def _ring_of_records(memory: Memory) -> Iterator[tuple[int, bytes]]:
    """Every record that is committed, from the oldest on; also the one that is still open, for a dying kernel's last
    words are in it."""
    word = memory.symbols.pointer
    mask = (1 << 8 * word) - 1
    ring = _rings(memory)
    descriptor = 3 * word
    descriptors = memory.bytes_at(ring.descriptors, ring.count * descriptor)
    infos = memory.bytes_at(ring.infos, ring.count * ring.info_bytes)
    data = memory.bytes_at(ring.data, ring.size)
    id_mask = mask >> 2
    identity = ring.tail & id_mask
    for _ in range(ring.count):
        index = identity % ring.count
        state, begin, following = (
            int.from_bytes(descriptors[index * descriptor + i * word : index * descriptor + (i + 1) * word], "little")
            for i in range(3)
        )
        info = infos[index * ring.info_bytes : index * ring.info_bytes + 24]
        if state & id_mask == identity and state >> (8 * word - 2) not in (_REUSABLE, _RESERVED) and len(info) == 24:
            block = _block(data, begin, following, word, identity, int.from_bytes(info[16:18], "little"))
            if block is not None:
                yield int.from_bytes(info[8:16], "little"), block
        if identity == ring.head & id_mask:
            return
        identity = (identity + 1) & id_mask


def _block(data: bytes, begin: int, following: int, word: int, identity: int, length: int) -> bytes | None:
    """The first ``length`` bytes of text between two logical positions; None where there is none, or it was
    overwritten."""
    if not data or begin & 1:  # no data, or none could be had (NO_LPOS, FAILED_LPOS)
        return None
    start, end = begin % len(data), following % len(data)
    if end == 0 and following != begin:
        end = len(data)
    if end <= start:  # did not fit at the end: it stands at the beginning
        start = 0
    if int.from_bytes(data[start : start + word], "little") != identity:
        return None
    return data[start + word : min(end, start + word + length)]
