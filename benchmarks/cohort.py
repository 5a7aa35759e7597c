"""What a cohort costs: slides side by side, by number and by size, and an estimate for thousands.

    python benchmarks/cohort.py [--runtime openvino] [--slides 8] [--repeats 2] [--only overlap ...]

Makes 40x slides and maps them with the shipped model, each row in processes of its own:

- `overlap`: one worker with one, two or three slides under way, its model being loaded;
- `workers`: one worker and two on this machine, and one and two workers of a Dask cluster on it,
  from start to end;
- `slides`: one worker and 1 to N slides, from start to end; a line is fitted through them;
  in these three, slides have a quarter of the full area;
- `patches`: slides of 1/16 to full area with a loaded model, and the line through their seconds;
- from that, the hours of 10,000 slides on 50 such machines;
- `memory`: what the command takes, by number and size of slides.

The clock is that of a machine with nothing else to do; *work*, the processor time of all children,
is less disturbed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import numpy as np
from measuring import COMMAND, Cost, cost_of, peak_of
from slides import make_slide

from wsi_idc.cohort.heatmap_job import HeatmapJob
from wsi_idc.cohort.run import Crew, LocalCrew, run_cohort
from wsi_idc.cohort.task import SlideOutcome, SlideTask
from wsi_idc.cohort.worker import WorkerProcess
from wsi_idc.heatmap.scoring import ScoreSettings
from wsi_idc.model.folder import model_folder, read_card
from wsi_idc.model.scorer import load_model
from wsi_idc.slides import SlideSource

SIDE = 52_000
"""Level-0 pixels, 13 mm: some 2,500 patches at a stride of 200 µm."""
TABLES = ("overlap", "workers", "slides", "patches", "memory")
MACHINES, ARCHIVE = 50, 10_000
_OUTPUTS = count()


class Bench:
    """Slides, made once, and the job that maps them."""

    def __init__(self, folder: Path, runtime: str, slides: int, side: int) -> None:
        self._folder, self._runtime = folder, runtime
        whole = self._slide(side)
        small = self._slide(side // 2)
        self.cohort = [self.copy(small, number) for number in range(slides)]
        self.by_area = [self._slide(round(side * part**0.5)) for part in (1 / 16, 1 / 4, 1 / 2)]
        self.by_area.append(whole)
        self.first = self._slide(side // 5)

    def job(self) -> HeatmapJob:
        """A job whose results are new."""
        card = read_card(model_folder(None))
        load = partial(load_model, None, device="cpu", runtime=self._runtime)
        output = self._folder / f"out{next(_OUTPUTS)}"
        return HeatmapJob(output, card, load, ScoreSettings())

    def _slide(self, side: int) -> SlideTask:
        path = self._folder / f"side{side}.svs"
        make_slide(path, side, side, (1, 4, 16, 32))
        return SlideTask(SlideSource(path))

    def copy(self, task: SlideTask, number: int) -> SlideTask:
        path = self._folder / f"copy{number:03}.svs"
        path.hardlink_to(task.source.path)
        return SlideTask(SlideSource(path))


def run(crew: Crew, tasks: Sequence[SlideTask]) -> list[SlideOutcome]:
    with crew:
        outcomes = list(run_cohort(crew, tasks))
    return [checked(outcome) for outcome in outcomes]


def checked(outcome: SlideOutcome) -> SlideOutcome:
    if outcome.done is None:
        raise SystemExit(f"{outcome.failure or outcome.ends_all}")
    return outcome


def local(bench: Bench, workers: int, tasks: Sequence[SlideTask]) -> Cost:
    crew = LocalCrew(bench.job(), workers, None, lambda *_: None)
    return cost_of(lambda: run(crew, tasks))


def with_loaded_model(
    bench: Bench, under_way: int, tasks: Sequence[SlideTask]
) -> tuple[Cost, list[tuple[int, Cost]]]:
    """What a child with a loaded model takes; and patches and cost of each slide, if one by one."""
    worker = WorkerProcess(bench.job(), slides=under_way)

    def one(task: SlideTask) -> tuple[int, Cost]:
        began, before = time.perf_counter(), work_of_children()
        done = checked(worker.run(task)).done
        cost = Cost(time.perf_counter() - began, work_of_children() - before)
        return done.patches if done else 0, cost

    try:
        one(bench.first)
        began, before = time.perf_counter(), work_of_children()
        with ThreadPoolExecutor(under_way) as pool:
            each = list(pool.map(one, tasks))
        return Cost(time.perf_counter() - began, work_of_children() - before), each
    finally:
        worker.end()


def work_of_children() -> float:
    """Processor seconds of this process's children that live."""
    ticks = 0
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError):  # a thread, or a child, that has ended meanwhile
            for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def dask(workers: int, folder: Path) -> Iterator[Path]:
    """The file of a scheduler with so many workers, on this machine."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    threads = max(1, (os.cpu_count() or 1) // workers)
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads)}
    quiet = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
    start = [sys.executable, "-m"]
    where = ["--no-dashboard", "--scheduler-file", str(file)]
    scheduler = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = ["distributed.cli.dask_worker", "--nthreads", "2", "--no-nanny"]
    commands = [scheduler, *[worker] * workers]
    running = [
        subprocess.Popen([*start, *command, *where], env={**environment, **quiet})
        for command in commands
    ]
    try:
        from wsi_idc.cohort.cluster.connection import scheduler_at

        while not file.exists():
            time.sleep(0.1)
        with scheduler_at(None, file) as client:
            client.wait_for_workers(workers, timeout=120)
        yield file
    finally:
        for process in running:
            process.kill()
            process.wait()


def on_cluster(bench: Bench, file: Path, tasks: Sequence[SlideTask]) -> Cost:
    from wsi_idc.cohort.cluster.connection import scheduler_at
    from wsi_idc.cohort.cluster.crew import DaskCrew

    crew = DaskCrew(bench.job(), partial(scheduler_at, None, file), None, lambda *_: None)
    return cost_of(lambda: run(crew, tasks))


def line_through(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Intercept, slope, and the greatest distance of a point, as a share of its value."""
    slope, intercept = np.polyfit(x, y, 1)
    off = np.abs(np.asarray(y) - (intercept + slope * np.asarray(x))) / np.asarray(y)
    return float(intercept), float(slope), float(off.max())


def overlap(bench: Bench, repeats: int) -> None:
    ways = (1, 2, 3)
    costs: dict[int, list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:  # in turn, so that a busy spell meets all
            costs[way].append(with_loaded_model(bench, way, bench.cohort)[0])
    base = min(cost.wall for cost in costs[1])
    print("| slides under way in a worker | s a slide | work, s a slide | clock against one |")
    print("| --- | ---: | ---: | ---: |")
    n = len(bench.cohort)
    for way in ways:
        wall, work = (min(getattr(c, name) for c in costs[way]) for name in ("wall", "work"))
        print(f"| {way} | {wall / n:.2f} | {work / n:.2f} | {wall / base:.2f} |")
    print(flush=True)


def workers(bench: Bench, repeats: int, folder: Path) -> None:
    print(f"| workers | s for {len(bench.cohort)} slides, from start to end | against one |")
    print("| --- | ---: | ---: |")
    for where in ("this machine", "Dask") if find_spec("distributed") else ("this machine",):
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(repeats):
            for number, times in seconds.items():
                if where == "Dask":
                    with dask(number, folder) as file:
                        times.append(on_cluster(bench, file, bench.cohort).wall)
                else:
                    times.append(local(bench, number, bench.cohort).wall)
        for number, times in seconds.items():
            ratio = min(times) / min(seconds[1])
            print(f"| {where}, {number} | {min(times):.1f} | {ratio:.2f} |", flush=True)
    print()


def by_number(bench: Bench, repeats: int) -> None:
    numbers = [n for n in (1, 2, 4, 8, 16, 32) if n <= len(bench.cohort)]
    walls, works = [], []
    print("| slides | clock, s | work, s |\n| ---: | ---: | ---: |")
    for n in numbers:
        costs = [local(bench, 1, bench.cohort[:n]) for _ in range(repeats)]
        walls.append(min(cost.wall for cost in costs))
        works.append(min(cost.work for cost in costs))
        print(f"| {n} | {walls[-1]:.1f} | {works[-1]:.1f} |", flush=True)
    for name, seconds in (("clock", walls), ("work", works)):
        start, each, off = line_through(numbers, seconds)
        print(f"\n{name}: {start:.1f} s + {each:.2f} s a slide, no point {off:.0%} off")
    print("\n", flush=True)


def by_patches(bench: Bench, repeats: int) -> None:
    runs = [with_loaded_model(bench, 1, bench.by_area)[1] for _ in range(repeats)]
    patches = [number for number, _ in runs[0]]
    walls = [min(cost.wall for _, cost in times) for times in zip(*runs, strict=True)]
    works = [min(cost.work for _, cost in times) for times in zip(*runs, strict=True)]
    print("| patches of a slide | clock, s | work, s |\n| ---: | ---: | ---: |")
    for number, wall, work in zip(patches, walls, works, strict=True):
        print(f"| {number:,} | {wall:.2f} | {work:.2f} |")
    for name, seconds in (("clock", walls), ("work", works)):
        start, each, off = line_through(patches, seconds)
        print(f"\n{name}: {start:.2f} s + {1000 * each:.2f} ms a patch, no point {off:.0%} off")
    start, each, _ = line_through(patches, walls)
    slide = start + each * patches[-1]
    hours = ARCHIVE * slide / MACHINES / 3600
    print(
        f"\n{ARCHIVE:,} slides of {patches[-1]:,} patches, one at a time and {slide:.1f} s each, "
        f"on {MACHINES} such machines: {hours:.2f} h; on one: {hours * MACHINES:.0f} h\n",
        flush=True,
    )


def memory(bench: Bench, runtime: str) -> None:
    """Of the command with one worker: parent, child and what readers start, together."""
    print("| slides | peak memory, MB |\n| --- | ---: |")
    for told, tasks in (
        ("1 of 1/4 area", bench.cohort[:1]),
        (f"{len(bench.cohort)} of 1/4 area", bench.cohort),
        ("1 whole", bench.by_area[-1:]),
        ("3 whole", [bench.copy(bench.by_area[-1], 100 + i) for i in range(3)]),
    ):
        command = [*COMMAND, "heatmap", "--device", "cpu", "--workers", "1"]
        slides = [str(task.source.path) for task in tasks]
        where = ["--output", str(bench.job().output), "--runtime", runtime]
        print(f"| {told} | {peak_of([*command, *slides, *where]).memory_mb:.0f} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", default="auto", choices=("auto", "tensorflow", "openvino"))
    parser.add_argument("--slides", type=int, default=8)
    parser.add_argument("--side", type=int, default=SIDE, help="of whole slides, level-0 pixels")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary), options.runtime, options.slides, options.side)
        if "overlap" in options.only:
            overlap(bench, options.repeats)
        if "workers" in options.only:
            workers(bench, options.repeats, Path(temporary))
        if "slides" in options.only:
            by_number(bench, options.repeats)
        if "patches" in options.only:
            by_patches(bench, options.repeats)
        if "memory" in options.only:
            memory(bench, options.runtime)


if __name__ == "__main__":
    main()
