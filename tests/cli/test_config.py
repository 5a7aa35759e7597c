"""What every command takes: options from files and the environment, --quiet, --json, pipes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import COMMANDS, app
from wsi_idc.phantom import PhantomSpec, make_phantom


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, words, env=env, prog_name="wsi-idc")


def effective(*arguments: object, env: dict[str, str] | None = None) -> dict[str, object]:
    """What --print-config says that a command's options are."""
    done = run(*arguments, "--print-config", env=env)
    assert done.exit_code == 0, done.output
    settings: dict[str, object] = tomllib.loads(done.stdout)
    for name in done.stdout.split("]")[0].split("[")[1].split("."):
        settings = settings[name]  # type: ignore[assignment]
    return settings


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = PhantomSpec("section", width_mm=2.0, height_mm=1.6, mpp=2.0)
    return make_phantom(spec, tmp_path_factory.mktemp("phantom")).slide


def write(folder: Path, text: str, name: str = "run.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.toml", 'slides = ["a.svs", "b.svs"]\nmin-tissue = 0.3\ntta = true'),
        (
            "table.toml",
            '[heatmap]\nslides = ["a.svs", "b.svs"]\nmin_tissue = 0.3\ntta = true\n[tile]',
        ),
        ("own.yaml", "slides: [a.svs, b.svs]\nmin-tissue: 0.3\ntta: true"),
        ("table.yml", "heatmap:\n  slides: [a.svs, b.svs]\n  min-tissue: 0.3\n  tta: true"),
    ],
)
def test_names_are_those_of_the_options(name: str, text: str, tmp_path: Path) -> None:
    told = effective("heatmap", "--config", write(tmp_path, text, name))
    assert told["slides"] == ["a.svs", "b.svs"]
    assert (told["min-tissue"], told["tta"], told["tissue"]) == (0.3, True, "hed")


def test_command_line_then_environment_then_file_then_default(tmp_path: Path) -> None:
    file = write(tmp_path, "min-tissue = 0.1\nstride = 10\nthreshold = 0.5\nsmooth = true")
    env = {"WSI_IDC_HEATMAP_MIN_TISSUE": "0.2", "WSI_IDC_HEATMAP_STRIDE": "20"}
    told = effective("heatmap", "--config", file, "--min-tissue", 0.3, "--squares", env=env)
    assert (told["min-tissue"], told["stride"], told["threshold"]) == (0.3, 20, 0.5)
    assert (told["smooth"], told["icc"]) == (False, False)
    assert effective("heatmap", env={"WSI_IDC_CONFIG": str(file)})["stride"] == 10


@pytest.mark.parametrize("command", [*COMMANDS, "model pack"])
def test_what_is_printed_is_read_back(command: str, tmp_path: Path) -> None:
    if command == "model":
        return  # a group
    words = command.split()
    file = write(tmp_path, run(*words, "--print-config").stdout)
    assert effective(*words, "--config", file) == effective(*words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min-tisue = 1", "heatmap has no option 'min-tisue'; did you mean 'min-tissue'?"),
        ("[heatmpa]", "no command 'heatmpa'; did you mean 'heatmap'?"),
        ("tta = 1", "tta is true or false, not 1"),
        ("output = ['a', 'b']", "output takes one value, not a list"),
        ("stride = true", "stride takes text or a number, not True"),
        ("tta = true\n[heatmap]\ntta = false", "tta stands in it twice"),
        ("tta = ", "is no TOML"),
        ("config = 'other.toml'", "no option 'config'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from wsi_idc.cli import main; main()"),
            *("heatmap", "a.svs", "--config", str(write(tmp_path, text))),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and words in done.stderr
    assert not done.stdout


# In another command's table, where names are not looked at.
_LAUGHS = "train:\n  a0: &a0 [1, 1]\n" + "".join(
    f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_LAUGHS + "slides: [*a29]", "slides takes text or a number, not a list"),
        ("slides: &a [*a]", "slides takes text or a number, not a list"),
        ("stride: 2020-13-45", "is no YAML (month must be in 1..12)"),
        ("stride: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("stride: !!timestamp x", "is no YAML"),
        ("stride: !!float", "is no YAML (string index out of range)"),
        (f"slides: {'[' * 3000}", "is no YAML (maximum recursion depth exceeded"),
    ],
    ids=["billion laughs", "itself", "no date", "code", "no time", "no number", "deep"],
)
def test_a_hostile_file_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    done = run("heatmap", "--config", write(tmp_path, text, "options.yaml"))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert words in line and len(line) < 1000


@pytest.mark.parametrize("text", [f"slides = {'[' * 9000}", f"stride = {'9' * 6000}"])
def test_hostile_toml_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    done = run("heatmap", "--config", write(tmp_path, text))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "is no TOML" in line and len(line) < 1000


def test_missing_file_and_bad_values(tmp_path: Path) -> None:
    assert run("heatmap", "a.svs", "--config", tmp_path / "absent.toml").exit_code == 2
    bad = run("heatmap", "--config", write(tmp_path, "slides = ['a']\noutput = 'o'\nstride = 'x'"))
    assert bad.exit_code == 2 and "'--stride'" in bad.output


def test_a_file_runs_a_command(slide: Path, tmp_path: Path) -> None:
    text = f"[tile]\nslides = ['{slide}']\noutput = '{tmp_path / 'out'}'\nmin-tissue = 0.5"
    done = run("tile", "--config", write(tmp_path, text), "--json", "--quiet")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["status"], told["name"]) == ("done", "section")
    manifest = json.loads((Path(told["result"]) / "manifest.json").read_text())
    assert manifest["settings"]["min_tissue"] == 0.5
    assert done.stderr == ""  # --quiet leaves out news


def test_json_tells_of_failures_and_quiet_keeps_errors(tmp_path: Path) -> None:
    done = run("tile", tmp_path / "absent.svs", "-o", tmp_path / "out", "--json", "-q")
    told = json.loads(done.stdout)
    assert (told["status"], told["step"]) == ("failed", "find")
    assert "there is no such file" in done.stderr
    assert done.exit_code == 1


def test_variables_are_named_like_the_options_and_others_are_told_of() -> None:
    env = {"WSI_IDC_TILE_FORMAT": "h5", "WSI_IDC_TILE_FORMATT": "h5", "WSI_IDC_HEATMAP_8BIT": "1"}
    done = run("tile", "a.svs", "--print-config", env=env)
    assert 'format = "h5"' in done.stdout
    assert done.stderr == (
        "warning: WSI_IDC_TILE_FORMATT is no option; did you mean 'WSI_IDC_TILE_FORMAT'?\n"
    )
    assert effective("heatmap", env=env)["8bit"] is True


def test_a_reader_that_goes_away_is_no_fault(slide: Path) -> None:
    """As in `wsi-idc info … | head -1`, but with a pipe whose reader is gone for sure."""
    code = "import sys; sys.stdin.read(); from wsi_idc.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "info", str(slide), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""


def test_every_command_has_the_common_options() -> None:
    group = typer.main.get_command(app)
    nested = group.commands.pop("model").commands  # type: ignore[attr-defined]
    for command in [*group.commands.values(), *nested.values()]:  # type: ignore[attr-defined]
        options = {word for param in command.params for word in param.opts}
        assert {"--config", "--print-config", "--quiet", "--debug", "--verbose"} <= options, (
            command.name
        )
