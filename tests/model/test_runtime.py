from __future__ import annotations

import pytest

from wsi_idc.cli.options import Precision
from wsi_idc.model import runtime
from wsi_idc.model.runtime import PRECISIONS, training_policy


def test_a_precision_that_is_asked_for_is_taken() -> None:
    assert training_policy("float32") == "float32"
    assert training_policy("float16") == "mixed_float16"
    assert training_policy("bfloat16") == "mixed_bfloat16"


@pytest.mark.parametrize(("native", "policy"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_a_processor_takes_half_precision_only_where_it_is_native(
    native: bool, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "multiplies_bfloat16", lambda: native)
    runtime.load_tensorflow("cpu")
    assert training_policy() == policy


def test_the_command_line_offers_all_precisions() -> None:
    assert tuple(Precision) == PRECISIONS
