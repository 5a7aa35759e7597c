"""Colours of patches and tissue in the pictures of a tiled slide.

Dark green, blue and orange-red stand out from the pinks and purples of H&E, and from each other
for readers who do not tell red from green.
"""

TISSUE_COLOUR = (0, 110, 60)
PATCH_COLOUR = (0, 80, 220)
POSITIVE_COLOUR = (255, 90, 0)
