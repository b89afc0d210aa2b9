"""Hostile and broken folders: links, pipes, false headers, reserved names and damaged texts."""

import base64
import json
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from bench import plugins
from bench.board.page import escape
from bench.checking.archive import opened
from bench.checking.fingerprint import LIST_BYTES
from bench.cli.app import app
from bench.errors import BenchError
from bench.formats import MAX_BYTES
from bench.submission import read_submission
from tests.hostile.door import CARD, RATE, SOUND, TASK, findings_of, good

N = TASK.n_samples
Change = Callable[[Path], object]


def linked(name: str, to: str = "../canary.txt") -> Change:
    def change(folder: Path) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        path.symlink_to(to)

    return change


def piped(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return change


def of_size(name: str, size: int) -> Change:
    """Make a sparse file, which takes no disk space and reads as zeros."""

    def change(folder: Path) -> None:
        (folder / name).touch()
        os.truncate(folder / name, size)

    return change


def swapped_link(folder: Path) -> None:
    (folder / "swapped" / "a.wav").unlink()
    (folder / "swapped").rmdir()
    (folder.parent / "elsewhere").mkdir()
    (folder / "swapped").symlink_to("../elsewhere")


def socketed(folder: Path) -> None:
    (folder / "a.wav").unlink()
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket may have 107 letters
    try:
        socket.socket(socket.AF_UNIX).bind("a.wav")
    finally:
        os.chdir(here)


def dangling(folder: Path) -> None:
    linked("a.wav", "nowhere")(folder)


PLACES: dict[str, tuple[Change, str]] = {
    "card-link": (linked("submission.yaml"), "submission.yaml: is a link; put the file itself there"),
    "output-link": (linked("a.wav"), "a.wav: is a link"),
    "output-link-to-a-device": (linked("a.wav", "/dev/zero"), "a.wav: is a link"),
    "output-link-inside": (linked("b.wav", "a.wav"), "b.wav: is a link"),
    "output-link-to-nothing": (dangling, "a.wav: is a link"),
    "swapped-output-link": (linked("swapped/a.wav", "../../canary.txt"), "swapped/a.wav: is a link"),
    "swapped-link": (swapped_link, "swapped: is a link"),
    "training-link": (linked("training-list.txt"), "training-list.txt: is a link"),
    "failed-link": (linked("failed.yaml"), "failed.yaml: is a link"),
    "surplus-link": (linked("README.md"), "README.md: is a link"),
    "card-fifo": (piped("submission.yaml"), "submission.yaml: is a fifo"),
    "output-fifo": (piped("a.wav"), "a.wav: is a fifo"),
    "training-fifo": (piped("training-list.txt"), "training-list.txt: is a fifo"),
    "failed-fifo": (piped("failed.yaml"), "failed.yaml: is a fifo"),
    "surplus-fifo": (piped("notes.txt"), "notes.txt: is a fifo"),
    "output-socket": (socketed, "a.wav: is a socket"),
    "card-folder": (lambda h: ((h / "submission.yaml").unlink(), (h / "submission.yaml").mkdir()), "submission.yaml: is a folder"),
    "card-large": (of_size("submission.yaml", MAX_BYTES + 1), f"submission.yaml: has {MAX_BYTES + 1} bytes, at most"),
    "failed-large": (of_size("failed.yaml", 2**32), "failed.yaml: has 4294967296 bytes"),
    "training-large": (of_size("training-list.txt", LIST_BYTES + 1), "training-list.txt: has 67108865 bytes"),
    "output-large": (of_size("a.wav", 3 * 2**30), "a.wav: has 3221225472 bytes, at most"),
    "name-escape": (lambda h: (h / "\x1b[2J.txt").touch(), "\\x1b[2J.txt: is not a name of at most"),
    "name-newline": (lambda h: (h / "x\ny.wav").touch(), "x\\ny.wav: is not a name of at most"),
    "name-cyrillic": (lambda h: (h / "\u0430.wav").touch(), "\\u0430.wav: is not a name of at most"),
    "name-backslash": (lambda h: (h / "..\\a.wav").touch(), "..\\a.wav: is not a name of at most"),
    "name-no-text": (lambda h: os.close(os.open(os.fsencode(h) + b"/\xff.wav", os.O_CREAT)), "\\udcff.wav: is not a name of at most"),
    "swapped-name": (lambda h: (h / "swapped" / "\u202egpj.wav").touch(), "swapped/\\u202egpj.wav: is not a name of at most"),
    "failed-not-ours": (lambda h: (h / "failed.yaml").write_text("a: too hard\n"), "failed.yaml: is for models of this suite"),
    "failed-is-no-list": (lambda h: (h / "failed.yaml").write_text("- a"), "failed.yaml: want 'key: value' lines"),
    "training-no-text": (lambda h: (h / "training-list.txt").write_bytes(b"\xff\xfe"), "training-list.txt: cannot be read as a training list"),
    "training-damaged": (lambda h: (h / "training-list.txt").write_text("song\tevil"), "training-list.txt:1: damaged landmarks"),
    "training-many": (lambda h: (h / "training-list.txt").write_text("a\n" * 200_001), "training-list.txt: 200001 lines, want at most"),
    "training-bomb-of-many": (
        lambda h: (h / "training-list.txt").write_bytes((b"s\t" + base64.b64encode(zlib.compress(bytes(2**20))) + b"\n") * 300),
        "training-list.txt:257: landmarks of more than 268435456 bytes",
    ),
    "training-frame": (
        lambda h: (h / "training-list.txt").write_bytes(b"s\t" + base64.b64encode(zlib.compress(b"\xff" * 8))),
        "training-list.txt:1: damaged landmarks (one lies at frame 4294967295",
    ),
    "names-many": (lambda h: [(h / f"\u0430{k}").touch() for k in range(60)], "10 more files are refused in the same way"),
    "training-bomb": (
        lambda h: (h / "training-list.txt").write_bytes(b"s\t" + base64.b64encode(zlib.compress(bytes(2**28)))),
        "training-list.txt:1: damaged landmarks (more than 1048576 bytes",
    ),
}  # fmt: skip


def wav(*chunks: tuple[bytes, bytes], form: bytes = b"RIFF", size: int | None = None, tail: bytes = b"") -> bytes:
    body = b"".join(name + struct.pack("<I", len(raw)) + raw + bytes(len(raw) % 2) for name, raw in chunks)
    return form + struct.pack("<I", len(body) + 4 if size is None else size) + b"WAVE" + body + tail


def fmt(tag: int = 1, channels: int = 1, rate: int = RATE, block: int = 2, bits: int = 16) -> tuple[bytes, bytes]:
    return b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


DATA = (b"data", (SOUND * 32767).astype("<i2").tobytes())
GUID = b"\x01\x00" + bytes.fromhex("000000001000800000aa00389b71")


def extensible(guid: bytes) -> tuple[bytes, bytes]:
    return b"fmt ", fmt(0xFFFE)[1] + struct.pack("<HHI", 22, 16, 4) + guid


def declared(size: int) -> bytes:
    """Return a WAV whose sound chunk claims to have this many bytes."""
    raw = bytearray(wav(fmt(), DATA))
    raw[40:44] = struct.pack("<I", size)
    return bytes(raw)


def written(samples: np.ndarray, rate: int = RATE, **how: str) -> Change:
    return lambda folder: soundfile.write(folder / "a.wav", samples, rate, **{"subtype": "FLOAT", **how})


def spoilt(value: float) -> np.ndarray:
    return np.where(np.arange(N) == 5, value, SOUND)


def raw(content: bytes) -> Change:
    return lambda folder: (folder / "a.wav").write_bytes(content)


SOUNDS: dict[str, tuple[Change, str]] = {
    "missing": (lambda folder: (folder / "a.wav").unlink(), "a.wav: missing"),
    "empty": (raw(b""), "a.wav: cannot be read as WAV (it is empty)"),
    "text": (raw(b"no sound at all"), "a.wav: cannot be read as WAV (it begins with b'no s')"),
    "only-riff": (raw(b"RIFF"), "a.wav: cannot be read as WAV"),
    "more-declared": (raw(declared(2 * N + 1000)), "a.wav: cut off: the chunk 'data' says 7400 bytes, 6400 are there"),
    "all-declared": (raw(declared(0xFFFFFFFF)), "a.wav: cut off: the chunk 'data' says 4294967295 bytes"),
    "less-declared": (raw(declared(2 * N - 1000)), "a.wav: cut off: the chunk '"),
    "none-declared": (raw(declared(0)), "a.wav: cut off: the chunk '"),
    "riff-too-long": (raw(wav(fmt(), DATA, size=10**6)), "a.wav: cut off: says it has 1000008 bytes and has 6444"),
    "riff-endless": (raw(wav(fmt(), DATA, size=0xFFFFFFFF)), "a.wav: cut off: says it has 4294967303 bytes"),
    "cut-off": (raw(wav(fmt(), DATA)[:-100]), "a.wav: cut off"),
    "half-a-sample": (raw(wav(fmt(), (b"data", DATA[1][:-1]))), "a.wav: cut off: its sound has 6399 bytes, 2 make a sample"),
    "rf64": (raw(wav(fmt(), DATA, form=b"RF64", size=0xFFFFFFFF)), "a.wav: is RF64, want WAV"),
    "big-endian": (raw(wav(fmt(), DATA, form=b"RIFX")), "a.wav: is RIFX (big-endian), want WAV"),
    "no-format": (raw(wav(DATA)), "a.wav: has 0 chunks 'fmt ', want one"),
    "no-sound": (raw(wav(fmt())), "a.wav: has 0 chunks 'data', want one"),
    "two-formats": (raw(wav(fmt(), fmt(), DATA)), "a.wav: has 2 chunks 'fmt ', want one"),
    "two-sounds": (raw(wav(fmt(), DATA, DATA)), "a.wav: has 2 chunks 'data', want one"),
    "sound-first": (raw(wav(DATA, fmt())), "a.wav: the chunk 'data' comes before 'fmt '"),
    "short-format": (raw(wav((b"fmt ", b"\1\0\1\0"), DATA)), "a.wav: its chunk 'fmt ' has 4 bytes, want 16 or more"),
    "many-chunks": (raw(wav(fmt(), DATA, *[(b"evil", b"")] * 99)), "a.wav: has 64 chunks or more"),
    "no-channels": (raw(wav(fmt(channels=0), DATA)), "a.wav: says it has 0 channels"),
    "no-rate": (raw(wav(fmt(rate=0), DATA)), "a.wav: says it has 1 channels at 0 Hz"),
    "all-channels": (raw(wav(fmt(channels=65535, block=65535 * 2 % 65536), DATA)), "a.wav: says 65534 bytes hold 65535 channels"),
    "no-block": (raw(wav(fmt(block=0), DATA)), "a.wav: says 0 bytes hold 1 channels of 16 bits"),
    "no-bits": (raw(wav(fmt(bits=0), DATA)), "a.wav: WAV of format 0x0001 with 0 bits, want WAV of PCM_16, PCM_24, FLOAT"),
    "mp3-inside": (raw(wav(fmt(tag=0x55), DATA)), "a.wav: WAV of format 0x0055 with 16 bits, want"),
    "adpcm": (raw(wav(fmt(tag=2, bits=4), DATA)), "a.wav: WAV of format 0x0002 with 4 bits, want"),
    "strange-guid": (raw(wav(extensible(bytes(16)), DATA)), "a.wav: WAV of format 0xfffe with 16 bits, want"),
    "a-law": (written(SOUND, subtype="ALAW"), "a.wav: WAV ALAW, want WAV of"),
    "32-bit": (written(SOUND, subtype="PCM_32"), "a.wav: WAV PCM_32, want WAV of"),
    "double": (written(SOUND, subtype="DOUBLE"), "a.wav: WAV DOUBLE, want WAV of"),
    "flac": (written(SOUND, subtype="PCM_16", format="FLAC"), "a.wav: is FLAC, want WAV"),
    "aiff": (written(SOUND, subtype="PCM_16", format="AIFF"), "a.wav: is AIFF, want WAV"),
    "stereo": (written(np.stack([SOUND, SOUND], 1)), "a.wav: 2 channels, want mono"),
    "other-rate": (written(SOUND, 44100), "a.wav: 44100 Hz, want 16000 Hz"),
    "short": (written(SOUND[:-1]), f"a.wav: {N - 1} samples, want exactly {N}"),
    "long": (written(np.append(SOUND, 0)), f"a.wav: {N + 1} samples, want exactly {N}"),
    "nan": (written(spoilt(np.nan)), "a.wav: sample 5 is not finite"),
    "infinite": (written(spoilt(-np.inf)), "a.wav: sample 5 is not finite"),
    "beyond-all-sound": (written(spoilt(1e30)), "a.wav: a sample is 1e+30, want -1 to 1 and never beyond 1000"),
    "much-behind": (raw(wav(fmt(), DATA, tail=bytes(2**20))), "a.wav: has 1055020 bytes, at most 78336"),
}  # fmt: skip


def card(**keys: str) -> Change:
    lines = {**dict(line.split(": ", 1) for line in CARD.splitlines()), **keys}
    return lambda folder: (folder / "submission.yaml").write_text("".join(f"{k}: {v}\n" for k, v in lines.items()))


def card_of(content: str | bytes) -> Change:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / "submission.yaml").write_bytes(raw)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9))
CARDS: dict[str, tuple[Change, str]] = {
    "missing": (lambda folder: (folder / "submission.yaml").unlink(), "submission.yaml: missing"),
    "empty": (card_of(""), "submission.yaml: want 'key: value' lines"),
    "binary": (card_of(b"\xff\xfe\x00"), "submission.yaml: cannot be read as YAML"),
    "laughs": (card_of(CARD + LAUGHS), "submission.yaml: cannot be read as YAML (line 6: aliases"),
    "code": (card_of(CARD + "notes: !!python/object/apply:os.system ['touch evil']\n"), "tags (tag:yaml.org,2002:python"),
    "deep": (card_of(CARD + "notes: " + "[" * 5000), "nested deeper than 12"),
    "twice": (card_of(CARD + "system: other\n"), "the key 'system' appears twice"),
    "two-documents": (card_of(CARD + "---\n" + CARD), "submission.yaml: cannot be read as YAML"),
    "unknown-key": (card(rank="1"), "no key is called 'rank'"),
    "no-system": (card_of(CARD.replace("system: mine\n", "")), "submission.yaml: the key 'system' is missing; the submission.yaml beside"),
    "system-path": (card(system="../evil"), "system: '../evil' is not 1 to 64 of a-z"),
    "system-upper": (card(system="Mine"), "system: 'Mine' is not 1 to 64"),
    "system-markup": (card(system="'<b>evil</b>'"), "is not 1 to 64"),
    "system-formula": (card(system="'=1+1'"), "is not 1 to 64"),
    "system-cyrillic": (card(system="\u0430ir"), "is not 1 to 64"),
    "system-newline": (card(system='"mine\\n"'), "is not 1 to 64"),
    "system-of-ours": (card(system="air-mini"), "system is air-mini, a model of this suite, but not as `bench generate`"),
    "system-of-ours-floor": (card(system="copy-control"), "system is copy-control, a model of this suite"),
    "system-stitched": (card(system="mine-stitched"), "ends in -stitched, which is reserved for rows of the scorer"),
    "manifest-path": (card(manifest="../../etc"), "manifest: '../../etc' is not 1 to 64"),
    "other-manifest": (card(manifest="other"), "submission.yaml: manifest is other, the examples are of tiny"),
    "other-task": (card(task="other"), "submission.yaml: answers other@1, asked for tiny@1"),
    "other-version": (card(task_version="2"), "submission.yaml: answers tiny@2"),
    "version-huge": (card(task_version="9" * 5000), "submission.yaml: cannot be read as YAML"),
    "parameters-huge": (card(parameters="9" * 400), "want numbers from 0 to 1e+15"),
    "parameters-negative": (card(parameters="-1"), "parameters: -1; want numbers from 0"),
    "parameters-text": (card(parameters="many"), "parameters: want a whole number, found 'many'"),
    "seconds-nan": (card(generation_seconds=".nan"), "generation_seconds: nan; want numbers from 0"),
    "seconds-infinite": (card(generation_seconds=".inf"), "generation_seconds: inf; want numbers from 0"),
    "notes-list": (card(notes="[a, b]"), "notes: want text, found ['a', 'b']"),
    "notes-long": (card(notes="x" * 2001), "notes: 2001 characters, at most 2000"),
    "contact-long": (card(contact="x" * 201), "contact: 201 characters, at most 200"),
    "contact-escape": (card(contact='"\\e[2J"'), "contact: contains the invisible character U+001B"),
    "contact-zero": (card(contact='"\\0"'), "contact: contains the invisible character U+0000"),
    "contact-bidi": (card(contact='"\\u202eevil"'), "contact: contains the invisible character U+202E"),
    "notes-isolate": (card(notes='"\\u2066evil"'), "notes: contains the invisible character U+2066"),
    "notes-invisible": (card(notes='"a\\u200bb"'), "notes: contains the invisible character U+200B"),
    "paper-separator": (card(paper='"a\\u2028b"'), "paper: contains the invisible character U+2028"),
    "hardware-carriage-return": (card(hardware='"a\\rb"'), "hardware: contains the invisible character U+000D"),
}  # fmt: skip

EVERY = {f"{group}-{kind}": made for group, kinds in (("place", PLACES), ("sound", SOUNDS), ("card", CARDS)) for kind, made in kinds.items()}  # fmt: skip


@pytest.mark.parametrize("kind", EVERY)
def test_a_forbidden_submission_is_refused(tmp_path: Path, kind: str) -> None:
    change, wanted = EVERY[kind]
    folder = good(tmp_path)
    change(folder)
    problems = findings_of(folder).problems
    assert any(wanted in problem for problem in problems), problems
    assert all(problem.isascii() and "\x1b" not in problem for problem in problems)


FLAGS: dict[str, tuple[Change, str]] = {
    "surplus": (lambda h: (h / "model.py").touch(), "1 surplus files are not scored: model.py"),
    "surplus-folder": (lambda h: (h / "code").mkdir(), "1 surplus files are not scored: code"),
    "surplus-in-swapped": (lambda h: (h / "swapped" / "z.txt").touch(), "1 surplus files are not scored: swapped/z.txt"),
    "unknown-output": (lambda h: (h / "c.wav").touch(), "1 surplus files are not scored: c.wav"),
    "other-case": (lambda h: (h / "A.wav").touch(), "A.wav: looks like a.wav and is not"),
    "other-suffix": (lambda h: (h / "b.WAV").touch(), "b.WAV: looks like b.wav and is not"),
    "words": (raw(wav(fmt(), (b"LIST", b"INFOIART\4\0\0\0evil"), DATA)), "a.wav: holds the chunk 'LIST' of 16 bytes, which is"),
    "words-behind": (raw(wav(fmt(), DATA, (b"\x1b[2J", b"evil"))), "a.wav: holds the chunk '\\x1b[2J' of 4 bytes, which is not"),
    "bytes-behind": (raw(wav(fmt(), DATA, tail=b"evil")), "a.wav: holds 4 bytes after its end, which is not scored"),
    "archive-behind": (raw(wav(fmt(), DATA, tail=b"PK\3\4evil")), "a.wav: holds"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FLAGS)
def test_an_oddity_is_flagged_and_refused_in_strict_mode(tmp_path: Path, kind: str) -> None:
    change, wanted = FLAGS[kind]
    folder = good(tmp_path)
    change(folder)
    findings = findings_of(folder)
    assert findings.problems == [] and any(wanted in flag for flag in findings.flags), findings
    findings.raise_if_any(folder)
    with pytest.raises(BenchError, match="problem"):
        findings.raise_if_any(folder, is_strict=True)


def test_an_extensible_header_with_pcm_is_accepted(tmp_path: Path) -> None:
    folder = good(tmp_path)
    raw(wav(extensible(GUID), DATA))(folder)
    assert findings_of(folder).problems == []


def test_the_list_of_failures_of_our_models_must_fit_the_requests(tmp_path: Path) -> None:
    folder = good(tmp_path)
    card(system="silence", notes=json.dumps(plugins.about("models", "silence")))(folder)
    (folder / "failed.yaml").write_text("a: broke\n../../canary: broke\n")
    assert findings_of(folder).problems == [
        "failed.yaml: 1 of its ids are no requests: ../../canary",
        "failed.yaml: 1 of its ids have an output all the same: a",
    ]


TEXTS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "| a | b |", "**bold**", "`code`",
    "=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "&lt;b&gt;", "$x$", "![x](http://x)", "two\nlines", "# head", "${HOME}", "%00", "'; DROP",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_free_text_is_accepted_and_shown_escaped(tmp_path: Path, text: str) -> None:
    folder = good(tmp_path)
    card(notes=json.dumps(text))(folder)
    assert findings_of(folder).problems == [] and read_submission(folder).card.notes == text
    assert not set(escape(text)) & set('<>|[]*`$@"\n#&{}') - set("&#")


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("is_json", [False, True])
def test_the_command_refuses_with_reason_and_exit_code_1(tmp_path: Path, form: str, is_json: bool) -> None:
    folder = good(tmp_path)
    linked("submission.yaml")(folder)
    if form == "zip":
        folder = folder.with_suffix(".zip")
        folder.write_bytes(b"no archive")
    words = ["check", str(folder), *(["--json"] if is_json else [])]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 1 and "Traceback" not in shown.output
    wanted = "cannot be unpacked" if form == "zip" else "submission.yaml: is a link"
    if is_json:
        answer = json.loads(shown.output)
        assert answer["ok"] is False and wanted in answer["problems"][0]
    assert wanted in shown.output


def test_no_control_sequence_reaches_the_terminal(tmp_path: Path) -> None:
    folder = good(tmp_path)
    card_of(CARD + '"\\e[2Jevil": 1\n')(folder)
    shown = CliRunner().invoke(app, ["check", str(folder)])
    assert shown.exit_code == 1 and "no key is called" in shown.output and "\x1b" not in shown.output


@pytest.mark.parametrize("verb", ["check", "score", "submit"])
def test_a_card_with_an_unknown_task_is_refused_by_every_command(tmp_path: Path, verb: str) -> None:
    folder = good(tmp_path)
    card(task="inpaint-drum")(folder)
    shown = CliRunner().invoke(app, [verb, str(folder)])
    assert shown.exit_code == 1 and f"{folder}/submission.yaml: task: no task is called 'inpaint-drum'" in shown.output


@pytest.mark.parametrize("verb", ["check", "score", "submit"])
def test_a_broken_archive_is_refused_by_every_command(tmp_path: Path, verb: str) -> None:
    (tmp_path / "mine.zip").write_bytes(b"no archive")
    shown = CliRunner().invoke(app, [verb, str(tmp_path / "mine.zip")])
    assert shown.exit_code == 1 and f"{tmp_path}/mine.zip: 1 problem\n  cannot be unpacked" in shown.output


def test_a_path_without_a_submission_is_bad_usage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    for name in ("nowhere", "pipe.zip"):
        with pytest.raises(BenchError, match="no such folder"):
            with opened(tmp_path / name) as here:
                read_submission(here)
