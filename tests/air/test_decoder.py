import pytest
import torch

from bench.air.decoder import MUSICGEN, Config, Decoder, positions
from tests.air.small import small_adapter, small_decoder, small_request


def theirs(heads=4, entries=64):
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    torch.manual_seed(0)
    config = MusicgenDecoderConfig(
        vocab_size=entries,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=heads,
        ffn_dim=64,
        max_position_embeddings=64,
        dropout=0.0,
        pad_token_id=entries,
        bos_token_id=entries,
    )
    return MusicgenForCausalLM(config).eval()


def ours_of(model, entries=64):
    decoder = Decoder(Config(32, 3, 4, 64, 4, entries)).eval()
    state = {name.removeprefix("model.decoder."): value for name, value in model.state_dict().items()}
    decoder.load_state_dict({name: value for name, value in state.items() if "encoder_attn" not in name})
    return decoder


def test_logits_equal_transformers_bit_for_bit():
    model = theirs()
    decoder = ours_of(model)
    tokens = torch.randint(0, 65, (2, 4, 100))  # longer than the initial table of transformers
    with torch.inference_mode():
        expected = model(input_ids=tokens.reshape(8, 100)).logits.view(2, 4, 100, 64)
        logits = decoder.logits(decoder(tokens))
    assert torch.equal(logits, expected)


def test_an_empty_text_adds_nothing_in_transformers_either():
    model = theirs()
    tokens = torch.randint(0, 65, (4, 20))
    with torch.inference_mode():
        without = model(input_ids=tokens).logits
        empty = model(input_ids=tokens, encoder_hidden_states=torch.zeros(1, 3, 32)).logits
    assert torch.equal(without, empty)


@pytest.mark.parametrize("kind", ["prompts", "aligned"])
@pytest.mark.parametrize("is_mini", [False, True])
def test_with_all_gates_0_the_logits_are_the_frozen_ones_bit_for_bit(kind, is_mini):
    decoder = small_decoder(is_mini)
    adapter = small_adapter(kind, decoder.config, is_fresh=True)
    prefix, _, types = small_request()
    tokens = torch.randint(0, 48, (3, 4, types.shape[1]))
    with torch.inference_mode():
        frozen = decoder.logits(decoder(tokens, prefix=prefix, n_prefix=30))
        adapted = decoder.logits(decoder(tokens, prefix=prefix, n_prefix=30, types=types, adaptation=adapter))
    assert torch.equal(frozen, adapted)


@pytest.mark.parametrize("kind", ["prompts", "aligned", "prefix"])
def test_a_later_token_never_changes_an_earlier_score(kind):
    decoder = small_decoder(is_mini=True)
    adapter = small_adapter(kind, decoder.config)
    prefix, _, types = small_request()
    tokens = torch.randint(0, 48, (3, 4, types.shape[1]))
    other = tokens.clone()
    other[:, :, 45:] = (other[:, :, 45:] + 1) % 48
    with torch.inference_mode():
        first, second = (
            decoder(t, prefix=prefix, n_prefix=30, types=types, adaptation=adapter) for t in (tokens, other)
        )
    torch.testing.assert_close(first[:, :45], second[:, :45])
    assert not torch.allclose(first[:, 45:], second[:, 45:])


def test_mini_receives_the_prefix_frame_at_the_predicted_place():
    decoder = small_decoder(is_mini=True)
    prefix, _, _ = small_request()
    other = prefix.clone()
    other[:, :, 10] = (other[:, :, 10] + 1) % 48
    # Frame 10's codebooks are at steps 10 to 13 of the prediction; steps from four before to one after receive them.
    changed = (decoder.aligned(prefix) != decoder.aligned(other)).any(dim=-1).any(dim=0)
    assert changed.nonzero().flatten().tolist() == list(range(6, 15))


def test_mini_restarts_positions_at_the_prediction():
    decoder = small_decoder(is_mini=True)
    decoder.segments.zero_()
    places = decoder.places(40, 20, None)
    assert torch.equal(places[0, :20], places[0, 20:])
    assert torch.equal(places[0, :20], positions(torch.arange(20), 32))


@pytest.mark.parametrize(("size", "millions"), [("small", 420), ("medium", 1838), ("large", 3260)])
def test_published_sizes_have_transformers_names_and_shapes(size, millions):
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    sizes = MUSICGEN[size]
    config = MusicgenDecoderConfig(
        hidden_size=sizes.width, num_hidden_layers=sizes.depth, num_attention_heads=sizes.heads, ffn_dim=sizes.ffn
    )
    with torch.device("meta"):
        model, decoder = MusicgenForCausalLM(config), Decoder(sizes)
    shapes = {name: value.shape for name, value in model.named_parameters() if "encoder_attn" not in name}
    ours = {name: value.shape for name, value in decoder.named_parameters()}
    assert {name.removeprefix("model.decoder."): shape for name, shape in shapes.items()} == ours
    assert sum(value.numel() for value in model.parameters()) == pytest.approx(millions * 1e6, rel=0.01)
