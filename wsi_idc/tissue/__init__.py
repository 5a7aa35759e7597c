"""Where the tissue is: a mask of a slide, found in a small picture of it or given.

Everything is set in microns and square millimetres, so that a mask does not depend on the
size of the picture. docs/tissue.md tells how each method decides and how well.
"""

from wsi_idc.tissue.given import check_given, given_for, mask_digest, read_given
from wsi_idc.tissue.mask import Tissue, find_tissue, tissue_mask
from wsi_idc.tissue.outline import TISSUE_CLASS, outline_geojson
from wsi_idc.tissue.segment import Segmentation, segment, segment_tissue
from wsi_idc.tissue.settings import DEFAULT_TISSUE, METHODS, Method, TissueSettings

__all__ = [
    "DEFAULT_TISSUE",
    "METHODS",
    "TISSUE_CLASS",
    "Method",
    "Segmentation",
    "Tissue",
    "TissueSettings",
    "check_given",
    "find_tissue",
    "given_for",
    "mask_digest",
    "outline_geojson",
    "read_given",
    "segment",
    "segment_tissue",
    "tissue_mask",
]
