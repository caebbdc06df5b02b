"""The options that several commands take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from builder.files import placed

if TYPE_CHECKING:
    from builder.run.build_options import BuildOptions

Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe that ships, or the path of a YAML file.")]
RunDir = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", parser=placed, help="The run's directory.", show_default="runs/<recipe>"),
]
ReadRun = Annotated[
    Path, typer.Argument(metavar="RUN", parser=placed, help="A run's directory, such as runs/demo.")
]
Servers = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="URL", help="An LLM server: TGI, vLLM, SGLang or llama.cpp. Repeatable."),
]
ServersFile = Annotated[
    Path | None,
    typer.Option(
        "--servers",
        metavar="FILE",
        help="A file of servers, a URL a line, read again when it changes: they join and leave while it runs.",
    ),
]
ServedModel = Annotated[
    str | None,
    typer.Option(
        "--served-model",
        metavar="NAME",
        help="Which model answers, where a server has several: an adapter's name, say. A run remembers it.",
    ),
]
LocalModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="GGUF", help="Serve this GGUF on the CPU instead: a path or hf://ORG/REPO/FILE.gguf."
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        metavar="FILE",
        help="The answering model's tokenizer (a file, a folder, or hf://ORG/NAME): its control tokens are shown"
        " to it by placeholders where documents hold them.",
        show_default="the weights', the server's or the Hub's",
    ),
]
WorkerCount = Annotated[int, typer.Option("--workers", min=1, help="Filter processes.", show_default="one a core")]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Who builds: this process, or workers on a Ray cluster (docs/clusters.md)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="With --engine ray: the cluster's head.",
        show_default="auto: the cluster that this machine belongs to",
    ),
]
WorkerCpus = Annotated[
    int | None,
    typer.Option(
        "--worker-cpus",
        min=1,
        help="With --engine ray: CPUs, and filter processes, of each worker.",
        show_default="as many as a node has",
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Take only the source's first N documents.")]
Reuse = Annotated[
    list[Path] | None,
    typer.Option(
        "--reuse",
        metavar="RUN_OR_RELEASE",
        help="Take the answers to equal requests from this run, finished or not, or release. Repeatable.",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Ask again also for documents that servers failed on and that were blamed for it. Those that failed"
        " for want of a server are asked for again anyway.",
    ),
]
MaxFailures = Annotated[
    float,
    typer.Option(
        "--max-failures", min=0, max=1, help="Stop when more than this share of a stage's last 500 failed."
    ),
]
MaxReason = Annotated[
    float,
    typer.Option(
        "--max-reason",
        min=0,
        max=1,
        help="Stop when more than this share of a stage's last 2,000 were dropped for one reason.",
    ),
]
MaxStall = Annotated[
    float,
    typer.Option(
        "--max-stall", metavar="MINUTES", min=0.001, help="Stop when for so long nothing happened at all."
    ),
]
Patience = Annotated[
    float,
    typer.Option("--patience", metavar="SECONDS", min=0, help="How long to wait for a server when none answers."),
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0,
        help="How long a SIGTERM waits for answers in flight. Ctrl-C waits for all of them, twice for none.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change the recipe: --set stages.lint.min_score=6."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="COLUMN=FILE",
        help="Leave out the documents that a file lists by `id` or a column of the source, such as repo_name,"
        " blob_id or url: one entry per line, OWNER or OWNER/* for an account. Nothing of them is asked, paid for"
        " or published. Repeatable; the recipe's own `exclude` counts as well.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="DEST",
        help="hf://datasets/ORG/NAME, or a directory.",
        show_default="the recipe's, or releases/<recipe>",
    ),
]
Version = Annotated[
    str | None, typer.Option("--version", metavar="X.Y.Z", show_default="the next, from what changed")
]
LicenseFile = Annotated[
    Path | None,
    typer.Option(
        "--license-file",
        metavar="FILE",
        help="The generator's licence, to be included.",
        show_default="fetched from the generator's repository on the Hub",
    ),
]
Private = Annotated[bool, typer.Option("--private", help="Make a new dataset on the Hub private.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show files, sizes, new bytes and what stays; publish nothing.")
]
ShowCard = Annotated[bool, typer.Option("--card", help="With --dry-run: show the card, too.")]
Replaces = Annotated[
    str | None,
    typer.Option("--replaces", metavar="RECIPE", help="Go on where this other recipe was released until now."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what others edited there and can't be merged.")
]
Readmit = Annotated[
    bool, typer.Option("--readmit", help="Publish again what the version before left out on request.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result on stdout.")]
CORES = os.cpu_count() or 1


def build_options(
    servers: list[str] | None,
    servers_file: Path | None,
    model: str | None,
    workers: int,
    until: str | None,
    limit: int | None,
    reuse: list[Path] | None,
    patience: float,
    max_failures: float,
    max_reason: float,
    max_stall: float,
    tokenizer: str | None,
    served_model: str | None,
    retry_failed: bool,
    grace: float,
) -> BuildOptions:
    """Return how a build goes, from a command's options."""
    from builder.run.build_options import BuildOptions
    from builder.run.gates import GateLimits

    return BuildOptions(
        servers or (),
        servers_file,
        model,
        workers,
        until,
        limit,
        reuse or (),
        patience,
        GateLimits(max_failures, max_reason, max_stall),
        tokenizer,
        served_model,
        retry_failed,
        grace,
    )
