"""What a cohort's output folder tells of its slides: a record each, and two tables of them all.

::

    OUTPUT/
      cohort.csv                    a row for each slide that was ever run into the folder
      failures.csv                  those that failed last time: step, error, remedy
      .cohort/slides/<name>.json    the records that the tables are made from
      .cohort/locks/<name>.lock     held while a process works on the slide

Processes that share the folder each write the records of their slides; whoever writes the tables
writes them of all records.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from wsi_idc.cohort.locks import locked, waited_for
from wsi_idc.cohort.task import Failure, SlideDone, SlideTask
from wsi_idc.files import make_folder, read_json, write_csv, write_json

COHORT_TABLE, FAILURES_TABLE = "cohort.csv", "failures.csv"
STATE_FOLDER = ".cohort"
DONE, FAILED = "done", "failed"

# Fifty jobs may end together, each to read thousands of records over a network.
_PATIENCE_S = 900.0


@dataclass(frozen=True)
class SlideRecord:
    """What last became of a slide; the attributes are the columns of the tables.

    Attributes
    ----------
    slide : the name of its file, without folders: these may be named by patients.
    name : what its results are called.
    status : `done` or `failed`.
    result : where they lie in the output folder; None where it failed.
    seconds : how long it took; None where that is not known.
    """

    slide: str
    name: str
    status: str
    result: str | None = None
    patches: int | None = None
    tissue_mm2: float | None = None
    tumour_mm2: float | None = None
    tumour_fraction: float | None = None
    seconds: float | None = None
    warnings: tuple[str, ...] = ()
    step: str | None = None
    error: str | None = None
    remedy: str | None = None


def slide_lock(output: Path, name: str) -> Path:
    """The lock of one slide's results."""
    return output / STATE_FOLDER / "locks" / f"{name}.lock"


def prepare_output(output: Path) -> None:
    """Make an output folder ready, and find out early whether it can be written.

    Raises
    ------
    OutputError
        If it cannot.
    """
    folder = make_folder(output / STATE_FOLDER / "slides")
    probe = folder / ".probe"
    write_json(probe, {})
    with suppress(OSError):
        probe.unlink()


def record_done(output: Path, task: SlideTask, done: SlideDone, seconds: float) -> None:
    """Write down that a slide is done; how long an earlier run took for it is kept."""
    file = _record_file(output, task.name)
    before = _read(file)
    if done.skipped:
        known = before is not None and before.status == DONE
        took = before.seconds if before is not None and known else None
    else:
        took = round(seconds, 2)
    record = SlideRecord(
        slide=task.source.file,
        name=task.name,
        status=DONE,
        result=done.folder.relative_to(output).as_posix(),
        patches=done.patches,
        tissue_mm2=_rounded(done.tissue_mm2),
        tumour_mm2=_rounded(done.tumour_mm2),
        tumour_fraction=_rounded(done.tumour_fraction),
        seconds=took,
        warnings=done.warnings,
    )
    if record != before:
        write_json(file, asdict(record))


def record_failure(output: Path, task: SlideTask, failure: Failure, seconds: float) -> None:
    """Write down that a slide failed, and why.

    One that was refused, for other settings made its result, leaves that and its record alone.
    """
    file = _record_file(output, task.name)
    before = _read(file)
    if failure.step == "settings" and before is not None and _is_there(output, before):
        return
    record = SlideRecord(
        slide=task.source.file,
        name=task.name,
        status=FAILED,
        seconds=round(seconds, 2),
        step=failure.step,
        error=failure.error,
        remedy=failure.remedy,
    )
    write_json(file, asdict(record))


def failed_names(output: Path) -> set[str]:
    """Names of the slides that failed when they were last run into a folder."""
    return {record.name for record in read_records(output) if record.status == FAILED}


def read_records(output: Path) -> list[SlideRecord]:
    """All records of an output folder, by name; those of results that are gone left out."""
    found = (_read(file) for file in (output / STATE_FOLDER / "slides").glob("[!.]*.json"))
    records = [
        record
        for record in found
        if record is not None and (record.status == FAILED or _is_there(output, record))
    ]
    return sorted(records, key=lambda record: (record.name.casefold(), record.name))


def write_tables(output: Path, *, at_once: bool = False) -> None:
    """Write `cohort.csv` and `failures.csv` of all records, those of other processes included.

    Parameters
    ----------
    output : the folder of all results.
    at_once : do nothing if another process is writing them: it may be the first of fifty that
        all finished a slide just now, and they will be written again.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    import pandas as pd

    lock = output / STATE_FOLDER / "locks" / ".tables"
    with ExitStack() as held:
        if not at_once:
            held.enter_context(waited_for(lock, _PATIENCE_S))
        elif held.enter_context(locked(lock)) is not None:
            return
        records = [_row(record) for record in read_records(output)]
        table = pd.DataFrame(records, columns=[field.name for field in fields(SlideRecord)])
        table = table.astype({"patches": "Int64"})
        about = ("result", "step", "error", "remedy")
        write_csv(output / COHORT_TABLE, table.drop(columns=list(about)))
        failed = table[table["status"] == FAILED]
        write_csv(output / FAILURES_TABLE, failed[["slide", "name", "step", "error", "remedy"]])


def _row(record: SlideRecord) -> dict[str, Any]:
    """A record for a table, whose texts are UTF-8 even where the name of a file is not."""
    row = asdict(record) | {"warnings": " | ".join(record.warnings)}
    return {
        key: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }


def _record_file(output: Path, name: str) -> Path:
    return output / STATE_FOLDER / "slides" / f"{name}.json"


def _read(file: Path) -> SlideRecord | None:
    """A record; None where there is none, or one that another version wrote otherwise."""
    try:
        content: dict[str, Any] = read_json(file)
        return SlideRecord(**{**content, "warnings": tuple(content["warnings"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_there(output: Path, record: SlideRecord) -> bool:
    """Whether the result that a record tells of exists."""
    return record.result is not None and (output / record.result).exists()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
