"""configs/guests/root.yaml: device nodes and folders are checked where they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.guest_file import load_guest_root, programs_for
from harness.model.errors import UserError
from harness.model.root import DeviceNode, GuestPrograms

GOOD = """sources: guest
programs: {i386: {toolchain: old, make_vars: {CC: cc}}, x86_64: {toolchain: new}}
folders: [dev]
devices: {console: c 5 1, ram0: b 1 0}
"""


def test_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "root.yaml"
    path.write_text(GOOD)
    root = load_guest_root(path)
    assert root.devices == (DeviceNode("console", False, 5, 1), DeviceNode("ram0", True, 1, 0))
    assert programs_for(root, "i386") == GuestPrograms("i386", "old", (("CC", "cc"),))
    with pytest.raises(UserError, match="no guest programs for 'x86'") as error:
        programs_for(root, "x86")
    assert "x86_64" in (error.value.remedy or "")


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("c 5 1", "p 5 1", "console"),
        ("c 5 1", "c 5 256", "console"),
        ("console", "../console", "console"),
        ("[dev]", "[..]", "name of a folder"),
        ("[dev]", "[a/b]", "name of a folder"),
        ("toolchain: old", "tool: old", "toolchain"),
    ],
)
def test_what_is_refused(good: str, bad: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "root.yaml"
    path.write_text(GOOD.replace(good, bad))
    with pytest.raises(UserError, match=told):
        load_guest_root(path)
