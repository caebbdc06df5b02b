"""The Ray engine beside the local one, on the same cores: what workers on a cluster cost, what they leave on disk.

The cluster is one node with all CPUs of this machine, and has one worker. CPU seconds are those of the command and
of the cluster's processes, less what an idle cluster takes in the same time. Each figure is the difference between
builds of few and of more documents, so that start-up is left out. The engines work in turns; medians are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from chat_servers import Speed, chat_servers
from many_shards import write_input
from measured import measured
from python_texts import prompt_without_checks, write_rows

RECIPE = """
name: bench
source: {{kind: parquet, path: rows-{documents}.parquet{ids}}}
stages: [{stages}]
release: {{configs: {{default: {last}}}, license: mit}}
"""
CHEAP = {"parsed": "filter: syntax", "sized": "filter: length, min_characters: 10", "fresh": "filter: repetition"}
REWRITE = {"sgcr": "rewrite: sgcr.md"}
PORTS = 20_000  # from here on


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds that a build took: wall, CPU of the command with its children, CPU of the cluster's processes."""

    wall: float
    command: float
    cluster: float = 0.0

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes."""
        return self.command + self.cluster

    def less(self, few: Taken) -> Taken:
        """Return what this one took beyond another."""
        return Taken(self.wall - few.wall, self.command - few.command, self.cluster - few.cluster)


class Watch:
    """CPU seconds of a process's descendants, those that have ended included: looked at four times a second."""

    def __init__(self, root: int) -> None:
        self._root, self._seen = root, dict[tuple[int, str], float]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def seconds(self) -> float:
        """Return the sum so far."""
        self._look()
        return sum(self._seen.values())

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self._look()

    def _look(self) -> None:
        found: dict[int, tuple[int, str, float]] = {}  # parent, start, seconds
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(") ")[2].split()
                used = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
                found[int(stat.parent.name)] = int(fields[1]), fields[19], used
        for pid, (_, start, used) in found.items():
            above = pid
            while above in found and above != self._root:
                above = found[above][0]
            if above == self._root:
                self._seen[pid, start] = used


class Cluster:
    """A cluster of one node on this machine. Use as a context manager."""

    def __enter__(self) -> Cluster:
        """Start it, and see what it takes when nothing is done."""
        self._folder = tempfile.TemporaryDirectory(prefix="ray", dir="/tmp")  # a socket's path has to be short
        self.address = f"127.0.0.1:{PORTS + os.getpid() % 10_000}"
        ray = str(Path(sys.executable).with_name("ray"))
        command = [ray, "start", "--head", "--block", f"--port={self.address.partition(':')[2]}"]
        command += [f"--num-cpus={os.cpu_count()}", "--object-store-memory=100000000", "--disable-usage-stats"]
        command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir={self._folder.name}"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.watch = Watch(self._process.pid)
        while subprocess.run([ray, "status", "--address", self.address], capture_output=True).returncode:
            time.sleep(0.5)
        time.sleep(10)
        before, start = self.watch.seconds(), time.monotonic()
        time.sleep(10)
        self.idle = (self.watch.seconds() - before) / (time.monotonic() - start)
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.stop()
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def build(self, *options: str) -> Taken:
        """Build on it."""
        before = self.watch.seconds()
        taken = measured(*options, "--engine", "ray", "--address", self.address)
        return Taken(taken.wall, taken.cpu, self.watch.seconds() - before - self.idle * taken.wall)


def build_here(*options: str) -> Taken:
    """Build without a cluster."""
    taken = measured(*options)
    return Taken(taken.wall, taken.cpu)


@dataclass(frozen=True, slots=True)
class Plan:
    """What both engines do: stages, few documents and more, and options of the command."""

    name: str
    stages: dict[str, str]
    few: int
    more: int
    options: Sequence[str] = ()
    ids: str = ""  # with a column of ids, one worker reads all of the documents before the others begin

    def write(self, folder: Path) -> Path:
        """Write documents, prompt and recipes into a folder, and return it."""
        folder.mkdir()
        (folder / "sgcr.md").write_text(prompt_without_checks("sgcr"), encoding="utf-8")
        stages = ", ".join(f"{{name: {name}, {said}}}" for name, said in self.stages.items())
        for documents in (self.few, self.more):
            write_rows(folder / f"rows-{documents}.parquet", documents)
            recipe = RECIPE.format(documents=documents, ids=self.ids, stages=stages, last=[*self.stages][-1])
            (folder / f"{documents}.yaml").write_text(recipe)
        return folder

    def compare(self, folder: Path, cluster: Cluster, rounds: int) -> Path:
        """Print what both engines take; return the last run on the cluster."""
        taken: dict[str, list[Taken]] = {"local": [], "ray": []}
        for number in range(rounds):
            for engine, build in (("local", build_here), ("ray", cluster.build)):
                few, more = (
                    build("build", str(folder / f"{documents}.yaml"), "--run", str(run), *self.options)
                    for documents in (self.few, self.more)
                    for run in [folder / f"{engine}-{number}-{documents}"]
                )
                taken[engine].append(more.less(few))
        local, ray = (middle(one) for one in taken.values())
        count = self.more - self.few
        print(f"{self.name}, {count} documents")
        for engine, one in (("local", local), ("ray", ray)):
            print(f"  {engine:6} {count / one.wall:5.0f} documents/s, {one.cpu / count * 1000:6.2f} ms CPU each")
        print(
            f"  ray took {ray.wall / local.wall:.2f} times the time, {ray.cpu / local.cpu:.2f} times the CPU;",
            end="",
        )
        print(f" the command, apart from its worker, {ray.command / count * 1000:.2f} ms a document", flush=True)
        return folder / f"ray-{rounds - 1}-{self.more}"


def middle(some: Sequence[Taken]) -> Taken:
    """Return the medians."""
    return Taken(*(median(getattr(one, name) for one in some) for name in ("wall", "command", "cluster")))


def show_files(run: Path) -> None:
    """Print which files a finished run has, and how large they are."""
    shards = len(list((run / "shards").iterdir()))
    print(f"on disk: a run of {shards} shards")
    for entry in sorted(run.iterdir()):
        files = [path for path in (entry, *entry.rglob("*")) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(f"  {entry.name:18} {len(files):4} files, {size:11} bytes, {size / shards:9.0f} a shard", flush=True)


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what a command tells."""
    assert process.stderr is not None
    yield from process.stderr


def show_planned(folder: Path, cluster: Cluster, shards: int) -> None:
    """Print the memory of a command that has planned so many shards, when its first worker begins."""
    command = [sys.executable, "-m", "builder", *write_input(folder, shards)]
    command += ["--engine", "ray", "--address", cluster.address]
    start = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    said = next((line for line in lines_of(process) if " begins on " in line), "it ended")
    wall, about = time.monotonic() - start, Path(f"/proc/{process.pid}")
    peak = next(line for line in (about / "status").read_text().splitlines() if line.startswith("VmHWM"))
    used = sum(map(int, (about / "stat").read_text().rpartition(") ")[2].split()[11:13])) / 100
    process.kill()
    process.wait()
    size = int(peak.split()[1]) / 1024
    print(
        f"{shards} shards planned: {said.strip()} after {wall:.1f} s, {used:.1f} s CPU; peak memory {size:.0f} MB"
    )


def main() -> None:
    """Measure each in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--shards", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ids", action="store_const", const=", id: id", default="", help="take ids from a column")
    options = parser.parse_args()
    few, more = 500, options.documents + 500
    with (
        tempfile.TemporaryDirectory() as name,
        Cluster() as cluster,
        chat_servers([Speed(250), Speed(250)], 0.5) as servers,
    ):
        print(f"an idle cluster: {cluster.idle * 100:.0f} % of a core", flush=True)
        folder, urls = Path(name), [part for url in servers.urls for part in ("--server", url)]
        filters = Plan("filters that cost little", CHEAP, few, more, ids=options.ids)
        show_files(filters.compare(filters.write(folder / "filters"), cluster, options.rounds))
        rewrite = Plan("requests, answered after 0.5 s, 500 at once", REWRITE, few, more, urls, options.ids)
        show_files(rewrite.compare(rewrite.write(folder / "rewrite"), cluster, options.rounds))
        for shards in options.shards:
            show_planned(folder / f"planned-{shards}", cluster, shards)


if __name__ == "__main__":
    main()
