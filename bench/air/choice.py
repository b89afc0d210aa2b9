"""Models with several adapters: each request gets the adapter for its controls, read when first needed."""

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
"""Sets of controls for which a model may have an adapter of its own."""


class Choice:
    """A model with an adapter for each control, and a joint adapter for several controls at once."""

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
        """Find the adapters and load the first.

        Args:
            kind: The adapter's kind, the first part of its files' names, e.g. `air-aligned`.
            size: Size of the frozen decoder, one of `bench.air.sizes.SIZES`.
            sampling: How tokens are drawn.
            device: `cpu` or `cuda`.
            follows: Whether the model is given the controls.
            adapter: Path of a weight file, or name of a shipped one, used for every control; empty for the kind's own.
            precision: Of the decoder, one of `bench.air.sizes.PRECISIONS`.

        Raises:
            MissingComponent: the frozen decoder is missing, or there is no adapter of this kind and size.
            BenchError: a file is damaged, or the network does not fit into memory.
        """
        self._kind, self._size, self._sampling, self._device, self._follows = kind, size, sampling, device, follows
        self._precision = precision
        self.training_data = sizes.TRAINING_DATA.get(size, sizes.TRAINING_DATA["full"])
        self.runs_in_workers = (size, device) == ("mini", "cpu")
        self._editors: dict[Path, Editor] = {}
        self._only = sizes.adapter_called(adapter) if adapter else None
        self._paths = [self._only] if self._only else self._installed()
        self._any = self._editor(self._paths[0])

    @property
    def identity(self) -> str:
        """The identities of all networks that this model may use, which name every weight file."""
        return " / ".join(self._editor(path).identity for path in self._paths)

    @property
    def parameters(self) -> int:
        """Parameters of decoder, codec and one adapter."""
        return self._any.parameters

    @property
    def trainable_parameters(self) -> int:
        """Parameters of one adapter."""
        return self._any.trainable_parameters

    @property
    def keeps_phase(self) -> bool:
        """Whether the codec keeps the phase of the sound."""
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

    def _installed(self) -> list[Path]:
        """Return the adapters that are installed; raises `MissingComponent` if there are none."""
        paths, missing = [], []
        for controls in _CONTROLS:
            try:
                paths.append(sizes.adapter_of(self._size, self._kind, controls))
            except MissingComponent as error:
                missing.append(error)
        if not paths:
            raise missing[0]
        return list(dict.fromkeys(paths))

    def _editor(self, path: Path) -> Editor:
        if path not in self._editors:
            network = sizes.network(self._size, path, self._device, self._precision)
            self._editors[path] = Editor(network, self._sampling, self._follows)
        return self._editors[path]


class Continuing:
    """A model without an adapter: the frozen decoder continues the song."""

    batch_size = Continuer.batch_size

    def __init__(self, size: str, sampling: Sampling, device: str, precision: str = "auto") -> None:
        """Load the decoder of a size; raises `MissingComponent` if its files are missing."""
        self._size, self._sampling, self._device, self._precision = size, sampling, device, precision
        self.training_data = sizes.TRAINING_DATA.get(size, sizes.TRAINING_DATA["full"])
        self.runs_in_workers = (size, device) == ("mini", "cpu")
        self.identity = self._continuer.identity

    @cached_property
    def _continuer(self) -> Continuer:
        return Continuer(sizes.network(self._size, None, self._device, self._precision), self._sampling)

    @property
    def parameters(self) -> int:
        """Parameters of decoder and codec."""
        return self._continuer.parameters

    @property
    def keeps_phase(self) -> bool:
        """Whether the codec keeps the phase of the sound."""
        return self._continuer.keeps_phase

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes."""
        return self._continuer.edit(requests)
