"""Choice: the adapter that fits a request's controls, read when it is first asked for."""

from collections.abc import Sequence
from functools import cached_property

from bench.air import sizes
from bench.air.editor import Continuer, Editor
from bench.air.generate import Sampling
from bench.audio import Audio
from bench.example import Request


class Choice:
    """One system over several weight files: an adapter for each control, a joint one for several at once."""

    batch_size = Editor.batch_size

    def __init__(self, kind: str, size: str, sampling: Sampling, device: str, follows: bool = True) -> None:
        """Name the files; raises `MissingComponent` where the frozen network is not here."""
        self._kind, self._size, self._sampling, self._device, self._follows = kind, size, sampling, device, follows
        self._editors: dict[tuple[str, ...], Editor] = {}
        self._any = self._editor(("drums",))

    @property
    def identity(self) -> str:
        """Names the files of every adapter that this system may take."""
        kinds = ((), ("drums",), ("chords",), ("piano",), ("drums", "chords"))
        return " / ".join(dict.fromkeys(self._editor(kind).identity for kind in kinds))

    @property
    def parameters(self) -> int:
        """All parameters of the network with one adapter."""
        return self._any.parameters

    @property
    def trainable_parameters(self) -> int:
        """Those of one adapter."""
        return self._any.trainable_parameters

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes, each with the adapter for its controls."""
        outputs: dict[int, Audio] = {}
        for kinds in dict.fromkeys(tuple(request.controls) for request in requests):
            chosen = [k for k, request in enumerate(requests) if tuple(request.controls) == kinds]
            made = self._editor(kinds).edit([requests[k] for k in chosen])
            outputs.update(zip(chosen, made, strict=True))
        return [outputs[k] for k in range(len(requests))]

    def _editor(self, kinds: tuple[str, ...]) -> Editor:
        if kinds not in self._editors:
            network = sizes.network(self._size, self._kind, kinds, self._device)
            self._editors[kinds] = Editor(network, self._sampling, self._follows)
        return self._editors[kinds]


class Continuing:
    """The frozen decoder of a size, continuing."""

    batch_size = Continuer.batch_size

    def __init__(self, size: str, sampling: Sampling, device: str) -> None:
        """Name the size; raises `MissingComponent` where its files are not here."""
        self._size, self._sampling, self._device = size, sampling, device
        self.identity = self._continuer.identity

    @cached_property
    def _continuer(self) -> Continuer:
        return Continuer(sizes.network(self._size, "", (), self._device), self._sampling)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self._continuer.parameters

    def edit(self, requests: Sequence[Request]) -> list[Audio]:
        """Fill every request's holes."""
        return self._continuer.edit(requests)
