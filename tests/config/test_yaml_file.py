"""Errors of YAML files: what is wrong, in which line, and the nearest known key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from harness.config.layout import Layout, find_layout
from harness.config.tree_file import TreeSchema
from harness.config.user_settings import load_settings
from harness.config.yaml_file import MAX_BYTES, Schema, nearest, parse_yaml, read_yaml
from harness.model.errors import UserError


class Inner(Schema):
    """An entry of a list."""

    name: str
    count: int = Field(default=1, ge=1)


class Outer(Schema):
    """A file."""

    title: str
    entries: list[Inner] = Field(default_factory=list)
    names: dict[str, str] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: x\nentries: [\n", "f:3: not valid YAML"),
        ("title: x\n\ttabs: y\n", "f:2: not valid YAML"),
        ("- a\n- b\n", "f:1: a mapping of keys to values was expected"),
        ("", "f:1: a mapping of keys to values was expected"),
        ("title: x\n\ntitel: y\n", "f:3: unknown key titel; did you mean title?"),
        ("entries: []\n", "f:1: key title is missing"),
        ("title: x\nentries:\n  - name: a\n  - count: 3\n", "f:4: key entries.1.name is missing"),
        ("title: x\nentries:\n  - name: a\n    count: 0\n", "f:4: entries.0.count: "),
        ("title: x\nentries:\n  - name: a\n    size: 0\n", "f:4: unknown key entries.0.size"),
        ("title: [x]\n", "f:1: title: "),
        ("title: 2011-08-19\n", "f:1: title: "),
        ("title: x\nnames:\n  a: b\n  c: [d]\n", "f:4: names.c: "),
        ("title: !!python/object:os.system x\n", "f:1: not valid YAML"),
        ("? [a]\n: b\n", "f:1: not valid YAML"),
    ],
)
def test_the_line_of_a_mistake(text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse_yaml(text.encode(), Outer, "f")
    assert str(error.value).startswith(told)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["title: \xff", "[" * 99, "title: \x00x\n"])
def test_hostile_bytes(text: str) -> None:
    with pytest.raises(UserError, match=r"^f"):
        parse_yaml(text.encode("latin-1"), Outer, "f")


def test_a_date_that_does_not_exist() -> None:
    with pytest.raises(UserError):
        parse_yaml(b"title: 2011-13-45\n", Outer, "f")


def test_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file"):
        read_yaml(tmp_path / "none.yaml", Outer)
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path, Outer)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(UserError, match="larger than"):
        read_yaml(large, Outer)
    large.write_text("title: x\nentries: [{name: a}]\n")
    assert read_yaml(large, Outer) == Outer(title="x", entries=[Inner(name="a")])


def test_nearest() -> None:
    assert nearest("migratoin", ["migration", "memcg"]) == "did you mean migration?"
    assert nearest("x", ["b", "a"]) == "known: a, b"
    assert nearest("x", []) == "none is defined"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("git: x", "a git source needs a revision"),
        ("git: x\n    debian: y", "exactly one of git, debian, tarball, directory"),
        ("git: x\n    revision: -x", "must not begin with a dash"),
        ("git: x\n    revision: v1\n    paths: [../etc]", "is not a path inside the tree"),
        ("git: x\n    revision: v1\n    pins: [{tree: abc}]", "tree pin must be 40 lower-case hexadecimal digits"),
        ("git: x\n    revision: v1\n    pins: [{}]", "a pin is exactly one of tree, commit, sha256"),
    ],
)
def test_a_tree_whose_source_is_wrong(source: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_yaml(f"name: t\nversion: '1'\nera: e\nsources:\n  - {source}\n".encode(), TreeSchema, "f")


def test_settings_and_layout(tmp_path: Path) -> None:
    for folder in ("configs/trees", "series", "mine"):
        (tmp_path / folder).mkdir(parents=True)
    assert load_settings(tmp_path, {"HOME": str(tmp_path)}).where is None
    (tmp_path / "harness.local.yaml").write_text(
        "mail: {demo: mine/box}\nsources: {v3.0: [{directory: mine}]}\njobs: 3\n"
    )
    settings = load_settings(tmp_path, {"HOME": str(tmp_path)})
    assert (settings.mail["demo"], settings.jobs) == (tmp_path / "mine" / "box", 3)
    assert settings.sources["v3.0"][0].location == str(tmp_path / "mine")
    with pytest.raises(UserError, match="HARNESS_CONFIG names no file"):
        load_settings(tmp_path, {"HARNESS_CONFIG": str(tmp_path / "none")})
    found = find_layout({"HARNESS_ROOT": str(tmp_path), "HOME": "/h", "HARNESS_RESULTS": str(tmp_path / "r")})
    assert found == Layout(
        tmp_path,
        tmp_path / "series",
        tmp_path / "configs",
        tmp_path / "vm-images",
        tmp_path / "r",
        Path("/h/.cache/harness"),
    )
    with pytest.raises(UserError, match="set HARNESS_ROOT"):
        find_layout({"HARNESS_ROOT": str(tmp_path / "mine")})
