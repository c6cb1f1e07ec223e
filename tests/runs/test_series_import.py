"""Importing: what is written to series/NAME, that it is whole or not there, and that the run finds the mail in it."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config.series_file import load_series_spec, series_yaml
from harness.intake import list_address
from harness.intake.archive import fetch_thread
from harness.intake.list_address import ALL_LISTS, ListAddress
from harness.model.errors import InfrastructureError, UserError
from harness.model.series import SeriesSpec, SeriesTree
from harness.runs.series_import import STAGE, import_series, series_name
from harness.runs.workshop import Workshop
from tests.fake.checkout import Checkout, harmless

HUNK = "--- a/mm/p{n}.c\n+++ b/mm/p{n}.c\n@@ -1 +1 @@ int f{n}(void)\n-a\n+b\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout").make(harmless(1))


@pytest.fixture
def workshop(checkout: Checkout) -> Workshop:
    return checkout.workshop()[0]


def _mail(n: int, total: int = 2, version: int = 1, text: str = "") -> str:
    body = "Two frogs.\n" if n == 0 else f"Text {n}.{text}\n---\n{HUNK.format(n=n)}"
    tag = f" v{version}" if version > 1 else ""
    return (
        f"From: A Frog <frog@pond.example>\nTo: linux-mm@kvack.org\nSubject: [PATCH{tag} {n}/{total}] pond: part {n}\n"
        f"Date: Fri, 19 Aug 2011 0{version}:00:0{n} +0000\n"
        f"Message-Id: <20110819010000.7-{n + 1}-frog@pond.example>\n\n{body}-- \n2.0\n"
    )


def _mbox(*mails: str) -> bytes:
    return "".join(f"From frog Fri Aug 19 07:48:52 2011\n{mail}\n" for mail in mails).encode()


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written(tmp_path: Path, workshop: Workshop) -> None:
    source = _file(tmp_path / "pond.mbox", _mbox(*(_mail(n) for n in (0, 1, 2))))
    done = import_series(workshop, [str(source)], None)
    assert (done.name, done.state) == ("pond-part-0", "imported")
    assert done.folder == workshop.layout.series / "pond-part-0"
    assert _files(done.folder).keys() == {"series.yaml", "mail/pond.mbox"}
    assert (done.folder / "mail/pond.mbox").read_bytes() == source.read_bytes()
    spec = workshop.catalogue.series("pond-part-0")
    assert (spec.title, spec.posted, spec.lists, spec.patches) == ("pond: part 0", "2011-08-19", ("linux-mm",), 2)
    assert spec.message_ids == tuple(f"20110819010000.7-{n}-frog@pond.example" for n in (1, 2, 3))
    assert spec.trees == () and spec.kconfig and not spec.stressors
    assert spec.mail == (str(done.folder / "mail/pond.mbox"),)
    assert not list(workshop.layout.series.glob(f"{STAGE}*"))


def test_the_same_again_changes_nothing_and_others_are_refused(tmp_path: Path, workshop: Workshop) -> None:
    source = _file(tmp_path / "m", _mbox(_mail(1), _mail(2)))
    done = import_series(workshop, [str(source)], "pond")
    (done.folder / "series.yaml").write_text((done.folder / "series.yaml").read_text() + "# mine\n")
    before = _files(done.folder)
    assert import_series(workshop, [str(source)], "pond").state == "here already"
    assert _files(done.folder) == before
    source.write_bytes(_mbox(_mail(1), _mail(2, text=" More.")))
    with pytest.raises(UserError, match="pond is there already, with other mails; --name or --replace"):
        import_series(workshop, [str(source)], "pond")
    assert _files(done.folder) == before
    with pytest.raises(UserError, match="demo is there already"):
        import_series(workshop, [str(source)], "demo")


def test_replacing_keeps_what_the_user_said(tmp_path: Path, workshop: Workshop) -> None:
    source = _file(tmp_path / "m", _mbox(_mail(1), _mail(2)))
    done = import_series(workshop, [str(source)], "pond")
    path = done.folder / "series.yaml"
    text = path.read_text().replace("trees: []", "trees: [{tree: fake, port: ports/fake, note: 'a: port'}]")
    path.write_text(text + "requires:\n- {option: NUMA, reason: 'because: so'}\nsummary: mine\n")
    (done.folder / "ports/fake").mkdir(parents=True)
    (done.folder / "ports/fake/1.patch").write_text(HUNK.format(n=1))
    source.write_bytes(_mbox(*(_mail(n, 3, 2) for n in (1, 2, 3)), _mail(1), _mail(2)))
    assert import_series(workshop, [str(source)], "pond", replace_old=True).state == "replaced"
    spec = workshop.catalogue.series("pond")
    assert (spec.patches, spec.summary, spec.requires) == (3, "mine", (("NUMA", "because: so"),))
    assert spec.trees == (SeriesTree("fake", str(done.folder / "ports/fake"), "a: port"),)
    assert (done.folder / "ports/fake/1.patch").is_file()
    assert not list(workshop.layout.series.glob(f"{STAGE}*"))


def test_an_import_that_was_killed_leaves_nothing(tmp_path: Path, workshop: Workshop) -> None:
    source = _file(tmp_path / "m", _mbox(_mail(1), _mail(2)))
    done = import_series(workshop, [str(source)], "pond")
    ended = subprocess.Popen(["true"])
    ended.wait()
    stage = workshop.layout.series / f"{STAGE}{ended.pid}-x"
    (stage / "old").mkdir(parents=True)
    (stage / "lake").mkdir()
    done.folder.rename(stage / "old" / "pond")  # killed between its two renames
    assert import_series(workshop, [str(source)], "pond").state == "here already"
    assert not stage.exists() and "lake" not in workshop.catalogue.series_names()
    mine = workshop.layout.series / f"{STAGE}{os.getpid()}-y"
    mine.mkdir()
    import_series(workshop, [str(source)], "pond")
    assert mine.exists()  # of an import at work


def test_nothing_is_left_of_one_that_fails(tmp_path: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _file(tmp_path / "m", _mbox(_mail(1), _mail(2)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.runs.series_import.load_series_spec", full)
    before = _files(workshop.layout.series)
    with pytest.raises(InfrastructureError, match="cannot be written: No space left"):
        import_series(workshop, [str(source)], "pond")
    assert _files(workshop.layout.series) == before


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a b", "x" * 65, "é"])
def test_names_that_are_refused(tmp_path: Path, workshop: Workshop, name: str) -> None:
    source = _file(tmp_path / "m", _mbox(_mail(1), _mail(2)))
    with pytest.raises(UserError, match="cannot be a series' name"):
        import_series(workshop, [str(source)], name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("mm: hold the frog (v2)", "mm-hold-the-frog-v2"),
        ("../../etc/passwd", "etc-passwd"),
        ("蛙", "series"),
        ("Für Élise", "fur-elise"),
        ("a" * 100, "a" * 48),
        ("word " * 30, "word-word-word-word-word-word-word-word-word"),
    ],
)
def test_names_from_titles(title: str, name: str) -> None:
    assert series_name(title) == name


def _maildir(path: Path) -> Path:
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    (path / "cur/2.host:2,S").write_text(_mail(2))
    (path / "new/1.host").write_text(_mail(1))
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "README.md").write_text("notes")
    (path / "b \x1b[31m.eml").write_text(_mail(2))
    (path / "a.eml").write_text(_mail(1))
    return path


def _quilt(path: Path) -> Path:
    (path / "patches" / "sub").mkdir(parents=True)
    (path / "patches/z.patch").write_text(_mail(1))
    (path / "patches/sub/a.patch").write_text(_mail(2))
    (path / "patches/series").write_text("z.patch\nsub/a.patch\n# end\n")
    return path


def _packed(path: Path) -> Path:
    return _file(path, gzip.compress(_mbox(_mail(1), _mail(2))))


@pytest.mark.parametrize("make", [_maildir, _folder, _quilt, _packed])
def test_every_kind_is_kept_as_it_reads(tmp_path: Path, workshop: Workshop, make: Callable[[Path], Path]) -> None:
    source = make(tmp_path / "source")
    done = import_series(workshop, [str(source)], "pond")
    assert [patch.subject for patch in done.series.patches] == ["pond: part 1", "pond: part 2"]
    assert not any("\x1b" in name or "README" in name for name in _files(done.folder))
    assert import_series(workshop, [str(source)], "pond").state == "here already"
    again = import_series(workshop, [str(done.folder / "mail")], "pond2")
    assert again.series.digest == done.series.digest


def test_several_sources(tmp_path: Path, workshop: Workshop) -> None:
    one, other = _file(tmp_path / "m", _mbox(_mail(1))), tmp_path / "x" / "m"
    other.parent.mkdir()
    other.write_bytes(_mbox(_mail(2)))
    done = import_series(workshop, [str(one), str(other)], "pond")
    assert done.series.missing == () and _files(done.folder).keys() == {"series.yaml", "mail/1/m", "mail/2/m"}
    assert len(workshop.catalogue.series("pond").mail) == 2


def test_git_range(tmp_path: Path, workshop: Workshop) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    settings = {"GIT_AUTHOR_NAME": "A Frog", "GIT_AUTHOR_EMAIL": "frog@pond.example", "GIT_CONFIG_GLOBAL": "/dev/null"}
    settings |= {"GIT_COMMITTER_NAME": "A Frog", "GIT_COMMITTER_EMAIL": "frog@pond.example"}

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env={**os.environ, **settings})

    git("init", "-q", "-b", "main")
    for number in range(3):
        (folder / "pond.c").write_text(f"int frogs = {number};\n")
        git("add", ".")
        git("commit", "-q", "-m", f"pond: {number} frogs")
    done = import_series(workshop, [f"{folder}@main~2..main"], "pond")
    assert [patch.subject for patch in done.series.patches] == ["pond: 1 frogs", "pond: 2 frogs"]
    assert _files(done.folder).keys() == {"series.yaml", "mail/range.mbox"}
    assert import_series(workshop, [f"{folder}@main~2..main"], "pond").state == "here already"


HOSTILE = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=HOSTILE, note=HOSTILE, ids=st.lists(HOSTILE, max_size=3))
def test_series_file_reads_back_as_it_was(tmp_path: Path, title: str, note: str, ids: list[str]) -> None:
    folder = tmp_path / "x"
    folder.mkdir(exist_ok=True)
    spec = SeriesSpec(
        name="x",
        path=str(folder / "series.yaml"),
        title=title,
        posted="2011-08-19",
        lists=("linux-mm", note),
        patches=3,
        message_ids=tuple(ids),
        archive=None,
        trees=(SeriesTree("a", None, note), SeriesTree("b", str(folder / "ports/b"))),
        kconfig=("boot",),
        requires=((title, note),),
        stressors=("quiet",),
        summary=note,
        mail=(str(folder / "mail"),),
    )
    (folder / "series.yaml").write_text(series_yaml(spec, folder), encoding="utf-8")
    assert load_series_spec(folder) == spec


def test_mail_outside_the_folder_is_refused(tmp_path: Path) -> None:
    content = {"title": "x", "posted": "x", "patches": 1, "mail": ["../x"], "trees": [], "kconfig": ["a"]}
    (tmp_path / "series.yaml").write_text(yaml.safe_dump(content | {"stressors": ["a"]}))
    with pytest.raises(UserError, match=r"mail \.\./x lies outside the series' folder"):
        load_series_spec(tmp_path)


# From list archives


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<1-frog@pond.example>", (ALL_LISTS, "1-frog@pond.example")),
        ("1-frog@pond.example", (ALL_LISTS, "1-frog@pond.example")),
        ("https://lore.kernel.org/linux-mm/1@pond.example/", ("https://lore.kernel.org/linux-mm", "1@pond.example")),
        (
            "https://lore.kernel.org/linux-mm/1@pond.example/T/#u",
            ("https://lore.kernel.org/linux-mm", "1@pond.example"),
        ),
        ("https://lkml.kernel.org/r/1@pond.example", (ALL_LISTS, "1@pond.example")),
        ("https://patchew.org/linux/1@pond.example/", (ALL_LISTS, "1@pond.example")),
        ("http://pond.example/a/b/1%2Ffrog@pond.example/raw", ("http://pond.example/a/b", "1/frog@pond.example")),
        ("folder@a..b", None),
        ("/some/where", None),
        ("a b@c", None),
    ],
)
def test_addresses(text: str, wanted: tuple[str, str] | None) -> None:
    assert list_address(text) == (ListAddress(*wanted) if wanted else None)


@pytest.mark.parametrize("url", ["https://lkml.org/lkml/2002/8/26/1", "http://marc.info/?l=linux-mm&m=1", "http://[x"])
def test_pages_that_name_no_message(url: str) -> None:
    with pytest.raises(UserError, match=r"does not name its message by id; copy the page's text|not an address"):
        list_address(url)


def _served(data: bytes) -> Callable[..., io.BytesIO]:
    def opener(request: object, timeout: float) -> io.BytesIO:
        del timeout
        asked.append(str(getattr(request, "full_url", "")))
        return io.BytesIO(data)

    asked: list[str] = []
    opener.asked = asked  # type: ignore[attr-defined]
    return opener


def test_a_thread_by_its_message_id(tmp_path: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = _served(gzip.compress(_mbox(_mail(1), _mail(2))))
    monkeypatch.setattr("harness.intake.archive.fetch_thread.__kwdefaults__", {"opener": opener, "by_b4": False})
    done = import_series(workshop, ["1-frog@pond.example"], "pond")
    assert opener.asked == [f"{ALL_LISTS}/1-frog@pond.example/t.mbox.gz"]  # type: ignore[attr-defined]
    assert _files(done.folder).keys() == {"series.yaml", "mail/thread.mbox"}
    assert workshop.catalogue.series("pond").archive == ALL_LISTS


def test_without_network_it_is_one_clear_error(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout.folder))
    monkeypatch.setattr("socket.socket.connect", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    ended = checkout.harness("series", "import", "1-frog@pond.example")
    assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
    assert "archive cannot be reached: no network; give the mails as a mbox" in ended.err


def test_b4_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "b4"
    program.parent.mkdir()
    mails = _file(tmp_path / "mails", _mbox(_mail(1), _mail(2)))
    program.write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/asked\nwhile [ "$1" != -o ]; do shift; done\ncp {mails} "$2/$4"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    path = fetch_thread(ListAddress(ALL_LISTS, "1-frog@pond.example"), tmp_path / "cache", opener=_served(b""))
    assert path.read_bytes() == mails.read_bytes()
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["-q", "mbox", "--check-newer-revisions"] and asked[-1] == "1-frog@pond.example"
    program.write_text("#!/bin/sh\nexit 1\n")
    other = _served(gzip.compress(_mbox(_mail(1))))
    assert fetch_thread(ListAddress(ALL_LISTS, "2@pond.example"), tmp_path / "cache", opener=other).is_file()


# On the command line


def test_import_then_show_then_run(tmp_path: Path, checkout: Checkout) -> None:
    mails = [patch.mail(number, 2) for number, patch in enumerate(harmless(2), 1)]
    source = _file(tmp_path / "m.mbox", "\n".join(mails).encode())
    ended = checkout.harness("series", "import", str(source), "--name", "steps")
    assert (ended.code, ended.err) == (0, "")
    assert "  2  mm: take step 2  (+1 -0, clean)" in ended.out and "files: mm/step2.c" in ended.out
    assert f"imported: {checkout.root}/series/steps" in ended.out
    shown = checkout.harness("series", "show", "steps")
    assert (shown.code, shown.out) == (0, ended.out.split("\n\nimported")[0] + "\n")
    assert checkout.harness("series", "show", str(source)).out == shown.out
    assert "steps" in checkout.harness("series", "list").out
    refused = checkout.harness("run", "steps")
    assert (refused.code, "names no tree yet; give --tree NAME" in refused.err) == (2, True)
    run = checkout.harness("run", "steps", "--tree", "fake")
    assert run.code == 0, run.err


def test_json(tmp_path: Path, checkout: Checkout) -> None:
    source = _file(tmp_path / "m.mbox", _mbox(_mail(0, 3), _mail(1, 3), _mail(3, 3)))
    ended = checkout.harness("series", "import", str(source), "--name", "pond", "--json")
    value = json.loads(ended.out)
    assert (value["state"], value["name"], value["total"]) == ("imported", "pond", 3)
    assert value["missing"] == [{"index": 2, "title": "", "message_id": "20110819010000.7-3-frog@pond.example"}]
    assert value["patches"][0]["functions"] == ["f1"] and value["patches"][0]["provenance"] == "clean"
    assert value["patches"][0]["date"] == "2011-08-19T01:00:01+00:00" and value["cover"]["text"] == "Two frogs."
    shown = json.loads(checkout.harness("series", "show", "pond", "--json").out)
    assert {key: shown[key] for key in ("title", "missing")} == {key: value[key] for key in ("title", "missing")}
    log = checkout.harness("series", "show", "pond").out
    assert "missing: 2 of 3 here; patch 2 not here; message ids 20110819010000.7-3-frog@pond.example" in log


def test_a_damaged_series_is_imported_shown_and_not_run(tmp_path: Path, checkout: Checkout) -> None:
    source = _file(tmp_path / "m.mbox", _mbox(_mail(1), _mail(2).replace("@@ -1 +1 @@", "@@ -1,9 +1,9 @@")))
    ended = checkout.harness("series", "import", str(source), "--name", "pond")
    assert ended.code == 0 and "harness series repair pond --tree TREE -o FILE" in ended.out
    assert f"damaged: {source}:" in ended.out and "(+1 -1, damaged)" in ended.out
    run = checkout.harness("run", "pond", "--tree", "fake")
    lines = [line for line in run.err.splitlines() if line.startswith("harness: ")]
    kept = checkout.root / "series/pond/mail/m.mbox"
    assert (run.code, len(lines)) == (2, 1)
    assert f"{kept}:" in lines[0] and 'patch 2 of 2, "pond: part 2", is damaged' in lines[0]
    assert lines[0].endswith(f"mend it: harness series repair {kept} --tree TREE -o FILE")


def test_what_is_neither_a_series_nor_a_source(checkout: Checkout) -> None:
    ended = checkout.harness("series", "show", "dmeo")
    assert (ended.code, "unknown series 'dmeo'; did you mean demo?" in ended.err) == (2, True)
    ended = checkout.harness("series", "import", "nowhere")
    assert (ended.code, ended.err.count("\n"), "nowhere: no such file or folder" in ended.err) == (2, 1, True)
