"""Programs of the repository that no package holds, loaded to be tested."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from conftest import REPOSITORY


@contextmanager
def script(place: str) -> Iterator[ModuleType]:
    """A program by its place in the repository; it finds its neighbours while the block lasts.

    It has a name that no other module has: `limits` is a folder of tests, too.
    """
    path = REPOSITORY / place
    name = f"script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(path.parent))
        patched.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        yield module
