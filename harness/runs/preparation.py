"""From a request to kernels that can be built: trees, the series' patches, prefixes, configuration."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.builds.kconfig import lacking
from harness.builds.kernel_build import BuildRequest
from harness.config.yaml_file import nearest
from harness.intake.archive import fetch_series
from harness.intake.sources import read_series
from harness.model.build import Config, Fragment
from harness.model.cell import Stressor
from harness.model.era import Era, Image, Toolchain
from harness.model.errors import HarnessError, InfrastructureError, TreeUnavailable, UserError
from harness.model.series import Provenance, Series, SeriesSpec, SeriesTree
from harness.model.tree import Applied, FixupState, PatchState, Prefix, Tree, TreeContent
from harness.runs.commit_series import prove_commits, series_of_commits
from harness.runs.fixup_states import fixup_states
from harness.runs.image_checks import check_image_fits, requested_command
from harness.runs.request import RunRequest, chosen_prefixes
from harness.runs.touched import SeriesTouch
from harness.runs.tree_base import tree_base, worktree
from harness.runs.workshop import Workshop
from harness.stressors.choice import Choice, choose
from harness.trees.series_prefixes import SeriesConflict, prefixes

RETRY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class PreparedTree:
    """A tree with the series applied in the object store; nothing is checked out or built yet.

    ``states`` tell of every patch of the series how it went in; one left out makes no kernel of its own, so that
    ``chosen`` holds the prefix before it instead. ``proof`` says where the prefixes were found to be the very commits
    that the series is made of.
    """

    tree: Tree
    era: Era
    toolchain: Toolchain
    content: TreeContent
    series: Series
    applied: tuple[Prefix, ...]
    states: tuple[PatchState, ...]
    chosen: tuple[int, ...]
    fragments: tuple[Fragment, ...]
    fixups: tuple[FixupState, ...] = ()
    proof: str = ""


def series_trees(spec: SeriesSpec, asked: Sequence[str], workshop: Workshop) -> tuple[SeriesTree, ...]:
    """The trees to run on: the series' own, or those asked for by name. Raises UserError for an unknown one."""
    if not asked:
        if not spec.trees:
            raise UserError(
                "the series names no tree yet", where=spec.path, remedy="give --tree NAME, or fill in trees: there"
            )
        return spec.trees
    own = {tree.tree: tree for tree in spec.trees}
    known = workshop.catalogue.tree_names()
    for name in asked:
        if name not in known:
            raise UserError(f"unknown tree {name!r}", remedy=nearest(name, known))
    # A tree that the series does not name gets the mails themselves, as they were sent.
    return tuple(own.get(name, SeriesTree(name)) for name in dict.fromkeys(asked))


def series_for(
    workshop: Workshop, spec: SeriesSpec, tree: SeriesTree | None, mail: str | None, *, damaged: bool = False
) -> Series:
    """The patches for one tree: its port, or the mails; the mails where ``tree`` is None.

    They come from ``mail``, else from where the user's configuration says, else from what an import kept, else from
    the history that has them as commits, else from the list archive. ``damaged`` gives patches that need repair as they
    are; without it they are a UserError. Raises InfrastructureError when the mail cannot be had.
    """
    if tree is not None and tree.port is not None:
        return read_series(spec.name, [Path(tree.port)], provenance=Provenance.PORT)
    if mail is not None:
        path = Path(mail)
        if not path.exists():
            raise UserError("--mail names nothing that exists", where=mail)
        return read_series(spec.name, [path], expected=spec, damaged=damaged)
    local = workshop.settings.mail.get(spec.name)
    if local is not None:
        if not local.exists():
            raise UserError(f"mail: {spec.name}: names nothing that exists ({local})", where=workshop.settings.where)
        return read_series(spec.name, [local], expected=spec, damaged=damaged)
    if spec.mail:
        return read_series(spec.name, [Path(path) for path in spec.mail], damaged=damaged)
    if spec.commits is not None:
        return series_of_commits(workshop, spec, spec.commits)
    return _fetched(workshop, spec)


def _fetched(workshop: Workshop, spec: SeriesSpec) -> Series:
    """The series from its list archive. A failure is remembered for an hour: a machine without network must not wait
    for time-outs at every run."""
    failed = workshop.layout.cache / "mail" / f"{spec.name}.failed"
    try:
        age = time.time() - failed.stat().st_mtime
        if 0 <= age < RETRY_SECONDS:
            raise InfrastructureError(failed.read_text()[:1000])
    except OSError:
        pass
    try:
        return fetch_series(spec, workshop.layout.cache / "mail")
    except HarnessError as error:
        # What an archive answers, a "no such mail" of a proxy too, is no mistake of the user's.
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(str(error))
        raise InfrastructureError(error.what, where=error.where, remedy=error.remedy) from error


def prepare_tree(workshop: Workshop, spec: SeriesSpec, tree: SeriesTree, request: RunRequest) -> PreparedTree:
    """Everything up to the builds.

    Raises TreeUnavailable when the tree or the series' mail for it cannot be had, UserError when the series does not
    apply as far as it was asked for.
    """
    fragments = tuple(workshop.catalogue.fragment(name) for name in spec.kconfig)
    if request.image is not None:
        recipe = workshop.catalogue.disk_image(request.image)
        definition = workshop.catalogue.tree(tree.tree)
        check_image_fits(recipe, definition, workshop.catalogue.era_of(definition))
        fragments = (*fragments, workshop.catalogue.fragment(str(recipe.kconfig)))
    try:
        series = series_for(workshop, spec, tree, request.mail)
    except InfrastructureError as error:
        what = "mail" if spec.commits is None else "commits"
        raise TreeUnavailable(f"the series' {what} cannot be had: {error}") from error
    if series.missing:
        listed = ", ".join(str(number) for number in series.missing)
        raise UserError(
            f"patches {listed} of {series.total} are missing", where=spec.path, remedy="give all of them with --mail"
        )
    chosen = chosen_prefixes(request.patches, len(series.patches))
    ready = tree_base(workshop, tree.tree, toolchain=request.toolchain)
    base = ready.base
    conflict = None
    try:
        applied = prefixes(workshop.library.store, base, series.patches, request.keep_going)
    except SeriesConflict as error:
        applied, conflict = error.applied, error
        if max(chosen) >= len(applied):
            raise
    if conflict is None and series.patches and went_in(applied, len(series.patches)) == 0:
        prefixes(workshop.library.store, base, series.patches)  # nothing would be left to run: the first one is named
    chosen = tuple(sorted({went_in(applied, patches) for patches in chosen}))
    applied = tuple(_subject_with_left_out(prefix) for prefix in applied)
    # A commit that a later garbage collection would take is a build that could not be repeated; each prefix is the
    # parent of the next, so the last one keeps them all.
    workshop.library.store.set_ref(f"refs/harness/prefixes/{ready.tree.name}/{spec.name}", applied[-1].commit)
    states = patch_states(series, applied, conflict)
    proof = ""
    if spec.commits is not None and tree.port is None and conflict is None:
        proof = prove_commits(workshop, spec.commits, series, ready.content)
    return PreparedTree(
        ready.tree, ready.era, ready.toolchain, ready.content, series, applied, states, chosen, fragments,
        fixup_states(base, series.patches), proof,
    )  # fmt: skip


def went_in(applied: Sequence[Prefix], patches: int) -> int:
    """The last patch up to ``patches`` that was not left out; 0 where all were."""
    return max(p.patches for p in applied[: patches + 1] if p.applied is not Applied.CONFLICT)


def _subject_with_left_out(prefix: Prefix) -> Prefix:
    if not prefix.left_out:
        return prefix
    return replace(prefix, subject=f"{prefix.subject} (without {', '.join(map(str, prefix.left_out))})")


def patch_states(series: Series, applied: Sequence[Prefix], conflict: SeriesConflict | None) -> tuple[PatchState, ...]:
    """How each patch of the series went into the tree; behind a conflict that ended it, none was tried."""
    tree = applied[0].tree
    states = []
    for number, patch in enumerate(series.patches, 1):
        if number < len(applied):
            states.append(PatchState(tree, number, patch.subject, applied[number].applied, applied[number].detail))
        elif conflict is not None and number == len(applied):
            states.append(PatchState(tree, number, patch.subject, Applied.CONFLICT, conflict.hunks))
        else:
            states.append(PatchState(tree, number, patch.subject, None))
    return tuple(states)


def build_request(workshop: Workshop, prepared: PreparedTree, patches: int, image: Image) -> BuildRequest:
    """What the builder gets for one prefix. The working folder is not checked out by this."""
    place = worktree(workshop, prepared.content)
    prefix = prepared.applied[patches]
    request = BuildRequest(
        tree=prepared.tree.name,
        tree_id=prefix.tree_id,
        patches=patches,
        source=place.source,
        out=place.folder / "out",
        era=prepared.era,
        toolchain=prepared.toolchain,
        image=image,
        fragments=prepared.fragments,
        jobs=workshop.settings.jobs,
        memory_mib=workshop.settings.build_memory_mib,
    )
    return replace(request, out=place.folder / workshop.builder.out_name(request))


def check_requirements(spec: SeriesSpec, prepared: PreparedTree) -> None:
    """Every option the series requires must be requested by its fragments. Raises UserError naming the option and why
    it matters. A tree that has it not, or drops it, is no error: its cells are blocked (``lacking_requirements``)."""
    asked = {option for fragment in prepared.fragments for option, value in fragment.options if value in ("y", "m")}
    for option, reason in spec.requires:
        if option not in asked:
            raise UserError(f"CONFIG_{option} is required ({reason}) but no fragment requests it", where=spec.path)


def lacking_requirements(spec: SeriesSpec, stressor: Stressor, prepared: PreparedTree, config: Config) -> str:
    """Why a stressor's cells say nothing under a configuration: each option that the series or the stressor requires
    and that is not there, with the reason; "" where none is."""
    here = prepared.era.options
    why = dict(spec.requires)
    told = [
        f"the series needs CONFIG_{option} ({why[option]}): {reason}" for option, reason in lacking(why, config, here)
    ]
    own = [option for option in stressor.options(prepared.tree.kernel_version) if option not in why]
    told += [f"needs CONFIG_{option}: {reason}" for option, reason in lacking(own, config, here)]
    return "; ".join(told)


def named_stressors(workshop: Workshop, spec: SeriesSpec, request: RunRequest) -> tuple[Choice, ...]:
    """The stressors that the request names, or the command that stands for them, or else the series'; () where they are
    to be chosen by what the series touches. Raises UserError for an unknown one."""
    command = requested_command(request)
    if command is not None:
        return (Choice(command, "asked for"),)
    names, why = (request.stressors, "asked for") if request.stressors else (spec.stressors, "the series names it")
    return tuple(Choice(workshop.catalogue.stressor(name), why) for name in dict.fromkeys(names))


def chosen_stressors(
    workshop: Workshop, spec: SeriesSpec, request: RunRequest, touch: SeriesTouch
) -> tuple[Choice, ...]:
    """The stressors for one tree: those that are named, or else those that what the series touches there speaks for."""
    named = named_stressors(workshop, spec, request)
    if named:
        return named
    stressors = [workshop.catalogue.stressor(name) for name in workshop.catalogue.stressor_names()]
    return choose(stressors, touch.files(), touch.functions())
