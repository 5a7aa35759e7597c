"""Slides read in child processes, so that a reader that crashes or hangs costs one slide.

Slide libraries are native code: a damaged file can end the process that reads it, or keep it
busy for ever, and no `try` helps. So the library runs in a process of its own that hands pixels
over in shared memory; the parent waits for each read up to a limit and then ends the child. What
is left of it all is a `SlideReadError` that names the file, the level and the region.

- `slide` is what the rest of the program sees: a `Slide` like any other.
- `process` is the parent's side of one child, and the children that wait for the next slide.
- `child` is what runs in it.
- `memory` is memory that two processes see and that never outlives them.
"""

from wsi_idc.slides.isolation.slide import READ_TIMEOUT_S, IsolatedSlide

__all__ = ["READ_TIMEOUT_S", "IsolatedSlide"]
