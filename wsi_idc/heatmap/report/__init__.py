"""The report: a slide's result on one page that needs nothing but a browser.

`report.html` holds its pictures, its style and its script; it fetches nothing and says so to the
browser. It is made of what stands in the result folder, so that it can be made again without the
slide and the model.
"""

from wsi_idc.heatmap.report.close_ups import CloseUp
from wsi_idc.heatmap.report.regions import read_close_ups
from wsi_idc.heatmap.report.write import write_report

__all__ = ["CloseUp", "read_close_ups", "write_report"]
