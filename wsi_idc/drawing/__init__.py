"""Lettering and simple shapes of the pictures that the package makes.

- `pen`: text, rectangles and a scale bar, at one scale;
- `lettering`: fonts, also for letters that the usual one does not have.
"""
