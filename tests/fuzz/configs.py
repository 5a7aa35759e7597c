"""Hostile files of options, TOML and YAML: commands take them, or say in a line why not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random

from fuzz.bases import Bases
from fuzz.cases import Attempt, Kind
from fuzz.commands import checked
from fuzz.damage import damaged

_VALUES = (
    *('""', "true", "[]", "[[]]", "{}", "nan", "inf", "-1", "1e400", "1979-05-27", "07:32:00"),
    *('"\\u0000"', '"a\\nb"', '"\\u202e"', "[1, [2]]", '["a", true]', f'"{"a" * 50_000}"'),
    *(f"0x{'f' * 6000}", "9" * 3000, "9" * 6000, '"--help"', '"-o"', "{a = 1}", '"\\ud800"'),
)
_YAML = (
    *("a: 2020-13-45", "a: !!python/object/apply:os.system ['true']", "a: !!int x", "? [a]\n: 1"),
    *("a: &a [*a]", "a: !!timestamp x", "a: !!binary x", "a: 0b_", "a: !!float x", "<<: 1"),
    *("a: 1\na: 2", "%YAML 9.9\n---\na: 1", "--- 1\n--- 2", "a: *b", "\ta: 1", "a: 190:20:30.15"),
    *("a: 1_0", "1: 2", "true: 1", "null: 1", "- a", "1", "~", "a: !!set {x}", "!!map [a]"),
)


def _laughs(levels: int) -> str:
    # In another command's table, where names are not looked at.
    lines = ["demo:", "  l0: &l0 [lol, lol]"]
    lines += [f"  l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join([*lines, f"slides: [*l{levels - 1}]", ""])


def toml(rng: Random) -> tuple[str, str]:
    option = rng.choice(
        [
            *("stride", "patch-size", "output", "slides", "overwrite", "reader", "roi", "config"),
            *("positive-class", "slide-mpp", "patients", "log-file", "no-such-option"),
        ]
    )
    value = rng.choice(_VALUES)
    which = rng.randrange(8)
    if which < 4:
        return f"[tile]\n{option} = {value}\n", f"{option} = {value[:30]}"
    if which == 4:
        name = rng.choice(["tile.tile", "model.pack", "nonesuch", '"a\\nb"', '""', "tile.a.b.c"])
        return f"[{name}]\n{option} = {value}\n", f"table {name}, {option} = {value[:30]}"
    if which == 5:
        depth = rng.choice([50, 100_000])
        return f"{option} = {'[' * depth}{']' * depth}\n", f"{depth:,} arrays in each other"
    if which == 6:
        name = rng.choice(['"a\\nb"', '"\\u001b[2J"', f'"{"x" * 100_000}"', "ß", '"é"', "a.b.c"])
        return f"{name} = 1\n", f"the option {name[:12]}"
    many = rng.choice([2000, 50_000])
    return "".join(f"a{i} = {i}\n" for i in range(many)), f"{many:,} options"


def yaml(rng: Random) -> tuple[str, str]:
    which = rng.randrange(6)
    if which < 3:
        text = rng.choice(_YAML)
        for name in ("slides", "output"):
            if rng.random() < 0.3:
                text = text.replace("a:", f"{name}:")
        return text, f"{text[:40]!a}"
    if which == 3:
        levels = rng.choice([3, 9, 40])
        return _laughs(levels), f"ten to the {levels} laughs"
    if which == 4:
        depth = rng.choice([50, 3000])
        text = rng.choice(["[" * depth, "{a: " * depth, "- " * depth])
        return f"slides: {text}", f"{depth:,} deep"
    return f"slides: {rng.choice(_VALUES)}\n", "a value"


def config(bases: Bases, folder: Path, rng: Random) -> Attempt:
    form = rng.choice([toml, toml, yaml])
    path = folder / f"options.{rng.choice(['yaml', 'yml']) if form is yaml else 'toml'}"
    text, about = form(rng)
    content = text.encode(errors="surrogatepass")
    if rng.random() < 0.25:
        content, how = damaged(content, rng)
        about += f", {how}"
    elif rng.random() < 0.1:
        encoding = rng.choice(["utf-16", "utf-8-sig", "utf-32", "latin-1"])
        content, about = text.encode(encoding, errors="replace"), f"{about}, in {encoding}"
    path.write_bytes(content)
    command = rng.choice(["tile", "tile", "heatmap", "train", "evaluate"])
    run = partial(checked, command, "--config", path, "--print-config")
    # An option's value may be wrong as well: then its name is told.
    return Attempt(run, (), f"{command} --config {path.name}: {about}")


KINDS = {"config": Kind(config, 40, 1200)}
