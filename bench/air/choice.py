"""Choice: the adapter that fits a request's controls, read when it is first asked for."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from bench.air import sizes
from bench.air.editor import Continuer, Editor
from bench.air.generate import Sampling
from bench.audio import Audio
from bench.errors import MissingComponent
from bench.example import Request

_CONTROLS = (("drums",), ("chords",), ("piano",), ("drums", "chords"))
"""What a system may be asked to follow, so far as it decides which adapter is taken."""


class Choice:
    """One system over several weight files: an adapter for each control, a joint one for several at once."""

    batch_size = Editor.batch_size

    def __init__(
        self,
        kind: str,
        size: str,
        sampling: Sampling,
        device: str,
        follows: bool = True,
        adapter: str = "",
        precision: str = "auto",
    ) -> None:
        """Name the files.

        Args:
            kind: What the adapter's files are called by.
            size: Of the frozen network.
            sampling: How tokens are drawn.
            device: `cpu` or `cuda`.
            follows: Whether controls are heard.
            adapter: A weight file's path or a shipped one's name, taken for every control; empty for the kind's own.
            precision: Of the decoder, one of `bench.air.sizes.PRECISIONS`.

        Raises:
            MissingComponent: the frozen network is not here, or no adapter of this kind and size is.
            BenchError: a file is damaged, or the network does not fit into memory.
        """
        self._kind, self._size, self._sampling, self._device, self._follows = kind, size, sampling, device, follows
        self._precision = precision
        self.training_data = sizes.TRAINING_DATA.get(size, sizes.TRAINING_DATA["full"])
        self.runs_in_workers = (size, device) == ("mini", "cpu")
        self._editors: dict[Path, Editor] = {}
        self._only = sizes.adapter_called(adapter) if adapter else None
        self._paths = [self._only] if self._only else self._here()
        self._any = self._editor(self._paths[0])

    @property
    def identity(self) -> str:
        """Names the files of every adapter that this system may take."""
        return " / ".join(self._editor(path).identity for path in self._paths)

    @property
    def parameters(self) -> int:
        """All parameters of the network with one adapter."""
        return self._any.parameters

    @property
    def trainable_parameters(self) -> int:
        """Those of one adapter."""
        return self._any.trainable_parameters

    @property
    def keeps_phase(self) -> bool:
        """Whether the codec does."""
        return self._any.keeps_phase

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes, each with the adapter for its controls.

        Raises:
            MissingComponent: there is no adapter for a request's controls.
        """
        outputs: dict[int, Audio] = {}
        for kinds in dict.fromkeys(tuple(request.controls) for request in requests):
            chosen = [k for k, request in enumerate(requests) if tuple(request.controls) == kinds]
            editor = self._editor(self._only or sizes.adapter_of(self._size, self._kind, kinds))
            outputs.update(zip(chosen, editor.edit([requests[k] for k in chosen]), strict=True))
        return [outputs[k] for k in range(len(requests))]

    def _here(self) -> list[Path]:
        """Return the adapters that are here; one control's may be missing, all may not."""
        found, missing = [], []
        for controls in _CONTROLS:
            try:
                found.append(sizes.adapter_of(self._size, self._kind, controls))
            except MissingComponent as error:
                missing.append(error)
        if not found:
            raise missing[0]
        return list(dict.fromkeys(found))

    def _editor(self, path: Path) -> Editor:
        if path not in self._editors:
            network = sizes.network(self._size, path, self._device, self._precision)
            self._editors[path] = Editor(network, self._sampling, self._follows)
        return self._editors[path]


class Continuing:
    """The frozen decoder of a size, continuing."""

    batch_size = Continuer.batch_size

    def __init__(self, size: str, sampling: Sampling, device: str, precision: str = "auto") -> None:
        """Name the size; raises `MissingComponent` where its files are not here."""
        self._size, self._sampling, self._device, self._precision = size, sampling, device, precision
        self.training_data = sizes.TRAINING_DATA.get(size, sizes.TRAINING_DATA["full"])
        self.runs_in_workers = (size, device) == ("mini", "cpu")
        self.identity = self._continuer.identity

    @cached_property
    def _continuer(self) -> Continuer:
        return Continuer(sizes.network(self._size, None, self._device, self._precision), self._sampling)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self._continuer.parameters

    @property
    def keeps_phase(self) -> bool:
        """Whether the codec does."""
        return self._continuer.keeps_phase

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes."""
        return self._continuer.edit(requests)
