"""Handout: the page with instructions and the blank card that participants get with their requests."""

from pathlib import Path

from bench.mask import FRAME_RATE
from bench.paths import write_text
from bench.submission import CARD, TRAINING
from bench.task import Task

README = "README.md"
_PAGE = """\
# {task}, version {version}, on {manifest}

{description}

Here are {n} requests, a folder each. Answer every one with a WAV; nothing of this benchmark need be installed for it.

## What a request holds

| file | what it is |
|---|---|
| `request.yaml` | `id`, `task`, `version`, `sample_rate` (Hz), `n_frames`, `holes`, `prompt`, `seed`, `controls` |
| `masked.wav` | the song: mono, {sample_rate} Hz, {n_samples} samples, exact zeros in the holes |
{controls}
`holes` are half-open pairs of frames of 20 ms: `[125, 625]` is from 2.5 s up to, not including, 12.5 s. A frame is
{step} samples. `prompt` may be empty. Let `seed` be your only source of randomness.

## What is handed back

One folder, or that folder as a .zip or .tar.gz:

- `<id>.wav` for every request: mono, {sample_rate} Hz, exactly {n_samples} samples, 16- or 24-bit PCM or
  32-bit float. Fill the holes and leave the rest as it was. Levels count as they are: nothing is normalised.
- `{card}`: the card beside this page, filled in.
- If you like, `{training}`: what the system was trained on, a song a line.
- Where the system follows a control, if you like, `swapped/<id>.wav`: the same request answered with the control of
  another song. From these it is measured how much the control matters.

## How to check it

With the benchmark installed, this names everything that is wrong, at once:

```sh
bench check mine --requests requests
```
"""
_CONTROLS = {
    "drums": "| `control-drums.wav` | the drums to follow, as long as the song |\n",
    "chords": "| `control-chords.wav` | the chords to follow, as sound |\n"
    "| `control-chords.lab`, `beats.txt` | the same as times and names, and the beats they are struck on |\n",
    "piano": "| `control-piano.wav` | the piano cover to follow, as sound |\n"
    "| `control-piano.mid` | the same as notes |\n",
}
_BLANK = """\
# Fill this in and put it beside the WAVs. Texts have at most 200 characters, training_data and notes 2000.
system:                   # its name in tables, 1 to 64 of a-z 0-9 . - beginning with a letter or digit
task: {task}
task_version: {version}
manifest: {manifest}
contact: ""               # who answers questions
training_data: ""         # what it was trained on, none if on nothing; name songs of the test set that you know of
paper: ""                 # where it is described
parameters: 0             # of all parts that ran; 0 for none
trainable_parameters: 0   # of these, trained for the task
notes: ""                 # anything a reader should know
hardware: ""              # what it ran on
generation_seconds: 0.0   # wall-clock seconds for all outputs; 0 when unknown, here and below
generation_rate: 0.0      # seconds of sound made in a second
batch_size: 0             # requests answered together
peak_memory_mib: 0.0      # the most memory it held
keeps_phase: true         # false where a codec makes its own phases: waveforms are then not compared
"""


def write_handout(requests: Path, task: Task, manifest: str, n: int) -> None:
    """Write the instructions and the blank card into the folder of requests; they contain nothing of any song.

    Args:
        requests: The folder that is handed out.
        task: The task.
        manifest: Name of the manifest, which the card repeats.
        n: Number of requests.
    """
    page = _PAGE.format(
        task=task.name,
        version=task.version,
        manifest=manifest,
        description=task.description,
        n=n,
        sample_rate=task.sample_rate,
        n_samples=task.n_samples,
        step=task.sample_rate // FRAME_RATE,
        controls="".join(_CONTROLS[control.kind] for control in task.controls),
        card=CARD,
        training=TRAINING,
    )
    write_text(requests / README, page)
    write_text(requests / CARD, _BLANK.format(task=task.name, version=task.version, manifest=manifest))
