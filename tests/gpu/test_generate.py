import pytest
import torch
from typer.testing import CliRunner

from bench.air.generate import Sampling, generate
from bench.cli.app import app
from bench.runtime.weights import shipped
from bench.submission import read_submission
from tests.air.small import KINDS, small_adapter, small_decoder, small_request

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]
MINI = "air-aligned-mini"


def has_weights():
    try:
        return all(shipped(name, MINI) for name in (f"{MINI}-drums", "mini-language", "mini-codec"))
    except Exception:
        return False


@pytest.mark.parametrize("way", ["graph", "compiled"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(contrast=1.7)])
def test_a_graph_gives_the_tokens_of_eager_steps(way, kind, sampling):
    torch.compiler.reset()
    decoder = small_decoder(is_mini=True).cuda()
    adapter = small_adapter(kind, decoder.config)
    adapter = adapter if adapter is None else adapter.cuda()
    prefix, _, types = (part.cuda() if isinstance(part, torch.Tensor) else part for part in small_request())
    made = [
        generate(decoder, prefix, types, adapter, sampling, [1, 2, 3], without=prefix.flip(2), way=one)
        for one in ("indexed", way)
    ]
    assert torch.equal(*made)


def test_a_graph_gives_the_tokens_of_the_cpu_in_float32():
    decoder = small_decoder(is_mini=True)
    adapter = small_adapter("aligned", decoder.config)
    prefix, _, types = small_request()
    here = generate(decoder, prefix, types, adapter, Sampling(temperature=0), [1, 2, 3])
    there = generate(
        decoder.cuda(), prefix.cuda(), types.cuda(), adapter.cuda().eval(), Sampling(temperature=0), [1, 2, 3]
    )
    assert torch.equal(here, there.cpu())


def test_in_bfloat16_a_graph_runs_with_adapters_of_float32():
    decoder = small_decoder().to("cuda", torch.bfloat16)
    adapter = small_adapter("aligned", decoder.config).cuda()
    prefix, _, types = small_request()
    made = generate(decoder, prefix.cuda(), types.cuda(), adapter, Sampling(), [1, 2, 3])
    assert ((made >= 0) & (made < decoder.config.entries)).all()


@pytest.mark.skipif(
    not has_weights(), reason="the weights of the mini systems are not here; train them by their recipes"
)
def test_a_whole_run_says_what_it_ran_on(tmp_path):
    words = [
        "run",
        "--task",
        "inpaint-drums",
        "--model",
        MINI,
        "--limit",
        "2",
        "--device",
        "cuda",
        "--out",
        str(tmp_path),
    ]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    card = read_submission(next((tmp_path / "submissions" / "inpaint-drums").glob(f"*/{MINI}"))).card
    assert (
        card.hardware.startswith("cuda, ") and card.peak_memory_mib > 0 and card.parameters > card.trainable_parameters
    )
