"""Every error that a user of wsi-idc can meet.

Each message says what is wrong, in which file, and what to do about it. The commands print
it as one line and turn it into an exit status; a caller in Python can catch the base class,
or the builtin that a subclass derives from as well::

    WsiIdcError
    ├── SettingsError            (ValueError)         an option or argument that cannot be
    ├── SlideError
    │   ├── SlideNotFoundError   (FileNotFoundError)  no such file
    │   ├── SlideReadError       (OSError)            not a slide, truncated, damaged
    │   ├── MissingMppError      (ValueError)         the slide does not say its µm/px
    │   ├── UpsamplingError      (ValueError)         finer pixels asked for than there are
    │   └── NoTissueError        (ValueError)         nothing to cut or to score
    ├── AnnotationError          (ValueError)         a file of drawn areas that cannot be used
    ├── PatchCollectionError     (ValueError)         a patch folder that cannot be used
    ├── ModelFolderError         (ValueError)         a model folder that cannot be used
    ├── ResultFolderError        (ValueError)         a heatmap result that cannot be used
    ├── ClusterError             (OSError)            machines that cannot be reached or used
    └── OutputError              (OSError)            a place that cannot be written

docs/errors.md tells each message, its cause and what to do; a test keeps it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FAULT = (
    "this is a fault of wsi-idc; please report it where you got wsi-idc from, with what the same "
    "command prints with --debug"
)
"""What to do about an exception that is none of these: nobody thought of it."""

# A library may quote all that stood in a field of a file.
_LONGEST = 300


class WsiIdcError(Exception):
    """Base of all errors that wsi-idc raises on purpose."""


class SettingsError(WsiIdcError, ValueError):
    """An option or argument has a value that cannot be used."""


class SlideError(WsiIdcError):
    """Something is wrong with one slide; other slides are not affected."""


class SlideNotFoundError(SlideError, FileNotFoundError):
    """There is no file of that name.

    Attributes
    ----------
    path : where one was looked for, if the raiser tells.
    """

    path: Path | None = None


class SlideReadError(SlideError, OSError):
    """No reader can open the file, or reading pixels from it failed."""


class MissingMppError(SlideError, ValueError):
    """The slide does not say how many microns a pixel is."""


class UpsamplingError(SlideError, ValueError):
    """Pixels finer than the slide's own were asked for."""


class NoTissueError(SlideError, ValueError):
    """The slide has no tissue to cut or to score."""


class AnnotationError(WsiIdcError, ValueError):
    """A file of drawn areas is missing, damaged, unsafe, or lacks what was asked of it."""


class PatchCollectionError(WsiIdcError, ValueError):
    """A folder of patches is empty, mislabelled or cannot be split by patient."""


class ModelFolderError(WsiIdcError, ValueError):
    """A model folder is missing, damaged or of another kind."""


class ResultFolderError(WsiIdcError, ValueError):
    """A heatmap result folder is missing, damaged or of another kind."""


class ClusterError(WsiIdcError, OSError):
    """The machines that are to share the work cannot be reached, or cannot do it."""


class OutputError(WsiIdcError, OSError):
    """A file or folder cannot be written."""


def reason(error: BaseException) -> str:
    """What another error says, for a message that names the file itself."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"no {error} in it"
    return _shortened(str(error)) or type(error).__name__


def one_line(error: BaseException) -> str:
    """An exception in one line, with its class where the message alone would tell little."""
    if isinstance(error, WsiIdcError):
        return " ".join(str(error).split()) or "no more is known"
    message = _shortened(str(error))
    if isinstance(error, MemoryError):
        return "memory ran out" + (f" ({message})" if message else "")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {message or 'no more is known'}"


def first_line(error: Exception) -> str:
    """What a foreign library says in one line, without the trace that may follow; never empty."""
    return next(iter(str(error).strip().splitlines()), "")[:_LONGEST] or type(error).__name__


def _shortened(text: str) -> str:
    """What a library says, in one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 2]} …"


def first_of(names: Sequence[str], most: int = 5) -> str:
    """Some names in a line, and how many more there are.

    Examples
    --------
    >>> first_of(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
