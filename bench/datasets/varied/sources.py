"""Sources of sound: SoundFonts and drum kits of Debian packages, and the split in which each is used."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import MissingComponent
from bench.runtime.weights import sha256_of

FOLDER = Path("/usr/share")


@dataclass(frozen=True)
class Font:
    """A SoundFont.

    Attributes:
        path: Its file, below `/usr/share`.
        kits: Programs of its drum kits on the percussion channel; None for a kit that is its first instrument.
        has_instruments: Whether it is used for other parts than drums.
    """

    path: str
    kits: tuple[int | None, ...] = ()
    has_instruments: bool = True

    @property
    def file(self) -> Path:
        """The file."""
        return FOLDER / self.path


_KITS = (0, 8, 16, 24, 25, 32, 40, 48)
_FLUID = Font("sounds/sf2/FluidR3_GM.sf2", _KITS)
_MUSESCORE = Font("sounds/sf3/MuseScore_General_Full.sf3", _KITS)
_TIM = Font("sounds/sf2/TimGM6mb.sf2", (0, 8, 16, 24, 25, 32, 40))
_CSOUND = Font("sounds/sf2/sf_GMbank.sf2", (0,))
_PEARL = Font("sounds/sf2/Black_Pearl_4_LV2.sf2", (None,), has_instruments=False)
_ZEPPELIN = Font("sounds/sf2/Red_Zeppelin_4_LV2.sf2", (None,), has_instruments=False)
FONTS = {
    "train": (_FLUID, _MUSESCORE, _TIM),
    "validation": (_FLUID, _MUSESCORE, _TIM),
    "test": (_CSOUND, _PEARL, _ZEPPELIN),
}
KITS = {
    "train": (
        "Audiophob",
        "BJA_Pacific",
        "ElectricEmpireKit",
        "ForzeeStereo",
        "Gimme A Hand 1.0",
        "Millo-Drums_v.1",
        "Millo_MultiLayered2",
        "rumpf_kit_z01_h2",
    ),
    "validation": ("VariBreaks", "Millo_MultiLayered3"),
    "test": ("ColomboAcousticDrumkit", "HardElectro1"),
}
"""Kits of the package `hydrogen-drumkits`; without `The Black Pearl 1.0`, whose drums a SoundFont of `test` holds."""


def kit_folder(name: str) -> Path:
    """Return the folder of a kit."""
    return FOLDER / "hydrogen" / "data" / "drumkits" / name


def files(split: str) -> list[Path]:
    """Return what a split needs: the files of its fonts and the descriptions of its kits."""
    return [*(font.file for font in FONTS[split]), *(kit_folder(kit) / "drumkit.xml" for kit in KITS[split])]


def hashes(split: str) -> dict[str, str]:
    """Return the sha256 of every file that a split's sounds come from, by its path below `/usr/share`."""
    sounds = [path for kit in KITS[split] for path in sorted(kit_folder(kit).iterdir()) if path.is_file()]
    paths = [*(font.file for font in FONTS[split]), *sounds]
    return {str(path.relative_to(FOLDER)): sha256_of(path) for path in paths}


def require(splits: Iterable[str]) -> None:
    """Raise `MissingComponent`, naming the Debian packages, unless the sources of all these splits are there."""
    missing = [path for split in splits for path in files(split) if not path.is_file()]
    if missing:
        raise MissingComponent(
            f"{missing[0]}: missing; the data set varied is made from SoundFonts and drum kits of Debian packages; "
            f"`bench setup corpus` lists them"
        )
