"""Made slides with known truth: a TIFF writer, and procedural breast sections on top of it."""

from wsi_idc.phantom.sections import PhantomSlide, PhantomSpec, make_phantom
from wsi_idc.phantom.slide_writer import write_slide, write_slide_from_array

__all__ = [
    "PhantomSlide",
    "PhantomSpec",
    "make_phantom",
    "write_slide",
    "write_slide_from_array",
]
