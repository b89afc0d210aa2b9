"""A miniature of RWC-MDB-P-2001 in both of its layouts: three songs of 20 s with their beats, chords and metadata."""

from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS, BEAT_S = 44100, 20.0, 0.5
PIECES = {1: ("M01", 1, "Drum sequences"), 9: ("M01", 9, "Live drums"), 71: ("M05", 7, "Without drums")}
CHORDS = (
    "N",
    "N",
    "Ab:min",
    "Gb:maj6",
    "Bb:maj(*3)",
    "Eb:maj/3",
    "Ab:min7/b7",
    "Ab:min(*b3,*5)",
    "C:maj(*3,*5)",
    "F:sus4",
)
PICKUP = 2


def sound(piece: int) -> np.ndarray:
    """Return stereo noise on every beat over a chord."""
    time_s, rng = np.arange(round(SECONDS * RATE)) / RATE, np.random.default_rng(piece)
    tones = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220, 277, 330))
    mono = 0.1 * tones + 0.1 * rng.normal(0, 1, len(time_s)) * (time_s % BEAT_S < 0.05)
    return np.stack([mono, 0.5 * mono], axis=1)


def beats(first_s: float = 0.04) -> list[tuple[float, int]]:
    """Return times and positions of bars of four, after a pickup of two."""
    return [(first_s + k * BEAT_S, (k - PICKUP) % 4 + 1) for k in range(int(SECONDS / BEAT_S))]


def chords() -> list[tuple[float, float, str]]:
    """Return ten chords of 2 s, the last of which ends after the sound."""
    return [(2.0 * k, 2.0 * k + (2 if k < 9 else 5), label) for k, label in enumerate(CHORDS)]


def write_discs(root: Path) -> Path:
    """Write the songs as mirdata up to 1.0 lays them out."""
    notes = root / "annotations"
    lines = [
        "Piece No.,Cat. Suffix,Tr. No.,Title,Artist (Vocal),Singer Information,Length,Tempo,Live Instruments Used,Drum Information"
    ]
    for piece, (disc, number, drums) in PIECES.items():
        write_sound(root / "audio" / f"rwc-p-{disc.lower()}" / f"{number}.wav", piece)
        rows = [(round(100 * time), 384 if position == 1 else 48 * (position - 1)) for time, position in beats()]
        rows.insert(10, (rows[9][0] + 20, -1))
        text = "".join(f"{time}\t{time}\t{value}\n" for time, value in rows)
        write(notes / "AIST.RWC-MDB-P-2001.BEAT" / f"RM-P{piece:03d}.BEAT.TXT", text.replace("\n", "\r\n"))
        text = "".join(f"{start:.3f}\t{end:.3f}\t{label}\n" for start, end, label in chords())
        name = f"N{piece:03d}-{disc}-T{number:02d}.lab"
        write(notes / "AIST.RWC-MDB-P-2001.CHORD" / "RWC_Pop_Chords" / name, text)
        lines.append(f"No. {piece},{disc},Tr. {number:02d},A title,Somebody,Male,00:21,120,Gt & Bs,{drums}")
    write(root / "metadata-master" / "rwc-p.csv", "\n".join(lines) + "\n")
    return root


def write_release(root: Path) -> Path:
    """Write the songs as the release of 2026 and its annotations lay them out."""
    notes = root / "rwc-annotations-main"
    lines = [
        "RWCID;CollID;PieceNo;CDNo;TrackNo;Title;Artist;SingerInformation;SingingLanguage;Tempo;Variation;LiveInstruments;"
        "DrumInformation;Composer;CompositionType;GenreMain;GenreSub;audio_start;audio_end;duration",
        'RWC_C001;C;1;1;1;"Symphony No.94, ""The Surprise""";An orchestra;;;;;Orch;;Haydn;Symphony;Classical;;0.1;500.2;504.1',
    ]
    for piece, (disc, number, drums) in PIECES.items():
        write_sound(root / "RWC-P" / f"RWC_P{piece:03d}.wav", piece)
        text = "".join(f"{time:.3f};{position}\n" for time, position in beats(0.06))
        write(notes / "01_annotations_preprocessed" / "beats" / "RWC-P" / f"RWC_P{piece:03d}.csv", "t;beat\n" + text)
        text = "".join(f"{start};{end};{label}\n" for start, end, label in chords())
        name = f"RWC_P{piece:03d}.csv"
        write(notes / "01_annotations_preprocessed" / "chords" / "RWC-P" / name, "t_start;t_end;chord\n" + text)
        lines.append(
            f"RWC_P{piece:03d};P;{piece};{disc[-1]};{number};A title;Somebody;Male;Japanese;120.0;;Gt;{drums};;;Popular;J-pop;"
            f"0.0236;{SECONDS - 0.5};{SECONDS}"
        )
    write(notes / "metadata.csv", "\n".join(lines) + "\n")
    return root


def write_sound(path: Path, piece: int) -> None:
    """Write a song's sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound(piece), RATE, subtype="PCM_16")


def write(path: Path, text: str) -> None:
    """Write a text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
