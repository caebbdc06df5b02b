"""Reading the Hub: bytes to go on in the middle of a large Parquet file, and peak memory at two sizes of input.

The peer is `datasets`, streaming: `skip`, and a state taken where the stream was left, of the dataset as it is and
of the one divided by row groups (`reshard`). All read the same rows from the same local Hub, each in a process of
its own. Memory is that of all shards through `ReadAhead`, start-up included, for a `hub` source and for
`the-stack-v2` with its contents from a storage in memory; what is read ahead is let fill up first.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from builder.document import Document
    from tests.local_hub import LocalHub

ROOT = Path(__file__).absolute().parent.parent
MATH, LARGE_MATH = "people/math-small", "people/math"
IDS, LARGE_IDS = "people/ids-small", "people/ids"
FILE = "data/train-00000-of-00001.parquet"
GROUP_ROWS, GROUPS, TEXT_BYTES, SHARD_ROWS = 6_000, 5, 4_400, 1_000
FILES, TIMES = 3_000, 10
FULL_AFTER = 3.0

# --- what clients do, in processes of their own ---


def resume_ours(dataset: str, rows: int) -> dict[str, Any]:
    """Read the shard in the middle with a source that has read nothing yet."""
    import datasets  # noqa: F401 - start-up is left out, the peer's too

    from builder.sources.hub import HubSource

    start = time.monotonic()
    source = HubSource(kind="hub", dataset=dataset, shard_rows=rows)
    source.pin(None)
    shards = source.shards()
    shard = shards[len(shards) // 2 + 2]  # in the middle of a row group too
    texts = [document.text or "" for document in source.read(shard, Counter())]
    return {**_told(texts, start), "first": shard.start}


def resume_by_skip(dataset: str, first: int, rows: int) -> dict[str, Any]:
    """Read the same rows with `datasets`, skipping those before."""
    import datasets  # noqa: F401

    start = time.monotonic()
    return _told([row["text"] for row in _stream(dataset).skip(first).take(rows)], start)


def state_at(dataset: str, first: int, divided: bool) -> Any:  # noqa: ANN401 - whatever `datasets` makes it
    """Read all the rows before with `datasets`, and return its state there."""
    stream = _stream(dataset, divided)
    for _ in islice(stream, first):
        pass
    return stream.state_dict()


def resume_by_state(dataset: str, state: dict[str, Any], rows: int, divided: bool) -> dict[str, Any]:
    """Read the same rows with `datasets`, from a state on."""
    import datasets  # noqa: F401

    start = time.monotonic()
    stream = _stream(dataset, divided)
    stream.load_state_dict(state)
    return _told([row["text"] for row in islice(stream, rows)], start)


def _stream(dataset: str, divided: bool = False) -> Any:  # noqa: ANN401 - datasets has no types
    from datasets import load_dataset

    stream = load_dataset(dataset, split="train", streaming=True)
    return stream.reshard() if divided else stream


def _told(texts: list[str], start: float) -> dict[str, Any]:
    said = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return {"rows": len(texts), "said": said, "seconds": time.monotonic() - start}


def peak_of_ours(kind: str, dataset: str, endpoint: str) -> dict[str, Any]:
    """Read all shards of a source ahead, and return how many documents there were and the peak memory."""
    from builder.run.read_ahead import ReadAhead
    from builder.sources.hub import HubSource
    from builder.sources.the_stack import TheStackSource

    source = (
        HubSource(kind="hub", dataset=dataset)
        if kind == "hub"
        else TheStackSource(kind="the-stack-v2", dataset=dataset, endpoint=endpoint)
    )

    def documents() -> Iterator[Document]:
        for shard in source.shards():
            yield from source.read(shard, Counter())

    async def read() -> int:
        count = 0
        async with ReadAhead(documents(), lambda document: len(document.current), source.stop_reading) as ahead:
            await asyncio.sleep(FULL_AFTER)
            async for document in ahead:
                assert document.text is not None, document
                count += 1
        return count

    with tempfile.TemporaryDirectory() as folder, source.working(Path(folder)):
        source.pin(None)
        return {"rows": asyncio.run(read()), "peak": _peak_megabytes()}


def peak_of_datasets(dataset: str) -> dict[str, Any]:
    """Stream all rows with `datasets`."""
    return {"rows": sum(1 for _ in _stream(dataset)), "peak": _peak_megabytes()}


def _peak_megabytes() -> float:
    """Return the peak of this program's memory; `ru_maxrss` counts the parent's too, from before the `exec`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


# --- what they read ---


def write_math(path: Path, groups: int) -> None:
    """Write row groups of some 20 MB, with FineMath's columns, in texts that hardly compress."""
    with pq.ParquetWriter(path, _math_rows(0).schema, compression="zstd") as file:
        for group in range(groups):
            file.write_table(_math_rows(group * GROUP_ROWS), row_group_size=GROUP_ROWS)


def _math_rows(first: int) -> pa.Table:
    numbers, chance = range(first, first + GROUP_ROWS), random.Random(first)
    texts = [base64.b64encode(chance.randbytes(chance.randrange(TEXT_BYTES * 6 // 4))).decode() for _ in numbers]
    return pa.table(
        {
            "url": [f"https://example.org/{number}" for number in numbers],
            "fetch_time": pa.array([1_600_000_000 + number for number in numbers], pa.int64()),
            "content_mime_type": ["text/html"] * GROUP_ROWS,
            "warc_filename": [f"crawl-data/CC-MAIN-2020-05/segments/{first}/warc.gz"] * GROUP_ROWS,
            "warc_record_offset": pa.array(numbers, pa.int32()),
            "warc_record_length": pa.array([len(text) for text in texts], pa.int32()),
            "text": texts,
            "token_count": pa.array([len(text) // 4 for text in texts], pa.int32()),
            "char_count": pa.array([len(text) for text in texts], pa.int32()),
            "metadata": ['{"found_math": true}'] * GROUP_ROWS,
            "score": [chance.uniform(3, 5) for _ in numbers],
            "int_score": pa.array([4] * GROUP_ROWS, pa.int64()),
            "crawl": ["CC-MAIN-2020-05"] * GROUP_ROWS,
            "snapshot_type": ["latest"] * GROUP_ROWS,
            "language": ["en"] * GROUP_ROWS,
            "language_score": [chance.random() for _ in numbers],
        }
    )


def write_ids(path: Path, blobs: dict[str, bytes]) -> None:
    """Write a row a file, as The Stack v2 does."""
    from static_storage import bytes_inflated

    table = pa.table(
        {
            "blob_id": list(blobs),
            "repo_name": [f"people/project-{number // 20}" for number in range(len(blobs))],
            "path": [f"/src/module_{number}.py" for number in range(len(blobs))],
            "length_bytes": pa.array([bytes_inflated(body) for body in blobs.values()], pa.int64()),
            "src_encoding": ["UTF-8"] * len(blobs),
        }
    )
    pq.write_table(table, path, row_group_size=1_000)


# --- measuring ---


class Measuring:
    """Runs clients of one Hub, and sees what they ask of it."""

    def __init__(self, hub: LocalHub, folder: Path) -> None:
        self._hub, self._folder, self._clients = hub, folder, 0

    def run(self, call: str) -> Any:  # noqa: ANN401 - what the call gives
        """Run one of the functions above in a process of its own, with caches of its own."""
        self._clients += 1
        path = [str(ROOT / "benchmarks"), str(ROOT)]
        code = f"import sys\nsys.path[:0] = {path}\nimport hub_reading\nout = hub_reading.{call}"
        return self._hub.client(self._folder / f"home-{self._clients}", code, timeout=600)

    def resume(self, how: str, call: str) -> dict[str, Any]:
        """Run a client and print what it was sent of files; return what it told."""
        before = len(self._hub.requests)
        told: dict[str, Any] = self.run(call)
        asked = [one for one in self._hub.requests[before:] if one.method == "GET" and "/resolve/" in one.path]
        told["bytes"] = sum(one.sent for one in asked)
        megabytes, requests = told["bytes"] / 1e6, len(asked)
        print(f"  {how:<34}{megabytes:8.1f} MB in {requests:5} requests, {told['seconds']:5.1f} s", end="")
        return told

    def put_ids(self, blobs: dict[str, bytes]) -> None:
        """Put tables of all blobs and of the first few on the Hub."""
        path = self._folder / "ids.parquet"
        for dataset, count in ((IDS, len(blobs) // TIMES), (LARGE_IDS, len(blobs))):
            write_ids(path, dict(islice(blobs.items(), count)))
            self._hub.put(dataset, {FILE: path})

    def peaks(self, name: str, small: str, large: str) -> None:
        """Run a client at both sizes and print the peaks of memory."""
        less, more = self.run(small), self.run(large)
        ratio = more["peak"] / less["peak"]
        sizes = f"{less['peak']:.0f} MB for {less['rows']}, {more['peak']:.0f} MB for {more['rows']}"
        print(f"  {name:<14}{sizes}: {ratio:.2f} times")


def resumes(measuring: Measuring, file: Path) -> None:
    """Measure how the middle of the file is read."""
    footer = pq.read_metadata(file)
    size = file.stat().st_size
    print(f"{SHARD_ROWS} rows in the middle of {footer.num_rows} ({size / 1e6:.0f} MB)")
    own = measuring.resume("ours", f"resume_ours({LARGE_MATH!r}, {SHARD_ROWS})")
    first, last = own["first"], own["first"] + own["rows"] - 1
    groups = range(first // GROUP_ROWS, last // GROUP_ROWS + 1)
    needed = sum(_group_bytes(footer, group) for group in groups) + footer.serialized_size
    print(f"; {own['bytes'] / needed:.2f} times its {len(groups)} row groups and the footer")
    told = [measuring.resume("datasets, skip", f"resume_by_skip({LARGE_MATH!r}, {first}, {SHARD_ROWS})")]
    _times(told[-1], own)
    for divided, how in ((False, "datasets, state"), (True, "datasets, reshard and state")):
        state = measuring.run(f"state_at({LARGE_MATH!r}, {first}, {divided})")
        told.append(measuring.resume(how, f"resume_by_state({LARGE_MATH!r}, {state!r}, {SHARD_ROWS}, {divided})"))
        _times(told[-1], own)
    assert {(one["rows"], one["said"]) for one in told} == {(SHARD_ROWS, own["said"])}, "the rows differ"


def _times(peer: dict[str, Any], own: dict[str, Any]) -> None:
    print(f"; {peer['bytes'] / own['bytes']:.1f} times ours")


def _group_bytes(footer: pq.FileMetaData, group: int) -> int:
    columns = range(footer.num_columns)
    return sum(footer.row_group(group).column(column).total_compressed_size for column in columns)


def memory(measuring: Measuring) -> None:
    """Measure the peaks of both kinds of source at both sizes."""
    from static_storage import sources_as_stored, storage

    print("peak memory of all rows read ahead")
    measuring.peaks("hub", *(f"peak_of_ours('hub', {name!r}, '')" for name in (MATH, LARGE_MATH)))
    measuring.peaks("datasets", *(f"peak_of_datasets({name!r})" for name in (MATH, LARGE_MATH)))
    blobs = sources_as_stored(FILES * TIMES)
    measuring.put_ids(blobs)
    with storage(blobs) as server:
        calls = [f"peak_of_ours('the-stack-v2', {name!r}, {server.url!r})" for name in (IDS, LARGE_IDS)]
        measuring.peaks("the-stack-v2", *calls)


def main() -> None:
    """Write the files, and measure both."""
    sys.path.insert(0, str(ROOT))
    from tests.local_hub import LocalHub

    with tempfile.TemporaryDirectory() as name, LocalHub(Path(name) / "hub") as hub:
        file = Path(name) / "rows.parquet"
        measuring = Measuring(hub, Path(name))
        write_math(file, GROUPS)
        hub.put(MATH, {FILE: file})
        write_math(file, GROUPS * TIMES)
        hub.put(LARGE_MATH, {FILE: file})
        resumes(measuring, file)
        file.unlink()
        memory(measuring)


if __name__ == "__main__":
    main()
