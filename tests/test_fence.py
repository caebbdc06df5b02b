"""A process that slept while another took its run over writes nothing into it and removes nothing when it wakes.

Each process is on a machine of its own, as far as it can tell, so that only silence says that another is gone.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.errors import RunInUse
from builder.run.fence import OWNER, WRITING, Fence, move
from builder.run.lease import Lease, _is_linked
from tests.faulty import Chain, rows_of, server, write_chain
from tests.starting import Started
from tests.support import digests
from tests.tgi_double import TgiDouble

DOCUMENTS = 60

SILENT = 0.6

SAME_WAY = "answers/00000001.part", "progress.json", "run.json"

ALONE = """
import builder.run.lease as lease, builder.run.process as process
lease._BEAT_SECONDS, lease._SILENT_SECONDS = 0.05, 0.5
process.this_place = lambda: {place!r}
"""

ASLEEP = """
import os, signal, sys
def sleep(event, arguments):
    global is_awake
    if event == "os.rename" and is_awake and str(arguments[{side}]).endswith({name!r}):
        is_awake = False
        os.kill(os.getpid(), signal.SIGSTOP)
is_awake = True
sys.addaudithook(sleep)
"""
"""Falls asleep between having looked at whose the run is and putting a file in (side 1) or taking one out (0)."""


@pytest.fixture(scope="module")
def double() -> Iterator[TgiDouble]:
    with server() as double:
        yield double


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, double: TgiDouble) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    Chain(write_chain(folder / "project", DOCUMENTS), folder / "run", [double]).finish()
    return folder


class Two:
    """Two builds of one run, on two machines."""

    def __init__(self, calm: Path, run: Path, double: TgiDouble, prelude: str = "") -> None:
        recipe = calm / "project" / "chain.yaml"
        self.run = run
        self.first = Chain(recipe, run, [double], ALONE.format(place="one") + prelude)
        self.second = Chain(recipe, run, [double], ALONE.format(place="two"))

    def wait_for_silence(self, process: Started) -> None:
        """Wait until a stopped process counts as gone."""
        wait_until(lambda: is_stopped(process))
        wait_until(lambda: time.time() - (self.run / OWNER).stat().st_mtime > SILENT)

    def files(self) -> dict[str, tuple[object, ...]]:
        """Return every file and folder of the run: its content, and whether it is the same one, written once."""
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(self.run.rglob("*")):
            about = path.stat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[path.relative_to(self.run).as_posix()] = (content, about.st_ino, about.st_mtime_ns)
        return found


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


def is_stopped(process: Started) -> bool:
    assert process.poll() is None, process.stderr
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def check_awake(two: Two, process: Started, calm: Path, code: int = 2) -> None:
    """Wake the first, whose run the second has built: it says so unless its own work was done, and no more."""
    assert digests(two.run / "shards") == digests(calm / "run" / "shards")
    assert not list(two.run.glob(f"{WRITING}*")), "what the first had begun to write is gone"
    before = two.files()
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=60) == code, process.stderr
    assert ("builds this run" in process.stderr) == (code == 2) and "Traceback" not in process.stderr
    assert two.files() == before


@pytest.mark.parametrize(
    ("side", "name", "code"),
    [
        (1, "shards/shard-00002.parquet", 2),
        (0, "-000000.jsonl", 2),
        (1, "answers/00000001.part", 2),
        (1, "progress.json", 2),
        (1, "run.json", 2),
        (0, "run/owner.json", 0),
    ],
)
def test_asleep_between_its_look_and_its_rename(
    calm: Path, tmp_path: Path, double: TgiDouble, side: int, name: str, code: int, is_long: bool
) -> None:
    if not is_long and name in SAME_WAY:
        pytest.skip("as for a shard")
    two = Two(calm, tmp_path / "run", double, ASLEEP.format(side=side, name=name))
    process = two.first.start()
    two.wait_for_silence(process)
    two.second.finish()
    check_awake(two, process, calm, code)


def test_asleep_with_requests_in_flight(calm: Path, tmp_path: Path, double: TgiDouble) -> None:
    two = Two(calm, tmp_path / "run", double)
    process = two.first.start()
    wait_until(lambda: any((two.run / "shards").glob("*.parquet")))
    process.send_signal(signal.SIGSTOP)
    two.wait_for_silence(process)
    two.second.finish()
    check_awake(two, process, calm)


def test_asleep_before_it_takes_shards_away(calm: Path, tmp_path: Path, double: TgiDouble) -> None:
    two = Two(calm, tmp_path / "run", double, ASLEEP.format(side=0, name="shards/shard-00003.parquet"))
    two.second.finish()
    two.first.options = ["--limit", DOCUMENTS // 2]
    process = two.first.start()
    two.wait_for_silence(process)
    two.second.finish()
    check_awake(two, process, calm)


def test_awake_while_the_other_is_at_work(calm: Path, tmp_path: Path, double: TgiDouble) -> None:
    two = Two(calm, tmp_path / "run", double, ASLEEP.format(side=1, name="shards/shard-00001.parquet"))
    process = two.first.start()
    two.wait_for_silence(process)
    owner = two.run / OWNER
    epoch = json.loads(owner.read_text())["epoch"]
    other = two.second.start()
    wait_until(lambda: owner.is_file() and owner.read_bytes()[-2:] == b"\n}" and epoch_in(owner) > epoch)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=60) == 2, process.stderr
    assert other.wait(timeout=60) == 0, other.stderr
    assert digests(two.run / "shards") == digests(calm / "run" / "shards")
    assert len(rows_of(two.run)) == DOCUMENTS and not list((two.run / "journal").iterdir())


def epoch_in(owner: Path) -> int:
    epoch: int = json.loads(owner.read_text())["epoch"]
    return epoch


# --- by itself ---


def test_each_lease_has_a_higher_epoch_and_clears_what_those_before_left(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        with Lease(tmp_path) as lease:
            epochs.append(lease.epoch)
            assert epoch_in(tmp_path / OWNER) == lease.epoch
            content = (tmp_path / OWNER).read_text().replace('"pid": ', '"pid": 9999')
        (tmp_path / OWNER).write_text(content)  # of a process that was killed
        (tmp_path / f"{WRITING}{lease.epoch}").mkdir()
        (tmp_path / f"{WRITING}{lease.epoch}" / "shard-00000.parquet.1-1").write_text("torn")
    ahead = epochs[-1] + 10**9  # of a file server whose clock was put back since
    (tmp_path / OWNER).write_text(content.replace(str(epochs[-1]), str(ahead)))
    with Lease(tmp_path) as lease:
        epochs += [ahead, lease.epoch]
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [f"{WRITING}{lease.epoch}"]
        assert not list((tmp_path / f"{WRITING}{lease.epoch}").iterdir())
    assert epochs == sorted(set(epochs)) and not list(tmp_path.iterdir())


def test_a_fence_is_plain_data_and_holds_for_as_long_as_its_lease(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        fence: Fence = pickle.loads(pickle.dumps(lease.fence))
        fence.write_text(tmp_path / "folder" / "one", "one")
        fence.write_text(tmp_path / "two", "two")
        fence.remove(tmp_path / "two")
        fence.remove(tmp_path / "two")
        with pytest.raises(FileNotFoundError, match="no such file of mine"), fence.replacing(tmp_path / "three"):
            raise FileNotFoundError("no such file of mine")
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"{WRITING}{lease.epoch}", "folder", OWNER]
    for refused in (
        fence.check,
        lambda: fence.write_text(tmp_path / "folder" / "one", "late"),
        lambda: fence.remove(tmp_path / "folder"),
    ):
        with pytest.raises(RunInUse):
            refused()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "one"]
    assert (tmp_path / "folder" / "one").read_text() == "one"


def test_a_rename_whose_first_answer_was_lost_was_one(tmp_path: Path) -> None:
    moved, other = tmp_path / "moved", tmp_path / "other"
    moved.write_text("content")

    class Lost(type(moved)):  # type: ignore[misc] # a network file system's second answer
        def replace(self, target: Path) -> Path:
            super().replace(target)
            return Path(super().replace(target))

    move(Lost(moved), other)
    assert other.read_text() == "content" and not moved.exists()
    with pytest.raises(FileNotFoundError):
        move(moved, other)


def test_a_link_whose_first_answer_was_lost_was_one(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "other").write_text("other")
    assert _is_linked(tmp_path / "mine", tmp_path / "name")
    assert _is_linked(tmp_path / "mine", tmp_path / "name")
    assert not _is_linked(tmp_path / "other", tmp_path / "name")
