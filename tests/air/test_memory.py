"""Memory: the estimate against measured allocations, and errors and batch sizes if memory is short."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from bench import plugins
from bench.air import memory, sizes
from bench.air.adapter import Prompts
from bench.air.decoder import MUSICGEN, Config, Decoder, Memory
from bench.air.loss import loss_of
from bench.air.memory import ENCODEC, fitting, needed, parameters
from bench.air.sequence import Layout
from bench.air.stepper import Stepper
from bench.errors import BenchError, UnknownName
from bench.runtime.weights import VARIABLE
from tests.air.small import N_FRAMES, small_adapter, small_decoder, small_request
from tests.air.test_sizes import example
from tests.air.tiny_musicgen import write_musicgen

MINI = Config(192, 6, 4, 768, 4, 512, is_mini=True)


def bytes_of(module):
    return sum(value.numel() * value.element_size() for value in module.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("config", [Config(32, 3, 4, 64, 4, 48), MINI])
def test_weights_copies_and_cache_are_counted_to_the_byte(config, dtype):
    torch.manual_seed(0)
    decoder = Decoder(config).to(getattr(torch, dtype)).eval().requires_grad_(False)
    adapter = Prompts(config, 5).eval()
    need = needed(config, dtype, batch=3, n_frames=N_FRAMES, m=5, has_codec=False)
    n_steps = 2 * N_FRAMES + 3
    types = torch.randint(0, 4, (3, n_steps))
    stepper = Stepper(decoder, adapter, types, 3, N_FRAMES, n_steps - N_FRAMES)
    whole = stepper._memory.whole
    assert need.cache == whole.numel() * whole.element_size()
    copies = [*(layer.qkv for layer in stepper._layers), stepper._tables, stepper._heads]
    assert need.side_by_side == sum(one.numel() * one.element_size() for one in copies)
    prompts = sum(2 * keys.numel() * keys.element_size() for keys, _ in adapter._cached.values())
    assert need.weights == bytes_of(decoder) + bytes_of(adapter) + prompts


def test_a_contrast_doubles_the_cache_and_nothing_else_but_arithmetic():
    one, two = (needed(MINI, batch=4, is_contrasted=flag, has_codec=False) for flag in (False, True))
    assert (two.cache, two.weights, two.side_by_side) == (2 * one.cache, one.weights, one.side_by_side)
    assert needed(MINI, batch=8, has_codec=False).cache == two.cache


@pytest.mark.parametrize(("size", "n"), [("small", 318_871_552), ("medium", 1_384_424_448), ("large", 2_449_879_040)])
def test_the_published_sizes_are_counted_without_a_weight(size, n):
    config = MUSICGEN[size]
    assert parameters(config) == n
    d, ffn = config.width, config.ffn
    by_hand = config.depth * (4 * d * d + 2 * d * ffn + 4 * d) + 2 * d + 4 * (2049 + 2048) * d
    assert n == by_hand
    assert needed(config, "bfloat16", 8).cache == config.depth * 2 * 8 * (100 + 1503) * d * 2


def test_musicgen_large_goes_through_the_adapters_construction_on_the_meta_device():
    with torch.device("meta"):
        decoder = Decoder(MUSICGEN["large"])
        for m, n in ((10, 3_932_352), (50, 19_660_992)):
            adapter = Prompts(decoder.config, m)
            assert sum(value.numel() for value in adapter.parameters()) == n
            need = needed(decoder.config, "bfloat16", m=m, has_codec=False)
            assert need.weights == parameters(decoder.config) * 2 + n * 4 + 48 * 4 * m * 2048 * 2 * 2
        room = Memory.of(decoder.config, 8, 1503, torch.empty(0, dtype=torch.bfloat16), 100)
    assert room.whole.numel() * 2 == needed(decoder.config, "bfloat16", 8).cache


def test_the_codec_is_counted_as_transformers_builds_it():
    from transformers import EncodecConfig, EncodecModel

    config = EncodecConfig(**ENCODEC)
    assert config.frame_rate == 50 and config.num_quantizers == 4
    with torch.device("meta"):
        n = sum(value.numel() for value in EncodecModel(config).parameters())
    assert needed(MUSICGEN["small"]).codec == 4 * n


MEASURE = """
import sys, torch
from bench.air import memory
from bench.runtime.device import forget_peak, peak_mib
torch.set_num_threads(1)
def decoder(config, batch, n_frames, m):
    from bench.air.adapter import Prompts
    from bench.air.decoder import Decoder
    from bench.air.generate import Sampling, generate
    decoder, adapter = Decoder(config).eval().requires_grad_(False), Prompts(config, m).eval()
    prefix = torch.zeros(batch, 4, n_frames, dtype=torch.long)
    types = torch.zeros(batch, 2 * n_frames + 3, dtype=torch.long)
    return lambda: generate(decoder, prefix, types, adapter, Sampling(), range(batch), way="counted")
def codec():
    from transformers import EncodecConfig, EncodecModel
    model = EncodecModel(EncodecConfig(**memory.ENCODEC)).eval()
    def run(n_frames):
        with torch.inference_mode():
            sound = torch.randn(1, 1, 640 * n_frames)
            model.decode(model.encode(sound, bandwidth=2.2).audio_codes, [None])
    return run
if sys.argv[1] == "decoder":
    from bench.air.decoder import Config
    decoder(Config(32, 1, 4, 64, 4, 64), 1, 20, 2)()
    config, batch, n_frames, m = Config(640, 10, 10, 2560, 4, 512), 6, 60, 4
    need = memory.needed(config, batch=batch, n_frames=n_frames, m=m, has_codec=False)
    estimated = need.total
    work = lambda: decoder(config, batch, n_frames, m)()
else:
    run = codec()
    run(5)
    estimated = memory._codec_work(300)
    work = lambda: run(300)
forget_peak("cpu")
before = peak_mib("cpu")
work()
measured = peak_mib("cpu") - before
with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
    work()
held = most = 0
events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
for event in sorted(events, key=lambda event: event.start_ns()):
    held += event.nbytes()
    most = max(most, held)
print(measured, most / 2**20, estimated / 2**20)
"""


@pytest.mark.parametrize(("what", "in_tensors"), [("decoder", 0.87), ("codec", 4.54 / 8)])
def test_the_measured_peak_is_near_the_estimate(what, in_tensors):
    """Tensors are the same on every machine; the memory of convolutions depends on the processor."""
    script = [sys.executable, "-c", MEASURE, what]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    process, tensors, estimated = (float(word) for word in done.stdout.split())
    assert tensors == pytest.approx(in_tensors * estimated, rel=0.05)
    assert 0.9 * tensors < process < 1.25 * estimated


def free(monkeypatch, n_bytes):
    monkeypatch.setattr(memory, "free_bytes", lambda device: n_bytes)


@pytest.mark.parametrize(
    ("size", "dtype", "gigabytes", "said"),
    [
        ("large", "float32", 8.0, r"musicgen-large needs about 14\.\d GB on cuda for one request of 15 s \(weights 12\.\d, keys and values 1\.3, arithmetic 0\.\d, codec 0\.2\), 8\.0 GB are free: take precision bfloat16 \(7\.\d GB\) or the size small or a device with more"),
        ("large", "bfloat16", 6.0, r"needs about 7\.\d GB .* 6\.0 GB are free: take the size medium or a device with more"),
        ("large", "float32", 2.0, "free: take a device with more$"),
        ("medium", "bfloat16", 4.0, "musicgen-medium needs .*: take the size small or a device with more"),
    ],
)  # fmt: skip
def test_too_little_memory_is_one_error_that_names_what_would_fit(monkeypatch, size, dtype, gigabytes, said):
    free(monkeypatch, int(gigabytes * 1e9))
    with pytest.raises(BenchError, match=said) as got:
        memory.refuse_if_too_big(f"musicgen-{size}", MUSICGEN[size], dtype, "cuda")
    assert "\n" not in str(got.value)


def test_enough_or_unknown_free_memory_passes(monkeypatch):
    for n_bytes in (needed(MUSICGEN["small"]).total, None):
        free(monkeypatch, n_bytes)
        memory.refuse_if_too_big("musicgen-small", MUSICGEN["small"], "float32", "cpu")


def test_memory_is_checked_before_any_file_is_read(tmp_path, monkeypatch):
    write_musicgen(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr("bench.air.weights.read_transformers", lambda *a: pytest.fail("read"))
    free(monkeypatch, 1000)
    with pytest.raises(BenchError, match=r"musicgen-small needs about 1\.\d GB on cpu"):
        plugins.load("models", "musicgen-continue-small")


def test_the_batch_size_is_what_fits_into_free_memory(monkeypatch):
    needs = [needed(MINI, batch=k, has_codec=False) for k in range(1, 9)]
    for k, need in enumerate(needs, 1):
        free(monkeypatch, need.total - need.weights)
        assert fitting(MINI, "float32", 750, 8, False, "cpu") == k
        assert fitting(MINI, "float32", 1500, 8, False, "cpu") <= k
        assert fitting(MINI, "float32", 750, 8, True, "cpu") == max(k // 2, 1)
    for n_bytes, expected in ((0, 1), (None, 8)):
        free(monkeypatch, n_bytes)
        assert fitting(MINI, "float32", 750, 8, False, "cpu") == expected


def test_outputs_do_not_depend_on_the_batch_size(tmp_path, monkeypatch):
    write_musicgen(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    model = plugins.load("models", "musicgen-continue-small")
    requests = [example(seed=k).request for k in range(5)]
    together = [output.sha256() for output in model.edit(requests)]
    made = []
    real = model._continuer._made
    monkeypatch.setattr(model._continuer, "_made", lambda requests: made.append(len(requests)) or real(requests))
    monkeypatch.setattr("bench.air.editor.fitting", lambda *a: 2)
    assert [output.sha256() for output in model.edit(requests)] == together and made == [2, 2, 1]


def test_the_precision_is_in_the_identity_and_unknown_ones_are_refused(tmp_path, monkeypatch):
    write_musicgen(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    usual, half = (plugins.load("models", "musicgen-continue-small", precision=p) for p in ("auto", "bfloat16"))
    assert " float32, " in usual.identity and " bfloat16, " in half.identity
    request = example().request
    assert half.edit([request])[0].samples.shape == usual.edit([request])[0].samples.shape
    assert {sizes.dtype_of("large", d, "auto") for d in ("cpu", "cuda")} == {"float32", "bfloat16"}
    assert sizes.dtype_of("mini", "cuda", "auto") == "float32"
    with pytest.raises(BenchError, match="the mini size runs only in float32"):
        sizes.network("mini", precision="bfloat16")
    with pytest.raises(UnknownName, match="no precision is called 'bf16'; did you mean"):
        plugins.load("models", "musicgen-continue-small", precision="bf16")


def test_an_adapter_of_float32_runs_on_a_decoder_of_bfloat16():
    decoder, adapter = small_decoder().to(torch.bfloat16), small_adapter("prompts", small_decoder().config)
    prefix, _, types = small_request()
    from bench.air.generate import Sampling, generate

    tokens = generate(decoder, prefix, types, adapter, Sampling(), [1, 2, 3])
    assert tokens.shape == prefix.shape and math.isfinite(float(tokens.sum()))


def kept_for_gradient(config, m, batch, n_frames, monkeypatch):
    """Return the bytes that a step keeps for the gradient besides all parameters, with the attention used on a GPU."""
    monkeypatch.setattr(
        "bench.air.decoder.self_attention",
        lambda q, k, v, beside: scaled_dot_product_attention(q, k, v, is_causal=True),
    )
    decoder, adapter = Decoder(config).to(torch.bfloat16).requires_grad_(False), Prompts(config, m).train()
    own = {value.untyped_storage().data_ptr() for part in (decoder, adapter) for value in part.parameters()}
    kept = {}

    def pack(value):
        storage = value.untyped_storage()
        kept[storage.data_ptr()] = storage
        return value

    prefix = torch.zeros(batch, 4, n_frames, dtype=torch.long)
    types = Layout(n_frames, 4).types(np.zeros((batch, n_frames), dtype=bool))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        loss = loss_of(decoder, prefix, prefix, np.random.default_rng(0), types, adapter, hidden=0.0)
    assert loss.requires_grad
    return sum(storage.nbytes() for at, storage in kept.items() if at not in own)


@pytest.mark.parametrize(
    ("config", "m", "batch"),
    [(Config(256, 4, 4, 1024, 4, 64), 5, 1), (Config(256, 3, 8, 512, 4, 256), 20, 2), (Config(128, 4, 8, 512), 50, 1)],
)
def test_the_memory_of_a_training_step_is_estimated_within_a_tenth(config, m, batch, monkeypatch):
    measured = kept_for_gradient(config, m, batch, 200, monkeypatch)
    trained = config.depth * 4 * (m * config.width + 1)
    fixed = parameters(config) * 2 + 16 * trained
    estimated = (memory.learning(config, "bfloat16", m, batch, 200) - memory.CUDA_WORKSPACE - fixed) / 1.1
    assert estimated == pytest.approx(measured, rel=0.1)


def test_training_the_papers_setting_fits_the_documented_batches():
    for size, batch_80, batch_24 in (("small", 32, 8), ("medium", 16, 4), ("large", 8, 2)):
        for batch, gigabytes in ((batch_80, 80), (batch_24, 24)):
            assert memory.learning(MUSICGEN[size], "bfloat16", 50, batch) < 0.9 * gigabytes * 1e9


def test_every_sized_model_states_its_memory_without_any_file(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    free(monkeypatch, int(15e9))
    plain, contrasted = (plugins.memory("models", f"{name}-large", "cpu") for name in ("air", "air-aligned"))
    assert (plain.free, plain.batch, plain.is_enough) == (15 * 10**9, 1, True)
    assert contrasted.need.cache == 2 * plain.need.cache and not contrasted.is_enough
    assert "at batch 8 of 15 s" in str(memory.room(MUSICGEN["large"], "float32", "cpu", 8))
    assert re.fullmatch(
        r"needs about 14\.\d GB on cpu for one request of 15 s \(weights 12\.\d, .*, codec 0\.2\), 15\.0 GB are free",
        str(plain),
    )
    free(monkeypatch, None)
    unknown = plugins.memory("models", "musicgen-continue-small", "cpu")
    assert unknown.is_enough and "are free" not in str(unknown)
    for name in ("air-mini", "retrieval", "codec-roundtrip-large", "oracle"):
        assert plugins.memory("models", name, "cpu") is None
    with pytest.raises(UnknownName, match="no model is called 'air-huge'"):
        plugins.memory("models", "air-huge", "cpu")
