"""Fused steps: one compiled function that runs a step through all layers, for small decoders on a CPU.

A step of a small decoder is about a hundred operations of a few microseconds each, and torch needs as long to call them
as to compute them. Here a step is one call. Everything is float32; sums are taken in another order than torch's, so
that scores differ from torch's in the last bits.

All compiled code is in this file, since numba recompiles a function when its own file changes, not when a called
function's file does. It is one function, so that a process that compiles it and one that loads it give the same bytes.
"""

import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from bench.runtime.locks import compiling

Floats = npt.NDArray[np.float32]
_intrinsic: Any = intrinsic
_FLAGS: Any = {"fastmath": True, "error_model": "numpy", "nogil": True}
_compiled: Any = numba.njit(cache=True, **_FLAGS)
_part: Any = numba.njit(forceinline=True, **_FLAGS)
"""Always inlined into the step. A part compiled on its own would be linked from memory in the process that compiles,
and from the cached file in a process that loads, and the two may take sums in different orders."""
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1
_LINE = 16
"""Float32 numbers in a cache line."""
_ROWS_AHEAD = 16
"""Rows of a matrix that are prefetched; a processor by itself prefetches one or two."""
_EPSILON = np.float32(1e-5)
"""Epsilon of layer normalisation, as in the decoder."""
_LOG2_E = np.float32(1 / math.log(2))
_POWERS = tuple(np.float32(math.log(2) ** k / math.factorial(k)) for k in range(8))
"""Taylor series of 2^x around 0; for |x| <= 1/2 the first omitted term is below 1e-8."""
_ERF = tuple(np.float32(a) for a in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
_ERF_P = np.float32(0.3275911)
"""erf(x) = 1 - (a1 t + ... + a5 t^5) exp(-x^2), t = 1 / (1 + p x), within 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""


@_intrinsic
def _fetch(typing: Any, array: Any, index: Any) -> Any:
    """Prefetch the cache line of an element of a flat array; the index may lie beyond the end."""

    def made(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(function, [place, *(ir.Constant(number, flag) for flag in (_READ, _SECOND_LEVEL, _DATA))])
        return context.get_dummy_value()

    return types.void(array, index), made


@_part
def _fetch_stretch(array: Floats, first: int, n: int) -> None:
    """Prefetch n numbers of a flat array."""
    for i in range(first, first + n, _LINE):
        _fetch(array, i)


@_part
def _exp(x: Floats, n: int, whole: Any) -> None:
    """Set the first n of x to e^x, for x <= 0; `whole` is int32 scratch, whose bits as float32 are powers of 2."""
    powers = whole.view(np.float32)
    for j in range(n):
        scaled = max(x[j] * _LOG2_E, np.float32(-126))
        rounded = np.floor(scaled + np.float32(0.5))
        part = scaled - rounded
        whole[j] = (np.int32(rounded) + np.int32(127)) << np.int32(23)
        value = _POWERS[7]
        value = value * part + _POWERS[6]
        value = value * part + _POWERS[5]
        value = value * part + _POWERS[4]
        value = value * part + _POWERS[3]
        value = value * part + _POWERS[2]
        value = value * part + _POWERS[1]
        x[j] = value * part + _POWERS[0]
    for j in range(n):
        x[j] *= powers[j]


@_part
def _gelu(x: Floats, scratch: Floats, whole: Any) -> None:
    """Set x to gelu(x) = x / 2 (1 + erf(x / sqrt 2)); scratch has x's length."""
    n = len(x)
    for j in range(n):
        scratch[j] = np.float32(-0.5) * x[j] * x[j]
    _exp(scratch, n, whole)
    for j in range(n):
        size = abs(x[j]) * np.float32(0.70710678)
        t = np.float32(1) / (np.float32(1) + _ERF_P * size)
        value = _ERF[4]
        value = value * t + _ERF[3]
        value = value * t + _ERF[2]
        value = value * t + _ERF[1]
        value = value * t + _ERF[0]
        tail = value * t * scratch[j]
        # 1 + erf is 2 - tail for x >= 0, and tail for x < 0.
        x[j] = np.float32(0.5) * x[j] * (np.float32(2) - tail if x[j] >= 0 else tail)


@_part
def _normed(x: Floats, norm: Floats, out: Floats) -> None:
    """Set out to the layer normalisation of the rows of x (B, d), with weight and bias in `norm` (2, d)."""
    width = x.shape[1]
    weight, bias = norm[0], norm[1]
    for b in range(len(x)):
        row, to = x[b], out[b]
        total = np.float32(0)
        for k in range(width):
            total += row[k]
        mean = total / np.float32(width)
        squares = np.float32(0)
        for k in range(width):
            squares += (row[k] - mean) * (row[k] - mean)
        scale = np.float32(1) / np.sqrt(squares / np.float32(width) + _EPSILON)
        for k in range(width):
            to[k] = (row[k] - mean) * scale * weight[k] + bias[k]


@_part
def _product(x: Floats, matrix: Floats, out: Floats, is_added: bool) -> None:
    """Set out (B, n) to x (B, d) times the transpose of a matrix (n, d), or add the product to it; n is even."""
    batch, width = x.shape
    fours = batch // 4 * 4
    flat = matrix.reshape(matrix.size)
    zero = np.float32(0)
    for n in range(0, len(matrix), 2):
        w0, w1 = matrix[n], matrix[n + 1]
        _fetch_stretch(flat, (n + _ROWS_AHEAD) * width, 2 * width)
        for b in range(0, fours, 4):
            x0, x1, x2, x3 = x[b], x[b + 1], x[b + 2], x[b + 3]
            s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = zero
            for k in range(width):
                s00 += x0[k] * w0[k]
                s01 += x0[k] * w1[k]
                s10 += x1[k] * w0[k]
                s11 += x1[k] * w1[k]
                s20 += x2[k] * w0[k]
                s21 += x2[k] * w1[k]
                s30 += x3[k] * w0[k]
                s31 += x3[k] * w1[k]
            if is_added:
                out[b, n] += s00
                out[b, n + 1] += s01
                out[b + 1, n] += s10
                out[b + 1, n + 1] += s11
                out[b + 2, n] += s20
                out[b + 2, n + 1] += s21
                out[b + 3, n] += s30
                out[b + 3, n + 1] += s31
            else:
                out[b, n] = s00
                out[b, n + 1] = s01
                out[b + 1, n] = s10
                out[b + 1, n + 1] = s11
                out[b + 2, n] = s20
                out[b + 2, n + 1] = s21
                out[b + 3, n] = s30
                out[b + 3, n + 1] = s31
        for b in range(fours, batch):
            row = x[b]
            s0 = s1 = zero
            for k in range(width):
                s0 += row[k] * w0[k]
                s1 += row[k] * w1[k]
            if is_added:
                out[b, n] += s0
                out[b, n + 1] += s1
            else:
                out[b, n] = s0
                out[b, n + 1] = s1


@_part
def _softmax(scores: Floats, first: int, end: int, gate: Any, whole: Any) -> None:
    """Replace scores[first:end] by their softmax times the gate."""
    part = scores[first:end]
    n = end - first
    top = part[0]
    for j in range(n):
        top = max(top, part[j])
    for j in range(n):
        part[j] -= top
    _exp(part, n, whole)
    total = np.float32(0)
    for j in range(n):
        total += part[j]
    scale = gate / total
    for j in range(n):
        part[j] *= scale


@_part
def _scored(query: Floats, keys: Floats, n: int, scores: Floats, room: Floats, ahead: int) -> None:
    """Set the first n scores to the products of a query (s,) with keys (slots, s); prefetch n s numbers of `room`."""
    size, fours, zero = len(query), n // 4 * 4, np.float32(0)
    for j in range(0, fours, 4):
        _fetch_stretch(room, ahead + j * size, 4 * size)
        k0, k1, k2, k3 = keys[j], keys[j + 1], keys[j + 2], keys[j + 3]
        s0 = s1 = s2 = s3 = zero
        for i in range(size):
            s0 += query[i] * k0[i]
            s1 += query[i] * k1[i]
            s2 += query[i] * k2[i]
            s3 += query[i] * k3[i]
        scores[j], scores[j + 1], scores[j + 2], scores[j + 3] = s0, s1, s2, s3
    for j in range(fours, n):
        key, total = keys[j], zero
        for i in range(size):
            total += query[i] * key[i]
        scores[j] = total


@_part
def _shared(scores: Floats, n: int, gates: Floats, n_beside: int, whole: Any) -> None:
    """Replace n scores by their softmax; with gates, the first n_beside have one softmax per kind, times its gate."""
    kinds = len(gates)
    if kinds == 0:
        _softmax(scores, 0, n, np.float32(1), whole)
        return
    each = n_beside // kinds
    for kind in range(kinds):
        _softmax(scores, kind * each, (kind + 1) * each, gates[kind], whole)
    _softmax(scores, n_beside, n, np.float32(1), whole)


@_part
def _gathered(shares: Floats, values: Floats, n: int, out: Floats, room: Floats, ahead: int) -> None:
    """Set out (s,) to the sum of values (slots, s) weighted by n shares; prefetch n s numbers of `room`."""
    size, fours = len(out), n // 4 * 4
    for i in range(size):
        out[i] = np.float32(0)
    for j in range(0, fours, 4):
        _fetch_stretch(room, ahead + j * size, 4 * size)
        p0, p1, p2, p3 = shares[j], shares[j + 1], shares[j + 2], shares[j + 3]
        v0, v1, v2, v3 = values[j], values[j + 1], values[j + 2], values[j + 3]
        for i in range(size):
            out[i] += p0 * v0[i] + p1 * v1[i] + p2 * v2[i] + p3 * v3[i]
    for j in range(fours, n):
        share, value = shares[j], values[j]
        for i in range(size):
            out[i] += share * value[i]


@_compiled
def _step(
    x: Floats,
    norms: Floats,
    qkv: Floats,
    outs: Floats,
    fc1: Floats,
    fc2: Floats,
    heads: Floats,
    whole: Floats,
    n: int,
    n_beside: int,
    gates: Floats,
    added: Floats,
    scores: Floats,
) -> None:
    """Run one step (B, d) through all layers; x is overwritten.

    Args:
        x: The first layer's input (B, d).
        norms: Weights and biases of the layer normalisations before attention, before the feed-forward and after the
            last layer (2 L + 1, 2, d).
        qkv: Matrices of queries (scaled), keys and values (L, 3 d, d).
        outs: Matrices of the output projections (L, d, d).
        fc1: (L, f, d).
        fc2: (L, d, f).
        heads: Output heads of all codebooks (K entries, d).
        whole: Keys and values (L, 2, B, heads, slots, d / heads), see `Memory`; the step's own are added.
        n: Slots to attend to; the last is the step's own.
        n_beside: The first slots, which hold the adapter's keys and values.
        gates: (L, B, kinds), see `Beside`; kinds is 0 if all slots share one softmax.
        added: What is added to the layers' inputs (L, B, d); L is 0 if nothing is.
        scores: Set to the scores (B, K entries).
    """
    depth, _, batch, n_heads, slots, size = whole.shape
    width = x.shape[1]
    normed, attended = np.empty_like(x), np.empty_like(x)
    parts = np.empty((batch, 3 * width), dtype=np.float32)
    inner = np.empty((batch, fc1.shape[1]), dtype=np.float32)
    room = whole.reshape(whole.size)
    longest = max(n, inner.size)
    shares, integers = np.empty(longest, dtype=np.float32), np.empty(longest, dtype=np.int32)
    for layer in range(depth):
        if len(added):
            x += added[layer]
        _normed(x, norms[2 * layer], normed)
        _product(normed, qkv[layer], parts, False)
        for b in range(batch):
            for head in range(n_heads):
                at = head * size
                own_keys, own_values = whole[layer, 0, b, head], whole[layer, 1, b, head]
                for i in range(size):
                    own_keys[n - 1, i] = parts[b, width + at + i]
                    own_values[n - 1, i] = parts[b, 2 * width + at + i]
                # Values are prefetched while keys are read, and the next head's keys while values are read.
                here = ((2 * layer * batch + b) * n_heads + head) * slots * size
                _scored(parts[b, at : at + size], own_keys, n, shares, room, here + batch * n_heads * slots * size)
                _shared(shares, n, gates[layer, b], n_beside, integers)
                _gathered(shares, own_values, n, attended[b, at : at + size], room, here + slots * size)
        _product(attended, outs[layer], x, True)
        _normed(x, norms[2 * layer + 1], normed)
        _product(normed, fc1[layer], inner, False)
        _gelu(inner.reshape(inner.size), shares, integers)
        _product(inner, fc2[layer], x, True)
    _normed(x, norms[2 * depth], normed)
    _product(normed, heads, scores, False)


class Fused:
    """A decoder's matrices in the form that the compiled step reads."""

    def __init__(self, layers: Sequence[Any], last_norm: tuple[Tensor, Tensor], heads: Tensor) -> None:
        """Take every layer as prepared by `bench.air.stepper`, the last normalisation and the heads of all codebooks.

        Raises:
            ValueError: a matrix has an odd number of rows or is not float32; the compiled step does not check this.
        """
        norms = [torch.stack(norm) for layer in layers for norm in (layer.norm, layer.last_norm)]
        matrices = (
            torch.stack([*norms, torch.stack(last_norm)]),
            torch.stack([layer.qkv for layer in layers]),
            torch.stack([layer.out.T for layer in layers]),
            torch.stack([layer.fc1 for layer in layers]),
            torch.stack([layer.fc2.T for layer in layers]),
            heads,
        )
        self._matrices = [value.detach().contiguous().numpy() for value in matrices]
        if odd := [value.shape for value in self._matrices[1:] if value.shape[-2] % 2 or value.dtype != np.float32]:
            raise ValueError(f"fused steps want matrices of float32 with an even number of rows, found {odd}")
        self._n_scores = len(heads)

    def scores(
        self, x: Tensor, whole: Tensor, n: int, n_beside: int, gates: Tensor | None, added: Tensor | None
    ) -> Tensor:
        """Run one step through all layers; its keys and values are added to `whole`.

        Args:
            x: The first layer's input (B, d).
            whole: Keys and values, see `bench.air.decoder.Memory`.
            n: Slots to attend to; the last is the step's own.
            n_beside: The first slots, which hold the adapter's keys and values.
            gates: (L, B, kinds), see `bench.air.decoder.Beside`, or None.
            added: What is added to the layers' inputs (L, B, d), or None.

        Returns:
            The scores (B, K entries).
        """
        depth, batch = whole.shape[0], len(x)
        kinds = np.zeros((depth, batch, 0), np.float32) if gates is None else gates.contiguous().numpy()
        more = np.zeros((0, *x.shape), np.float32) if added is None else added.contiguous().numpy()
        made = np.empty((batch, self._n_scores), np.float32)
        with compiling("steps"):
            _step(x.contiguous().numpy(), *self._matrices, whole.numpy(), n, n_beside, kinds, more, made)
        return torch.from_numpy(made)
