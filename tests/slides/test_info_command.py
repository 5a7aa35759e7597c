"""`wsi-idc info` with a scale that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from wsi_idc.cli.app import app


@pytest.mark.parametrize("mpp", ["0", "nan"])
@pytest.mark.parametrize("options", [(), ("--slide-mpp", "1"), ("--json",)])
def test_a_scale_out_of_range_is_wrong_usage(
    mpp: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    Image.new("RGB", (30, 20), "white").save(tmp_path / "plain.png")
    result = CliRunner().invoke(app, ["info", str(tmp_path / "plain.png"), "--mpp", mpp, *options])
    assert result.exit_code == 2
    assert "--mpp must be within 0.05 to 100" in result.stderr
    assert result.stdout == ""
