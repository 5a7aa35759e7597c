"""docs/errors.md tells every message in the code, and none that is not there; tests assert each."""

from __future__ import annotations

import re

from conftest import REPOSITORY
from told_messages import (
    HOLE,
    distinct_parts,
    expectations,
    literals,
    pieces,
    templates,
)

PAGE = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")

# Of callers in Python, or of pages of the viewer, where nothing is to be chosen by a user; and
# messages that the nearest known name, or the names that there are, make whole.
_WITHOUT_REMEDY = (
    "view/",
    "phantom/",
    "heatmap/truth.py",
    "heatmap/export/scores.py",
    "cli/config.py",
)
_REMEDY = re.compile(r"; |\b(must|needs?|give|takes|leave|pip install)\b|--\w")

# What typer says, and not wsi-idc: tests/cli/test_usage.py has it.
_OF_TYPER = ("No such ", "Invalid value ", "Missing ", "Got unexpected ")


def entries() -> list[str]:
    """The messages that the page quotes: lines that are code and nothing else."""
    lines = re.findall(r"^(?:`` (.+) ``|``(.+)``|`([^`]+)`)$", PAGE, re.MULTILINE)
    return ["".join(quotes) for quotes in lines]


ENTRIES = entries()


def covers(entry: str, message: str) -> bool:
    """Whether a quote on the page stands for a message, or for one with a file's name in front.

    `…` is anything, and nothing too.
    """
    named = f"{HOLE}: {message}"
    if not all(piece in named for piece in pieces(entry)):  # sooner than an expression tells
        return False
    pattern = ".*".join(map(re.escape, entry.split(HOLE)))
    return any(re.fullmatch(pattern, text) for text in (message, named))


def test_every_message_in_the_code_is_on_the_page() -> None:
    missing = [
        f"{template.place}: `{template.text}`"
        for template in templates()
        if not template.is_passed_on and not any(covers(entry, template.text) for entry in ENTRIES)
    ]
    assert not missing, "docs/errors.md lacks\n" + "\n".join(missing)


def test_what_the_page_tells_is_in_the_code() -> None:
    known = [template.text for template in templates()]
    strings = "\n".join(literals())
    for entry in ENTRIES:
        if entry.startswith(_OF_TYPER) or any(covers(entry, text) for text in known):
            continue
        # Not of an error's class, such as why a process ended: its words must be there still.
        assert all(piece in strings for piece in pieces(entry)), f"no such message: {entry}"


def test_an_entry_says_enough_to_be_told_apart() -> None:
    for entry in ENTRIES:
        assert sum(len(piece) for piece in pieces(entry)) >= 10, entry
    assert len(ENTRIES) == len(set(ENTRIES)), {e for e in ENTRIES if ENTRIES.count(e) > 1}


def test_every_message_is_asserted_somewhere() -> None:
    """In full, as `check_told` has it, or by words that no other message has."""
    texts = {one.text: one.place for one in templates() if not one.is_passed_on}
    whole, strings = set(expectations()), "\n".join(expectations())
    parts = distinct_parts(texts)
    missing = [
        f"{place}: {text}"
        for text, place in texts.items()
        if text not in whole and not any(part in strings for part in parts[text])
    ]
    assert not missing, "no test asserts\n" + "\n".join(missing)


def test_an_error_says_the_way_out() -> None:
    """After the last semicolon, from where tables of failures take it, or by what is allowed."""
    for template in templates():
        is_error = template.kind not in ("warning", "answer") and not template.is_passed_on
        if is_error and not template.place.startswith(_WITHOUT_REMEDY):
            assert _REMEDY.search(template.text), f"{template.place}: {template.text}"
