"""The documentation: it builds without complaint, fetches nothing, and its commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from conftest import REPOSITORY

from wsi_idc.cli.app import app

PAGES = sorted(
    [*(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / name for name in ("README.md",))]
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_site_fetches_nothing(site: Path) -> None:
    fetched = r"<(?:script|img|iframe)[^>]*\ssrc=|<link[^>]*rel=\"?(?:stylesheet|icon)\"?[^>]*href="
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"(?:{fetched})[\"']?([^\"'\s>]+)", text):
            assert "//" not in match[1], f"{page.name} fetches {match[1]}"


def test_site_has_the_changelog(site: Path) -> None:
    assert "wsi-idc doctor" in (site / "changelog.html").read_text(encoding="utf-8")


def commands_in(text: str) -> list[list[str]]:
    """The words of every `wsi-idc` command in fenced blocks and in code."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    found = []
    for line in lines:
        if match := re.match(r"\s*(?:\$ )?(?:\S*/)?wsi-idc\s+(.+)", line):
            found.append(shlex.split(match[1].split("  #")[0].split(" > ")[0]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    group = typer.main.get_command(app)
    for words in commands_in(page.read_text(encoding="utf-8")):
        name, *rest = words
        command = group.commands.get(name)
        if not name.islower() or name.startswith("-"):  # COMMAND, --version
            continue
        while command is not None and hasattr(command, "commands") and rest:
            command, rest = command.commands.get(rest[0]), rest[1:]
        assert command is not None, f"there is no command {' '.join(words)}"
        options = {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)}
        for word in rest:
            if word.startswith("-") and not re.match(r"-\d", word):
                option = word.split("=")[0]
                assert option in options | {"--help"}, f"{' '.join(words)}: no option {option}"
