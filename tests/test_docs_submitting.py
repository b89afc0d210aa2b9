"""What docs/submitting.md promises is what the code does."""

import re

from bench import formats, submission
from bench.checking import archive, check, fingerprint
from bench.paths import PACKAGE

TEXT = " ".join((PACKAGE.parent / "docs" / "submitting.md").read_text(encoding="utf-8").split())


def test_the_limits_are_those_of_the_code() -> None:
    promised = (
        f"at most {archive.MAX_ENTRIES} entries",
        f"{archive.MAX_BYTES >> 30} GiB packed and unpacked",
        f"{archive.MAX_FILE_BYTES >> 20} MiB for one file",
        f"beyond {archive.FREE_BYTES >> 20} MiB it may unpack to at most {archive.MAX_RATIO} times",
        f"`submission.yaml`, at most {formats.MAX_BYTES >> 10} KiB",
        f"`training-list.txt`, at most {fingerprint.LIST_BYTES >> 20} MiB and {fingerprint.LIST_SONGS} songs",
        f"at most {submission.MAX_LINE} characters, `training_data` and `notes` of {submission.MAX_LETTERS['notes']}",
        f"no sample beyond {check.LOUDEST:g}",
    )
    assert [phrase for phrase in promised if phrase not in TEXT] == []
    assert (
        archive.MAX_DEPTH == 3 and dict.fromkeys(("notes", "training_data", "identity"), 2000) == submission.MAX_LETTERS
    )


def test_every_file_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PACKAGE.parent / "docs" / target).exists(), target
