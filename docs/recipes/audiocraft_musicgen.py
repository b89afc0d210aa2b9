"""Answer the requests of `bench build` with audiocraft's MusicGen; see audiocraft-musicgen.md beside this file.

Needs audiocraft, numpy, soundfile and pyyaml, and nothing of SteerBench. Every hole is a continuation of what stands to
its left, earlier holes as they were filled; the model hears no control and nothing to the right of a hole.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml
from audiocraft.data.audio_utils import convert_audio
from audiocraft.models import MusicGen

FRAME_RATE = 50
"""Holes are counted in frames of 20 ms."""
TOP_K = 250
"""As published; the other settings are audiocraft's own (temperature 1, guidance 3)."""
SHORTEST_CONTEXT_S = 10
"""What is left of the song so far where song and hole together are longer than the model's window."""


def read_request(home: Path) -> tuple[dict, np.ndarray]:
    """Return the keys of `request.yaml` and the mono sound, which is 0 in the holes."""
    request = yaml.safe_load((home / "request.yaml").read_text(encoding="utf-8"))
    samples, sample_rate = soundfile.read(home / "masked.wav", dtype="float32")
    n_samples = request["n_frames"] * request["sample_rate"] // FRAME_RATE
    if sample_rate != request["sample_rate"] or samples.shape != (n_samples,):
        raise SystemExit(f"{home}: masked.wav is {samples.shape} at {sample_rate} Hz, which request.yaml contradicts")
    return request, samples


def filled(model: MusicGen, request: dict, samples: np.ndarray) -> np.ndarray:
    """Return the sound with every hole filled, from left to right; all other samples stay as they are."""
    torch.manual_seed(request["seed"])
    found = samples.copy()
    step = request["sample_rate"] // FRAME_RATE
    for first, last in request["holes"]:
        made = continued(model, found[: first * step], request, last - first)
        found[first * step : last * step] = made[: (last - first) * step]
    return found


def continued(model: MusicGen, left: np.ndarray, request: dict, n_frames: int) -> np.ndarray:
    """Return `n_frames` of new sound behind `left`, at the request's rate, at least as long as asked for."""
    rate, step = request["sample_rate"], request["sample_rate"] // FRAME_RATE
    window = int(model.max_duration * FRAME_RATE)
    n_left = min(len(left) // step, max(window - n_frames, min(SHORTEST_CONTEXT_S * FRAME_RATE, window // 3)))
    model.set_generation_params(
        top_k=min(TOP_K, model.lm.card),
        # Half a frame more, so that rounding never takes one away.
        duration=(n_left + n_frames + 0.5) / FRAME_RATE,
        extend_stride=0.6 * model.max_duration,
    )
    texts = [request["prompt"] or None]
    if n_left:
        context = torch.from_numpy(left[-n_left * step :])[None, None]
        sound = model.generate_continuation(context, rate, texts)
    else:
        sound = model.generate(texts)
    sound = convert_audio(sound.float().cpu(), model.sample_rate, rate, 1)[0, 0].numpy()
    sound = sound[n_left * step :]
    return np.pad(sound, (0, max(n_frames * step - len(sound), 0)))


def write_output(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write a WAV that is either whole or not there."""
    part = path.with_suffix(".part")
    soundfile.write(part, samples, sample_rate, format="WAV", subtype="FLOAT")
    part.replace(path)


def card(model: MusicGen, name: str, given: argparse.Namespace, request: dict, seconds: float) -> dict:
    """Return what `submission.yaml` says; the page shows it beside the scores."""
    parts = (model.lm, model.compression_model)
    device = torch.cuda.get_device_name() if model.device.type == "cuda" else "CPU"
    return {
        "system": given.system,
        "task": request["task"],
        "task_version": request["version"],
        "manifest": given.manifest or given.requests.resolve().parent.name,
        "contact": given.contact,
        "training_data": "as its model card says",
        "paper": "https://arxiv.org/abs/2306.05284",
        "parameters": sum(value.numel() for part in parts for value in part.parameters()),
        "notes": f"{name} of audiocraft; continues what stands left of a hole, hears no control and nothing behind it",
        "hardware": device,
        "generation_seconds": round(seconds, 1),
    }


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Answer the requests of `bench build` with audiocraft's MusicGen.")
    parser.add_argument("requests", type=Path, help="the folder requests/ that bench build wrote")
    parser.add_argument("submission", type=Path, help="the folder to write")
    parser.add_argument("--model", default="facebook/musicgen-small", help="a published name, or a local folder")
    parser.add_argument("--system", default="audiocraft-musicgen", help="the name in tables: a-z 0-9 . -")
    parser.add_argument("--manifest", help="the manifest's name; else the name of the folder that requests/ lies in")
    parser.add_argument("--contact", default="", help="who answers questions")
    parser.add_argument("--device", help="cpu or cuda; else cuda where there is one")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Answer every request that has no answer yet, then write the card."""
    given = arguments(words)
    homes = sorted(path.parent for path in given.requests.glob("*/request.yaml"))
    if not homes:
        raise SystemExit(f"{given.requests}: holds no requests; make them with `bench build --task TASK`")
    model = MusicGen.get_pretrained(given.model, device=given.device)
    given.submission.mkdir(parents=True, exist_ok=True)
    seconds, is_whole = 0.0, True
    for k, home in enumerate(homes):
        request, samples = read_request(home)
        output = given.submission / f"{request['id']}.wav"
        if output.exists():
            is_whole = False
            continue
        began = time.monotonic()
        write_output(output, filled(model, request, samples), request["sample_rate"])
        seconds += time.monotonic() - began
        sys.stdout.write(f"{k + 1} of {len(homes)}: {request['id']}\n")
    # 0 means unknown: a run that was taken up again does not know what the first part took.
    keys = card(model, Path(given.model).name, given, request, seconds if is_whole else 0.0)
    (given.submission / "submission.yaml").write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
