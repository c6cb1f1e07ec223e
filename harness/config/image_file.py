"""vm-images/NAME/image.yaml: the recipe of a disk image, read into the model."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from harness.config.kernel_files import Arch, Version
from harness.config.yaml_file import Schema, read_yaml
from harness.model.disk_image import ImageRecipe
from harness.model.errors import UserError
from harness.model.version import VersionRange

RECIPE_FILE = "image.yaml"
_PATH = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")


class ImageSchema(Schema):
    """Keys of a recipe; see harness.model.disk_image.ImageRecipe."""

    name: str
    summary: str
    suite: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    arch: Arch
    since: Version
    needs: str
    kconfig: str
    packages: list[str] = Field(min_length=1)
    size_mib: int = Field(ge=256, le=65536)
    files: dict[str, str] = Field(default_factory=dict)

    @field_validator("packages")
    @classmethod
    def _package_names(cls, value: list[str]) -> list[str]:
        # They become words of a command line.
        if bad := [name for name in value if not re.fullmatch(r"[a-z0-9][a-z0-9+.:-]*", name)]:
            raise ValueError(f"{bad[0]!r} is no package name")
        return value

    @field_validator("files")
    @classmethod
    def _paths(cls, value: dict[str, str]) -> dict[str, str]:
        for inside, here in value.items():
            for path in (inside, here):
                if not _PATH.match(path):
                    raise ValueError(f"{path!r} is no path below the image's root, or below the recipe's folder")
        return value


def load_image_recipe(path: Path) -> ImageRecipe:
    """The recipe that ``path`` (vm-images/NAME/image.yaml) holds. Raises UserError."""
    s = read_yaml(path, ImageSchema)
    if s.name != path.parent.name:
        raise UserError(
            f"its name is {s.name!r}, its folder's {path.parent.name!r}", where=str(path), remedy="call both the same"
        )
    files = {inside: path.parent / here for inside, here in s.files.items()}
    for here in (*files.values(), path.parent / s.kconfig):
        if not here.is_file():
            raise UserError(f"names {here.name}, which is not there", where=str(path))
    return ImageRecipe(
        s.name, s.summary, s.suite, tuple(s.packages), tuple(sorted(files.items())), s.size_mib, s.arch,
        VersionRange(s.since), s.needs, path.parent / s.kconfig, str(path),
    )  # fmt: skip
