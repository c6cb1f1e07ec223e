"""From a source of any kind to series/NAME: the mails as they were found, and a series.yaml that says what they are."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.catalogue import Catalogue
from harness.config.series_file import load_series_spec, series_yaml
from harness.intake import fetch_thread, list_address, read_series, source_files
from harness.model.errors import InfrastructureError, UserError
from harness.model.series import Series, SeriesSpec
from harness.runs.workshop import Workshop

MAIL = "mail"  # the folder of a series that holds its mails
STAGE = ".import-"  # prefix of the folder that a series is made in
OLD = "old"
MAX_NAME = 48  # characters of a name made from a title

# What a series that touches memory management is stressed with before its user says more.
MM_STRESSORS = ("migration", "memcg", "thpsplit", "swapoff")
MM_FILES = ("mm/", "include/linux/mm", "include/linux/rmap", "include/linux/page", "include/linux/swap")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNSAFE = re.compile(r"[^\w.,:=@+-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Imported:
    """``series`` as it was read; ``state`` is "imported", "replaced", or "here already" where nothing was written."""

    name: str
    folder: Path
    series: Series
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """One source given by the user: ``path`` is where it lies, ``archive`` where it was fetched from."""

    text: str
    path: Path
    archive: str | None = None


def series_name(title: str) -> str:
    """A folder's name from a title: "mm: hold the frog (v2)" is mm-hold-the-frog-v2."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        if name and len(name) + len(word) >= MAX_NAME:
            break
        name = f"{name}-{word}" if name else word[:MAX_NAME]
    return name or "series"


def find_source(workshop: Workshop, text: str) -> Source:
    """What ``text`` names: a file, a folder, a git range, or a message of a list archive, whose thread is fetched.

    Raises InfrastructureError where an archive cannot be reached.
    """
    path = Path(text)
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if not exists and (address := list_address(text)):
        return Source(text, fetch_thread(address, workshop.layout.cache / "mail"), address.archive)
    return Source(text, path)


def read_source(workshop: Workshop, texts: Sequence[str], name: str = "series") -> Series:
    """The series at the sources given, patches that need repair as they are. Writes nothing but the thread's cache."""
    sources = [find_source(workshop, text) for text in texts]
    return read_series(name, [source.path for source in sources], damaged=True)


def named_or_source(workshop: Workshop, text: str) -> SeriesSpec | None:
    """The series of the checkout that ``text`` names, None where it names a source instead. Raises UserError where it
    is neither."""
    path = Path(text)
    exists = False
    with contextlib.suppress(OSError, ValueError):
        exists = path.exists()
    if exists and len(path.parts) > 1 and not (path / "series.yaml").is_file():
        return None  # a path that is there is meant, whatever series has its last word for a name
    try:
        return workshop.catalogue.series(text)
    except UserError:
        if exists:
            return None
        if list_address(text) or (".." in text and "@" in text):
            return None
        raise


def import_series(workshop: Workshop, texts: Sequence[str], name: str | None, *, replace_old: bool = False) -> Imported:
    """Writes series/NAME from the sources: whole or not at all, and nothing where they are there already.

    ``name`` None makes one of the title. ``replace_old`` puts the sources' mails in place of those there; trees, ports,
    fragments and stressors stay. Raises UserError for a name that is taken by another series.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise UserError(f"{name[:80]!r} cannot be a series' name", remedy="use letters, digits, '.', '_' and '-'")
    sources = [find_source(workshop, text) for text in texts]
    series = read_series(name or "series", [source.path for source in sources], damaged=True)
    name = name or series_name(series.title)
    series = replace(series, name=name)
    home = workshop.layout.series
    folder = home / name
    files, roots = _kept(sources)
    _recover(home)
    if folder.exists() or folder.is_symlink():
        if _same(folder, files, roots):
            return Imported(name, folder, series, "here already")
        if not replace_old:
            raise UserError(
                f"series {name} is there already, with other mails", where=str(folder), remedy="--name or --replace"
            )
    try:
        return _write(workshop.catalogue, home, name, sources, series, files, roots)
    except OSError as error:
        raise InfrastructureError(f"cannot be written: {error.strerror or error}", where=str(folder)) from None


def _safe(name: str) -> str:
    text = _UNSAFE.sub("_", name)[:200]
    return "_" + text[1:] if text.startswith(".") else text or "_"


def _kept(sources: Sequence[Source]) -> tuple[dict[str, bytes], list[str]]:
    """(bytes by path below the series' folder, paths to read them from) of what the sources hold."""
    files: dict[str, bytes] = {}
    roots: list[str] = []
    for number, source in enumerate(sources, 1):
        held = source_files(source.path)
        is_folder = source.path.is_dir()
        below = MAIL if len(sources) == 1 else f"{MAIL}/{number}"
        listed = {name for name, _ in held if name == "series"}
        for name, data in held:
            # what a quilt series file lists keeps its name, or the list would not hold
            safe = name if listed else "/".join(_safe(part) for part in name.split("/"))
            if source.archive:
                safe = "thread.mbox"
            place, again = f"{below}/{safe}", 1
            while place in files:
                again += 1
                place = f"{below}/{again}-{safe}"
            files[place] = data
            if not is_folder:
                roots.append(place)
        if is_folder:
            roots.append(below)
    return files, roots


def _same(folder: Path, files: dict[str, bytes], roots: Sequence[str]) -> bool:
    """Whether the series in ``folder`` was imported from these very files."""
    try:
        spec = load_series_spec(folder)
        there = {str(path.relative_to(folder)) for path in (folder / MAIL).rglob("*") if path.is_file()}
        if spec.mail != tuple(str(folder.resolve() / root) for root in roots) or there != set(files):
            return False
        return all((folder / name).read_bytes() == data for name, data in files.items())
    except (UserError, OSError):
        return False


def _spec(catalogue: Catalogue, stage: Path, series: Series, sources: Sequence[Source], roots: list[str]) -> SeriesSpec:
    """What series.yaml says of a series that is new here."""
    dates = [series.cover_date, *(patch.date for patch in series.patches)]
    posted = next((f"{date:%Y-%m-%d}" for date in dates if date), "unknown")
    ids = {patch.index: patch.message_id or "" for patch in series.patches}
    ids.update(zip(series.missing, series.missing_ids, strict=True))
    known = [ids.get(index, "") for index in range(1, series.total + 1)]
    cover = [series.cover_message_id] if series.cover_message_id else []
    fragments = catalogue.usual_fragments()
    return SeriesSpec(
        name=series.name,
        path=str(stage / "series.yaml"),
        title=series.title,
        posted=posted,
        lists=series.lists,
        patches=series.total,
        # a number of ids that is not the patches' would be taken for other patches'
        message_ids=(*cover, *known) if all(known) and len(set(known)) == len(known) else (),
        archive=next((source.archive for source in sources if source.archive), None),
        trees=(),
        kconfig=tuple(fragment.name for fragment in fragments),
        requires=(),
        stressors=(),  # chosen by what the series touches
        mail=tuple(str(stage / root) for root in roots),
    )


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _write(
    catalogue: Catalogue,
    home: Path,
    name: str,
    sources: Sequence[Source],
    series: Series,
    files: dict[str, bytes],
    roots: list[str],
) -> Imported:
    """Makes the folder beside its place and renames it there."""
    folder = home / name
    stage = Path(tempfile.mkdtemp(dir=home, prefix=f"{STAGE}{os.getpid()}-"))
    try:
        new = stage / name
        new.mkdir()
        for path, data in files.items():
            _put(new / path, data)
        spec = _spec(catalogue, new, series, sources, roots)
        replaced = folder.exists()
        if replaced:
            spec = _carried_over(folder, new, spec)
        _put(new / "series.yaml", series_yaml(spec, new).encode())
        load_series_spec(new)
        again = read_series(name, [new / root for root in roots], damaged=True)
        if again.digest != series.digest:
            raise InfrastructureError("the mails as kept read otherwise than the source", where=str(folder))
        if replaced:
            (stage / OLD).mkdir()
            folder.rename(stage / OLD / name)
        new.rename(folder)
        return Imported(name, folder, series, "replaced" if replaced else "imported")
    finally:
        _unless_lost(home, stage)


def _carried_over(folder: Path, new: Path, spec: SeriesSpec) -> SeriesSpec:
    """``spec`` with what the user said of the series before, ports copied beside it."""
    old = load_series_spec(folder)
    for path in folder.iterdir():
        if path.name in (MAIL, "series.yaml"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, new / path.name, symlinks=True)
        else:
            shutil.copy2(path, new / path.name, follow_symlinks=False)

    def moved(port: str | None) -> str | None:
        return str(new / Path(port).relative_to(folder.resolve())) if port else None

    return replace(
        spec,
        summary=old.summary,
        lists=spec.lists or old.lists,
        archive=spec.archive or old.archive,
        trees=tuple(replace(tree, port=moved(tree.port)) for tree in old.trees),
        kconfig=old.kconfig,
        requires=old.requires,
        stressors=old.stressors,
    )


def _unless_lost(home: Path, stage: Path) -> None:
    """Removes a stage; a series that was moved into it and has nothing in its place goes back first."""
    with contextlib.suppress(OSError):
        for old in (stage / OLD).iterdir() if (stage / OLD).is_dir() else ():
            if not (home / old.name).exists():
                old.rename(home / old.name)
    shutil.rmtree(stage, ignore_errors=True)


def _recover(home: Path) -> None:
    """Clears up after imports that were killed."""
    for stage in home.glob(f"{STAGE}*"):
        pid = stage.name.removeprefix(STAGE).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _unless_lost(home, stage)
