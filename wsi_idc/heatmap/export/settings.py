"""What is written beside the pictures, and how."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from wsi_idc.errors import SettingsError
from wsi_idc.heatmap.export.geojson import Origin, check_origin
from wsi_idc.heatmap.regions import check_min_area


@dataclass(frozen=True)
class ExportSettings:
    """How regions and files for other tools are written.

    Attributes
    ----------
    min_region_mm2 : smaller regions are left out of lists and files; areas of the whole map
        are not touched by it.
    geojson_origin : from where GeoJSON counts: `bounds`, the corner of the scan, as QuPath does,
        or `slide`, the corner of the whole frame, as OpenSlide does.
    parquet : also write the scores as Parquet.
    eight_bit_map : also write the map with 8 bits a cell, for viewers that show no floats.
    """

    min_region_mm2: float = 0.0
    geojson_origin: Origin = "bounds"
    parquet: bool = False
    eight_bit_map: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises
        ------
        SettingsError
            If one is, or the library that it needs is not installed.
        """
        check_min_area(self.min_region_mm2)
        check_origin(self.geojson_origin)
        if self.parquet and find_spec("pyarrow") is None:
            raise SettingsError(
                "Parquet needs pyarrow, which is not installed: pip install 'wsi-idc[parquet]', "
                "or leave --parquet out (scores.csv holds the same)"
            )
