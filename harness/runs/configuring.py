"""A tree configured and not built: what fragments become in it, and which stressors it can be tested with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.builds.kconfig import Translation, lacking
from harness.builds.kernel_build import BuildRequest
from harness.model.build import Config, Fragment
from harness.model.era import Era
from harness.model.series import SeriesSpec
from harness.model.tree import Tree
from harness.runs.tree_base import tree_base, worktree
from harness.runs.workshop import Workshop


@dataclass(frozen=True, slots=True)
class ConfiguredTree:
    """A tree's configuration. ``lacks``: (stressor, its options that are not there, each with the reason);
    ``series_lacks`` the same of the series."""

    tree: Tree
    era: Era
    fragments: tuple[Fragment, ...]
    translation: Translation
    config: Config
    lacks: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    series_lacks: tuple[tuple[str, str], ...] = ()


def configure_tree(
    workshop: Workshop, name: str, fragments: Sequence[Fragment], spec: SeriesSpec | None = None
) -> ConfiguredTree:
    """Configures the baseline of a named tree in its container.

    Raises UserError for an unknown tree, TreeUnavailable, BuildFailed where it cannot be configured, and what a failing
    engine raises.
    """
    ready = tree_base(workshop, name)
    image = workshop.image(ready.toolchain)
    place = worktree(workshop, ready.content)
    request = BuildRequest(
        tree=name,
        tree_id=ready.base.tree_id,
        patches=0,
        source=place.source,
        # Not a build's: its objects would be compiled again.
        out=place.folder / "config",
        era=ready.era,
        toolchain=ready.toolchain,
        image=image,
        fragments=tuple(fragments),
        jobs=workshop.settings.jobs,
        memory_mib=workshop.settings.build_memory_mib,
    )
    workshop.notice(f"configuring {name}; a build of it under way is waited for")
    with place.lock():
        workshop.runner.remove_leftovers()
        place.check_out(ready.base)
        config = workshop.builder.configure(request, lambda line: None)
    names = spec.stressors if spec is not None else tuple(workshop.catalogue.stressor_names())
    options = ready.era.options
    lacks = tuple(
        (name, lacking(workshop.catalogue.stressor(name).options(ready.tree.kernel_version), config, options))
        for name in names
    )
    series_lacks = lacking([option for option, _ in spec.requires], config, options) if spec else ()
    return ConfiguredTree(ready.tree, ready.era, tuple(fragments), request.translation(), config, lacks, series_lacks)
