"""What is wrong with a command line, told with what was probably meant.

typer names the options and commands nearest to one that there is not. Here it also learns to name
the nearest value, the commands that do have an option, and where a value came from.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

from wsi_idc.near import did_you_mean

# Of the typer or click that is installed: the base of all that is wrong with a command line.
UsageError: Any = typer.BadParameter.__mro__[1]

_NONE_OF = re.compile(r"'(?P<given>.*)' is not one of (?P<known>'.*')\.?", re.DOTALL)


class Group(TyperGroup):
    """Commands, of which the nearest is named where there is none of a name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names."""
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            if "Did you mean" not in error.message:
                known = ", ".join(self.commands)
                nested = [
                    f"{name} {args[0]}"
                    for name, command in self.commands.items()
                    if args[0] in getattr(command, "commands", {})
                ]
                told = f"Did you mean '{nested[0]}'?" if nested else f"There are {known}."
                error.message = f"{error.message.rstrip('.')}. {told}"
            raise


def mend(error: Any, ctx: Any) -> None:
    """Make what typer says of an option or a value say what is right.

    Parameters
    ----------
    error : a `UsageError` of a command, whose message is replaced.
    ctx : the command's context.
    """
    if (option := getattr(error, "option_name", None)) and "o such option" in error.message:
        if having := _commands_with(option, ctx.find_root().command):
            error.message = f"{error.message.rstrip('.')}, which {_listed(having)} have."
        return
    if not isinstance(error, typer.BadParameter):
        return
    if error.param is not None and error.param.opts[0].startswith("-"):
        error.param_hint = error.param.opts  # typer's would name a variable that nobody has set
    if not error.message:
        return
    message = error.message.removeprefix("Value error, ")
    if match := _NONE_OF.fullmatch(message):
        known = re.findall(r"'([^']*)'", match["known"])
        message = f"{match['given']!r} is none of {', '.join(known)}"
        message += did_you_mean(match["given"], known)
    else:
        message = message.partition(", unable to parse")[0] + _given(error.__cause__)
    error.message = message + _source(error, ctx)


def _given(cause: Any) -> str:
    """The value that pydantic found wrong, which newer versions of typer leave out."""
    errors = getattr(cause, "errors", None)
    return f", not {errors()[0]['input']!r}" if callable(errors) and errors() else ""


def _source(error: Any, ctx: Any) -> str:
    """Where a value stands that was not typed."""
    if error.param is None:
        return ""
    source = getattr(ctx.get_parameter_source(error.param.name), "name", "")
    if source == "ENVIRONMENT":
        return f" (in {error.param.envvar})"
    return " (in the --config file)" if source == "DEFAULT_MAP" else ""


def _commands_with(option: str, group: Any, prefix: str = "") -> list[str]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _commands_with(option, command, f"{prefix}{name} ")
        elif any(option in (*param.opts, *param.secondary_opts) for param in command.params):
            found.append(f"`{prefix}{name}`")
    return found


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
