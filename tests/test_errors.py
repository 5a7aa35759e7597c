"""What libraries say, in lines for people."""

from __future__ import annotations

import pytest

from wsi_idc.errors import SettingsError, first_line, one_line, reason


@pytest.mark.parametrize("told", [reason, one_line, first_line])
def test_a_library_that_quotes_a_whole_field_is_cut_short(told: object) -> None:
    assert callable(told)
    said = told(ValueError(f"could not convert string to float: '{'a' * 100_000}'"))
    assert "could not convert string to float: 'aaa" in said
    assert len(said) < 330


def test_messages_of_our_own_are_told_whole() -> None:
    own = SettingsError("a name  of " + "b" * 1000)
    assert one_line(own) == "a name of " + "b" * 1000


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (reason, "ValueError"),
        (one_line, "ValueError: no more is known"),
        (first_line, "ValueError"),
    ],
)
def test_a_library_that_says_nothing(told: object, said: str) -> None:
    assert callable(told)
    assert told(ValueError()) == said
