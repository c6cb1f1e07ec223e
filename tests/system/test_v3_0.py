"""The nine mails of 2011 on a 3.0 kernel with a compiler of its age; needs the mail and a local mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model.cell import Outcome
from harness.runs.execute import start_or_continue
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system


def old_trees(workshop: Workshop) -> list[str]:
    """Trees of the v3 era with a source on this machine."""
    found = []
    for name in workshop.catalogue.tree_names():
        tree = workshop.catalogue.tree(name)
        if workshop.catalogue.era_of(tree).name == "v3" and any(
            Path(source.location).is_dir() for source in tree.sources
        ):
            found.append(name)
    return found


def test_the_mails_apply_build_and_boot_on_their_own_tree(workshop: Workshop) -> None:
    mail = workshop.settings.mail.get("rcu-page-counts")
    trees = old_trees(workshop)
    if not trees:
        pytest.skip("no 3.0 mirror is configured (sources: v3.0: or trees: in the user's configuration)")
    if mail is None or not mail.exists():
        pytest.skip("the series' mail is not at hand (mail: rcu-page-counts: in the user's configuration)")
    request = RunRequest(
        "rcu-page-counts", trees=(trees[0],), stressors=("thpsplit", "migration"), duration=10, mail=str(mail)
    )
    summary = start_or_continue(workshop, request).execute()
    (tree,) = summary.trees
    assert [kernel.row.patches for kernel in tree.kernels] == [0, 9]
    assert all(kernel.row.state in ("built", "cached") for kernel in tree.kernels)
    booted = [cell for kernel in tree.kernels for cell in kernel.cells if cell.result is not None]
    assert booted and all(cell.result is not None and cell.result.user_space for cell in booted)
    assert any(cell.outcome in (Outcome.PASS, Outcome.FINDING) for cell in booted)
