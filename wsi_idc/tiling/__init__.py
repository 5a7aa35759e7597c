"""Cutting a slide into patches: grid and plan (pure), block reading, the patch folder.

- `grid`, `plan`, `truth`: which patches there are and what they are labelled;
- `blocks`: their pixels, in few large reads;
- `writer`, `grid_picture`: the PNG folder and the picture of the grid;
- `tile`: all of it for one slide.
"""
