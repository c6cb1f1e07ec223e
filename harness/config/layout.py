"""Where things lie: the checkout's data, the run store, the per-user cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.model.errors import UserError


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of one installation.

    ``cache`` holds what is keyed by content and can be made again (object store, builds, images); ``results`` holds
    what cannot (runs, consoles, reports).
    """

    root: Path
    series: Path
    configs: Path
    vm_images: Path
    results: Path
    cache: Path

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the results store."""
        return f"sqlite:///{self.results / 'harness.sqlite'}"


def find_layout(environment: dict[str, str] | None = None) -> Layout:
    """The folders named by HARNESS_ROOT, HARNESS_RESULTS and HARNESS_CACHE, with their defaults.

    The root is the checkout this package runs from, or the nearest folder above the current one with configs/trees.
    Raises UserError when there is none.
    """
    env = dict(os.environ) if environment is None else environment
    candidates = [Path(env["HARNESS_ROOT"])] if env.get("HARNESS_ROOT") else []
    if not candidates:
        here = Path.cwd()
        candidates = [here, *here.parents, Path(__file__).resolve().parents[2]]
    root = next((p for p in candidates if (p / "configs" / "trees").is_dir() and (p / "series").is_dir()), None)
    if root is None:
        raise UserError(
            "no folder with configs/trees and series here or above", remedy="run in the checkout or set HARNESS_ROOT"
        )
    root = root.resolve()
    base = Path(env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "/root")) / ".cache")
    return Layout(
        root=root,
        series=root / "series",
        configs=root / "configs",
        vm_images=root / "vm-images",
        results=Path(env["HARNESS_RESULTS"]).resolve() if env.get("HARNESS_RESULTS") else root / "results",
        cache=Path(env["HARNESS_CACHE"]).resolve() if env.get("HARNESS_CACHE") else base / "harness",
    )
