"""Slides done in a child process, so that one that crashes or hangs it costs itself only.

The child loads the model once and has a few slides under way at a time. One that ends it with a
fault of a native library, is killed for the memory it takes, or makes no progress for too long is
reported; the others of that child are done again in a fresh one.

- `process` is the parent's side: `WorkerProcess`, which threads may ask at a time.
- `child` is what runs in the child.
"""

from wsi_idc.cohort.worker.process import SLIDES_UNDER_WAY, WorkerProcess

__all__ = ["SLIDES_UNDER_WAY", "WorkerProcess"]
