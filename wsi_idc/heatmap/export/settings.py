"""What is written beside the pictures, and how."""

from __future__ import annotations

from dataclasses import dataclass

from wsi_idc.heatmap.regions import check_min_area


@dataclass(frozen=True)
class ExportSettings:
    """How regions and files for other tools are written.

    Attributes
    ----------
    min_region_mm2 : smaller regions are left out of lists and files; areas of the whole map
        are not touched by it.
    """

    min_region_mm2: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises
        ------
        SettingsError
            If one is.
        """
        check_min_area(self.min_region_mm2)
