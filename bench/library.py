"""Library: what data sets of real recordings share: where they lie, their lists of excerpts, checks and statistics.

A data set lies in `$BENCH_DATA/<name>`, or below `$BENCH_DATA` in a folder that its card names, such as the one that
its archive unpacks to. It belongs to its user; nothing is written there. Its lists of excerpts are committed in
data_manifests/<name>/, or are chosen by `bench.selection` from the user's own files.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.checksums import checksums_of, checksums_text, differences, read_checksums
from bench.errors import BenchError, MissingComponent, UnknownName
from bench.executor import Executor, progress
from bench.manifest import Excerpt, Manifest, read_manifest
from bench.paths import home, write_text
from bench.selection import DURATION_S, VERSION
from bench.tracks import Library, Track, tracks_of
from bench.yaml import read_yaml, value_of

VARIABLE = "BENCH_DATA"
_HEARD_DB = -50.0


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
    obtained = str(card_of(name).get("how_obtained", "see its card")).rstrip(".")
    raise MissingComponent(
        f"the data set {name} is not here ({where}): {obtained}; put it into ${VARIABLE}/{name}. "
        "--dataset synthetic needs no files"
    )


def card_of(name: str) -> dict[str, Any]:
    """Return what data_manifests/<name>/card.yaml says of a data set; nothing where there is none.

    Raises:
        BenchError: it cannot be read, or its seed or its folders are none.
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


def _folders(name: str) -> list[str]:
    """Return where below `$BENCH_DATA` a data set may lie: its name, and the other folders that its card lists."""
    return [name, *map(str, card_of(name).get("folders", []))]


def seed_of(library: Library) -> int:
    """Return the seed of a data set's lists, as its card has it."""
    return int(card_of(library.name).get("seed", 0))


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
    asked, committed = listed(library, name)
    if committed.is_file() and name in (None, asked):
        return read_manifest(committed)
    chosen = select(library, asked.removeprefix(f"{library.name}-")).manifest
    found = replace(chosen, name=f"{chosen.name}-{chosen.sha256[:8]}", is_public=False)
    if name not in (None, asked, found.name):
        raise UnknownName(f"manifest of {library.name}", str(name), [found.name])
    return found


def listed(library: Library, name: str | None) -> tuple[str, Path]:
    """Return a list's name without its digits, and where it is if it is committed; see `manifest_of`.

    Raises:
        UnknownName: there is no such list.
    """
    asked = re.sub(r"-[0-9a-f]{8}$", "", name) if name else f"{library.name}-{library.splits[0]}"
    committed = home("data_manifests") / library.name / f"{asked}.csv"
    known = [f"{library.name}-{split}" for split in library.splits]
    if asked not in known and not (committed.is_file() and name == asked):
        raise UnknownName(f"manifest of {library.name}", str(name), known)
    return asked, committed


def select(library: Library, split: str, executor: Executor | None = None) -> Selected:
    """Choose the excerpts of a split by the rule; the name of their list is that of one to commit.

    Args:
        library: The data set.
        split: Its part.
        executor: Hears one track a job.

    Raises:
        UnknownName: no such split.
        BenchError: no track has an excerpt, or files cannot be read.
    """
    if split not in library.splits:
        raise UnknownName(f"split of {library.name}", split, library.splits)
    tracks = tracks_of(library, split, seed_of(library), executor)
    ids = _ids(tracks)
    left_out = {name: track.why for name, track in tracks.items() if track.start_s is None}
    chosen = tuple(
        Excerpt(ids[name], library.name, name, track.start_s, DURATION_S, track.prompt)
        for name, track in tracks.items()
        if track.start_s is not None
    )
    if not chosen:
        reasons = "; ".join(f"{track}: {why}" for track, why in list(left_out.items())[:3])
        none = f"none is here, `bench data verify {library.name}` says what lacks"
        raise BenchError(f"{library.root}: no track of {split} has an excerpt ({reasons or none})")
    return Selected(Manifest(f"{library.name}-{split}", chosen), left_out)


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
    card = f"data_manifests/{library.name}/card.yaml"
    found = [] if tracks else [f"{library.root}: holds no tracks; {card} says what lies where"]
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

    Raises:
        BenchError: files cannot be read.
    """
    split = library.splits[0]
    tracks = list(tracks_of(library, split, seed_of(library)).values())
    reasons = Counter("chosen" if one.start_s is not None else re.sub(r"\d[\d.]*", "N", one.why) for one in tracks)
    sizes = {one: len(library.tracks(one)) for one in library.splits}
    return {"tracks": sizes, "selection_rule": VERSION, split: _described(tracks) | {"excerpts": dict(reasons)}}


def _described(tracks: Sequence[Track]) -> dict[str, Any]:
    if not tracks:
        return {}
    durations = np.array([one.duration_s for one in tracks])
    quartiles = [round(float(value), 1) for value in np.percentile(durations, [0, 25, 50, 75, 100])]
    are_drums = [one.drums_db > _HEARD_DB for one in tracks if one.drums_db is not None]
    return {
        "hours": round(float(durations.sum()) / 3600, 2),
        "duration_s_quartiles": quartiles,
        "mix_level_db_median": round(float(np.median([one.mix_db for one in tracks])), 1),
        "share_with_drums": round(sum(are_drums) / len(are_drums), 3) if are_drums else None,
        "share_with_beats": round(sum(one.has_beats for one in tracks) / len(tracks), 3),
    }


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
