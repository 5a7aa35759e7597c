"""Slides done on many machines, by Dask: one slide is one task.

- `crew` is the side of the command: `DaskCrew` sends slides and hears what became of them.
- `plugin` is the side of a Dask worker: a child process with one model, for all its slides.
- `connection` finds a scheduler: by address, by its file, or by asking Slurm for workers.
- `slurm` is what a YAML file tells of those.

Needs the extra `cluster`; nothing else in the package imports this room before it is asked for.
"""
