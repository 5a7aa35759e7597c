"""Many slides: which they are, who does them, and what became of each.

The rooms on the left do one slide at a time (`tile_slide`, `predict_slide`); this one drives them.

- `inputs`, `table`, `names`, `slides`: which slides are meant, and what each is called.
- `task`: what is to be done with one slide, and what came of it. `tile_job` and `heatmap_job`
  are the jobs.
- `one`: one slide of a cohort: locked (`locks`), done, recorded (`records`), a failure in words
  (`failures`).
- `worker`: slides done in a child process, so that one that crashes or hangs costs itself only.
- `run`: a whole cohort, by whatever crew: in this process, in children, on a cluster (`cluster`).
"""
