"""Editing: the network's inputs, what they may not depend on, and the length of outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.air import editor
from bench.air.adapter import Prompts
from bench.air.decoder import Config, Decoder
from bench.air.editor import Continuer, Editor, Network, control_track, given_and_silence, without_holes
from bench.air.generate import Sampling
from bench.audio import Audio, rms
from bench.example import Control, Request
from bench.mask import Mask, centre, everything, prefix, suffix, two_gaps
from bench.mini.codec import Codec
from bench.symbols import Chords, Notes
from tests.tiny_mini import CONFIG, adapter, language, write_codec

RATE = 32000
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    codec = Codec(write_codec(tmp_path_factory.mktemp("weights") / "mini-codec.safetensors"))
    torch.manual_seed(0)
    prompts = Prompts(CONFIG, 2).eval()
    torch.nn.init.normal_(prompts.gates)
    return Network(codec, language(), prompts, "tiny")


def sound(n_frames, seed=0, rate=RATE):
    rng = np.random.default_rng(seed)
    n = n_frames * rate // 50
    tone = 0.2 * np.sin(2 * np.pi * (110 + 20 * seed) * np.arange(n) / rate)
    return (tone + rng.normal(0, 0.05, n) * np.linspace(0.2, 1, n)).astype(np.float32)


def request(mask, kinds=(), seed=0, rate=RATE):
    held = np.where(mask.inside(rate), np.float32(0), sound(mask.n_frames, seed, rate))
    contents = {
        "drums": Audio(np.zeros(1), rate),
        "chords": Chords(np.zeros((0, 2)), ()),
        "piano": Notes(np.zeros((0, 2)), [], []),
    }
    controls = {
        kind: Control(kind, contents[kind], Audio(sound(mask.n_frames, 10 + k, rate) / (k + 1), rate))
        for k, kind in enumerate(kinds)
    }
    return Request(f"song-{seed}", "t", 1, Audio(held, rate), mask, controls, seed=seed)


class Seen:
    """Replaces `generate`: records its arguments and returns the prefix."""

    def __init__(self, monkeypatch):
        self.calls = []
        monkeypatch.setattr(editor, "generate", self)

    def __call__(self, decoder, given, types, adaptation, sampling, seeds, **more):
        self.calls.append({"prefix": given, "types": types, "adaptation": adaptation, "seeds": seeds, **more})
        return given


MASKS = [
    centre(60), two_gaps(60), everything(60), prefix(60, context_s=0.4), suffix(60, context_s=0.4),
    Mask(((0, 3), (4, 30), (31, 60)), 60), Mask(((10, 11),), 60), Mask((), 60),
]  # fmt: skip


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_samples_inside_a_hole_are_never_read(mask, rate):
    whole = sound(60, rate=rate)
    first = without_holes(whole, mask, rate)
    hidden = mask.inside(rate)
    other = np.where(hidden, np.float32(np.nan), whole)
    assert np.array_equal(first, without_holes(other, mask, rate))
    assert np.array_equal(first[~hidden], whole[~hidden]) and len(first) == len(whole)
    assert np.isfinite(first).all()


def test_edges_are_mirrored_up_to_0_3_s_and_the_rest_is_silent():
    mask, rate = Mask(((50, 100),), 150), 1000
    samples = np.arange(1.0, 3001.0, dtype=np.float32)
    filled = without_holes(samples, mask, rate)
    assert np.array_equal(filled[1000:1300], samples[700:1000][::-1])
    assert np.array_equal(filled[1700:2000], samples[2000:2300][::-1])
    assert not filled[1300:1700].any()


def test_mirroring_ends_at_the_holes_middle_and_at_the_end_of_the_context():
    rate = 1000
    samples = np.arange(1.0, 1001.0, dtype=np.float32)
    filled = without_holes(samples, Mask(((20, 24),), 50), rate)
    assert np.array_equal(filled[400:440], samples[360:400][::-1])
    assert np.array_equal(filled[440:480], samples[480:520][::-1])
    filled = without_holes(samples, Mask(((0, 20), (22, 50)), 50), rate)
    assert not filled[:360].any() and np.array_equal(filled[360:400], samples[400:440][::-1])
    assert np.array_equal(filled[440:480], samples[400:440][::-1]) and not filled[480:].any()


@pytest.mark.parametrize("mask", [centre(60), two_gaps(60)])
@pytest.mark.parametrize("kinds", [(), ("drums",)])
def test_no_input_token_depends_on_the_hole(network, mask, kinds, monkeypatch):
    seen = Seen(monkeypatch)
    clean = request(mask, kinds)
    rng = np.random.default_rng(5)
    loud = np.where(mask.inside(RATE), rng.normal(0, 1, clean.masked.n_samples), clean.masked.mono)
    for model in (Editor(network, Sampling(contrast=2.0)), Continuer(network, Sampling())):
        seen.calls.clear()
        model.edit([clean])
        model.edit([replace(clean, masked=Audio(loud, RATE))])
        first, second = seen.calls
        assert torch.equal(first["prefix"], second["prefix"])
        if "forced" in first:
            flags = first["forced"][1]
            assert torch.equal(first["forced"][0], second["forced"][0]) and torch.equal(flags, second["forced"][1])
        else:
            assert torch.equal(first["without"], second["without"])


def test_the_prefix_is_the_visible_song_and_the_control_in_the_holes(network, monkeypatch):
    seen = Seen(monkeypatch)
    mask = centre(60)
    one = request(mask, ("drums",))
    Editor(network, Sampling(contrast=2.0)).edit([one])
    given, silence = given_and_silence(network.codec, [one])
    control = network.codec.encode([one.controls["drums"].audio.mono])
    flags = torch.from_numpy(mask.inside(50))
    call = seen.calls[0]
    assert torch.equal(call["prefix"][:, :, flags], control[:, :, flags])
    assert torch.equal(call["prefix"][:, :, ~flags], given[:, :, ~flags])
    assert torch.equal(call["without"], torch.where(flags, silence, given))
    assert not torch.equal(call["prefix"], call["without"])
    assert call["types"].shape == (1, 123) and call["adaptation"] is network.adaptation
    assert call["seeds"] == [0]


def test_without_contrast_every_request_is_run_once(network, monkeypatch):
    seen = Seen(monkeypatch)
    Editor(network, Sampling()).edit([request(centre(60), ("drums",))])
    assert seen.calls[0]["without"] is None


def test_a_model_without_control_is_given_silence_for_every_control(network, monkeypatch):
    seen = Seen(monkeypatch)
    mask = centre(60)
    model = Editor(network, Sampling(), follows=False)
    model.edit([request(mask, ("drums",))])
    model.edit([request(mask)])
    silence = given_and_silence(network.codec, [request(mask)])[1]
    flags = torch.from_numpy(mask.inside(50))
    assert torch.equal(seen.calls[0]["prefix"], seen.calls[1]["prefix"])
    assert torch.equal(seen.calls[0]["prefix"][:, :, flags], silence[:, :, flags])
    assert model.identity.endswith("no control") and not Editor(network, Sampling()).identity.endswith("no control")


def test_drums_keep_their_level_and_rendered_controls_are_at_minus_20_dbfs():
    one = request(centre(60), ("drums", "chords", "piano"))
    drums, chords, piano = (one.controls[kind].audio.mono for kind in ("drums", "chords", "piano"))
    assert np.array_equal(control_track(replace(one, controls={"drums": one.controls["drums"]})), drums)
    for kind in ("chords", "piano"):
        alone = control_track(replace(one, controls={kind: one.controls[kind]}))
        assert rms(alone) == pytest.approx(0.1, rel=1e-4)
    total = drums + chords * (0.1 / rms(chords)) + piano * (0.1 / rms(piano))
    assert control_track(one) == pytest.approx(total, abs=1e-6)


def test_missing_and_silent_controls_give_silence():
    one = request(centre(60), ("chords",))
    silent = Control("chords", one.controls["chords"].content, Audio(np.zeros(60 * 640), RATE))
    for controls in ({}, {"chords": silent}):
        track = control_track(replace(one, controls=controls))
        assert track.shape == (60 * 640,) and not track.any()


@pytest.mark.parametrize(
    "make", [lambda network: Editor(network, Sampling()), lambda network: Continuer(network, Sampling())]
)
def test_requests_of_different_lengths_keep_their_order_and_exact_length(network, make):
    masks = [centre(1500), Mask(((10, 20),), 40), centre(750), Mask(((0, 5),), 40)]
    rates = [32000, 44100, 16000, 32000]
    requests = [request(m, seed=k, rate=rate) for k, (m, rate) in enumerate(zip(masks, rates, strict=True))]
    outputs = make(network).edit(requests)
    assert [(a.n_samples, a.sample_rate) for a in outputs] == [(m.n_frames * r // 50, r) for m, r in zip(masks, rates, strict=True)]  # fmt: skip
    assert all(a.samples.dtype == np.float32 and np.isfinite(a.samples).all() for a in outputs)
    alone = make(network).edit([requests[1]])[0]
    assert np.array_equal(alone.samples, outputs[1].samples)
    assert make(network).edit([]) == []


def test_outputs_depend_on_the_seed_and_are_repeatable(network):
    one = request(centre(40), ("drums",))
    same, other = (Editor(network, Sampling()).edit([replace(one, seed=s)])[0].samples for s in (0, 1))
    assert np.array_equal(same, Editor(network, Sampling()).edit([one])[0].samples)
    assert not np.array_equal(same, other)


def test_the_control_changes_the_output_only_if_it_is_followed(network):
    first, second = (request(centre(40), ("drums",)) for _ in range(2))
    drums = second.controls["drums"]
    second.controls["drums"] = replace(drums, audio=Audio(drums.audio.mono[::-1].copy() * 3, RATE))
    hearing, deaf = Editor(network, GREEDY), Editor(network, GREEDY, follows=False)
    assert not np.array_equal(hearing.edit([first])[0].samples, hearing.edit([second])[0].samples)
    assert np.array_equal(deaf.edit([first])[0].samples, deaf.edit([second])[0].samples)


def test_a_continuer_keeps_visible_tokens_and_does_not_see_after_the_hole(network, monkeypatch):
    made = []
    real = editor.generate
    monkeypatch.setattr(editor, "generate", lambda *a, **k: made.append(real(*a, **k)) or made[-1])
    mask = centre(60)
    one = request(mask)
    model = Continuer(network, GREEDY)
    model.edit([one])
    given, _ = given_and_silence(network.codec, [one])
    visible = torch.from_numpy(~mask.inside(50))
    assert torch.equal(made[0][:, :, visible], given[:, :, visible])
    assert not torch.equal(made[0], given)
    # With another song after the hole, predicted tokens stay the same, except the last codebooks at the hole's end.
    changed = one.masked.mono.copy()
    changed[45 * 640 :] = sound(60, seed=3)[45 * 640 :]
    model.edit([replace(one, masked=Audio(changed, RATE))])
    assert torch.equal(made[0][:, :, :41], made[1][:, :, :41])
    assert not torch.equal(made[0], made[1])


def test_a_continuer_is_given_silence_in_its_prefix_and_no_adaptation(network, monkeypatch):
    seen = Seen(monkeypatch)
    one = request(centre(60), ("drums",))
    Continuer(network, Sampling()).edit([one])
    call = seen.calls[0]
    assert torch.equal(call["prefix"], given_and_silence(network.codec, [one])[1])
    assert call["adaptation"] is None and call["types"] is None
    assert torch.equal(call["forced"][1], torch.from_numpy(~centre(60).inside(50))[None])


def test_parameters_count_decoder_codec_and_adapter(network):
    config = Config(32, 1, 4, 64, 4, 512, is_mini=True)
    decoder = sum(value.numel() for value in Decoder(config).parameters())
    prompts = sum(value.numel() for value in adapter("air").values())
    model = Editor(replace(network, trained=prompts), Sampling())
    assert model.parameters == decoder + network.codec.parameters + prompts
    assert model.trainable_parameters == prompts == 4 * (3 * 32 + 1)
    assert Continuer(network, Sampling()).trainable_parameters == 0
    assert "contrast 2.5" in Editor(network, Sampling(contrast=2.5)).identity
