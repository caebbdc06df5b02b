"""Real Python files to measure with: source distributions from PyPI, pinned, downloaded once, never executed."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from pathlib import Path

import httpx2
import platformdirs

INDEX = "https://pypi.org/simple"
DISTRIBUTIONS = """
    alembic-1.9.4 ansible_core-2.22.0rc1 arrow-1.4.0 attrs-26.1.0 beautifulsoup4-4.9.3 boto3-1.9.99
    bottle-0.9.8 celery-5.7.0rc1 cerberus-1.3.8 channels-4.3.2 click-8.5.1 colorama-0.4.6rc1 configobj-5.0.9
    cookiecutter-2.7.1 coverage-7.9.2 deap-1.4.4 djangorestframework-3.9.4 docutils-0.9 fabric-3.2.3
    faker-40.9.0 falcon-4.4.0rc1 feedparser-6.0.9 flask-3.1.3 freezegun-1.5.5 html5lib-1.1 httpie-3.2.4
    httpx-1.0.dev6 hypothesis-6.99.9 invoke-3.0.3 itsdangerous-2.2.0 jinja2-3.1.6 kombu-5.7.0rc1 markdown-3.9
    marshmallow-4.4.0 mesa-4.0.0a0 mistune-3.4.0 mkdocs-2.0.dev6 mock-5.2.0 mutagen-1.48.1 networkx-3.7rc0
    nltk-3.9b1 nose2-0.9.2 paramiko-5.1.0 peewee-4.5.3 pelican-4.9.1 pendulum-3.3.0 pexpect-4.9.0
    plumbum-2.0.2 pony-0.7 prettytable-3.9.0 psutil-7.2.2 pymongo-4.9 pyparsing-3.3.3 pytest-9.2.0
    python_dateutil-4.0.0 pyyaml-6.0.3 responses-0.9.0 rich-9.9.0 scrapy-2.19.0 seaborn-0.9.1rc0 sh-2.4.0
    simpy-4.1.2 starlette-1.9.0 tabulate-0.9.0 textual-8.2.8 thefuck-3.9 tinydb-4.9.0 toml-0.9.6
    tornado-6.6rc1 tqdm-4.9.0 twisted-26.4.0rc2 vcrpy-9.4.2 voluptuous-0.9.3 werkzeug-3.1.9 you_get-0.4.1743
    youtube_dl-2021.6.6 zope_interface-8.7
"""
FOLDER = Path(platformdirs.user_cache_dir("swallow-builder")) / "python-files"


def _fetch(client: httpx2.Client, distribution: str) -> bytes:
    name = distribution.rpartition("-")[0].replace(".", "-").replace("_", "-")
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    files = client.get(f"{INDEX}/{name}/", headers=accept).raise_for_status().json()["files"]
    wanted = next(file for file in files if file["filename"] == f"{distribution}.tar.gz")
    content: bytes = client.get(wanted["url"]).raise_for_status().content
    if hashlib.sha256(content).hexdigest() != wanted["hashes"]["sha256"]:
        raise ValueError(f"{distribution}: not the file that the index describes")
    return content


def _unpack(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for number, member in enumerate(archive):
            if member.isfile() and member.name.endswith(".py") and 0 < member.size < 100_000:
                file = archive.extractfile(member)
                if file is not None:
                    (folder / f"{number:05d}-{Path(member.name).name}").write_bytes(file.read())


def python_files(count: int) -> list[Path]:
    """Return `count` files of at most 70 kB, the same ones at every call, mixed from all the distributions."""
    with httpx2.Client(follow_redirects=True, timeout=60) as client:
        for distribution in DISTRIBUTIONS.split():
            folder = FOLDER / distribution
            if not folder.is_dir():
                partial = folder.with_suffix(".partial")
                partial.mkdir(parents=True, exist_ok=True)
                _unpack(_fetch(client, distribution), partial)
                partial.rename(folder)
    files = sorted(path for path in FOLDER.glob("*/*.py") if path.stat().st_size < 70_000)
    random.Random(1).shuffle(files)
    return files[:count]
