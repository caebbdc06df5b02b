"""The first model of a recipe that can be had, on the Hub or not; a run goes on with the one it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from builder.errors import RecipeError, UsageError
from builder.recipe_file import load_recipe
from builder.rewriting.hub_weights import HubFile
from builder.rewriting.local import find_weights
from builder.rewriting.weights import SMOLLM2
from tests.local_hub import LocalHub
from tests.support import builder

REPOSITORY = "org/model-GGUF"
LICENSE = b"The licence of the model.\n"
GGUF = b"GGUF" + bytes(100_000)
SHA256 = hashlib.sha256(GGUF).hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()
CHOOSE = """
import json
from pathlib import Path
from builder.errors import BuilderError
from builder.rewriting.generation import Model
from builder.rewriting.local import Candidate, choose_weights, license_of
said, begun = [], {begun!r}
try:
    found = choose_weights([Candidate(*one) for one in {candidates!r}], Model("m", begun) if begun else None, said.append)
    text = license_of(Model("m", found.sha256))
    out = dict(name=found.path.name, sha256=found.sha256, license=text and text.read_text(), said=said)
except BuilderError as error:
    out = dict(error=type(error).__name__, what=str(error), said=said)
"""  # noqa: E501


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub(cdn=True) as local:
        local.put(f"models/{REPOSITORY}", {"model.gguf": GGUF, "LICENSE": LICENSE})
        yield local


def chosen(hub: LocalHub, home: Path, candidates: list[tuple[str, str]], begun: str = "", **more: Any) -> Any:
    """Choose in a process that is a client of this Hub, with caches of its own."""
    code = CHOOSE.format(candidates=candidates, begun=begun)
    return hub.client(home, code, XDG_CACHE_HOME=str(home / "cache"), **more)


ON_HUB = (f"hf://{REPOSITORY}/model.gguf", SHA256)


def test_from_the_hub_with_its_licence_and_from_the_cache_when_the_hub_is_gone(
    hub: LocalHub, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    found = chosen(hub, home, [ON_HUB, (SMOLLM2, "")])
    assert (found["name"], found["sha256"], found["license"]) == ("model.gguf", SHA256, LICENSE.decode())
    assert any("model.gguf" in line and REPOSITORY in line for line in found["said"])
    hub.down()
    again = chosen(hub, home, [ON_HUB, (SMOLLM2, "")])
    assert (again["sha256"], again["license"]) == (SHA256, LICENSE.decode())
    assert chosen(hub, home, [ON_HUB, (SMOLLM2, "")], HF_HUB_OFFLINE="1")["sha256"] == SHA256


@pytest.mark.parametrize("trouble", ["down", "offline", "500"])
def test_a_hub_that_does_not_answer_is_an_error_with_a_remedy(hub: LocalHub, tmp_path: Path, trouble: str) -> None:
    if trouble == "down":
        hub.down()
    hub.fail("500", times=100, match="HEAD .*")
    found = chosen(hub, tmp_path / "home", [ON_HUB], HF_HUB_OFFLINE=str(int(trouble == "offline")))
    assert found["error"] == "NothingToTalkTo"
    assert ON_HUB[0] in found["what"] and "--model" in found["what"]
    assert not hub.seen("GET .*/model.gguf")


def test_a_disk_that_does_not_take_the_weights_is_not_said_to_be_the_hubs_fault(
    hub: LocalHub, tmp_path: Path
) -> None:
    small = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    code = small + CHOOSE.format(candidates=[ON_HUB], begun="")
    found = hub.client(tmp_path / "home", code, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert found["error"] == "StorageError"
    assert "File too large" in found["what"] and "ulimit -f" in found["what"] and "the Hub" not in found["what"]


@pytest.mark.parametrize("first", [("hf://org/none/model.gguf", SHA256), (ON_HUB[0], OTHER)])
def test_what_the_hub_has_not_or_has_changed_is_passed_over_and_said(
    hub: LocalHub, tmp_path: Path, first: tuple[str, str]
) -> None:
    hub.put("models/org/second", {"second.gguf": b"GGUF two", "LICENSE.txt": LICENSE})
    second = ("hf://org/second/second.gguf", hashlib.sha256(b"GGUF two").hexdigest())
    found = chosen(hub, tmp_path / "home", [first, second])
    assert (found["name"], found["license"]) == ("second.gguf", LICENSE.decode())
    assert first[0] in found["said"][-1]
    assert first[1] == SHA256 or OTHER in found["said"][-1]
    assert not hub.seen("GET .*/model.gguf")


def test_a_wrong_file_in_the_cache_is_not_taken(hub: LocalHub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = chosen(hub, home, [ON_HUB])
    assert path["sha256"] == SHA256
    for file in home.rglob("model.gguf"):
        file.resolve().write_bytes(b"GGUF torn")
    found = chosen(hub, home, [ON_HUB])
    assert found["error"] == "NothingToTalkTo"
    assert hashlib.sha256(b"GGUF torn").hexdigest() in found["what"] and "remove" in found["what"]


def test_one_without_a_licence_is_passed_over_where_there_is_another(hub: LocalHub, tmp_path: Path) -> None:
    hub.put("models/org/bare", {"bare.gguf": b"GGUF bare"})
    bare = ("hf://org/bare/bare.gguf", hashlib.sha256(b"GGUF bare").hexdigest())
    found = chosen(hub, tmp_path / "home", [bare, ON_HUB])
    assert found["name"] == "model.gguf"
    assert "licence" in found["said"][-1]
    assert chosen(hub, tmp_path / "home", [bare])["license"] is None


def test_a_run_goes_on_with_the_model_it_began_with(hub: LocalHub, tmp_path: Path) -> None:
    hub.put("models/org/second", {"second.gguf": b"GGUF two", "LICENSE": LICENSE})
    second = ("hf://org/second/second.gguf", hashlib.sha256(b"GGUF two").hexdigest())
    home = tmp_path / "home"
    assert chosen(hub, home, [ON_HUB, second], begun=second[1])["name"] == "second.gguf"
    hub.down()
    gone = chosen(hub, home, [ON_HUB, second], begun=SHA256)  # the second is there, and another model
    assert gone["error"] == "NothingToTalkTo"
    assert ON_HUB[0] in gone["what"]


def test_a_revision_is_asked_for(hub: LocalHub, tmp_path: Path) -> None:
    old = hub.put("models/org/moving", {"m.gguf": b"GGUF old", "LICENSE": LICENSE})
    hub.put("models/org/moving", {"m.gguf": b"GGUF new"})
    at = hashlib.sha256(b"GGUF old").hexdigest()
    assert chosen(hub, tmp_path / "home", [(f"hf://org/moving@{old}/m.gguf", at)])["sha256"] == at


@pytest.mark.parametrize("address", ["hf://model.gguf", "hf://org/model", "hf://org/model/model.bin"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="hf://ORG/REPO"):
        find_weights(address, print)
    assert str(HubFile.parse("hf://a/b@c/d/e.gguf")) == "hf://a/b@c/d/e.gguf"


def test_of_several_models_each_has_a_digest(tmp_path: Path) -> None:
    recipe = tmp_path / "two.yaml"

    def load(gguf: object) -> list[str | None]:
        recipe.write_text(
            "name: two\nsource: {kind: files, path: .}\nstages: [{name: code, rewrite: demo-code}]\n"
            f"model: {{gguf: {json.dumps(gguf)}}}\nrelease: {{configs: {{code: code}}, license: mit}}\n"
        )
        model = load_recipe(str(recipe)).recipe.model
        return [] if model is None else [one.candidate.pin for one in model.gguf]

    assert load("some.gguf") == [None]
    assert load([{"path": "some.gguf", "sha256": OTHER}, SMOLLM2])[0] == OTHER
    for wrong, says in (
        (["some.gguf", SMOLLM2], "sha256"),
        ([{"path": "some.gguf", "sha265": OTHER}], "sha256"),
        ([{"path": "some.gguf", "sha256": "0"}], "sha256"),
        ([], "gguf"),
    ):
        with pytest.raises(RecipeError, match=says):
            load(wrong)
    demo = load_recipe("demo").recipe.model
    assert demo is not None and [one.path for one in demo.gguf][-1] == SMOLLM2


@pytest.mark.llm
def test_a_run_keeps_its_model_when_the_hub_comes_and_when_it_goes(hub: LocalHub, tmp_path: Path) -> None:
    """Weights on the Hub that load: the built-in ones with a byte behind them, which makes them others."""
    built_in = find_weights(SMOLLM2, print)
    cache = tmp_path / "cache" / "swallow-builder" / "models"
    cache.mkdir(parents=True)
    for file in (built_in.path, built_in.license_file):
        assert file is not None
        (cache / file.name).symlink_to(file)
    content = built_in.path.read_bytes() + b"\0"
    hub.put("models/org/real", {"real.gguf": content, "LICENSE": LICENSE})
    on_hub = {"path": "hf://org/real/real.gguf", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "modules").mkdir()
    for name in ("a", "b"):
        (tmp_path / "modules" / f"{name}.py").write_text(
            f"def {name}(celsius):\n    return celsius * 9 / 5 + 32\n"
        )
    recipe = tmp_path / "two.yaml"
    (tmp_path / "few.md").write_text(
        "---\nid: few\nversion: 1\nanswer: {format: text}\nsampling: {temperature: 0.2, max_tokens: 8}\n"
        "attempts: 1\n---\n<!-- user -->\nSay it in other words.\n{{ text }}\n"
    )
    recipe.write_text(
        "name: two\nsource: {kind: files, path: modules, glob: '*.py'}\n"
        "stages: [{name: code, rewrite: few.md, on_failure: keep}]\n"
        f"model: {{gguf: {json.dumps([on_hub, SMOLLM2])}}}\n"
        "release: {configs: {code: code}, license: mit, scan: []}\n"
    )

    def run(command: str, name: str, limit: int, *more: object) -> str:
        environment: dict[str, Any] = {**hub.env(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = builder(command, recipe, "--run", tmp_path / name, "--limit", limit, *more, **environment)
        return done.stdout

    def models(name: str, limit: int) -> set[str]:
        run("build", name, limit)
        table = pq.read_table(list((tmp_path / name / "shards").glob("*.parquet")))
        assert table.num_rows == limit
        return {record["model"] for record in table["code"].to_pylist() if record}

    hub.down()
    begun = models("began-without", 1)
    hub.up()
    assert models("began-without", 2) == begun == {"SmolLM2-135M-Instruct.Q4_1"}
    assert models("began-with", 1) == {"real"}
    hub.down()
    assert models("began-with", 2) == {"real"}
    assert "rewritten by real@" in run("publish", "began-with", 2, "--to", tmp_path / "out" / "two")
    assert (tmp_path / "out" / "two" / "LICENSE").read_bytes() == LICENSE
