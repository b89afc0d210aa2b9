"""Text from outside: make it safe to print by escaping or replacing control and invisible characters."""

import unicodedata

UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories of invisible characters, which move the cursor, reverse a line or hide in it."""


def shown(text: str, limit: int = 120) -> str:
    """Return text as one line of ASCII, at most `limit` characters and "..."; all other characters are escaped."""
    plain = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
    return plain if len(plain) <= limit else f"{plain[:limit]}..."


def printable(text: str, keep: str = "") -> str:
    """Replace line breaks, control and invisible characters, except those in `keep`, by spaces."""
    return "".join(" " if unicodedata.category(c) in UNSEEN and c not in keep else c for c in text)
