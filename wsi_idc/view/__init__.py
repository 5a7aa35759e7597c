"""The slide and its heatmap in the browser, from a server on this machine only.

Pages and scripts are files in `static/`; they ask for tiles, values and drawings under `/api`. The
server is Starlette on uvicorn, which only this room needs (extra `viewer`).
"""

from wsi_idc.view.catalogue import SlideEntry, list_slides
from wsi_idc.view.serve import serve

__all__ = ["SlideEntry", "list_slides", "serve"]
