"""The rooms wired together for one invocation: catalogue, store, trees, engine, builder, accelerators."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from harness import __version__
from harness.builds.build_cache import BuildCache
from harness.builds.kernel_build import KernelBuilder
from harness.config.catalogue import Catalogue
from harness.config.layout import Layout, find_layout
from harness.config.user_settings import Settings, load_settings
from harness.guests.accelerators import Accelerators
from harness.guests.qemu import qemu_version
from harness.model.container import ContainerRunner
from harness.model.era import Image, Toolchain
from harness.model.events import Listener, Notice
from harness.results.store import Store
from harness.runs.interpretation import Interpretation
from harness.trees.sources import TreeLibrary

ImageProvider = Callable[[Toolchain], Image]


class Workshop:
    """Opens each part when it is first needed, so that a cheap verb stays cheap.

    A test hands in its own ``runner`` and ``images``; otherwise the container engine is connected, started where it
    may be, and images are made.
    """

    def __init__(
        self,
        listener: Listener,
        layout: Layout | None = None,
        settings: Settings | None = None,
        runner: ContainerRunner | None = None,
        images: ImageProvider | None = None,
    ) -> None:
        self.listener = listener
        self.layout = layout or find_layout()
        self.settings = settings or load_settings(self.layout.root)
        self._runner = runner
        self._images = images

    def notice(self, text: str) -> None:
        """Tells the listener something once."""
        self.listener.event(Notice(text))

    @cached_property
    def catalogue(self) -> Catalogue:
        """Definitions by name."""
        return Catalogue(self.layout, self.settings)

    @cached_property
    def store(self) -> Store:
        """The results store."""
        return Store(self.layout.store_url, self.layout.results, self.interpretation)

    @cached_property
    def interpretation(self) -> Interpretation:
        """Known reports and policy, as they are now."""
        return Interpretation(self.catalogue, self.notice)

    @cached_property
    def library(self) -> TreeLibrary:
        """Trees by content."""
        return TreeLibrary(self.layout.cache, self.settings.mirrors)

    @cached_property
    def runner(self) -> ContainerRunner:
        """The container engine; started where it may be. Raises EngineUnavailable."""
        if self._runner is not None:
            return self._runner
        from harness.toolchains.engine import running_engine

        return running_engine(self.settings.engine, self.layout.cache / "engine", self.notice)

    def image(self, toolchain: Toolchain, again: bool = False) -> Image:
        """The toolchain's image, pulled or made where it is not here (or ``again``), once its probes have passed.

        Raises InfrastructureError where it cannot be had, or a probe fails.
        """
        if self._images is not None:
            return self._images(toolchain)
        from harness.toolchains.engine import DockerEngine
        from harness.toolchains.images import ensure_image
        from harness.toolchains.probes import sound_image

        runner = self.runner
        assert isinstance(runner, DockerEngine)
        folder = self.layout.cache / "images"
        image = ensure_image(runner, toolchain, folder, self.notice, self.settings.registry, again)
        return sound_image(runner, image, toolchain, folder, self.notice)

    def image_at_hand(self, toolchain: Toolchain) -> Image | None:
        """The toolchain's image, None where it is not here. Starts no engine: raises EngineUnavailable."""
        if self._images is not None:
            return self._images(toolchain)
        from harness.toolchains.engine import DockerEngine
        from harness.toolchains.images import image_reference

        if self._runner is None:
            self._runner = DockerEngine.connect(self.settings.engine)
        assert isinstance(self._runner, DockerEngine)
        reference = image_reference(toolchain)
        digest = self._runner.image(reference)
        return Image(toolchain.name, reference, digest) if digest else None

    def image_size(self, image: Image) -> int | None:
        """Bytes that an image takes in the engine; None where nobody knows."""
        from harness.toolchains.engine import DockerEngine

        return self._runner.image_size(image.digest) if isinstance(self._runner, DockerEngine) else None

    @cached_property
    def builder(self) -> KernelBuilder:
        """Builds kernels."""
        return KernelBuilder(self.runner, self.layout.cache)

    @property
    def builder_cache(self) -> BuildCache:
        """Finished builds, without an engine to make new ones."""
        return BuildCache(self.layout.cache / "builds")

    @cached_property
    def accelerators(self) -> Accelerators:
        """Canary results of this machine."""
        return Accelerators(self.layout.cache / "accelerators.json", self.settings.qemu)

    @property
    def root_images(self) -> Path:
        """Where root images are kept by content."""
        return self.layout.cache / "root-images"

    def machine(self) -> dict[str, str]:
        """Facts about this machine that a result carries."""
        return {
            "harness": __version__,
            "host kernel": platform.release(),
            "host": platform.machine(),
            "qemu": qemu_version(self.settings.qemu),
            "python": platform.python_version(),
        }
