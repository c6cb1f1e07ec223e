"""configs/findings/aliases.yaml: the names that stand for all that a function was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.alias_file import default_aliases, load_aliases
from harness.findings.frames import is_plumbing, is_shared_helper
from harness.model.errors import UserError
from harness.model.function_name import Aliases

FAMILY = """families:
  - printed: '(\\w+)_noprof'
    name: '\\1'
    since: "6.10"
    reason: "wrapped in a macro"
    source: "mm/page_alloc.c"
    examples: {f_noprof: f}
"""
ALIAS = """  - name: page_f
    printed: [folio_f]
    since: "6.1"
    reason: "page to folio"
    source: "mm/rmap.c"
"""


def read(tmp_path: Path, text: str) -> Aliases:
    path = tmp_path / "aliases.yaml"
    path.write_text(text)
    return load_aliases(path)


def test_names_and_families(tmp_path: Path) -> None:
    aliases = read(tmp_path, FAMILY + "aliases:\n" + ALIAS)
    assert aliases.canonical("folio_f") == "page_f"
    assert aliases.canonical("folio_f_noprof") == "page_f"
    assert aliases.canonical("other_noprof") == "other"
    assert aliases.canonical("page_f") == "page_f"
    assert aliases.canonical("folio_f2") == "folio_f2"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ALIAS + ALIAS.replace("page_f", "page_g"), "folio_f is claimed by page_f and by page_g"),
        (ALIAS + ALIAS.replace("folio_f", "page_f").replace("name: page_f", "name: page_g"), "page_f stands for"),
        (ALIAS + ALIAS.replace("folio_f", "folio_g"), "page_f has two entries"),
        (ALIAS.replace("folio_f", "folio_f_noprof"), "folio_f_noprof is of a family"),
        (ALIAS.replace("page_f", "page_f_noprof"), "page_f_noprof stands for others and is of a family"),
        (ALIAS.replace("folio_f", "folio-f"), "'folio-f' is no function name"),
        (ALIAS.replace('"6.1"', '"new"'), "no kernel version"),
        (ALIAS.replace("folio_f]", "]"), "printed"),
        (ALIAS.replace("    since", "    sauce: x\n    since"), "sauce"),
    ],
)
def test_errors_in_entries(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=r"aliases\.yaml:") as error:
        read(tmp_path, FAMILY + "aliases:\n" + text)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("(\\w+)_noprof", "\\w+_noprof", "one group"),
        ("(\\w+)_noprof", "((\\w+)+)_noprof", "nothing else"),
        ("(\\w+)_noprof", "(\\w+_noprof", "not a pattern"),
        ("'\\1'", "'x'", "\\1"),
        ("f_noprof: f", "f_noprof: g", "does not become"),
        ("'\\1'", "'\\1_noprof'", "does not become"),
    ],
)
def test_errors_in_families(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(UserError, match=r"aliases\.yaml:") as error:
        read(tmp_path, FAMILY.replace(old, new) + "aliases: []\n")
    assert told in str(error.value)


def test_the_repository_s_names() -> None:
    aliases = default_aliases()
    assert len(aliases.exact) > 150
    assert default_aliases() is aliases
    for printed, name in aliases.exact.items():
        assert aliases.canonical(printed) == name
        assert aliases.canonical(name) == name, "a name that stands for others has no other"
        assert is_plumbing(printed) <= is_plumbing(name) or is_shared_helper(name), printed
    assert aliases.canonical("folio_remove_rmap_ptes") == "page_remove_rmap"
    assert aliases.canonical("__x64_sys_move_pages") == "sys_move_pages"
    assert aliases.canonical("SyS_move_pages") == "sys_move_pages"
    assert aliases.canonical("__alloc_pages_noprof") == "__alloc_pages"


def test_it_is_the_same_wherever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_aliases.cache_clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_ROOT", str(tmp_path))
    try:
        assert default_aliases().canonical("folio_referenced") == "page_referenced"
    finally:
        default_aliases.cache_clear()
