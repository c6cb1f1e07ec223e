"""Everything defined by data, by name: trees, eras, toolchains, fragments, stressors, series."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.config.guest_file import load_guest_root
from harness.config.image_file import RECIPE_FILE, load_image_recipe
from harness.config.kernel_files import (
    load_era,
    load_fixups,
    load_fragment,
    load_stressor,
    load_toolchain,
)
from harness.config.layout import Layout
from harness.config.noise_file import load_noise
from harness.config.option_file import load_option_table
from harness.config.policy_file import load_policy
from harness.config.series_file import load_series_spec
from harness.config.tree_file import load_tree
from harness.config.user_settings import Settings
from harness.config.yaml_file import nearest
from harness.model.build import Fragment
from harness.model.cell import Stressor
from harness.model.disk_image import ImageRecipe
from harness.model.era import Era, Toolchain
from harness.model.errors import UserError
from harness.model.noise import NoiseEntry
from harness.model.option import OptionsOf, OptionTable
from harness.model.policy import PolicyRule
from harness.model.root import GuestRoot
from harness.model.series import SeriesSpec
from harness.model.tree import Fixup, Tree
from harness.model.version import KernelVersion

T = TypeVar("T")
USUAL_FRAGMENTS = ("boot", "mm", "debug")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Loads a definition when it is asked for; an unknown name is a UserError that names the nearest ones."""

    layout: Layout
    settings: Settings

    def _load(self, what: str, folder: Path, suffix: str, name: str, load: Callable[[Path], T]) -> T:
        path = folder / f"{name}{suffix}"
        if "/" in name or name not in self._names(folder, suffix):
            raise UserError(f"unknown {what} {name!r}", remedy=nearest(name, self._names(folder, suffix)))
        return load(path)

    @staticmethod
    def _names(folder: Path, suffix: str) -> list[str]:
        return sorted(p.name.removesuffix(suffix) for p in folder.glob(f"*{suffix}") if p.is_file())

    def tree_names(self) -> list[str]:
        """Names of all trees, the user's own included."""
        names = set(self._names(self.layout.configs / "trees", ".yaml"))
        return sorted(names | {tree.name for tree in self.settings.trees})

    def tree(self, name: str) -> Tree:
        """The tree, with the user's own sources before the repository's."""
        own = next((tree for tree in self.settings.trees if tree.name == name), None)
        if own is None and name not in self.tree_names():
            raise UserError(f"unknown tree {name!r}", remedy=nearest(name, self.tree_names()))
        tree = own or load_tree(self.layout.configs / "trees" / f"{name}.yaml")
        return replace(tree, sources=(*self.settings.sources.get(name, ()), *tree.sources))

    def era(self, name: str) -> Era:
        """The era by name."""
        return self._load("era", self.layout.configs / "eras", ".yaml", name, load_era)

    def era_names(self) -> list[str]:
        """Names of all eras."""
        return self._names(self.layout.configs / "eras", ".yaml")

    def era_of(self, tree: Tree) -> Era:
        """The tree's era, with the options of its version: the one it names, else the only one whose versions it
        belongs to. Raises UserError."""
        era = self._era_of(tree)
        return replace(era, options=OptionsOf(self.option_table(), tree.kernel_version, era.arch))

    def option_table(self) -> OptionTable:
        """The history of configuration options."""
        paths = sorted((self.layout.configs / "kconfig").glob("*.yaml"))
        return _option_table(tuple((path, path.stat().st_mtime_ns) for path in paths))

    def _era_of(self, tree: Tree) -> Era:
        where = tree.where or f"tree {tree.name}"
        if tree.era is not None:
            if tree.era not in self.era_names():
                raise UserError(f"unknown era {tree.era!r}", where=where, remedy=nearest(tree.era, self.era_names()))
            return self.era(tree.era)
        eras = [self.era(name) for name in self.era_names()]
        fitting = [era for era in eras if tree.kernel_version in era.versions]
        if len(fitting) != 1:
            near = fitting or _around(eras, tree.kernel_version)
            told = ", ".join(f"{era.name} ({era.versions})" for era in near)
            what = f"version {tree.version} of tree {tree.name} belongs to " + (
                f"several eras: {told}" if fitting else f"no era; the nearest: {told or 'there is none'}"
            )
            raise UserError(what, where=where, remedy="name one: era: in its file, --era on the command line")
        return fitting[0]

    def fixups(self, version: KernelVersion, era: Era, toolchain: Toolchain) -> tuple[Fixup, ...]:
        """The fix-ups that a kernel of this version needs with this toolchain, in the order of their files."""
        tools = dict(toolchain.tools)
        found = []
        for path in sorted((self.layout.configs / "fixups").glob("*.yaml")):
            for fixup in load_fixups(path):
                if version not in fixup.versions or fixup.arch not in (None, era.arch):
                    continue
                if fixup.tool is None or fixup.tool not in tools or tools[fixup.tool] in fixup.tool_versions:
                    found.append(fixup)
        return tuple(found)

    def toolchain_names(self) -> list[str]:
        """Names of all toolchains."""
        return self._names(self.layout.configs / "toolchains", ".yaml")

    def toolchain(self, name: str) -> Toolchain:
        """The toolchain by name."""
        return self._load("toolchain", self.layout.configs / "toolchains", ".yaml", name, load_toolchain)

    def fragment(self, name: str) -> Fragment:
        """The configuration fragment by name, or by the path of its file."""
        path = Path(name)
        if path.suffix == ".config" and (path.is_file() or len(path.parts) > 1):
            return load_fragment(path)
        return self._load("kconfig fragment", self.layout.configs / "kconfig", ".config", name, load_fragment)

    def fragment_names(self) -> list[str]:
        """Names of all configuration fragments."""
        return self._names(self.layout.configs / "kconfig", ".config")

    def usual_fragments(self) -> tuple[Fragment, ...]:
        """What a kernel is configured with where no series says otherwise: USUAL_FRAGMENTS, or all where none of those
        is there."""
        names = self.fragment_names()
        return tuple(self.fragment(name) for name in USUAL_FRAGMENTS if name in names) or tuple(
            self.fragment(name) for name in names
        )

    def stressor_names(self) -> list[str]:
        """Names of all stressors."""
        return self._names(self.layout.configs / "stressors", ".yaml")

    def stressor(self, name: str) -> Stressor:
        """The stressor by name."""
        return self._load("stressor", self.layout.configs / "stressors", ".yaml", name, load_stressor)

    def noise(self) -> tuple[NoiseEntry, ...]:
        """Reports that are known: the repository's, then those of the user's own files."""
        own = self.layout.configs / "findings" / "noise.yaml"
        return load_noise([*([own] if own.is_file() else []), *self.settings.noise])

    def policy(self) -> tuple[PolicyRule, ...]:
        """What findings do to their cells: the user's rules before the repository's."""
        own = self.layout.configs / "findings" / "policy.yaml"
        return (*self.settings.policy, *(load_policy(own) if own.is_file() else ()))

    def guest_root(self) -> GuestRoot:
        """What is in the guest's root file system."""
        return load_guest_root(self.layout.configs / "guests" / "root.yaml")

    def disk_image(self, name: str) -> ImageRecipe:
        """The recipe of a disk image by name."""
        known = sorted(path.parent.name for path in self.layout.vm_images.glob(f"*/{RECIPE_FILE}"))
        if name not in known:
            raise UserError(f"unknown disk image {name!r}", remedy=nearest(name, known))
        return load_image_recipe(self.layout.vm_images / name / RECIPE_FILE)

    def series_names(self) -> list[str]:
        """Names of all series of the checkout."""
        return sorted(p.parent.name for p in self.layout.series.glob("*/series.yaml"))

    def series(self, name_or_path: str) -> SeriesSpec:
        """The series by name, by "series/NAME" or by the path of its folder."""
        folder = Path(name_or_path)
        if (folder / "series.yaml").is_file():
            return load_series_spec(folder.resolve())
        name = folder.name
        if len(folder.parts) > 1 and folder.is_dir() and folder.resolve().parent != self.layout.series.resolve():
            raise UserError(
                "a folder without series.yaml",
                where=name_or_path,
                remedy="harness series import makes a series of mails",
            )
        if not name or not (self.layout.series / name / "series.yaml").is_file():
            raise UserError(f"unknown series {name_or_path!r}", remedy=nearest(name, self.series_names()))
        return load_series_spec(self.layout.series / name)


@functools.lru_cache(maxsize=2)
def _option_table(files: tuple[tuple[Path, int], ...]) -> OptionTable:
    """The table of files and their time stamps: each tree asks for it."""
    return load_option_table(path for path, _ in files)


def _around(eras: Sequence[Era], version: KernelVersion) -> list[Era]:
    """The eras next to a version that belongs to none: the last before it and the first after it."""
    before = [era for era in eras if era.versions.until is not None and era.versions.until <= version]
    after = [era for era in eras if era.versions.since is not None and era.versions.since > version]
    last = max(before, key=lambda era: era.versions.until or version, default=None)
    first = min(after, key=lambda era: era.versions.since or version, default=None)
    return [era for era in (last, first) if era is not None]
