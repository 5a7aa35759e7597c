"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

REPOSITORY = Path(__file__).parent.parent

# Few examples, the same in each run: CI shall not fail on a submission for what was there before.
# `make test-long` looks further, with --hypothesis-profile=many.
settings.register_profile("few", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("many", max_examples=500, deadline=None, print_blob=True)
# `make mutation` asks only whether a test fails, not what the smallest example would be.
settings.register_profile(
    "mutants", parent=settings.get_profile("few"), phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("few")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped tests where WSI_IDC_REQUIRE_ALL is set, as it is in CI."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("WSI_IDC_REQUIRE_ALL") and skipped:
        reporter.write_line(f"WSI_IDC_REQUIRE_ALL is set and {len(skipped)} tests were skipped")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real slides and patches, which is not part of the repository.

    Looked for at $WSI_IDC_SHARED, then beside the repository. Tests that need it skip where
    it is absent.
    """
    folder = Path(os.environ.get("WSI_IDC_SHARED") or REPOSITORY.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"real slides and patches not found at {folder} (set WSI_IDC_SHARED)")
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights: right in form, of no use on tissue."""
    from wsi_idc.model.architecture import Architecture, build_model
    from wsi_idc.model.card import Calibration, ModelCard, Network, TrainingData, Weights
    from wsi_idc.model.folder import WEIGHTS_FILE, write_card, write_weights
    from wsi_idc.model.runtime import load_tensorflow

    load_tensorflow("cpu")
    import keras

    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("models") / "random"
    folder.mkdir()
    architecture = Architecture(head_filters=16)
    model = build_model(architecture)
    network = {
        name: getattr(architecture, name)
        for name in ("input_size", "head_filters", "dropout", "batch_norm_momentum")
    }
    card = ModelCard(
        name="random",
        patch_size_pixels=50,
        spacing_um_px=8.0,
        network=Network(**network),
        weights=Weights(file=WEIGHTS_FILE, sha256=write_weights(folder / WEIGHTS_FILE, model)),
        calibration=Calibration(slope=2.0, intercept=-0.5),
        threshold=0.5,
        training_data=TrainingData(
            patients={},
            patches={},
            positive_patches={},
            padded_patches=0,
            patient_lists_sha256="0" * 64,
        ),
        training_settings={},
        metrics={},
        versions={},
    )
    write_card(folder, card)
    return folder
