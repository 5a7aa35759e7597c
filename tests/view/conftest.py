"""What the tests of the viewer share."""

from __future__ import annotations

import pytest
from viewer_results import MappedSlide, make_mapped_slide


@pytest.fixture(scope="session")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> MappedSlide:
    return make_mapped_slide(tmp_path_factory.mktemp("viewer"))
