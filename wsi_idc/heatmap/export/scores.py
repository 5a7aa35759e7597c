"""The scores of a slide as a table, as WSInfer writes it.

Columns `minx, miny, width, height` in level-0 pixels and a `prob_<class>` per class, one row a
patch.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_idc.errors import ResultFolderError, SettingsError, reason
from wsi_idc.files import whole_file

RECTANGLE_COLUMNS = ("minx", "miny", "width", "height")

# A thousandth of a level-0 pixel is a quarter of a nanometre on a 40x slide.
_COORDINATE_DECIMALS = 3


def write_scores_csv(path: Path, table: pd.DataFrame) -> None:
    """Write one row per patch: where it lies and its probability of each class.

    Parameters
    ----------
    path : the file to write.
    table : columns `minx`, `miny`, `width`, `height` in level-0 pixels, written to three
        decimals, and at least one `prob_<class>`, 0 to 1, written as the shortest text that
        reads back as the same float32. Other columns are left out; rows keep their order.

    Raises
    ------
    SettingsError
        If a column is missing or a value is no finite number or no probability.
    OutputError
        If the place cannot be written.
    """
    problem = _score_problem(table)
    if problem:
        raise SettingsError(f"cannot write scores to {path}: {problem}")
    names = [*RECTANGLE_COLUMNS, *_probability_columns(table.columns)]
    columns = [_texts(table[name], as_coordinate=name in RECTANGLE_COLUMNS) for name in names]
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(",".join(names) + "\n")
        file.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def read_scores_csv(path: Path) -> pd.DataFrame:
    """Read what `write_scores_csv`, or WSInfer, wrote.

    Returns
    -------
    DataFrame with `minx`, `miny`, `width`, `height` as float64, level-0 pixels, and the
    `prob_<class>` columns as float32.

    Raises
    ------
    ResultFolderError
        If the file is missing, no such table, or holds values that are no probabilities.
    """
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise ResultFolderError(
            f"no scores at {path}; run `wsi-idc heatmap` on the slide"
        ) from error
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise ResultFolderError(
            f"{path} cannot be read ({reason(error)}); run `wsi-idc heatmap` on the slide again"
        ) from error
    problem = _score_problem(table)
    if problem:
        raise ResultFolderError(
            f"{path} is no scores table: {problem}; run `wsi-idc heatmap` on the slide again"
        )
    probabilities = _probability_columns(table.columns)
    types = dict.fromkeys(RECTANGLE_COLUMNS, "float64") | dict.fromkeys(probabilities, "float32")
    return table[list(types)].astype(types)


def write_scores_parquet(path: Path, scores: pd.DataFrame) -> None:
    """Write a table that `read_scores_csv` gave as Parquet, the same columns and values.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    with whole_file(path) as temporary:
        scores.to_parquet(temporary, engine="pyarrow", index=False)


def _score_problem(table: pd.DataFrame) -> str | None:
    """What keeps the table from being one of scores, in words, or None."""
    missing = [name for name in RECTANGLE_COLUMNS if name not in table.columns]
    probabilities = _probability_columns(table.columns)
    if missing or not probabilities:
        return f"column {', '.join(missing) or 'prob_idc'} is missing"
    for name in (*RECTANGLE_COLUMNS, *probabilities):
        if len(table) and not pd.api.types.is_numeric_dtype(table[name]):
            return f"column {name} holds something that is no number"
        values = table[name].to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            return f"column {name} has empty or infinite values"
        if name in probabilities and not ((values >= 0) & (values <= 1)).all():
            return f"column {name} has values outside 0 to 1"
    return None


def _probability_columns(names: Iterable[str]) -> list[str]:
    return [str(name) for name in names if str(name).startswith("prob_")]


def coordinate_texts(values: NDArray[np.float64]) -> list[str]:
    """Level-0 pixels to three decimals; whole numbers without ".0", as some readers need them."""
    rounded = values.round(_COORDINATE_DECIMALS) + 0.0  # no "-0"
    return [np.format_float_positional(value, trim="-") for value in rounded]


def probability_texts(values: NDArray[np.float32]) -> list[str]:
    """The shortest texts that read back as the same float32."""
    return [np.format_float_positional(value, trim="0") for value in values]


def _texts(column: pd.Series[float], *, as_coordinate: bool) -> list[str]:
    if as_coordinate:
        return coordinate_texts(np.asarray(column, np.float64))
    return probability_texts(np.asarray(column, np.float32))
