"""The models with weights, on tiny random ones: every mask and control, repeatable bytes, and the options."""

from dataclasses import replace

import numpy as np
import pytest

from bench import plugins
from bench.audio import Audio
from bench.example import Control, Example, Request, Truth, masked
from bench.mask import Mask, centre, everything, prefix, suffix, two_gaps
from bench.runtime.weights import VARIABLE
from tests.tiny_mini import write_mini

RATE, N_FRAMES = 16000, 40
FOLLOWERS = ["air-mini", "air-aligned-mini", "lora-mini", "prefix-tuning-mini"]
DEAF = ["air-no-control-mini", "musicgen-continue-mini"]
MASKS = [
    centre(N_FRAMES), two_gaps(N_FRAMES), everything(N_FRAMES), prefix(N_FRAMES, context_s=0.3),
    suffix(N_FRAMES, context_s=0.3), Mask(((3, 4), (20, 23)), N_FRAMES),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_mini(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def weights(made, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(made))


def example(mask=None, kinds=("drums",), seed=1, control=5):
    n = N_FRAMES * RATE // 50
    reference = Audio(np.random.default_rng(seed).normal(0, 0.1, n), RATE)
    heard = Audio(np.random.default_rng(control).normal(0, 0.2, n) * np.sin(np.arange(n) / 500), RATE)
    mask = mask or centre(N_FRAMES)
    controls = {kind: Control(kind, heard, heard) for kind in kinds}
    return Example(
        Request(f"song-{seed}", "t", 1, masked(reference, mask), mask, controls, seed=seed), reference, Truth()
    )


def edited(name, requests, **options):
    return plugins.load("models", name, **options).edit(requests)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", [*FOLLOWERS, *DEAF])
def test_every_mask_is_filled_at_the_requests_rate_and_length(name, mask):
    output = edited(name, [example(mask).request])[0]
    assert (output.samples.shape, output.sample_rate) == ((1, N_FRAMES * RATE // 50), RATE)
    assert output.samples.dtype == np.float32 and np.isfinite(output.samples).all() and output.samples.any()


@pytest.mark.parametrize("name", [*FOLLOWERS, *DEAF])
def test_outputs_are_repeatable_and_do_not_depend_on_the_batch(name):
    requests = [example(seed=seed).request for seed in (1, 2, 3)]
    together = [audio.sha256() for audio in edited(name, requests)]
    assert together == [audio.sha256() for audio in edited(name, requests)]
    assert together == [edited(name, [request])[0].sha256() for request in requests]
    assert len(set(together)) == 3


@pytest.mark.parametrize("name", FOLLOWERS)
def test_models_that_follow_a_control_react_to_another(name):
    first, second = (example(control=control).request for control in (5, 6))
    assert edited(name, [first], temperature=0)[0].sha256() != edited(name, [second], temperature=0)[0].sha256()


@pytest.mark.parametrize("name", DEAF)
def test_models_without_a_control_ignore_it(name):
    first, second = (example(control=control).request for control in (5, 6))
    assert edited(name, [first])[0].sha256() == edited(name, [second])[0].sha256()
    assert edited(name, [first])[0].sha256() == edited(name, [replace(first, controls={})])[0].sha256()


def test_contrast_changes_the_output_and_1_is_no_contrast():
    request = example().request
    plain, one, strong = (edited("air-mini", [request], contrast=c, temperature=0)[0].sha256() for c in (1.0, 1.0, 4.0))
    assert plain == one != strong
    # Without a control, both sets of scores are the same.
    free = replace(request, controls={})
    assert edited("air-mini", [free], contrast=4.0)[0].sha256() == edited("air-mini", [free])[0].sha256()


def test_air_aligned_uses_contrast_and_air_does_not():
    assert "contrast 1.25" in plugins.load("models", "air-aligned-mini").identity
    for name in ("air-mini", "lora-mini", "prefix-tuning-mini"):
        assert "contrast 1," in plugins.load("models", name).identity


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_users_file_replaces_the_shipped_one(name, made, tmp_path):
    shipped = made / "mini" / f"{name}-drums.safetensors"
    own = tmp_path / "own.safetensors"
    own.write_bytes(shipped.read_bytes())
    one = plugins.load("models", name, adapter=str(own))
    assert one.identity.startswith("own ") and one.identity.count(" / ") == 0
    request = example().request
    assert one.edit([request])[0].sha256() == edited(name, [request])[0].sha256()


def test_at_temperature_0_the_seed_does_not_matter():
    first, second = (replace(example().request, seed=seed) for seed in (1, 2))
    assert (
        edited("air-mini", [first], temperature=0)[0].sha256()
        == edited("air-mini", [second], temperature=0)[0].sha256()
    )
    assert edited("air-mini", [first])[0].sha256() != edited("air-mini", [second])[0].sha256()


@pytest.mark.parametrize("name", [*FOLLOWERS, *DEAF])
def test_a_silent_song_is_no_error(name):
    silent = replace(example().request, masked=Audio(np.zeros(N_FRAMES * RATE // 50), RATE))
    assert np.isfinite(edited(name, [silent])[0].samples).all()


@pytest.mark.parametrize("name", [*FOLLOWERS, *DEAF])
def test_models_name_their_training_data_and_weight_files(name):
    model = plugins.load("models", name)
    assert "mini-language " in model.identity and "mini-codec " in model.identity
    assert model.batch_size >= 1 and model.parameters > 1000
    assert (getattr(model, "trainable_parameters", 0) > 0) == (name != "musicgen-continue-mini")


def test_codec_roundtrip_uses_the_reference_and_not_the_mask():
    probe = plugins.load("models", "codec-roundtrip-mini")
    whole, hole = (example(mask) for mask in (Mask((), N_FRAMES), everything(N_FRAMES)))
    assert probe.is_probe is True
    assert probe.edit([whole])[0].sha256() == probe.edit([hole])[0].sha256()
    assert [a.n_samples for a in probe.edit([whole, hole])] == [N_FRAMES * RATE // 50] * 2
