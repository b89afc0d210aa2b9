"""Library: folders, manifests, checks and statistics of data sets of real recordings.

A data set is kept in `$BENCH_DATA/<name>`, or in a folder below `$BENCH_DATA` that its card names, such as the one its
archive unpacks to. It belongs to its user; nothing is written there. Its manifests are committed in
data_manifests/<name>/, or are selected by `bench.recordings.selection` from the user's own files.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, MissingComponent, UnknownName
from bench.formats import read_yaml, value_of
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.paths import home, write_text
from bench.recordings.checksums import checksums_of, checksums_text, differences, read_checksums
from bench.recordings.selection import DURATION_S, VERSION
from bench.recordings.tracks import Library, Track, tracks_of
from bench.runtime.executor import Executor, progress

VARIABLE = "BENCH_DATA"
MUSIC = ("composed", "recorded")
"""Kinds of music, the key `source` of a card: the suite's own songs, and all other music."""
_DRUMS_DB = -50.0
"""Mean level in dBFS above which a track counts as having drums."""


@dataclass(frozen=True)
class Selected:
    """The excerpts that the selection rule chose.

    Attributes:
        manifest: One excerpt of every track that has one.
        left_out: The reason by track, for tracks without an excerpt.
    """

    manifest: Manifest
    left_out: dict[str, str]


def root_of(name: str, path: str = "") -> Path:
    """Return a data set's folder.

    Args:
        name: Its public name.
        path: Its folder, if it is not in `$BENCH_DATA`.

    Raises:
        MissingComponent: it is not there, with every place where it is looked for and how it is obtained.
        BenchError: it is in two places.
    """
    data = os.environ.get(VARIABLE, "")
    places = [Path(path)] if path else [Path(data) / folder for folder in _folders(name)] if data else []
    here: list[Path] = []
    for place in places:
        # A link to another one, or that one again where upper and lower case are the same, is no second copy.
        if place.is_dir() and not any(place.samefile(other) for other in here):
            here.append(place)
    if len(here) > 1:
        raise BenchError(
            f"the data set {name} lies in {' and in '.join(map(str, here))}; keep one of them and move the others out "
            f"of ${VARIABLE}"
        )
    if here:
        return here[0]
    where = f"not in {', '.join(map(str, places))}" if places else f"${VARIABLE} is not set"
    obtained = str(dataset_card(name).get("how_obtained", "see its card")).rstrip(".")
    raise MissingComponent(
        f"the data set {name} is not here ({where}): {obtained}; put it into ${VARIABLE}/{name}. "
        "--dataset synthetic needs no files"
    )


def dataset_card(name: str) -> dict[str, Any]:
    """Return the keys of data_manifests/<name>/card.yaml; empty where the data set has no card.

    Raises:
        BenchError: the card cannot be read, or its `seed` or `folders` has the wrong type.
    """
    path = home("data_manifests") / name / "card.yaml"
    card = read_yaml(path) if path.is_file() else {}
    try:
        for key, kind in (("seed", int), ("folders", list)):
            if key in card:
                value_of(kind, card, key)
    except BenchError as error:
        raise BenchError(f"{path}: {error}") from error
    return card


def music_of(name: str) -> str:
    """Return whether a data set's music is `composed` or `recorded`; recorded where its card does not say.

    Raises:
        BenchError: the card says something else.
    """
    source = str(dataset_card(name).get("source", MUSIC[-1]))
    if source not in MUSIC:
        path = home("data_manifests") / name / "card.yaml"
        raise BenchError(f"{path}: source: {source!r}; want {' or '.join(MUSIC)}")
    return source


def _folders(name: str) -> list[str]:
    """Return where below `$BENCH_DATA` a data set may lie: its name, and the other folders that its card lists."""
    return [name, *map(str, dataset_card(name).get("folders", []))]


def manifest_seed(library: Library) -> int:
    """Return the seed of a data set's manifests, from its card; 0 where the card has none."""
    return int(dataset_card(library.name).get("seed", 0))


def manifest_of(library: Library, name: str | None) -> Manifest:
    """Return a committed manifest, or the one that the selection rule makes of a split from the user's files.

    The name of a selected manifest ends in 8 hex digits of its hash, so that different manifests have different names.

    Args:
        library: The data set.
        name: `<name>-<split>`; the first split's when None.

    Raises:
        UnknownName: there is no such manifest.
        BenchError: no track has an excerpt, or a file cannot be read.
    """
    asked, committed = listed(library, name)
    if committed.is_file() and name in (None, asked):
        return read_manifest(committed)
    chosen = select(library, asked.removeprefix(f"{library.name}-")).manifest
    named = replace(chosen, name=f"{chosen.name}-{chosen.sha256[:8]}", is_public=False)
    if name not in (None, asked, named.name):
        raise UnknownName(f"manifest of {library.name}", str(name), [named.name])
    return named


def listed(library: Library, name: str | None) -> tuple[str, Path]:
    """Return a manifest's name without its hash digits, and the path of its committed file, which may not exist.

    Raises:
        UnknownName: there is no such manifest.
    """
    asked = re.sub(r"-[0-9a-f]{8}$", "", name) if name else f"{library.name}-{library.splits[0]}"
    committed = home("data_manifests") / library.name / f"{asked}.csv"
    known = [f"{library.name}-{split}" for split in library.splits]
    if asked not in known and not (committed.is_file() and name == asked):
        raise UnknownName(f"manifest of {library.name}", str(name), known)
    return asked, committed


def select(library: Library, split: str, executor: Executor | None = None) -> Selected:
    """Select the excerpts of a split by the rule; the manifest is named `<name>-<split>`, as if it were committed.

    Args:
        library: The data set.
        split: Name of one of its splits.
        executor: Runs one job per track; a serial one when None.

    Raises:
        UnknownName: no such split.
        BenchError: no track has an excerpt, or files cannot be read.
    """
    if split not in library.splits:
        raise UnknownName(f"split of {library.name}", split, library.splits)
    tracks = tracks_of(library, split, manifest_seed(library), executor)
    ids = dict(zip(tracks, ids_of(tracks), strict=True))
    left_out = {name: track.why for name, track in tracks.items() if track.start_s is None}
    chosen = tuple(
        Excerpt(ids[name], library.name, name, track.start_s, DURATION_S, track.prompt)
        for name, track in tracks.items()
        if track.start_s is not None
    )
    if not chosen:
        reasons = "; ".join(f"{track}: {why}" for track, why in list(left_out.items())[:3])
        none = f"there are no tracks; `bench data verify {library.name}` lists what is missing"
        raise BenchError(f"{library.root}: no track of {split} has an excerpt ({reasons or none})")
    return Selected(Manifest(f"{library.name}-{split}", chosen), left_out)


def ids_of(names: Iterable[str], longest: int = 100, nameless: str = "track") -> list[str]:
    """Return an id for every name, as rows and files carry it: `[a-z0-9][a-z0-9.-]*` without `--`.

    Args:
        names: Of tracks; letters lose their accents, all else that an id cannot hold becomes a hyphen.
        longest: Characters of an id; a number is put behind one that is taken.
        nameless: The id where nothing of a name is left.
    """
    found: list[str] = []
    for name in names:
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        plain = re.sub(r"[^a-z0-9.]+", "-", letters).strip("-.")[:longest].rstrip("-.") or nameless
        one, k = plain, 1
        while one in found:
            k += 1
            one = f"{plain}-{k}"
        found.append(one)
    return found


def write_selected(library: Library, selected: Selected, folder: Path) -> list[Path]:
    """Write the manifest to commit and the checksums of all files it uses; return the two paths.

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
    """Return one line per file that is missing, unreadable or differs from the committed checksums."""
    tracks = [track for split in library.splits for track in library.tracks(split)]
    card = f"data_manifests/{library.name}/card.yaml"
    problems = [] if tracks else [f"{library.root}: holds no tracks; {card} describes the folder's layout"]
    with progress(f"looking at {library.name}", len(tracks)) as step:
        for track in tracks:
            problems += library.problems(track)
            step()
    for path in sorted((home("data_manifests") / library.name).glob("*.sha256")):
        locked = read_checksums(path)
        with progress("hashing files", len(locked)) as step:
            problems += differences(library.root, locked, step)
    return list(dict.fromkeys(problems))


def statistics(library: Library) -> dict[str, Any]:
    """Return the number of tracks of every split; for the first split also levels, durations and selected excerpts.

    The share of tracks with drums is None where no drums are known.

    Raises:
        BenchError: files cannot be read.
    """
    split = library.splits[0]
    tracks = list(tracks_of(library, split, manifest_seed(library)).values())
    reasons = Counter("chosen" if one.start_s is not None else re.sub(r"\d[\d.]*", "N", one.why) for one in tracks)
    sizes = {one: len(library.tracks(one)) for one in library.splits}
    return {"tracks": sizes, "selection_rule": VERSION, split: _described(tracks) | {"excerpts": dict(reasons)}}


def _described(tracks: Sequence[Track]) -> dict[str, Any]:
    if not tracks:
        return {}
    durations = np.array([one.duration_s for one in tracks])
    quartiles = [round(float(value), 1) for value in np.percentile(durations, [0, 25, 50, 75, 100])]
    are_drums = [one.drums_db > _DRUMS_DB for one in tracks if one.drums_db is not None]
    return {
        "hours": round(float(durations.sum()) / 3600, 2),
        "duration_s_quartiles": quartiles,
        "mix_level_db_median": round(float(np.median([one.mix_db for one in tracks])), 1),
        "share_with_drums": round(sum(are_drums) / len(are_drums), 3) if are_drums else None,
        "share_with_beats": round(sum(one.has_beats for one in tracks) / len(tracks), 3),
    }
