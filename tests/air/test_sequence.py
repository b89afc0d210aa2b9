import numpy as np
import torch

from bench.air.sequence import CONTEXT, CONTROL, INPAINT, REPEAT, Layout, prefix_of


def test_the_delay_pattern_written_out_by_hand():
    frames = torch.tensor([[[1, 2, 3, 4], [11, 12, 13, 14]]])  # T = 2, two codebooks
    layout = Layout(2, 2)
    assert layout.n_steps == 5
    assert layout.inputs(frames, 99).tolist() == [[[99, 1, 2, 3, 4], [99, 99, 11, 12, 13]]]
    assert layout.delayed(frames, 99)[0, :, -1].tolist() == [99, 14]
    assert layout.targets(frames[:, :, 2:]).tolist() == [[[3, 4, -100], [-100, 13, 14]]]


def test_it_is_the_delay_pattern_of_transformers():
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    config = MusicgenDecoderConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, pad_token_id=64
    )
    model = MusicgenForCausalLM(config)
    codes = torch.arange(4 * 10).reshape(4, 10)
    first = torch.full((4, 1), 64)
    theirs, mask = model.build_delay_pattern_mask(torch.cat([first, codes], dim=1), pad_token_id=64, max_length=14)
    ours = Layout(5, 4).delayed(codes[None], 64)[0]
    known = mask[:, : theirs.shape[1]] != -1
    assert known.sum() > 30
    assert torch.equal(theirs[known], ours[:, : theirs.shape[1]][known])


def test_every_predicted_token_is_a_target_once_and_depends_only_on_earlier_ones():
    n_frames, books = 7, 4
    layout = Layout(n_frames, books)
    frames = torch.arange(books * 2 * n_frames).reshape(1, books, 2 * n_frames)
    targets = layout.targets(frames[:, :, n_frames:])
    assert sorted(targets[targets >= 0].tolist()) == sorted(frames[:, :, n_frames:].flatten().tolist())
    inputs = layout.inputs(frames, -1)
    for book in range(books):
        for k in range(targets.shape[2]):
            step = n_frames + k
            if targets[0, book, k] >= 0:
                seen = inputs[0, book, : step + 1]
                assert seen.max() == targets[0, book, k] - 1


def test_types_follow_the_frame_whose_first_book_is_predicted():
    masked = np.array([[True, False, False], [False, True, True]])
    types = Layout(3, 4).types(masked)
    assert types.tolist() == [
        [CONTROL, CONTEXT, CONTEXT, INPAINT, REPEAT, REPEAT, REPEAT, REPEAT, REPEAT],
        [CONTEXT, CONTROL, CONTROL, REPEAT, INPAINT, INPAINT, INPAINT, INPAINT, INPAINT],
    ]


def test_the_prefix_has_the_control_where_the_song_is_masked():
    given, control = torch.zeros(1, 2, 3, dtype=torch.long), torch.ones(1, 2, 3, dtype=torch.long)
    assert prefix_of(given, control, torch.tensor([[True, False, True]])).tolist() == [[[1, 0, 1], [1, 0, 1]]]
