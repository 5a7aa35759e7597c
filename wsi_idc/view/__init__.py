"""The slide and its heatmap in the browser, from a server on this machine only.

Pages and scripts are files in `static/`; they ask for tiles, values and drawings under `/api`. The
server is Starlette on uvicorn, which only this room needs (extra `viewer`).
"""

from wsi_idc.view.catalogue import failed_slides, list_slides
from wsi_idc.view.entry import FailedSlide, SlideEntry, ViewSettings
from wsi_idc.view.serve import serve

__all__ = [
    "FailedSlide",
    "SlideEntry",
    "ViewSettings",
    "failed_slides",
    "list_slides",
    "serve",
]
