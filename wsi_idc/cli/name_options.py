"""Options about what outputs call slides and patients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import log
from wsi_idc.cli.kept_log import names_in_log
from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.cohort.table import CohortSlide

AnonymiseOption = Annotated[
    bool,
    typer.Option(
        "--anonymise",
        help="Call slides and patients by hashes of their names in all that is written.",
    ),
]
AnonymiseKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--anonymise-key",
        metavar="FILE",
        help="The secret that goes into the hashes; it is made if there is none. The same names "
        "and the same secret give the same hashes.",
        show_default="one of your own",
    ),
]
AnonymiseNamesOption = Annotated[
    Path | None,
    typer.Option(
        "--anonymise-names",
        metavar="FILE",
        help="Write a CSV that tells which hash is which slide and patient; not into OUTPUT.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class NameOptions:
    """The options that say whether names stand hashed, and by which key."""

    anonymise: bool = False
    key: Path | None = None
    table: Path | None = None

    def check(self) -> None:
        """Refuse options that do not fit each other.

        Raises
        ------
        SettingsError
            If they do not.
        """
        if not self.anonymise and (self.key or self.table):
            raise SettingsError(
                "--anonymise-key and --anonymise-names are of use with --anonymise: give it, too"
            )

    def of(self, slides: list[CohortSlide], output: Path) -> list[CohortSlide]:
        """The slides, by the names that their results are to have.

        Raises
        ------
        WsiIdcError
            If the key or the table of names cannot be used.
        """
        if not self.anonymise:
            return slides
        from wsi_idc.cohort.anonymous import anonymised, hidden_names, other_names_in, write_names
        from wsi_idc.privacy.pseudonyms import make_key, own_key_file, read_key

        key = self.key or own_key_file()
        if make_key(key):
            log.info("made a secret key, %s: keep it, other keys give other hashes", key)
        named = anonymised(slides, read_key(key))
        names_in_log(hidden_names(named))
        if self.table is not None:
            write_names(self.table, named, output)
        if number := other_names_in(output):
            log.warning(
                "warning: %s holds results of %d slides by their own names, from runs without "
                "--anonymise; they stay as they are",
                output,
                number,
            )
        return named
