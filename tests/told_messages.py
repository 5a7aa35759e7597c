"""The messages in the package's code, as templates: what varies in one is written `…`.

Errors are found where one of `wsi_idc.errors` is made, in whatever way its text is put together
there. Tests hold the page of errors against them, and themselves: each message is asserted.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from conftest import REPOSITORY

from wsi_idc import errors

HOLE = "…"
PACKAGE = REPOSITORY / "wsi_idc"

# The text of another error, with where that happened in front.
_PASSED_ON = {HOLE, f"{HOLE}: {HOLE}", f"{HOLE}, line {HOLE}: {HOLE}", f"worker {HOLE}: {HOLE}"}

# What they add to a message, the nearest name to one that is none, is no part of its template.
_SUGGESTIONS = ("did_you_mean", "near_file")

# Functions that tell warnings: what they return, append or list, by module.
_WARNING_FUNCTIONS = {
    "annotations/annotation_set.py": ("notes",),
    "annotations/placing.py": ("place_annotations",),
    "model/stain.py": ("stain_warning",),
    "slides/describe.py": ("planes_and_scenes",),
    "slides/image_reader.py": ("_notes",),
    "slides/info.py": ("mpp_warning",),
    "slides/microns.py": ("_conflict",),
    "slides/tiff_pages.py": ("_plane", "find_layout"),
    "tiling/annotated.py": ("_not_found",),
    "tissue/mask.py": ("_warnings",),
    "view/mapped.py": ("_picture",),
}


def says(template: str) -> re.Pattern[str]:
    """An error of this message in full: perhaps with a file in front, and a near name behind."""
    parts = ".*".join(map(re.escape, template.split(HOLE)))
    return re.compile(rf"(.*: )?{parts}(; did you mean .*\?)?", re.DOTALL)


def check_told(template: str, act: Callable[[], object]) -> None:
    """Assert that an action ends in the error that has this message in the code."""
    kinds = {found.kind for found in templates() if found.text == template}
    assert kinds, f"no error in the code says: {template}"
    with pytest.raises(errors.WsiIdcError) as raised:
        act()
    told = errors.one_line(raised.value)
    assert says(template).fullmatch(told), told
    assert type(raised.value).__name__ in kinds


@dataclass(frozen=True)
class Template:
    """A message in the code.

    Attributes
    ----------
    text : what it says, `…` where it varies.
    kind : the class of the error, or `warning`, or `answer` of the viewer.
    place : its module and line.
    """

    text: str
    kind: str
    place: str

    @property
    def is_passed_on(self) -> bool:
        """Whether it is the text of another error, or of a warning."""
        return self.text.replace("warning: ", "") in _PASSED_ON


@dataclass(frozen=True, eq=False)
class _Module:
    """A module's name, what stands at its top, and all nodes of its kinds that matter here."""

    name: str
    body: tuple[ast.stmt, ...]
    nodes: tuple[ast.AST, ...]


@cache
def templates() -> tuple[Template, ...]:
    """All messages, those apart that differ in more than what varies."""
    found = [template for module in _modules() for template in _in_module(module)]
    return tuple(dict.fromkeys(found))


@cache
def literals() -> tuple[str, ...]:
    """All strings in the package's code, `…` where something is put into them."""
    return tuple(
        text
        for module in _modules()
        for node in module.nodes
        if isinstance(node, ast.JoinedStr | ast.Constant)
        for text in _texts(node, module)
    )


@cache
def expectations() -> tuple[str, ...]:
    """All strings in the tests, put together where they stand together, but for these modules."""
    apart = ("told_messages.py", "docs/test_errors.py")
    modules = [module for module in _read(REPOSITORY / "tests") if module.name not in apart]
    return tuple(
        re.sub(r"\\(.)", r"\1", text)  # as in a pattern
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.BinOp | ast.JoinedStr | ast.Constant)
        for text in _texts(node, module)
    )


def distinct_parts(texts: Iterable[str]) -> dict[str, set[str]]:
    """Of each message, parts that no other has: of 14 letters, or fewer where there are none."""
    found: dict[str, set[str]] = {text: set() for text in texts}
    for length in (14, 12, 10):
        count = Counter(part for text in found for part in _parts(text, length))
        for text, parts in found.items():
            if not parts:
                parts |= {part for part in _parts(text, length) if count[part] == 1}
    return found


def _parts(text: str, length: int) -> set[str]:
    return {
        piece[at : at + length]
        for piece in text.split(HOLE)
        for at in range(len(piece) - length + 1)
    }


@cache
def _modules() -> tuple[_Module, ...]:
    return _read(PACKAGE)


def _read(folder: Path) -> tuple[_Module, ...]:
    kinds = (ast.Call, ast.ClassDef, ast.FunctionDef, ast.JoinedStr, ast.Constant, ast.BinOp)
    modules = []
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        nodes = tuple(node for node in ast.walk(tree) if isinstance(node, kinds))
        modules.append(_Module(file.relative_to(folder).as_posix(), tuple(tree.body), nodes))
    return tuple(modules)


@cache
def _error_classes() -> frozenset[str]:
    """Names of the classes of errors.py, and of those that other modules derive from them."""
    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.WsiIdcError)
    }
    classes = [
        node for module in _modules() for node in module.nodes if isinstance(node, ast.ClassDef)
    ]
    for node in classes:
        if any(isinstance(base, ast.Name) and base.id in names for base in node.bases):
            names.add(node.name)
    return frozenset(names)


@cache
def _constants(modules: tuple[_Module, ...]) -> dict[str, dict[str, str]]:
    """Strings that modules give a name in capitals, by that name and the module."""
    found: dict[str, dict[str, str]] = {}
    for module in modules:
        for node in module.body:
            match node:
                case ast.Assign([ast.Name(id=name)], ast.Constant(value=str() as text)):
                    if name.lstrip("_").isupper():
                        found.setdefault(name, {})[module.name] = text
    return found


@cache
def _functions() -> dict[str, tuple[ast.FunctionDef, _Module]]:
    return {
        node.name: (node, module)
        for module in _modules()
        for node in module.body
        if isinstance(node, ast.FunctionDef)
    }


def _in_module(module: _Module) -> Iterator[Template]:
    for node in module.nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if name in _error_classes() and node.args:
                yield from _made(node.args[0], name, node, module)
            elif name == "HTTPException":
                yield from _made(node.args[1], "answer", node, module)
            elif name == "warning" or (name == "say" and _says_warning(node)):
                yield from _made(node.args[0], "warning", node, module)
        if isinstance(node, ast.FunctionDef) and node.name in _WARNING_FUNCTIONS.get(
            module.name, ()
        ):
            for inner in ast.walk(node):
                for told in _told_by(inner):
                    yield from _made(told, "warning", inner, module)


def _says_warning(node: ast.Call) -> bool:
    return any(
        isinstance(part, ast.Constant) and str(part.value).startswith("warning: ")
        for part in node.args
    )


def _told_by(node: ast.AST) -> list[ast.expr]:
    """What a statement of a function of warnings tells."""
    if isinstance(node, ast.Return) and node.value is not None:
        told = [node.value]
    elif isinstance(node, ast.ListComp):
        told = [node.elt]
    elif isinstance(node, ast.List | ast.Tuple):
        told = node.elts
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".append"):
        told = node.args
    else:
        told = []
    texts = ast.JoinedStr | ast.Constant | ast.BinOp
    return [one for one in told if isinstance(one, texts) and " " in ast.unparse(one)]


def _made(text: ast.expr, kind: str, node: ast.AST, module: _Module) -> Iterator[Template]:
    place = f"{module.name}:{getattr(node, 'lineno', 0)}"
    for variant in _texts(text, module, follow=True):
        if variant:
            yield Template(variant, kind, place)


def _texts(node: ast.expr, module: _Module, *, follow: bool = False) -> list[str]:
    """All that an expression can say; `follow` also looks into the function that it calls."""
    match node:
        case ast.Constant(value=str() as text):
            # Of the way that `logging` puts values in.
            found = [re.sub(r"%[sdrg]|%\.\d?f", HOLE, text)]
        case ast.JoinedStr(values=parts):
            found = _joined([_texts(part, module) for part in parts])
        case ast.FormattedValue(value=value):
            as_it_is = node.format_spec is None and node.conversion == -1
            found = _texts(value, module) if as_it_is else [HOLE]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = _joined([_texts(left, module), _texts(right, module)])
        case ast.IfExp(body=body, orelse=orelse):
            found = [*_texts(body, module), *_texts(orelse, module)]
        case ast.Name(id=name):
            found = [_constant(name, module)]
        case ast.Call(func=ast.Name(id=name)) if name in _SUGGESTIONS:
            found = [""]
        case ast.Call(func=ast.Name(id=name)) if follow and name in _functions():
            function, home = _functions()[name]
            returned = [each for each in ast.walk(function) if isinstance(each, ast.Return)]
            found = [text for each in returned if each.value for text in _texts(each.value, home)]
        case ast.BoolOp(values=values) if all(_suggests(value) for value in values):
            found = [""]
        case _:
            found = [HOLE]
    return list(dict.fromkeys(re.sub(f"{HOLE}+", HOLE, text) for text in found))


def _suggests(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in _SUGGESTIONS


def _constant(name: str, module: _Module) -> str:
    if not name.lstrip("_").isupper():
        return HOLE
    if own := _constants((module,)).get(name):
        return own[module.name]
    values = list(_constants(_modules()).get(name, {}).values())
    return values[0] if len(values) == 1 else HOLE


def _joined(parts: list[list[str]]) -> list[str]:
    return ["".join(choice) for choice in itertools.product(*parts)]


def pieces(text: str) -> list[str]:
    """The parts of a template that do not vary."""
    return [piece for piece in (part.strip() for part in text.split(HOLE)) if piece]
