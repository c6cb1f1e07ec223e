"""A tree of the old kind: no O=, scripts/Configure's targets, built in a copy of its source; without a container."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import recipe
from harness.builds.build_log import BuildLog
from harness.builds.kconfig import allconfig_text
from harness.builds.kernel_build import BuildFailed, BuildRequest, KernelBuilder, object_of
from harness.builds.warning_record import merged
from harness.model.build import Fragment, Kernel
from harness.model.build_message import BuildMessage, MessageKind
from harness.model.era import ConfigDialect, Era, Toolchain
from harness.model.errors import InfrastructureError, UserError
from harness.model.option import OptionHistory, OptionsOf, OptionStep, OptionTable, Presence
from harness.model.version import KernelVersion, VersionRange
from tests.fake.containers import LocalRunner, fake_image

pytestmark = pytest.mark.slow

# Its compiler is cp; "warn" and "fail" in a file's text make it say so.
MAKEFILE = """
VERSION = 2
ifneq ($(O),)
$(error there is no O= yet)
endif
oldconfig:
	@read answer; sed 's/=$$/=n/' .config >.config.new; mv .config.new .config; echo "asked: $$answer"
	@grep -q CONFIG_LOST .config && sed -i '/CONFIG_LOST/d' .config || :
dep:
	@touch .hdepend
scripts prepare: .hdepend
	@echo '  Preparing $@'
%.o: %.c
	@echo "  CC     $@"; echo $@ >>compiled
	@! grep -q warn $< || echo "$<:1: warning: unused variable"
	@! grep -q fail $< || { echo "$<:1: error: parse error before ';'"; exit 1; }
	@cp $< $@
bzImage: mm/a.o mm/b.o
	@mkdir -p arch/i386/boot; cat $^ >arch/i386/boot/bzImage; cp arch/i386/boot/bzImage vmlinux
"""
CONFIG_IN = """
bool 'Wanted' CONFIG_WANTED
dep_bool 'Lost' CONFIG_LOST $CONFIG_MISSING
"""
ERA = Era(
    "old", VersionRange(), "gcc", "i386", "arch/i386/boot/bzImage", "bzImage", "pc", "max", (), (), (),
    dialect=ConfigDialect.CONFIGURE, in_tree=True,
)  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The checked-out tree."""
    files = {
        "Makefile": MAKEFILE,
        ".git": "gitdir: /nowhere\n",
        "mm/a.c": "a\n",
        "mm/b.c": "b\n",
        "arch/i386/config.in": CONFIG_IN,
        "arch/alpha/config.in": "bool 'Lost' CONFIG_LOST\n",
    }
    for name, text in files.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return tmp_path / "source"


@pytest.fixture
def builder(tmp_path: Path) -> KernelBuilder:
    """A builder whose container is this machine."""
    return KernelBuilder(LocalRunner(tmp_path / "runs"), tmp_path / "cache")


def request_for(
    source: Path, options: Sequence[tuple[str, str]] = (("WANTED", "y"),), tree_id: str = "1"
) -> BuildRequest:
    """A build of the fake tree."""
    toolchain = Toolchain("gcc", "bookworm", ("gcc",), "", ())
    fragment = Fragment("wanted", tuple(options), "wanted.config")
    return BuildRequest(
        "old", tree_id, 0, source, source.parent / "out", ERA, toolchain, fake_image(toolchain), (fragment,), 2, 512
    )


def told(_: str) -> None:
    """Progress that nobody reads."""


def compiled(request: BuildRequest) -> list[str]:
    """Objects compiled since the last question."""
    path = request.out / "compiled"
    names = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(names)


def edit(path: Path, text: str) -> None:
    """As a checkout of another prefix writes a file."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    later = time.time() + 2
    os.utime(path, (later, later))


def test_the_source_stays_as_it_is_and_only_what_changed_is_compiled_again(
    source: Path, builder: KernelBuilder
) -> None:
    request = request_for(source)
    before = sorted(source.rglob("*"))
    kernel = builder.build(request, told)
    assert sorted(source.rglob("*")) == before
    assert kernel.image.read_text() == "a\nb\n" and not kernel.incremental
    assert kernel.config.obtained == (("WANTED", "y"),)
    assert compiled(request) == ["mm/a.o", "mm/b.o"]
    assert not (request.out / ".git").exists()

    edit(source / "mm/b.c", "patched\n")
    patched = builder.build(replace(request, tree_id="2", patches=1), told)
    assert patched.image.read_text() == "a\npatched\n" and patched.incremental
    assert compiled(request) == ["mm/b.o"]


def test_a_file_that_a_patch_removes_is_removed_from_the_copy(source: Path, builder: KernelBuilder) -> None:
    for name in ("gone", "link"):
        (source / f"mm/{name}.c").write_text(name)
    request = request_for(source)
    builder.build(request, told)
    assert (request.out / "mm/gone.c").is_file()
    (source / "mm/gone.c").unlink()
    (source / "mm/link.c").unlink()
    (source / "mm/link.c").symlink_to("a.c")
    builder.build(replace(request, tree_id="2"), told)
    assert not (request.out / "mm/gone.c").exists()
    assert (request.out / "mm/a.o").is_file(), "objects stay"
    assert (request.out / "mm/link.c").is_symlink()


def test_a_copy_that_was_cut_short_is_made_again(source: Path, builder: KernelBuilder) -> None:
    request = request_for(source)
    builder.build(request, told)
    # As a killed cp leaves it: short, and newer than its source.
    (request.out / "mm/b.c").write_text("")
    (request.out / "harness.files").rename(request.out / "harness.files.old")
    assert builder.build(replace(request, tree_id="2"), told).image.exists()
    assert (request.out / "mm/b.c").read_text() == "b\n"


def test_links_left_in_the_output_folder_are_not_written_through(
    source: Path, builder: KernelBuilder, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched\n")
    request = request_for(source)
    builder.build(request, told)
    for name in ("mm/b.c", "harness.config", "harness.log", "harness.building"):
        (request.out / name).unlink(missing_ok=True)
        (request.out / name).symlink_to(victim)
    edit(source / "mm/b.c", "new\n")
    builder.build(replace(request, tree_id="2"), told)
    assert victim.read_text() == "untouched\n"
    assert (request.out / "mm/b.c").read_text() == "new\n" and not (request.out / "mm/b.c").is_symlink()


@pytest.mark.parametrize(
    ("name", "trick"),
    [
        ("harness.log", "ln -sf $(SECRET)"),
        ("harness.log", "mkfifo"),
        (".config", "ln -sf $(SECRET)"),
        ("vmlinux", "ln -sf $(SECRET)"),
        ("vmlinux", "mkfifo"),
        ("vmlinux", "mkdir"),
        ("vmlinux", "truncate -s 5G"),
        ("System.map", "ln -s /dev/zero"),
        ("arch/i386/boot/bzImage", "ln -sf $(SECRET)"),
        ("arch/i386/boot", "ln -s $(dir $(SECRET))"),
    ],
)
def test_what_a_build_leaves_in_place_of_its_files_is_not_read(
    source: Path, builder: KernelBuilder, tmp_path: Path, name: str, trick: str
) -> None:
    (tmp_path / "secret").mkdir()
    secret = tmp_path / "secret/bzImage"
    secret.write_text("do not tell\n")
    edit(source / "Makefile", f"SECRET = {secret}\n{MAKEFILE}\trm -rf {name}\n\t{trick} {name}\n")
    if name == "harness.log":
        kernel = builder.build(request_for(source), told)
        assert "Preparing" not in (text := (kernel.directory / "log").read_text()) and "CC     mm/a.o" in text
    else:
        with pytest.raises(InfrastructureError, match="the build left"):
            builder.build(request_for(source), told)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not any("do not tell" in path.read_text("utf-8", "replace") for path in kept)


def test_the_configuration_that_a_tree_leaves_is_not_followed(
    source: Path, builder: KernelBuilder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("CONFIG_SECRET=y\n")
    edit(source / "Makefile", MAKEFILE.replace("touch .hdepend", f"touch .hdepend; ln -sf {secret} .config"))
    with pytest.raises(InfrastructureError, match="no regular file"):
        builder.configure(request_for(source), told)


def test_a_dropped_option_is_named_with_the_dependency_of_its_own_architecture(
    source: Path, builder: KernelBuilder
) -> None:
    kernel = builder.build(request_for(source, (("WANTED", "y"), ("LOST", "y"))), told)
    (dropped,) = kernel.config.dropped
    assert (dropped.name, dropped.got, dropped.reason) == ("LOST", "n", "unmet dependency: MISSING=n")
    again = builder.cached(request_for(source, (("WANTED", "y"), ("LOST", "y"))))
    assert again is not None and again.config == kernel.config, "kept with the kernel"


def test_a_kernel_made_for_other_fragments_tells_what_these_lost(source: Path, builder: KernelBuilder) -> None:
    builder.build(request_for(source), told)
    young = OptionHistory("YOUNG", ((None, (OptionStep(None, Presence.NOT_YET, "YOUNG"),)),))
    options = OptionsOf(OptionTable((young,)), KernelVersion.parse("2.5.31"), "i386")
    request = request_for(source, (("WANTED", "y"), ("YOUNG", "y")))
    kernel = builder.cached(replace(request, era=replace(ERA, options=options)))
    assert kernel is not None, "it asks for the same"
    assert [(option.name, option.reason) for option in kernel.config.dropped] == [("YOUNG", "in no kernel")]


def test_some_objects_only_each_by_itself(source: Path, builder: KernelBuilder) -> None:
    edit(source / "mm/b.c", "warn fail\n")
    edit(source / "mm/c.c", "warn\n")
    request = request_for(source)
    result = builder.compile(request, ("mm/a.o", "mm/b.o", "mm/c.o", "mm/none.o"), told)
    a, b, c, none = result.objects
    assert (a.error, a.warnings) == ("", ())
    assert b.error == "mm/b.c:1: error: parse error before ';'"
    assert [str(warning) for warning in b.warnings] == ["mm/b.c:1: warning: unused variable"]
    assert (c.error, [str(warning) for warning in c.warnings]) == ("", ["mm/c.c:1: warning: unused variable"])
    assert "No rule to make target" in none.error
    assert result.config.has("WANTED")
    # A second time too: a warning is told by a compiler that runs.
    assert builder.compile(request, ("mm/c.o",), told).objects == (c,)
    assert builder.cached(request) is None and builder.known_failure(request) is None
    with pytest.raises(BuildFailed, match=r"mm/b\.c:1: error: parse error"):
        builder.build(request, told)


def warnings_of(kernel: Kernel) -> list[str] | None:
    """As people read them."""
    return None if kernel.warnings is None else [str(warning) for warning in kernel.warnings]


def test_a_kernel_has_the_warnings_of_what_was_not_compiled_again_too(source: Path, builder: KernelBuilder) -> None:
    a, b = ("mm/a.c:1: warning: unused variable", "mm/b.c:1: warning: unused variable")
    request = request_for(source)
    (source / "mm/b.c").write_text("warn\n")
    assert warnings_of(builder.build(request, told)) == [b]
    (source / "mm/a.c").write_text("warn\n")
    assert compiled(request) == ["mm/a.o", "mm/b.o"]
    second = builder.build(replace(request, tree_id="2", patches=1), told)
    assert compiled(request) == ["mm/a.o"] and warnings_of(second) == [a, b]
    (source / "mm/b.c").write_text("mended\n")
    assert warnings_of(builder.build(replace(request, tree_id="3", patches=2), told)) == [a]
    # Nothing is compiled at all, and a kernel at hand keeps its own.
    assert warnings_of(builder.build(replace(request, tree_id="4", patches=3), told)) == [a]
    cached = builder.cached(replace(request, tree_id="2", patches=1))
    assert cached is not None and warnings_of(cached) == [a, b]


def test_a_build_that_failed_or_was_killed_loses_no_warning(source: Path, builder: KernelBuilder) -> None:
    request = request_for(source)
    edit(source / "mm/a.c", "warn\n")
    edit(source / "mm/b.c", "fail\n")
    with pytest.raises(BuildFailed) as failed:
        builder.build(request, told)
    assert [str(error) for error in failed.value.messages] == ["mm/b.c:1: error: parse error before ';'"]
    again = builder.known_failure(request)
    assert again is not None and again.messages == failed.value.messages
    edit(source / "mm/b.c", "mended\n")
    killed = KernelBuilder(LocalRunner(builder.cache.folder / "runs", "killed"), builder.cache.folder)
    with pytest.raises(InfrastructureError):
        killed.build(replace(request, tree_id="2"), told)
    assert warnings_of(builder.build(replace(request, tree_id="2"), told)) == ["mm/a.c:1: warning: unused variable"]
    # The warnings of what single objects said are those of the output folder too.
    edit(source / "mm/b.c", "warn\n")
    builder.compile(replace(request, tree_id="3"), ("mm/b.o",), told)
    kernel = builder.build(replace(request, tree_id="3"), told)
    assert [warning.file for warning in kernel.warnings or ()] == ["mm/a.c", "mm/b.c"]


@pytest.mark.parametrize(("rule", "step"), [("dep:\n", "configuration failed"), ("prepare: .hdepend\n", "prepared")])
def test_a_step_before_the_build_that_failed_loses_no_warning(
    source: Path, builder: KernelBuilder, rule: str, step: str
) -> None:
    edit(source / "mm/a.c", "warn\n")
    making = f"{rule}\t@$(MAKE) mm/a.o\n"
    edit(source / "Makefile", MAKEFILE.replace(rule, f"{making}\t@false\n"))
    request = request_for(source)
    with pytest.raises(BuildFailed, match=step):
        builder.compile(request, ("mm/b.o",), told)
    assert compiled(request) == ["mm/a.o"]
    edit(source / "Makefile", MAKEFILE)
    os.utime(request.out / "mm/a.o", (time.time() + 60,) * 2)
    kernel = builder.build(replace(request, tree_id="2"), told)
    assert compiled(request) == ["mm/b.o"] and warnings_of(kernel) == ["mm/a.c:1: warning: unused variable"]


def test_warnings_are_not_known_where_somebody_else_built_in_the_folder(source: Path, builder: KernelBuilder) -> None:
    request = request_for(source)
    builder.build(request, told)
    (request.out / "harness.log").write_text("of an older harness\n")
    assert warnings_of(builder.build(replace(request, tree_id="2"), told)) is None
    assert warnings_of(builder.build(replace(request, tree_id="3"), told)) is None
    # What a container leaves in place of the record is not followed.
    fresh = replace(request, tree_id="4", out=source.parent / "fresh")
    builder.build(fresh, told)
    record = fresh.out / "harness.warnings"
    record.unlink()
    record.symlink_to(source / "Makefile")
    assert warnings_of(builder.build(replace(fresh, tree_id="5"), told)) is None
    assert (source / "Makefile").read_text() == MAKEFILE
    record.unlink()
    record.write_text('{"mark": 1, "known": true, "messages": [{"file": []}]}')
    assert warnings_of(builder.build(replace(fresh, tree_id="6"), told)) is None


def test_warnings_of_a_file_that_a_patch_removes_are_gone(source: Path) -> None:
    old = BuildMessage(MessageKind.WARNING, "mm/gone.c", 1, "loud", target="mm/gone.o")
    link = BuildMessage(MessageKind.WARNING, ".tmp_vmlinux1", 0, "loud", target=".tmp_vmlinux1")
    assert merged((old, link), BuildLog((), ()), lambda file: file != "mm/gone.c") == (link,)
    assert merged((old, link), BuildLog((".tmp_vmlinux1",), ()), lambda file: True) == (old,)


@pytest.mark.parametrize(
    "path", ["/etc/x.o", "../x.o", "mm/../x.o", "mm/x.c", "-f.o", "mm/x.o;true.o", "a b.o", "x.o\n", ""]
)
def test_what_is_no_object_is_refused(source: Path, builder: KernelBuilder, path: str) -> None:
    with pytest.raises(UserError, match="is not an object below"):
        builder.compile(request_for(source), (path,), told)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("mm/rmap.c", "mm/rmap.o"),
        ("arch/i386/kernel/entry.S", "arch/i386/kernel/entry.o"),
        ("include/linux/mm.h", None),
        ("Makefile", None),
        ("mm/x.c;true.c", None),
        (".c", None),
    ],
)
def test_the_object_of_a_source_file(path: str, name: str | None) -> None:
    assert object_of(path) == name


def test_the_key_knows_how_the_tree_is_configured_and_where_it_is_built(source: Path, builder: KernelBuilder) -> None:
    eras = [replace(ERA, dialect=dialect, in_tree=in_tree) for dialect in ConfigDialect for in_tree in (False, True)]
    requests = [replace(request_for(source), era=era) for era in eras]
    assert len(set(map(builder.key, requests))) == len(set(map(builder.out_name, requests))) == len(eras)
    # Of today's way: what was built before these were parts of it is found again.
    today = requests[eras.index(replace(ERA, dialect=ConfigDialect.ALLCONFIG, in_tree=False))]
    image = today.image.digest
    parts = [1, "1", "i386", "bzImage", "arch/i386/boot/bzImage", "ARCH=i386", allconfig_text({"WANTED": "y"}), image]
    assert builder.key(today) == hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    parts = ["ARCH=i386", allconfig_text({"WANTED": "y"}), image]
    assert builder.out_name(today) == "out-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def test_todays_dialect_is_what_it_was() -> None:
    today = replace(ERA, dialect=ConfigDialect.ALLCONFIG, in_tree=False)
    configure = "make -C /source O=/out ARCH=x KCONFIG_ALLCONFIG=/out/harness.config allnoconfig"
    assert recipe.configure(today, "ARCH=x") == configure
    build = "rm -f /out/.version && make -C /source O=/out ARCH=x -j4 -Otarget bzImage"
    assert recipe.build(today, "ARCH=x", 4) == build
    # In the tree, with a configuration program that takes the requests: both are the era's to say.
    assert recipe.configure(replace(today, in_tree=True), "ARCH=x").endswith(
        "make -C /out ARCH=x KCONFIG_ALLCONFIG=/out/harness.config allnoconfig"
    )
