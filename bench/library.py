"""Library: what data sets of real recordings share: where they lie, their lists of excerpts, checks and statistics.

A data set lies in `$BENCH_DATA/<name>` and belongs to its user; nothing is written there. Its lists of excerpts are
committed in data_manifests/<name>/, or are chosen by `bench.selection` from the user's own files: once, and anew when a
file has changed. They are kept in `$BENCH_MANIFESTS` (`~/.cache/steerbench/manifests` where it is not set).
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.checksums import checksums_of, checksums_text, differences, read_checksums
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.executor import progress
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.paths import home, write_text
from bench.provenance import version
from bench.selection import DURATION_S, VERSION, Heard, start_of
from bench.yaml import read_yaml

VARIABLE, KEPT = "BENCH_DATA", "BENCH_MANIFESTS"


class Library(Protocol):
    """A data set of recordings as its plug found it.

    Attributes:
        name: Public name.
        root: Its folder.
        splits: Names of its parts; the first is what is taken when nothing is said.
    """

    name: str
    root: Path
    splits: tuple[str, ...]

    def tracks(self, split: str) -> list[str]:
        """Return the tracks of a split, sorted: names that `read` knows; raises `BenchError` where the list is bad."""
        ...

    def files(self, track: str) -> list[Path]:
        """Return all files that a track rests on."""
        ...

    def heard(self, track: str) -> Heard:
        """Return what the selection rule asks of a track; raises `BenchError` where a file cannot be read."""
        ...

    def problems(self, track: str) -> list[str]:
        """List what the layout promises and this track lacks, a line each, naming the file."""
        ...

    def about(self, track: str) -> str:
        """Return a prompt's text; may be empty."""
        ...


@dataclass(frozen=True)
class Selected:
    """Excerpts that the rule chose.

    Attributes:
        manifest: One of every track that has one.
        left_out: Why a track has none, by its name.
    """

    manifest: Manifest
    left_out: dict[str, str]


def root_of(name: str, path: str = "") -> Path:
    """Return a data set's folder.

    Args:
        name: Its public name.
        path: Its folder, where it does not lie in `$BENCH_DATA`.

    Raises:
        MissingComponent: it is not there, with where it is looked for and how it is obtained.
    """
    data = os.environ.get(VARIABLE, "")
    folder = Path(path) if path else Path(data) / name
    if (path or data) and folder.is_dir():
        return folder
    where = f"not in {folder}" if path or data else f"${VARIABLE} is not set"
    obtained = str(card_of(name).get("how_obtained", "see its card")).rstrip(".")
    raise MissingComponent(
        f"the data set {name} is not here ({where}): {obtained}; put it into ${VARIABLE}/{name}. "
        "--dataset synthetic needs no files"
    )


def card_of(name: str) -> dict[str, Any]:
    """Return what data_manifests/<name>/card.yaml says of a data set; nothing where there is none."""
    path = home("data_manifests") / name / "card.yaml"
    return read_yaml(path) if path.is_file() else {}


def manifest_of(library: Library, name: str | None) -> Manifest:
    """Return a list of excerpts: a committed one, or that of a split as the rule chooses it from the files.

    The name of what is chosen ends in 8 hex digits of its contents, so that no two lists pass for one.

    Args:
        library: The data set.
        name: `<name>-<split>`; the first split's when None.

    Raises:
        UnknownName: there is no such list.
        BenchError: no track has an excerpt, or a file cannot be read.
    """
    asked = re.sub(r"-[0-9a-f]{8}$", "", name) if name else f"{library.name}-{library.splits[0]}"
    committed = home("data_manifests") / library.name / f"{asked}.csv"
    if committed.is_file() and name in (None, asked):
        return read_manifest(committed)
    known = [f"{library.name}-{split}" for split in library.splits]
    if asked not in known:
        raise UnknownName(f"manifest of {library.name}", str(name), known)
    found = _kept(library, library.splits[known.index(asked)])
    if name not in (None, asked, found.name):
        raise UnknownName(f"manifest of {library.name}", str(name), [found.name])
    return found


def select(library: Library, split: str) -> Selected:
    """Choose the excerpts of a split by the rule; the name of their list is that of one to commit.

    Raises:
        UnknownName: no such split.
        BenchError: no track has an excerpt, or a file cannot be read.
    """
    if split not in library.splits:
        raise UnknownName(f"split of {library.name}", split, library.splits)
    seed = int(card_of(library.name).get("seed", 0))
    tracks, chosen, left_out = library.tracks(split), [], {}
    ids = _ids(tracks)
    with progress(f"choosing excerpts of {library.name}", len(tracks)) as step:
        for track in tracks:
            start, why = start_of(library.heard(track), track, seed)
            if start is None:
                left_out[track] = why
            else:
                excerpt = Excerpt(ids[track], library.name, track, start, DURATION_S, library.about(track))
                chosen.append(excerpt)
            step()
    if not chosen:
        reasons = "; ".join(f"{track}: {why}" for track, why in list(left_out.items())[:3])
        raise BenchError(f"{library.root}: no track of {split} has an excerpt ({reasons or 'it holds none'})")
    return Selected(Manifest(f"{library.name}-{split}", tuple(chosen)), left_out)


def write_selected(library: Library, selected: Selected, folder: Path) -> list[Path]:
    """Write a list as it is committed, and the checksums of all files it rests on; return the two files.

    Raises:
        BenchError: a file cannot be read, or the folder cannot be written.
    """
    files = {file for excerpt in selected.manifest.excerpts for file in library.files(excerpt.track)}
    with progress("hashing files", len(files)) as step:
        sums = checksums_of(library.root, list(files), step)
    paths = [folder / f"{selected.manifest.name}{suffix}" for suffix in (".csv", ".sha256")]
    write_text(paths[0], selected.manifest.text)
    write_text(paths[1], checksums_text(sums))
    return paths


def verify(library: Library) -> list[str]:
    """List what is missing, unreadable or other than the committed checksums, a line each."""
    tracks = [track for split in library.splits for track in library.tracks(split)]
    found = [] if tracks else [f"{library.root}: holds no tracks"]
    with progress(f"looking at {library.name}", len(tracks)) as step:
        for track in tracks:
            found += library.problems(track)
            step()
    for path in sorted((home("data_manifests") / library.name).glob("*.sha256")):
        locked = read_checksums(path)
        with progress("hashing files", len(locked)) as step:
            found += differences(library.root, locked, step)
    return list(dict.fromkeys(found))


def statistics(library: Library) -> dict[str, Any]:
    """Return sizes of all splits, and levels, durations and the rule's yield of the first one.

    The share of tracks with drums is None where nothing is known of drums.
    """
    sizes = {split: len(library.tracks(split)) for split in library.splits}
    split, seed = library.splits[0], int(card_of(library.name).get("seed", 0))
    heard, reasons = [], Counter[str]()
    with progress(f"listening to {library.name}", sizes[split]) as step:
        for track in library.tracks(split):
            heard.append(library.heard(track))
            start, why = start_of(heard[-1], track, seed)
            reasons["chosen" if start is not None else re.sub(r"\d[\d.]*", "N", why)] += 1
            step()
    return {"tracks": sizes, "selection_rule": VERSION, split: _described(heard) | {"excerpts": dict(reasons)}}


def _described(heard: Iterable[Heard]) -> dict[str, Any]:
    tracks = list(heard)
    if not tracks:
        return {}
    durations = np.array([one.duration_s for one in tracks])
    quartiles = [round(float(value), 1) for value in np.percentile(durations, [0, 25, 50, 75, 100])]
    are_drums = [_level_db(one.drums) > -50 for one in tracks if one.drums is not None]
    return {
        "hours": round(float(durations.sum()) / 3600, 2),
        "duration_s_quartiles": quartiles,
        "mix_level_db_median": round(float(np.median([_level_db(one.mix) for one in tracks])), 1),
        "share_with_drums": round(sum(are_drums) / len(are_drums), 3) if are_drums else None,
        "share_with_beats": round(
            sum(one.beats_s is not None and len(one.beats_s) > 0 for one in tracks) / len(tracks), 3
        ),
    }


def _level_db(part: np.typing.NDArray[np.float64]) -> float:
    return 10 * float(np.log10(max(part.mean(), 1e-12))) if len(part) else -120.0


def _kept(library: Library, split: str) -> Manifest:
    """Return what the rule chooses; chosen once, and anew when a file, the seed, the rule or bench has changed."""
    place = os.environ.get(KEPT) or Path.home() / ".cache" / "steerbench" / "manifests"
    seed = str(card_of(library.name).get("seed", 0))
    state = [version(), str(VERSION), str(library.root.resolve()), split, seed]
    for track in library.tracks(split):
        state += [track, *(_state(file) for file in library.files(track))]
    digest = hashlib.sha256("\n".join(state).encode()).hexdigest()[:16]
    path = Path(place) / library.name / digest / f"{library.name}-{split}.csv"
    if not path.is_file():
        write_text(path, select(library, split).manifest.text)
    chosen = read_manifest(path)
    return Manifest(f"{chosen.name}-{chosen.sha256[:8]}", chosen.excerpts, is_public=False)


def _state(file: Path) -> str:
    try:
        status = file.stat()
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror}); `bench data verify` lists all that is") from error
    return f"{file} {status.st_size} {status.st_mtime_ns}"


def _ids(tracks: Iterable[str]) -> dict[str, str]:
    """Return every track's name as rows and files carry it; a number is put behind one that is taken."""
    found: dict[str, str] = {}
    for track in tracks:
        plain = re.sub(r"[^a-z0-9.]+", "-", track.lower()).strip("-.")[:100].strip("-.") or "track"
        name, k = plain, 1
        while name in found.values():
            k += 1
            name = f"{plain}-{k}"
        found[track] = name
    return found
