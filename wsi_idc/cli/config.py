"""What every command takes beside its own options: settings from a file or the environment.

`Command` is the class of all commands, and `with_common_options` gives their functions the options.
A value on the command line comes before one in the environment, that before one in the file, and
that before the default.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import reprlib
import tomllib
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from wsi_idc.cli.console import (
    Verbosity,
    log,
    set_verbosity,
    start_log,
    user_errors,
)
from wsi_idc.cli.kept_log import note_given
from wsi_idc.cli.usage import UsageError, mend
from wsi_idc.errors import SettingsError, reason
from wsi_idc.near import did_you_mean, near_file, nearest_of

PREFIX = "WSI_IDC"
_COMMON = ("config", "print_config", "quiet", "debug")  # not settings of a file

# A file with every option of every command has some thousand characters; a path of the longest
# kind is a value of four thousand.
_MOST_CHARACTERS, _LONGEST_VALUE, _LARGEST_NUMBER = 1_000_000, 4096, 2.0**63

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Take options from a TOML or YAML file, by their names; those given here come first.",
        show_default=False,
    ),
]
PrintConfigOption = Annotated[
    bool,
    typer.Option("--print-config", help="Print all options and their values as TOML, and stop."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell of warnings and errors only.")
]
DebugOption = Annotated[
    bool,
    typer.Option("--debug", "--verbose", help="Tell more, with the traceback of every error."),
]


class Command(TyperCommand):
    """A command whose options may come from a file or the environment."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, with what file and environment say beneath it."""
        if {"-h", "--help"} & set(args):
            return super().parse_args(ctx, args)
        if {"--debug", "--verbose"} & set(args):  # also what is wrong before options are known
            set_verbosity(Verbosity.DEBUG)
        start_log()
        prefix = "_".join([PREFIX, *_path(ctx)]).upper()
        self._name_variables(prefix)
        if (file := _config_file(args, prefix)) is not None:
            ctx.default_map = user_errors(read_config)(file, self, _path(ctx))
        required = [param for param in self.params if param.required]
        if "--print-config" in args:  # tells what is not given yet, too
            for param in required:
                param.required = False
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            mend(error, ctx)
            raise
        finally:
            for param in required:
                param.required = True

    def _name_variables(self, prefix: str) -> None:
        """Name the environment's variables as the options, and those that are none."""
        options = [param for param in self.params if param.opts[0].startswith("-")]
        for param in options:
            param.envvar = f"{prefix}_{_name(param)}".replace("-", "_").upper()
        known = {str(param.envvar) for param in options}
        for name in os.environ:
            if name.startswith(f"{prefix}_") and name not in known:
                log.warning("warning: %s is no option%s", name, did_you_mean(name, known))


def with_common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command's function the options that every command has."""
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def wrapped(ctx: typer.Context, **given: Any) -> None:
        asked = {name: given.pop(name) for name in _COMMON}
        if asked["print_config"]:
            typer.echo(as_toml(ctx.command, _path(ctx), ctx.params), nl=False)
            return
        if asked["quiet"] or asked["debug"]:
            set_verbosity(Verbosity.QUIET if asked["quiet"] else Verbosity.DEBUG)
        note_given(given.values())
        command(**given)

    common = {
        "config": (ConfigOption, None),
        "print_config": (PrintConfigOption, False),
        "quiet": (QuietOption, False),
        "debug": (DebugOption, False),
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(param.replace(kind=keyword) for param in own.parameters.values()),
        *(
            inspect.Parameter(name, keyword, default=default, annotation=annotation)
            for name, (annotation, default) in common.items()
        ),
    ]
    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {param.name: param.annotation for param in parameters}
    return wrapped


def read_config(file: Path, command: Any, path: Sequence[str]) -> dict[str, Any]:
    """The options of a command that a file gives, by the names of its parameters.

    The file holds them as they are called on the command line, either at its top or in a table
    that is named like the command, as in `[heatmap]` and `[model.pack]`; tables of other commands
    are left alone.

    Raises
    ------
    SettingsError
        If the file cannot be read, or holds a name that is none or a value that does not fit.
    """
    content = _content(file)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    given = {name: value for name, value in content.items() if name not in tables}
    commands = _commands()
    for name in tables:
        if name not in commands:
            raise SettingsError(
                f"{file}: there is no command {_short(name)}{nearest_of(name, commands)}"
            )
    table = tables
    for name in path:
        table = table.get(name, {})
    if both := given.keys() & table.keys():
        raise SettingsError(f"{file}: {', '.join(sorted(both))} stands in it twice; keep one")
    known = settings_of(command)
    found = {}
    for name, value in (given | table).items():
        plain = name.replace("_", "-")
        if plain not in known:
            raise SettingsError(
                f"{file}: {' '.join(path)} has no option {_short(name)}{nearest_of(plain, known)}"
            )
        found[known[plain].name] = _fitting(value, known[plain], f"{file}: {name}")
    return found


def settings_of(command: Any) -> dict[str, Any]:
    """A command's parameters by the names that a file calls them."""
    return {
        _name(param): param
        for param in command.params
        if param.name not in _COMMON and param.name != "help"
    }


def as_toml(command: Any, path: Sequence[str], values: dict[str, Any]) -> str:
    """A command's options as a file for `--config`; those without a value as comments."""
    head = f"# options of wsi-idc {' '.join(path)}, for --config FILE"
    lines = [head, f"[{'.'.join(path)}]"]
    for name, param in settings_of(command).items():
        value = values.get(param.name)
        if value is None or value == () or value == []:
            default = getattr(param, "show_default", None)
            lines.append(f"# {name} =" + (f"  # {default}" if isinstance(default, str) else ""))
        else:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _path(ctx: Any) -> list[str]:
    """The command as it is called after `wsi-idc`: `heatmap`, or `model` and `pack`."""
    return list(ctx.command_path.split()[1:])


def _config_file(args: Sequence[str], prefix: str) -> Path | None:
    for position, word in enumerate(args):
        if word == "--":
            break
        if word == "--config" and position + 1 < len(args):
            return Path(args[position + 1])
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    given = os.environ.get(f"{prefix}_CONFIG") or os.environ.get(f"{PREFIX}_CONFIG")
    return Path(given) if given else None


def _content(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no --config {file}; check the path{near_file(file)}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SettingsError(
            f"--config {file} cannot be read ({why}); give a TOML or YAML file"
        ) from error
    if len(text) > _MOST_CHARACTERS:
        raise SettingsError(
            f"--config {file} has {len(text):,} characters, and at most {_MOST_CHARACTERS:,} are "
            "read; give a file of options"
        )
    if file.suffix.lower() in (".yaml", ".yml"):
        from wsi_idc.files import parse_yaml

        try:
            content = parse_yaml(text)
        except ValueError as error:
            raise SettingsError(
                f"--config {file} is no YAML ({reason(error)}); mend it, or end its name in .toml"
            ) from error
    else:
        try:
            content = tomllib.loads(text)
        # A number may have thousands of digits, and arrays may lie in arrays without end.
        except (ValueError, RecursionError) as error:
            raise SettingsError(
                f"--config {file} is no TOML ({reason(error)}); mend it, or end its name in .yaml"
            ) from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise SettingsError(
            f"--config {file} holds no names with values; write lines such as stride = 25"
        )
    return content


def _commands() -> list[str]:
    from wsi_idc.cli.app import COMMANDS

    return COMMANDS


def _name(param: Any) -> str:
    """How a file calls a parameter: as the command line does, without dashes in front."""
    long = [word.removeprefix("--") for word in param.opts if word.startswith("--")]
    return long[0] if long else str(param.name).replace("_", "-")


def _fitting(value: Any, param: Any, where: str) -> Any:
    """A value of a file as the command line's parser takes it."""
    takes_many = getattr(param, "multiple", False) or param.nargs == -1
    if isinstance(value, list) and not takes_many:
        raise SettingsError(f"{where} takes one value, not a list")
    if getattr(param, "is_flag", False):
        if not isinstance(value, bool):
            raise SettingsError(f"{where} is true or false, not {_short(value)}")
        return value
    values = value if isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise SettingsError(f"{where} takes text or a number, not {_short(one)}")
        is_long = len(one) > _LONGEST_VALUE if isinstance(one, str) else abs(one) >= _LARGEST_NUMBER
        if is_long and one not in (math.inf, -math.inf):
            raise SettingsError(f"{where} has a value that is too long; give a shorter one")
    # As text, so that it is read exactly as on the command line.
    texts = [str(one) for one in values]
    return texts if takes_many else texts[0]


def _short(value: Any) -> str:
    """A value in a message: a list may hold itself, or a billion values by way of YAML's names."""
    if isinstance(value, str | float) or (isinstance(value, int) and abs(value) < _LARGEST_NUMBER):
        return reprlib.repr(value)
    kinds = {list: "a list", dict: "a table", int: "such a number"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
