"""What the clients do against the real Hub works against the local one, and faults arrive as they were ordered."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local_hub import LocalHub

Day = tuple[LocalHub, Any, Path]
ROWS = 30_000
CARD = b"""---
license: apache-2.0
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---
# Data
"""
SHARD = "data/train-00000-of-00001.parquet"
CLIENT = """
import os, time
from pathlib import Path
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, HfFileSystem
from huggingface_hub import hf_hub_download
api, out, folder = HfApi(), {}, Path(os.environ.get("FOLDER", "."))
repo = {"repo_id": "org/data", "repo_type": "dataset"}
def failure(call, *args, **kwargs):
    try:
        return f"no failure, but {call(*args, **kwargs)}"
    except Exception as error:
        return [type(error).__name__, getattr(getattr(error, "response", None), "status_code", None)]
def add(path, content=b"text"):
    return CommitOperationAdd(path, content)
"""


def text_of(row: int, version: int) -> str:
    return hashlib.sha256(f"{version} {row}".encode()).hexdigest()


def write_parquet(path: Path, rows: int, version: int) -> Path:
    texts = [text_of(row, version) for row in range(rows)]
    pq.write_table(pa.table({"id": range(rows), "text": texts}), path, row_group_size=5_000)
    return path


def get(hub: LocalHub, path: str, timeout: float = 20, **headers: str) -> tuple[HTTPResponse, HTTPConnection]:
    address = urlsplit(hub.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    connection.request("GET", path, headers=headers)
    return connection.getresponse(), connection


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as server:
        server.put("org/data", {"digits.txt": b"0123456789", "README.md": CARD})
        yield server


# --- a dataset is published ---

PUBLISH = r"""
def commit(*operations, **more):
    return api.create_commit(operations=operations, commit_message=more.pop("message", "A commit"), **repo, **more)
def upload(content, path, **more):
    return api.upload_file(path_or_fileobj=content, path_in_repo=path, **repo, **more).oid

out["url"] = api.create_repo(**repo)
out["again"] = failure(api.create_repo, **repo)
api.create_repo(**repo, exist_ok=True)
upload(folder / "v1.parquet", SHARD)
first = upload(CARD, "README.md")
api.create_tag(tag="v1", revision=first, **repo)
second = upload(str(folder / "v2.parquet"), SHARD, parent_commit=first)
api.create_tag(tag="v2", revision=second, **repo)
api.create_branch(branch="dev/x", revision="v1", **repo)
refs = api.list_repo_refs(**repo)
out["refs"] = {ref.name: ref.target_commit for ref in refs.branches + refs.tags}
out["shas"] = [first, second]
out["retag"] = failure(api.create_tag, tag="v1", revision=second, **repo)
out["stale"] = failure(commit, add("x"), parent_commit=first)
out["same"] = commit(add("README.md", CARD)).oid
out["card"] = failure(upload, b"---\na: [\n---\n", "README.md")
out["download"] = hf_hub_download(filename=SHARD, revision="v1", **repo)
info = api.dataset_info("org/data", revision="v2", files_metadata=True)
out["info"] = [info.sha, info.private, info.gated, info.tags, {s.rfilename: s.size for s in info.siblings}]
out["whoami"] = api.whoami()["name"]

commit(CommitOperationCopy(SHARD, "old.parquet", src_revision="v1"), CommitOperationCopy("README.md", "copy.md"))
out["copied"] = api.list_repo_files(**repo)
commit(CommitOperationDelete("old.parquet"), CommitOperationDelete("data/"), add("kept/a.txt"), message="Delete")
out["deleted"] = api.list_repo_files(**repo)
out["delete nothing"] = failure(commit, CommitOperationDelete("nothing"))
api.upload_folder(folder_path=folder, path_in_repo="all", **repo)
out["folder"] = api.list_repo_files(**repo)
paths = api.get_paths_info(paths=["all/v1.parquet", "all", "README.md", "nothing"], **repo)
out["paths"] = {p.path: getattr(p, "lfs", None) and p.lfs.sha256 for p in paths}
out["titles"] = [commit.title for commit in api.list_repo_commits(**repo)]
twin = {"repo_id": "org/twin", "repo_type": "dataset"}
api.create_repo(**twin)
api.upload_folder(folder_path=folder, **twin)
check = api.verify_repo_checksums(local_dir=folder, **twin)
out["check"] = [check.checked_count, check.mismatches, check.missing_paths, check.extra_paths]

pull = commit(add("new.txt", b"new"), message="A pull", create_pr=True)
commit(add("newer.txt"), revision=pull.pr_revision)
commit(add("beside.txt"))
out["pull"] = [pull.pr_revision, api.file_exists(filename="new.txt", revision="main", **repo)]
api.merge_pull_request(discussion_num=pull.pr_num, **repo)
out["merged"] = [api.get_discussion_details(discussion_num=1, **repo).status, api.list_repo_files(**repo)]
out["second pull"] = api.create_pull_request(title="Another", **repo).git_reference
out["pulls"] = [p.title for p in api.get_repo_discussions(**repo)]
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A Hub after a client's long day, what the client has to tell, and the folder it published from."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("folder")
    write_parquet(folder / "v1.parquet", ROWS, version=1)
    write_parquet(folder / "v2.parquet", ROWS + 7, version=2)
    with LocalHub() as hub:
        script = f"{CLIENT}\nSHARD, CARD = {SHARD!r}, {CARD!r}\n{PUBLISH}"
        yield hub, hub.client(home, script, FOLDER=str(folder)), folder


def test_a_repo_is_created_once(day: Day) -> None:
    hub, out, _ = day
    assert out["url"] == f"{hub.url}/datasets/org/data"
    assert out["again"] == ["HfHubHTTPError", 409]
    assert out["whoami"] == "tester"


def test_parquet_goes_to_lfs_and_text_into_the_commit(day: Day) -> None:
    hub, out, folder = day
    tree = hub.tree("org/data", "v1")
    assert (tree[SHARD].lfs, tree["README.md"].lfs) == (True, False)
    assert tree[SHARD].sha256 == hashlib.sha256((folder / "v1.parquet").read_bytes()).hexdigest()
    assert len(hub.seen("PUT /lfs/")) == len(hub.seen("POST /lfs/.*/verify")) == 2  # later commits found it there
    assert Path(out["download"]).read_bytes() == (folder / "v1.parquet").read_bytes()


def test_tags_stay_where_they_are(day: Day) -> None:
    _, out, _ = day
    first, second = out["shas"]
    assert out["retag"] == ["HfHubHTTPError", 409]
    assert out["refs"] == {"main": second, "dev/x": first, "v1": first, "v2": second}


def test_a_stale_parent_is_refused(day: Day) -> None:
    assert day[1]["stale"] == ["HfHubHTTPError", 412]


def test_a_commit_of_what_is_there_makes_none(day: Day) -> None:
    assert day[1]["same"] == day[1]["shas"][1]


def test_a_card_that_is_not_yaml_is_refused(day: Day) -> None:
    assert day[1]["card"] == ["ValueError", None]


def test_info_tells_what_a_revision_holds(day: Day) -> None:
    _, out, folder = day
    sha, private, gated, tags, sizes = out["info"]
    assert (sha, private, gated, tags) == (out["shas"][1], False, False, ["license:apache-2.0"])
    assert sizes[SHARD] == (folder / "v2.parquet").stat().st_size and sizes["README.md"] == len(CARD)


def test_copies_and_deletions(day: Day) -> None:
    _, out, _ = day
    assert out["copied"] == [".gitattributes", "README.md", "copy.md", SHARD, "old.parquet"]
    assert out["deleted"] == [".gitattributes", "README.md", "copy.md", "kept/a.txt"]
    assert out["delete nothing"] == ["RemoteEntryNotFoundError", 404]


def test_a_folder_is_uploaded_and_its_checksums_hold(day: Day) -> None:
    _, out, folder = day
    assert {"all/v1.parquet", "all/v2.parquet"} <= set(out["folder"])
    assert out["check"] == [2, [], [".gitattributes"], []]
    sha256 = hashlib.sha256((folder / "v1.parquet").read_bytes()).hexdigest()
    assert out["paths"] == {"all/v1.parquet": sha256, "all": None, "README.md": None}
    assert out["titles"][:2] == ["Upload folder using huggingface_hub", "Delete"]
    assert out["titles"][-1] == "initial commit"


def test_a_pull_request_leaves_main_alone_until_it_is_merged(day: Day) -> None:
    _, out, _ = day
    assert out["pull"] == ["refs/pr/1", False]
    status, files = out["merged"]
    assert status == "merged" and {"new.txt", "newer.txt", "beside.txt"} <= set(files)
    assert out["second pull"] == "refs/pr/2"
    assert out["pulls"] == ["A pull", "Another"]


# --- a dataset is loaded ---

LOAD = """
import os, tempfile
from datasets import Dataset, load_dataset
from huggingface_hub import HfApi
out = {}
def load(streaming, repo="org/data", **more):
    with tempfile.TemporaryDirectory() as cache:
        data = load_dataset(repo, split="train", streaming=streaming, cache_dir=cache, **more)
        rows = [[row["id"], row["text"]] for row in data]
    return [len(rows), rows[0], rows[-1]]
for version in ("v1", "v2", "dev/x"):
    out[version] = [load(True, revision=version), load(False, revision=version)]
made = Dataset.from_dict({"id": list(range(1000)), "text": [f"row {i}" for i in range(1000)]})
for size in (4, 3):
    pushed = made.push_to_hub("org/pushed", num_shards=size)
    out[f"pushed {size}"] = [load(streaming, "org/pushed", revision=pushed.oid) for streaming in (True, False)]
out["files"] = HfApi().list_repo_files("org/pushed", repo_type="dataset")
"""


@pytest.fixture(scope="module")
def loaded(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return day[0].client(tmp_path_factory.mktemp("home"), LOAD)


@pytest.mark.parametrize(
    ("revision", "rows", "version"), [("v1", ROWS, 1), ("v2", ROWS + 7, 2), ("dev/x", ROWS, 1)]
)
def test_every_revision_loads_its_own_rows(loaded: Any, revision: str, rows: int, version: int) -> None:
    expected = [rows, [0, text_of(0, version)], [rows - 1, text_of(rows - 1, version)]]
    assert loaded[revision] == [expected, expected]  # streaming, and not


def test_push_to_hub_replaces_its_shards(loaded: Any) -> None:
    expected = [1000, [0, "row 0"], [999, "row 999"]]
    assert loaded["pushed 4"] == loaded["pushed 3"] == [expected, expected]
    shards = [f"data/train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert loaded["files"] == [".gitattributes", "README.md", *shards]


# --- files are listed and read ---


def test_long_lists_come_in_pages(hub: LocalHub, tmp_path: Path) -> None:
    hub.put("org/many", {f"data/{i // 500}/{i:05d}.txt": b"%d" % i for i in range(2_100)})
    script = """
repo["repo_id"] = "org/many"
files = [entry.path for entry in api.list_repo_tree(recursive=True, **repo)]
out = [len(files), len(set(files)), [entry.path for entry in api.list_repo_tree(path_in_repo="data", **repo)]]
"""
    count, distinct, folders = hub.client(tmp_path, CLIENT + script)
    assert count == distinct == 2_100 + 6 + 1  # files, folders, .gitattributes
    assert folders == [f"data/{i}" for i in range(5)]
    assert len(hub.seen("GET .*/org/many/tree/main$")) == 3


READ = """
fs = HfFileSystem()
with fs.open("datasets/org/data@v1/big.bin", block_size=1024) as file:
    file.seek(500_000)
    out["range"] = file.read(300).hex()
with fs.open("datasets/org/data@v1/short.bin", block_size=1024, cache_type="none") as file:
    out["short"] = [len(file.read(2000)), file.tell()]
with fs.open("datasets/org/data@v1/torn.bin", block_size=1024, cache_type="none") as file:
    out["torn"] = [len(file.read(2000)), file.tell()]
"""


@pytest.mark.parametrize("cdn", [False, True])
def test_a_file_system_reads_ranges_of_a_revision(tmp_path: Path, cdn: bool) -> None:
    content = b"".join(b"%07d\n" % i for i in range(125_000))
    with LocalHub(tmp_path / "blobs", cdn=cdn) as hub:
        hub.put("org/data", {"big.bin": content, "short.bin": content + b"1", "torn.bin": content + b"2"})
        hub.tag("org/data", "v1")
        hub.put("org/data", {"big.bin": b"other"})
        names = {
            name: hub.tree("org/data", "v1")[name].sha256 if cdn else name for name in ("short.bin", "torn.bin")
        }
        hub.fail("short", match=f"GET .*{names['short.bin']}")
        hub.fail("torn", match=f"GET .*{names['torn.bin']}")
        out = hub.client(tmp_path / "home", CLIENT + READ)
        bodies = hub.seen("GET /cdn/" if cdn else "GET .*/resolve/")
        assert not any(r.authorized for r in hub.seen("/cdn/")) and all(
            r.authorized for r in hub.seen("/resolve/")
        )
    assert bytes.fromhex(out["range"]) == content[500_000:500_300]
    assert (bodies[0].start, bodies[0].stop, bodies[0].sent) == (500_000, 501_324, 1_324)
    assert out["short"] == [1_000, 1_000]  # the client takes it as it comes, and reads on from there
    assert out["torn"] == [2_000, 2_000]  # the client notices, and asks again
    assert [(r.sent, r.fault) for r in bodies[1:]] == [(1_000, "short"), (1_000, "torn"), (2_000, None)]


@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
def test_ranges(hub: LocalHub, header: str, status: int, body: bytes | None, content_range: str | None) -> None:
    answer, _ = get(hub, "/datasets/org/data/resolve/main/digits.txt", Range=header)
    assert (answer.status, answer.headers["Content-Range"]) == (status, content_range)
    assert body in (None, answer.read())


# --- who may do what ---

ACCESS = """
nobody = HfApi(token=False)
for name in ("open", "private", "gated", "in", "missing"):
    repo = {"repo_id": f"org/{name}", "repo_type": "dataset"}
    for who, client in (("owner", api), ("nobody", nobody)):
        def info():
            return client.dataset_info(repo["repo_id"]).sha[:0]
        def check():
            return client.auth_check(**repo)
        def download():
            return client.hf_hub_download(filename="README.md", cache_dir=folder / name / who, **repo)[:0]
        out[f"{name} {who}"] = [failure(call) for call in (info, check, download)]
repo["repo_id"] = "org/open"
out["write"] = failure(nobody.create_commit, operations=[add("x")], commit_message="x", **repo)
out["token"] = failure(HfApi(token="hf_wrong").dataset_info, "org/open")
out["revision"] = failure(api.dataset_info, "org/open", revision="v9")
out["gone"] = failure(api.dataset_info, "org/open", revision=os.environ["GONE"])
out["branch"] = failure(api.create_commit, operations=[add("x")], commit_message="x", revision="v9", **repo)
out["entry"] = failure(hf_hub_download, filename="nothing", **repo)
out["folder"] = failure(lambda: list(api.list_repo_tree(path_in_repo="nothing", **repo)))
"""


def test_errors_arrive_as_typed_exceptions(hub: LocalHub, tmp_path: Path) -> None:
    for name in ("open", "private", "gated", "in"):
        gone = hub.put(f"org/{name}", {"README.md": CARD})
        hub.put(f"org/{name}", {"README.md": CARD + b"More.\n"})
    hub.make_private("org/private")
    hub.gate("org/gated")
    hub.gate("org/in", access=True)
    gone = hub.put("org/open", {"x": b"x"})
    hub.remove("org/open", gone)
    out = hub.client(tmp_path / "home", CLIENT + ACCESS, FOLDER=str(tmp_path), GONE=gone)
    fine, sight = "no failure, but ", "no failure, but None"
    for name in ("open owner", "open nobody", "private owner", "in owner"):
        assert out[name] == [fine, sight, fine], name
    assert out["gated owner"] == [fine, ["GatedRepoError", 403], ["GatedRepoError", 403]]
    assert out["gated nobody"] == out["in nobody"] == [fine, ["GatedRepoError", 401], ["GatedRepoError", 401]]
    assert out["private nobody"] == out["missing nobody"] == [["RepositoryNotFoundError", 401]] * 3
    assert out["missing owner"] == [["RepositoryNotFoundError", 404]] * 3
    assert (out["write"], out["token"]) == (["HfHubHTTPError", 401], ["HfHubHTTPError", 401])
    assert out["revision"] == out["gone"] == out["branch"] == ["RevisionNotFoundError", 404]
    assert out["entry"] == out["folder"] == ["RemoteEntryNotFoundError", 404]


def test_a_revision_vanishes(hub: LocalHub) -> None:
    repo, before = hub.repos["org/data"], hub.tree("org/data")
    for name in ("v1", "v2", "v3"):
        last = hub.put("org/data", {"digits.txt": name.encode()})
        hub.tag("org/data", name)
    hub.remove("org/data", last)
    assert hub.tree("org/data") == hub.tree("org/data", "v2") != before
    hub.remove("org/data", "v2")
    assert [ref for ref in repo.refs if "tags" in ref] == ["refs/tags/v1"] and last not in repo.commits


# --- faults ---

FAULTS = """
def commit(name):
    return api.create_commit(f"org/{name}", [add("x")], commit_message="x", repo_type="dataset").oid
start = time.monotonic()
for name in ("limited", "broken", "overtaken", "lost"):
    out[name] = failure(commit, name)
    out.setdefault("seconds", time.monotonic() - start)
out["again"] = commit("lost")
out["tags"] = [failure(api.create_tag, "org/lost", tag="v1", repo_type="dataset") for _ in range(2)]
out["busy"] = len(list(api.list_repo_tree("org/data", repo_type="dataset")))
"""


def test_faults_arrive_at_the_client_as_ordered(hub: LocalHub, tmp_path: Path) -> None:
    for name in ("limited", "broken", "lost", "overtaken"):
        hub.put(f"org/{name}", {"README.md": CARD})
    hub.fail("429", match="POST .*/limited/preupload/")
    hub.fail("500", match="POST .*/broken/commit/")
    hub.fail("412", match="POST .*/overtaken/commit/")
    hub.fail("502-applied", times=2, match="POST .*/lost/(commit|tag)/")
    hub.fail("503", match="GET .*/org/data/tree/")
    out = hub.client(tmp_path, CLIENT + FAULTS)
    head = hub.repos["org/lost"].find("main")
    assert "no failure" in out["limited"] and out["seconds"] >= 2  # as long as it was told to wait
    assert [r.status for r in hub.seen("POST .*/limited/preupload/")] == [429, 200]
    assert out["broken"] == ["HfHubHTTPError", 500] and "x" not in hub.tree("org/broken")
    assert len(hub.seen("POST .*/broken/commit/")) == 1  # the client doesn't try a commit again
    assert out["overtaken"] == ["HfHubHTTPError", 412] and "x" not in hub.tree("org/overtaken")
    assert (out["lost"], out["again"]) == (["HfHubHTTPError", 502], head.sha)
    assert head.parent and "x" in head.tree and "x" not in head.parent.tree  # it is there, and once
    assert out["tags"] == [["HfHubHTTPError", 502], ["HfHubHTTPError", 409]]
    assert out["busy"] == 3 and [r.status for r in hub.seen("GET .*/org/data/tree/")] == [503, 200]


def test_bodies_are_torn_and_cut_short(hub: LocalHub) -> None:
    path = "/datasets/org/data/resolve/main/digits.txt"
    hub.fail("torn", after=1)
    hub.fail("short", times=2)
    answer, _ = get(hub, path, Range="bytes=0-9")
    assert (answer.headers["Content-Range"], answer.read()) == ("bytes 0-4/10", b"01234")
    answer, _ = get(hub, path, Range="bytes=2-7")
    assert answer.headers["Content-Length"] == "6"
    with pytest.raises(IncompleteRead) as broken:
        answer.read()
    assert broken.value.partial == b"234"
    assert [(r.start, r.stop, r.sent, r.fault) for r in hub.seen("resolve")] == [
        (0, 10, 5, "short"),
        (2, 8, 3, "torn"),
    ]


def test_a_request_hangs_or_is_dropped(hub: LocalHub) -> None:
    hub.fail("drop", match="GET /api/whoami")
    hub.fail("hang", match="GET /api/datasets/")
    with pytest.raises(RemoteDisconnected):
        get(hub, "/api/whoami-v2")
    with pytest.raises(TimeoutError):
        get(hub, "/api/datasets/org/data", timeout=0.2)
    assert [r.status for r in hub.requests] == [None, None]
    assert get(hub, "/api/datasets/org/data")[0].status == 200


def test_the_network_goes_and_comes_back(hub: LocalHub, tmp_path: Path) -> None:
    path = "/datasets/org/data/resolve/main/digits.txt"
    answer, connection = get(hub, path)
    assert answer.read() == b"0123456789"
    hub.down()
    with pytest.raises(ConnectionError):
        connection.request("GET", path)
        connection.getresponse()
    with pytest.raises(ConnectionRefusedError):
        get(hub, path)
    back = threading.Timer(2, hub.up)
    back.start()
    script = "start = time.monotonic()\nout = [len(list(api.list_repo_tree(**repo))), time.monotonic() - start]"
    files, waited = hub.client(tmp_path, CLIENT + script)
    back.join()
    assert files == 3 and waited > 1
    assert get(hub, path)[0].read() == b"0123456789"


def test_leaving_ends_what_hangs_and_takes_the_content_along() -> None:
    with LocalHub() as server:

        def wait() -> None:
            with pytest.raises(ConnectionError):
                get(server, "/api/whoami-v2")

        server.put("org/data", {"x": b"x"})
        server.fail("hang")
        waiting = threading.Thread(target=wait)
        waiting.start()
        blobs, start = server.blobs, time.monotonic()
        while not server.requests:
            time.sleep(0.01)
    waiting.join()
    assert time.monotonic() - start < 5 and not blobs.exists()


def test_a_rule_is_spent_after_so_many_requests(hub: LocalHub) -> None:
    rule = hub.fail("500", times=2, match="whoami", after=1)
    statuses = [get(hub, "/api/whoami-v2", Authorization=f"Bearer {hub.token}")[0].status for _ in range(4)]
    assert statuses == [200, 500, 500, 200] and rule.times == 0
