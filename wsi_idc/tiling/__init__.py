"""Cutting a slide into patches: grid and plan (pure), block reading, the patches on disk.

- `settings`, `grid`, `plan`, `labels`: which patches there are and what they are labelled;
- `truth`, `annotated`, `planning`: what is known of a slide, and from there to its plan;
- `blocks`, `block_plan`, `block_readers`: their pixels, in few large reads;
- `estimate`: how long that takes;
- `writer`, `formats`, `layout`, `manifest`: what lies on the disk, and what it says of itself;
- `grid_picture`, `contact_sheet`, `captions`, `colours`: the pictures beside it;
- `patients`: whose slide is whose;
- `tile`: all of it for one slide.
"""
