"""Foreign text: one line, and nothing in it that moves a cursor or passes for another letter."""

import unicodedata

UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that are not seen: they move a cursor, turn a line around, or hide in it."""


def shown(text: str, limit: int = 120) -> str:
    """Return foreign text as ASCII on one line: what could move a cursor or pass for another letter is escaped."""
    plain = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
    return plain if len(plain) <= limit else f"{plain[:limit]}..."


def printable(text: str, keep: str = "") -> str:
    """Replace line breaks, control and invisible formatting characters by a blank, those in `keep` excepted."""
    return "".join(" " if unicodedata.category(c) in UNSEEN and c not in keep else c for c in text)
