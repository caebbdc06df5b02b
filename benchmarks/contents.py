"""Contents: texts a second and CPU a text, `builder.sources.contents` against `smart_open` and boto3 in threads.

The peer is what The Stack's page shows, `smart_open.open("s3://…", compression=".gz")`, in a pool of 16 threads
and in one of 128. Each client is a process of its own, on the same blobs from the same server: with every answer
late, as from a distant storage, and at once. What the server uses is printed too: it must have time to spare.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from static_storage import PREFIX, Storage, bytes_inflated, sources_as_stored, storage

BLOBS = 6_000
WARM_UP = 64
FAR = 0.02
THREADS = (16, 128)
MAX_BYTES = 10 * 2**20
Blob = tuple[str, int]  # its id, and how many bytes its text has: what The Stack's tables say of it
Read = Callable[[Sequence[Blob]], list[str]]


@dataclass
class Figures:
    """What one client achieved."""

    rate: float  # texts a second
    cpu: float  # milliseconds a text
    server: float  # share of a core that the server used meanwhile
    said: str  # digest of all texts, in order


def ours(url: str, read_in: Callable[[Read], None]) -> None:
    """Read through `Contents`, into a run's folder."""
    from builder.sources.contents import Contents, Wanted
    from builder.sources.text import decode_declared

    def read(blobs: Sequence[Blob]) -> list[str]:
        texts = []
        for _, content in contents.read((None, Wanted(*blob)) for blob in blobs):
            assert content is not None and content.bytes is not None, content
            text, reason = decode_declared(content.bytes, "UTF-8")
            assert text is not None, reason
            texts.append(text)
        return texts

    with tempfile.TemporaryDirectory() as folder:
        contents = Contents(f"s3:/{PREFIX.rstrip('/')}", url, MAX_BYTES, Path(folder))
        read_in(read)
        contents.close()


def threads(count: int, url: str, read_in: Callable[[Read], None]) -> None:
    """Read as The Stack's page shows, in so many threads."""
    import boto3
    import smart_open
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(max_pool_connections=count, signature_version=UNSIGNED)
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config)

    def one(blob: Blob) -> str:
        address, parameters = f"s3:/{PREFIX}{blob[0]}", {"client": client}
        with smart_open.open(address, "rb", compression=".gz", transport_params=parameters) as file:
            text: str = file.read().decode("UTF-8")
            return text

    with ThreadPoolExecutor(count) as pool:
        read_in(lambda blobs: list(pool.map(one, blobs)))


def client(how: str, url: str, blobs: Sequence[Blob]) -> None:
    """Read the blobs, the first few as a warm-up, and print the figures of the others."""

    def measure(read: Read) -> None:
        read(blobs[:WARM_UP])
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        texts = read(blobs[WARM_UP:])
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        said = hashlib.sha256("\0".join(texts).encode()).hexdigest()
        print(json.dumps({"texts": len(texts), "wall": wall, "cpu": cpu, "said": said}))

    reader = ours if how == "ours" else partial(threads, int(how))
    reader(url, measure)


def run(how: str, server: Storage, blobs: Sequence[Blob]) -> Figures:
    """Run a client in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}
    before = server.cpu_seconds()
    done = subprocess.run(
        [sys.executable, __file__, how, server.url],
        input=json.dumps(blobs),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["texts"] == len(blobs) - WARM_UP
    return Figures(
        rate=told["texts"] / told["wall"],
        cpu=told["cpu"] / told["texts"] * 1000,
        server=(server.cpu_seconds() - before) / told["wall"],
        said=told["said"],
    )


def main() -> None:
    """Measure both distances."""
    stored = sources_as_stored(BLOBS)
    blobs = [(blob_id, bytes_inflated(body)) for blob_id, body in stored.items()]
    kilobytes = sum(map(len, stored.values())) / len(blobs) / 1000
    print(f"{len(blobs)} texts, {kilobytes:.1f} kB each as stored; {os.cpu_count()} CPUs for client and server")
    for seconds in (FAR, 0.0):
        with storage(stored, seconds) as server:
            own = run("ours", server, blobs)
            peers = {count: run(str(count), server, blobs) for count in THREADS}
        assert {peer.said for peer in peers.values()} == {own.said}, "the texts differ"
        print(f"answers {seconds * 1000:.0f} ms late" if seconds else "answers at once")
        print(f"  {'ours':<12}{_line(own)}")
        for count, peer in peers.items():
            times = f"ours {own.rate / peer.rate:.1f} times as fast, at {own.cpu / peer.cpu:.2f} times the CPU"
            print(f"  {f'{count} threads':<12}{_line(peer)}; {times}")


def _line(of: Figures) -> str:
    return f"{of.rate:7.0f} texts/s {of.cpu:6.2f} ms CPU a text; server {of.server * 100:3.0f} % of a core"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        client(sys.argv[1], sys.argv[2], [tuple(blob) for blob in json.load(sys.stdin)])
    else:
        main()
