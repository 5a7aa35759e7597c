"""Is an earlier run the same as this one? What a rerun compares before it skips or refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In words, where two descriptions of a run differ; empty if they do not.

    Parameters
    ----------
    before, now : nested dictionaries of JSON-able values; tuples count as lists.

    Examples
    --------
    >>> differences({"settings": {"mpp": 8.0}}, {"settings": {"mpp": 4.0}})
    ['settings.mpp was 8.0 and is 4.0']
    """
    was = dict(_flat(json.loads(json.dumps(before))))
    is_now = dict(_flat(json.loads(json.dumps(now))))
    return [
        _in_words(key, was.get(key), is_now.get(key))
        for key in sorted(was.keys() | is_now.keys())
        if was.get(key) != is_now.get(key)
    ]


def _in_words(key: str, before: Any, now: Any) -> str:
    # A list of hundreds of patients would bury the message.
    if isinstance(before, list) or isinstance(now, list):
        return f"{key} differs"
    return f"{key} was {before!r} and is {now!r}"


def _flat(content: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Entries of nested dictionaries as ``outer.inner`` and value."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
