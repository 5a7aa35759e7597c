"""Files with names that people, programs and systems trip over."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from random import Random

from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.commands import checked

STEMS = (
    *("a b", " a", "a ", "it's", 'say "hi"', "a\nb", "a\rb", "a\tb", "\x1b[31mred", "\x7f", "\x01"),
    *("ß漢字", "e\u0301", "\u202egnp", "\U0001f9ec", "\u2028", "\u00a0", "%s%n%d", "{0}", "{}"),
    *("$(touch x)", "`id`", "a;b", "a&b", "a|b", "<b>", "a'--", "-o", "--help", "~", "*", "[a]"),
    *("?", "a\\b", "CON", "nul.x", ".hidden", "..x", "slides", "0", "a.b.c", "x" * 200, "x" * 251),
    *("漢" * 83, os.fsdecode(b"\xff\xfe"), os.fsdecode(b"caf\xe9"), "a,b", "a=b", "#", "@file"),
)


def _forms(name: str) -> tuple[str, ...]:
    """How a name may stand in a line of text."""
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    escaped = name.encode("unicode_escape").decode()
    return tuple({name, " ".join(name.split()), shown, escaped, repr(name)[1:-1], name[:30]})


def named(bases: Bases, folder: Path, rng: Random) -> Attempt:
    stem = rng.choice(STEMS)
    path = folder / f"{stem}.svs"
    shutil.copy(bases.section, path)
    what = rng.choice([_tile, _tile, _tile, _plan, _info, _folder, _listed])
    # A folder of a slide that begins with a dot holds none, and is named itself.
    forms = () if what is _folder else (*_forms(stem), "list.csv")
    return Attempt(partial(what, path, folder), forms, f"{what.__name__[1:]} {stem[:20]!a}")


def _tile(path: Path, folder: Path) -> None:
    output = folder / "out"
    log = ("--log-file", folder / "log.txt")
    checked("tile", path, "-o", output, "--workers", "0", *log)
    _check_patches(output)


def _check_patches(output: Path) -> None:
    manifests = list(output.glob("slides/*/manifest.json"))
    assert len(manifests) == 1, manifests
    patches = json.loads(manifests[0].read_text(encoding="utf-8"))["counts"]["patches"]
    assert patches == len(list(output.rglob("*_x*_y*.png"))) > 0
    (output / "cohort.csv").read_text(encoding="utf-8")


def _plan(path: Path, folder: Path) -> None:
    checked("tile", path, "-o", folder / "out", "--dry-run")


def _info(path: Path, folder: Path) -> None:
    ran = checked("info", path, "--json")
    json.loads(ran.out)
    checked("info", path)


def _folder(path: Path, folder: Path) -> None:
    checked("tile", folder, "-o", folder / "out", "--workers", "0")


def _listed(path: Path, folder: Path) -> None:
    table = folder / "list.csv"
    name = path.name.replace('"', '""')
    table.write_text(f'slide,patient\n"{name}",p1\n', encoding="utf-8", errors="surrogateescape")
    checked("tile", table, "-o", folder / "out", "--workers", "0")


def mapped(bases: Bases, folder: Path, rng: Random) -> Attempt:
    """A whole result folder of a slide with such a name, and its report."""
    stem = rng.choice(STEMS)
    path = folder / f"{stem}.svs"
    shutil.copy(bases.section, path)

    def run() -> None:
        from small_cohorts import MeanScorer, card

        from wsi_idc.heatmap.predict import predict_slide
        from wsi_idc.heatmap.result import read_result

        output = folder / "map"
        made = predict_slide(path, MeanScorer(card()), output, display={"width_px": 400})
        again = read_result(output)
        assert again.name == made.name
        (output / "report.html").read_text(encoding="utf-8")

    return Attempt(run, _forms(stem), f"heatmap of {stem[:20]!a}")


KINDS = {"name-command": Kind(named, 30, 600), "name-map": Kind(mapped, 3, 180)}
