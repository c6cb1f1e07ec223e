"""The toolchains as a user asks for them: what is defined, what is here, whether it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.era import Image, Toolchain
from harness.model.errors import EngineUnavailable, InfrastructureError
from harness.runs.workshop import Workshop
from harness.toolchains.probes import Verification, verify_image


@dataclass(frozen=True, slots=True)
class ToolchainState:
    """A toolchain, its image where that is here (``size`` in bytes), and the names of the eras that build with it.

    ``unknown`` says why nobody can tell whether the image is here; "" where it is known.
    """

    toolchain: Toolchain
    image: Image | None
    size: int | None
    eras: tuple[str, ...]
    unknown: str = ""


def toolchain_states(workshop: Workshop, names: Sequence[str] = ()) -> list[ToolchainState]:
    """The named toolchains, or all. No engine is started for it. Raises UserError for an unknown name."""
    catalogue = workshop.catalogue
    used: dict[str, list[str]] = {}
    for era in map(catalogue.era, catalogue.era_names()):
        used.setdefault(era.toolchain, []).append(era.name)
    toolchains = [catalogue.toolchain(name) for name in dict.fromkeys(names or catalogue.toolchain_names())]
    found = []
    unknown = ""
    for toolchain in toolchains:
        image, size = None, None
        if not unknown:
            try:
                image = workshop.image_at_hand(toolchain)
                size = workshop.image_size(image) if image else None
            except EngineUnavailable as error:
                unknown = error.what
        found.append(ToolchainState(toolchain, image, size, tuple(used.get(toolchain.name, ())), unknown))
    return found


def verify_toolchain(workshop: Workshop, toolchain: Toolchain) -> Verification:
    """Runs the toolchain's probes in the image that is here. Raises InfrastructureError where it is not."""
    workshop.runner  # noqa: B018 - the engine, started where it may be
    image = workshop.image_at_hand(toolchain)
    if image is None:
        raise InfrastructureError(
            "its image is not here", where=toolchain.name, remedy=f"harness toolchain build {toolchain.name}"
        )
    return verify_image(workshop.runner, image, toolchain)
