"""The same small weights in audiocraft 1.3.0, in transformers and here."""

import pytest
import torch

from bench.air.audiocraft import convert, read_decoder, read_package, write_package
from bench.air.audiocraft_names import to_audiocraft, to_transformers
from bench.air.decoder import Decoder
from bench.air.generate import Sampling, generate
from bench.air.sequence import Layout
from bench.air.weights import read_transformers
from tests.audiocraft.small import CONFIG, language_model, write_musicgen

N_FRAMES, BATCH, CLOSE = 40, 3, 1e-5
EMPTY = pytest.mark.parametrize("text", [None, ""])
EFFICIENT = pytest.mark.parametrize("is_efficient", [True, False])


def ours_of(model):
    decoder = Decoder(CONFIG)
    tensors = to_transformers(model.state_dict())
    decoder.load_state_dict({name: tensors[name] for name in decoder.state_dict()})
    return decoder.eval()


def tokens(n_frames, seed=3):
    return torch.randint(0, CONFIG.entries, (BATCH, 4, n_frames), generator=torch.Generator().manual_seed(seed))


def said(text):
    from audiocraft.modules.conditioners import ConditioningAttributes

    return [ConditioningAttributes(text={"description": text}) for _ in range(BATCH)]


def our_logits(decoder, frames):
    """Return the scores (B, K, 2 T, entries) of every token of every frame, as audiocraft orders them."""
    n = frames.shape[2]
    with torch.inference_mode():
        found = decoder.logits(decoder(Layout(n // 2, 4).inputs(frames, CONFIG.pad)))
    return torch.stack([found[:, k, k : k + n] for k in range(4)], dim=1)


@EFFICIENT
@EMPTY
def test_logits_of_every_token_are_audiocrafts(is_efficient, text):
    model, frames = language_model(is_efficient), tokens(2 * N_FRAMES)
    with torch.inference_mode():
        wanted = model.compute_predictions(frames, said(text))
    # The last books of the last frames lie behind audiocraft's last valid step; it gives no scores for those.
    found = our_logits(ours_of(model), frames)[wanted.mask]
    assert wanted.mask.float().mean() > 0.95
    assert (found - wanted.logits[wanted.mask]).abs().max() <= CLOSE


@EFFICIENT
@EMPTY
def test_logits_of_a_delayed_sequence_are_audiocrafts(is_efficient, text):
    model, frames = language_model(is_efficient), tokens(2 * N_FRAMES)
    inputs = Layout(N_FRAMES, 4).inputs(frames, CONFIG.pad)
    decoder = ours_of(model)
    with torch.inference_mode():
        wanted, found = model(inputs, said(text)), decoder.logits(decoder(inputs))
    assert wanted.abs().max() > 1
    assert (found - wanted).abs().max() <= CLOSE


def test_over_a_whole_excerpt_only_the_rounding_of_the_positions_differs(monkeypatch):
    """The rates are a power in audiocraft and an exponential in transformers; at step 1500 angles differ by 1e-4."""
    from audiocraft.modules.transformer import create_sin_embedding

    model, frames = language_model(), tokens(1500)[:1]
    inputs, decoder = Layout(750, 4).inputs(frames, CONFIG.pad), ours_of(model)
    with torch.inference_mode():
        wanted, found = model(inputs, said("")[:1]), decoder.logits(decoder(inputs))
        monkeypatch.setattr("bench.air.decoder.positions", lambda n, d: create_sin_embedding(n[None, :, None], d)[0])
        alike = decoder.logits(decoder(inputs))
    assert (found - wanted).abs().max() <= 2e-4
    assert torch.equal(found.argmax(dim=-1), wanted.argmax(dim=-1))
    assert (alike - wanted).abs().max() <= CLOSE


def test_an_empty_text_adds_exactly_nothing_in_audiocraft_and_a_text_much():
    model, frames = language_model(), tokens(2 * N_FRAMES)
    inputs = Layout(N_FRAMES, 4).inputs(frames, CONFIG.pad)
    with torch.inference_mode():
        empty, null, text = (model(inputs, said(one)) for one in ("", None, "loud drums"))
        for layer in model.transformer.layers:
            layer.cross_attention.forward = lambda query, *_, **__: (torch.zeros_like(query), None)
        without = model(inputs, said(None))
    assert torch.equal(empty, null)
    assert torch.equal(empty, without)
    assert (text - empty).abs().max() > 0.01


def test_transformers_has_the_same_logits_with_all_converted_tensors():
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    model, frames = language_model(), tokens(2 * N_FRAMES)
    inputs = Layout(N_FRAMES, 4).inputs(frames, CONFIG.pad)
    config = MusicgenDecoderConfig(
        vocab_size=64, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, ffn_dim=256, pad_token_id=64,
        bos_token_id=64, dropout=0.0,
    )  # fmt: skip
    theirs = MusicgenForCausalLM(config).eval()
    tensors = to_transformers(model.state_dict())
    projection = [tensors.pop(f"enc_to_dec_proj.{kind}") for kind in ("weight", "bias")]
    heads = {name: tensors.pop(name) for name in list(tensors) if name.startswith("lm_heads.")}
    theirs.load_state_dict({f"model.decoder.{name}": value for name, value in tensors.items()} | heads)
    provider = model.condition_provider
    with torch.inference_mode():
        embedded = provider.conditioners["description"].tokenize(["loud drums"] * BATCH)
        states = provider.conditioners["description"].__dict__["t5"](**embedded).last_hidden_state
        states = torch.nn.functional.linear(states, *projection)
        text = theirs(input_ids=inputs.reshape(BATCH * 4, -1), encoder_hidden_states=states).logits
        empty = theirs(input_ids=inputs.reshape(BATCH * 4, -1)).logits
        wanted_text, wanted_empty = model(inputs, said("loud drums")), model(inputs, said(""))
    assert (text.view_as(wanted_text) - wanted_text).abs().max() <= CLOSE
    assert (empty.view_as(wanted_empty) - wanted_empty).abs().max() <= CLOSE


@EFFICIENT
@EMPTY
@pytest.mark.parametrize("seed", [0, 1])
def test_greedy_continuations_are_audiocrafts_token_by_token(is_efficient, text, seed):
    model, prompt = language_model(is_efficient, seed), tokens(N_FRAMES, seed)
    wanted = model.generate(prompt, said(text), max_gen_len=2 * N_FRAMES, use_sampling=False, remove_prompts=True)
    found = generate(ours_of(model), prompt, None, None, Sampling(temperature=0), [1, 2, 3])
    assert found.shape == wanted.shape == (BATCH, 4, N_FRAMES)
    assert len(wanted.unique()) > 10
    assert torch.equal(found, wanted)


def test_conversion_loses_nothing_either_way(tmp_path):
    state = write_musicgen(tmp_path).state_dict()
    there = to_transformers(state)
    back = to_audiocraft(there)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) and back[name].dtype == state[name].dtype for name in state)
    again = to_transformers(back)
    assert again.keys() == there.keys()
    assert all(torch.equal(again[name], there[name]) for name in there)
    assert sum(value.numel() for value in there.values()) == sum(value.numel() for value in state.values())


def test_an_exported_file_is_read_with_the_heads_it_says(tmp_path):
    model = write_musicgen(tmp_path)
    decoder, frames = read_decoder(tmp_path / "state_dict.bin"), tokens(2 * N_FRAMES)
    assert decoder.config == CONFIG
    assert torch.equal(our_logits(decoder, frames), our_logits(ours_of(model), frames))


def test_a_folder_for_transformers_has_the_same_decoder(tmp_path):
    model, frames = write_musicgen(tmp_path / "theirs"), tokens(2 * N_FRAMES)
    convert(tmp_path / "theirs" / "state_dict.bin", tmp_path / "ours")
    decoder = read_transformers(tmp_path / "ours")
    assert torch.equal(our_logits(decoder, frames), our_logits(ours_of(model), frames))


def test_audiocraft_reads_what_is_written_for_it(tmp_path):
    from audiocraft.models.loaders import load_lm_model

    model, frames = write_musicgen(tmp_path), tokens(2 * N_FRAMES)
    write_package(tmp_path / "again.bin", *read_package(tmp_path / "state_dict.bin"))
    again = load_lm_model(tmp_path / "again.bin")
    inputs = Layout(N_FRAMES, 4).inputs(frames, CONFIG.pad)
    with torch.inference_mode():
        assert torch.equal(again(inputs, said("loud drums")), model(inputs, said("loud drums")))
