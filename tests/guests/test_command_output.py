"""What a command in a guest says is kept bounded and printable, its beginning and its end."""

from __future__ import annotations

from pathlib import Path

from harness.guests.command_output import LAST_LINES, MAX_BYTES, MAX_LINES, CommandOutput


def kept(tmp_path: Path, *pieces: bytes) -> tuple[CommandOutput, list[str]]:
    output = CommandOutput(tmp_path / "output")
    for piece in pieces:
        output.feed(piece)
    output.close()
    return output, (tmp_path / "output").read_text().splitlines()


def test_lines_come_in_pieces_and_the_last_has_no_end(tmp_path: Path) -> None:
    output, lines = kept(tmp_path, b"one\ntw", b"o\r\n\n", b"three")
    assert lines == ["one", "two", "three"]
    assert output.last_line == "three" and not output.cut


def test_escapes_are_taken_out_and_a_carriage_return_hides_nothing(tmp_path: Path) -> None:
    _, lines = kept(tmp_path, b"\x1b[2J\x1b[31mred\x1b[0m\x07\nhidden\rshown\n\xff\n")
    assert lines == ["red\ufffd", "hidden", "shown", "\ufffd"]


def test_a_flood_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    count = MAX_LINES + 5 * LAST_LINES
    output, lines = kept(tmp_path, *(f"line {number}\n".encode() for number in range(count)))
    assert output.cut
    assert lines[:MAX_LINES] == [f"line {number}" for number in range(MAX_LINES)]
    assert lines[MAX_LINES] == f"[{4 * LAST_LINES} lines are not kept]"
    assert lines[MAX_LINES + 1 :] == [f"line {number}" for number in range(count - LAST_LINES, count)]


def test_what_just_fits_with_its_end_is_whole(tmp_path: Path) -> None:
    count = MAX_LINES + LAST_LINES
    output, lines = kept(tmp_path, *(b"x\n" for _ in range(count)))
    assert not output.cut and len(lines) == count


def test_a_flood_without_line_ends_is_bounded(tmp_path: Path) -> None:
    output = CommandOutput(tmp_path / "output")
    for _ in range(64):
        output.feed(b"A" * (1 << 16))
    assert len(output._partial) <= 1 << 16
    output.feed(b"\n")
    output.close()
    assert (tmp_path / "output").stat().st_size <= MAX_BYTES + 200_000
