"""Hostile CSVs: cohorts, patients, splits, labelled squares, scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pandas as pd
from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.damage import damaged

_ODD = (
    *("", " ", "nan", "NaN", "inf", "-inf", "1e999", "-1", "0", "1.5", "1e30", "0x10", "1_0", "١"),
    *('"', '""', '"a', "a\x00b", "\x00", "\x1b[2J", "ß漢字", "../../etc/passwd", "/etc/passwd"),
    *("a" * 300, "a" * 200_000, "=cmd|'/c calc'!A0", "con", "a/b", "a\\b", ".", "..", "slides"),
    *("0.25,0.26", "0.25;0.26", "\ufeff", "\u202egnp.exe", "*", "[", "~", "-o", "--help"),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "cp037")


def table(columns: list[str], rows: list[list[str]], rng: Random) -> tuple[bytes, str]:
    """A table with something odd about it."""
    columns, rows = list(columns), [list(row) for row in rows]
    which = rng.randrange(12)
    about = "as it should be"
    if which < 4:
        for _ in range(rng.choice([1, 1, 3])):
            row, column = rng.choice(rows), rng.randrange(len(columns))
            row[column] = rng.choice(_ODD)
            about = f"{columns[column]} is {row[column][:20]!a}"
    elif which == 4:
        at = rng.randrange(len(columns))
        columns[at] = rng.choice(["", "SLIDE", " slide ", columns[0], "x" * 10_000, "a\nb", "\0"])
        about = f"a column is called {columns[at][:20]!a}"
    elif which == 5:
        about = rng.choice(["no rows", "no columns", "nothing"])
        rows = []
        columns = [] if about != "no rows" else columns
    elif which == 6:
        rows = [
            row[: rng.randrange(len(row) + 1)] + ["more"] * rng.choice([0, 0, 5]) for row in rows
        ]
        about = "rows of other lengths"
    elif which == 7:
        rows *= rng.choice([1000, 20_000])
        about = "many rows"
    mark, end = (
        rng.choice([",", ",", ",", ";", "\t"]),
        rng.choice(["\n", "\n", "\r\n", "\r", "\n\n"]),
    )
    text = end.join(mark.join(map(_quoted, row)) for row in [columns, *rows]) + end
    if which == 8:
        encoding = rng.choice(_ENCODINGS)
        return text.replace("a", "ä").encode(encoding, errors="replace"), encoding
    content = text.encode(errors="surrogatepass")
    if which == 9:
        return damaged(content, rng)
    if which == 10:
        return rng.randbytes(rng.choice([1, 30, 3000])), "random bytes"
    return content, f"{about}, {mark!a} {end!a}"


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _cohort(path: Path) -> None:
    from wsi_idc.cohort.slides import read_cohort

    for slide in read_cohort([path]):
        _ = slide.alias, slide.path.exists()


def _patients(path: Path) -> None:
    from wsi_idc.tiling.patients import patients_of

    patients_of([Path("a.svs"), Path("b.svs")], path)


def _split(path: Path) -> None:
    from wsi_idc.split_file import read_split

    patients = pd.DataFrame({"patient": ["a", "a", "b", "b"], "label": [0, 1, 0, 1]})
    read_split(path, patients)


def _scores(path: Path) -> None:
    from wsi_idc.heatmap.export.scores import read_scores_csv

    read_scores_csv(path)


def _truth(result: Path, path: Path) -> None:
    from wsi_idc.heatmap.judge import judge_result

    judge_result(result, path)


def any_table(bases: Bases, folder: Path, rng: Random) -> Attempt:
    forms: dict[str, tuple[list[str], list[list[str]], Callable[[Path], None]]] = {
        "cohort": (
            ["slide", "name", "patient", "slide_mpp", "annotations"],
            [["a.svs", "a", "p1", "0.25", "a.xml"], ["b.svs", "b", "p2", "0.5", ""]],
            _cohort,
        ),
        "patients": (["slide", "patient"], [["a.svs", "p1"], ["b.svs", "p2"]], _patients),
        "split": (["patient", "split"], [["a", "train"], ["b", "val"]], _split),
        "scores": (
            ["minx", "miny", "width", "height", "prob_idc"],
            [["0", "0", "50", "50", "0.25"], ["50", "0", "50", "50", "0.75"]],
            _scores,
        ),
        "truth": (
            ["x", "y", "width", "height", "class"],
            [["101", "201", "50", "50", "0"], ["151", "201", "50", "50", "1"]],
            partial(_truth, bases.result),
        ),
    }
    form = rng.choice(list(forms))
    columns, rows, use = forms[form]
    content, about = table(columns, rows, rng)
    path = folder / f"{form}.csv"
    path.write_bytes(content)
    return Attempt(partial(use, path), (path.name,), f"{form}: {about}")


KINDS = {"table": Kind(any_table, 50, 1400)}
