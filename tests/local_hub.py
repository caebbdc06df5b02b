"""A Hugging Face Hub for datasets on loopback, which the unmodified clients take for the real one.

    with LocalHub() as hub:
        hub.tag("org/data", "v1", hub.put("org/data", {"a.parquet": Path("a.parquet"), "README.md": b"# A"}))
        hub.fail("502-applied", match="POST .*/commit/")
        rows = hub.client(tmp_path / "home", "from datasets import load_dataset; out = …")
        hub.seen("GET .*/resolve/")  # what was asked for, and how many bytes went out

What it holds is in `hub_repos`; binary and large files are LFS, with `xet` (a folder) Xet, see `local_xet`. Every
request is in `requests` by the time its client has the answer. No limits but those of `fail`; of models (put
"models/org/name") their files alone, of buckets (put "buckets/org/name") what reading them takes. Clients read
HF_ENDPOINT once, at import: run them in processes of their own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from pathlib import Path
from tempfile import NamedTemporaryFile
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qs, quote

import yaml
from aiohttp import web

from tests.hub_cards import LARGEST, card_errors, push_errors
from tests.hub_repos import (
    CHUNK,
    MAIN,
    USER,
    Commit,
    Json,
    Refusal,
    Repo,
    Repos,
    blob_of,
    bucket_entries,
    entries_of,
    is_lfs,
    open_discussion,
)
from tests.local_xet import XetStore
from tests.support import environment

PAGE = 1_000
_SHORT = 8  # times that a range goes into its file
KINDS = {  # what `fail` does, and to which requests unless it is told
    **dict.fromkeys(("400", "403", "413", "429", "500", "503", "hang", "drop"), ""),
    "412": "POST .*/commit/",
    "502-applied": "POST .*/(commit|tag)/",
}
BODY_KINDS = dict.fromkeys(("torn", "short"), "GET ")
RATE_LIMIT = {"RateLimit": '"api";r=0;t=1', "Retry-After": "1"}


@dataclass
class Request:
    """What the server saw of one request, and what it sent."""

    method: str
    path: str  # unquoted, without the query
    authorized: bool  # it carried credentials
    start: int | None = None  # of the range asked for, in bytes
    stop: int | None = None
    status: int | None = None  # None: no answer
    sent: int = 0  # bytes of the body
    fault: str | None = None


@dataclass
class Fault:
    """An order to fail the next so many requests that match."""

    kind: str
    times: int
    match: str
    after: int  # so many are let through before
    said: str = ""  # the Hub's words


@dataclass
class Ask:
    """A request that is allowed: its place in the log, its repo, its body, the {parts} of its path."""

    http: web.Request
    entry: Request
    repo: Repo
    body: Any

    def __getitem__(self, part: str) -> str:
        return self.http.match_info[part]

    @property
    def commit(self) -> Commit:
        return self.repo.find(self.http.match_info.get("revision", "main"))


Handler = Callable[[Ask], Any]  # gives a response, what becomes a JSON one, or a promise of either


@dataclass(eq=False, repr=False)
class LocalHub(Repos):
    """The server. `folder` keeps the content; without one it goes when the server does.

    With `xet`, clients store content in that folder through `hf_xet`, and fetch whole files from there.
    With `cdn`, LFS files are answered as the real Hub does: by a redirect to a signed URL on another host.
    """

    token: str = "hf_local"
    read_token: str = "hf_read"
    renamed: dict[str, str] = field(default_factory=dict)  # old ids and new, to which requests are led
    cdn: bool = False
    xet: Path | None = None
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)
    store_xet: XetStore | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.xet is not None:
            self.xet.mkdir(parents=True, exist_ok=True)
            self.store_xet = XetStore(self.xet)

    # --- for tests and benchmarks ---

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def env(self, home: Path) -> dict[str, str]:
        """Return what makes a process a client of this Hub, with its caches below `home`."""
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
        plain = {} if self.xet else {"HF_HUB_DISABLE_XET": "1"}
        local = {"HF_UPDATE_DOWNLOAD_COUNTS": "0", "NO_PROXY": "127.0.0.1,localhost"}
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_TOKEN": self.token, **quiet, **plain, **local}

    def client(self, home: Path, code: str, timeout: float = 120, **more: str) -> Any:
        """Run Python as a client in a process of its own; gives what it leaves in `out`, by way of JSON."""
        end = "import json, os; print(); print(json.dumps(out), flush=True); os._exit(0)"
        command, env = [sys.executable, "-c", f"{dedent(code)}\n{end}"], environment(**{**self.env(home), **more})
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    def seen(self, match: str = "") -> list[Request]:
        """Return the requests so far of which "METHOD path" matches."""
        return [r for r in list(self.requests) if re.search(match, f"{r.method} {r.path}")]

    def fail(self, kind: str, times: int = 1, match: str | None = None, after: int = 0, said: str = "") -> Fault:
        """Fail so many of the coming requests of which "METHOD path" matches the regular expression.

        429 (with the headers that clients wait by), 400, 403, 412, 413, 500, 503: that answer, in the words
            `said`, and nothing is done
        502-applied: the commit or tag is made, the answer is a 502 all the same
        hang, drop: no answer until somebody gives up; the connection closed in place of one
        torn: the whole length is promised, half of it sent, and the connection closed
        short: a well-formed 206 with half of the bytes asked for
        """
        known = {**KINDS, **BODY_KINDS}[kind]
        self._faults.append(Fault(kind, times, known if match is None else match, after, said))
        return self._faults[-1]

    def down(self) -> None:
        """Refuse connections from now on, and cut those there are."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()

    def up(self) -> None:
        """Listen again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    # --- life ---

    def __enter__(self) -> LocalHub:
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-hub", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._runner.setup(), self._loop).result()
        self.up()
        return self

    def __exit__(self, *failure: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if not self.folder:
            shutil.rmtree(self.blobs)
        if self._errors and not any(failure):
            raise self._errors[0]

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _hang_up(self) -> None:
        await self._site.stop()
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport:
                connection.transport.abort()

    def _app(self) -> web.Application:
        api, page, lfs = "/api/datasets/{user}/{name}", "/datasets/{user}/{name}", "/lfs/{sha256}"
        model, files = "/api/models/{user}/{name}", "/{user}/{name}/resolve/{revision}/{path:.+}"
        bucket, in_bucket = "/api/buckets/{user}/{name}", "/buckets/{user}/{name}/resolve/{path:.+}"
        app = web.Application(client_max_size=1 << 30)
        for method, path, right, handler in (
            ("GET", "/api/whoami-v2", "account", self._whoami),
            ("POST", "/api/validate-yaml", "", self._validate_yaml),
            ("POST", "/api/repos/create", "write", self._create_repo),
            ("GET", api, "", self._info),
            ("GET", api + "/revision/{revision}", "", self._info),
            ("GET", api + "/auth-check", "files", lambda ask: {}),
            ("GET", api + "/auth-check/write", "write", lambda ask: {}),
            ("POST", api + "/preupload/{revision}", "write", self._preupload),
            ("POST", page + ".git/info/lfs/objects/batch", "write", self._batch),
            ("PUT", lfs, "", self._upload),  # as a signed URL does, it needs no token
            ("POST", lfs + "/verify", "write", self._verify),
            ("GET", api + "/xet-write-token/{revision}", "write", self._xet_token),
            ("GET", api + "/xet-read-token/{revision}", "files", self._xet_token),
            ("POST", api + "/commit/{revision}", "write", self._commit_to),
            ("POST", api + "/tag/{revision}", "write", self._create_ref),
            ("POST", api + "/branch/{branch}", "write", self._create_ref),
            ("DELETE", api + "/{kind:tag|branch}/{ref}", "write", self._delete_ref),
            ("GET", api + "/refs", "", self._refs),
            ("GET", api + "/commits/{revision}", "", self._commits),
            ("GET", api + "/tree/{revision}", "", self._tree),
            ("GET", api + "/tree/{revision}/{path:.+}", "", self._tree),
            ("POST", api + "/paths-info/{revision}", "", self._paths_info),
            ("GET", api + "/discussions", "", self._discussions),
            ("POST", api + "/discussions", "write", self._discuss),
            ("GET", api + "/discussions/{number}", "", self._discussion),
            ("POST", api + "/discussions/{number}/merge", "write", self._merge),
            ("GET", page + "/resolve/{revision}/{path:.+}", "files", self._resolve),
            ("HEAD", page + "/resolve/{revision}/{path:.+}", "files", self._resolve),
            ("GET", model, "", self._info),
            ("GET", model + "/revision/{revision}", "", self._info),
            ("GET", model + "/tree/{revision}", "", self._tree),
            ("GET", files, "files", self._resolve),
            ("HEAD", files, "files", self._resolve),
            ("GET", bucket, "", self._bucket),
            ("GET", bucket + "/tree", "", self._bucket_tree),
            ("GET", bucket + "/tree/{prefix:.+}", "", self._bucket_tree),
            ("POST", bucket + "/paths-info", "", self._bucket_paths),
            ("GET", in_bucket, "files", self._from_bucket),
            ("HEAD", in_bucket, "files", self._from_bucket),
            ("GET", "/cdn/{sha256}", "", self._from_cdn),
            ("*", "/{anything:.*}", "", lambda ask: web.json_response({"error": "Not Found"}, status=404)),
        ):
            app.router.add_route(method, path, partial(self._edge, handler, right))
        return app

    # --- every request ---

    async def _edge(self, handler: Handler, right: str, http: web.Request) -> web.StreamResponse:
        """Keep the log, do the faults, make a response of the answer."""
        entry = Request(http.method, http.path, "Authorization" in http.headers)
        self.requests.append(entry)
        picked = self._pick(entry, *KINDS)
        fault = picked.kind if picked else None
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "drop":
            return _close(http, web.Response())
        try:
            if picked and fault and fault != "502-applied":
                said = picked.said or f"Fault {fault}"
                raise Refusal(int(fault), said, headers=RATE_LIMIT if fault == "429" else {})
            answer = self._led_on(http) or await self._answer(handler, right, http, entry)
            if fault:
                raise Refusal(502, "Bad Gateway")
        except Refusal as refusal:
            answer = web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
        except ConnectionError:  # the client went away
            raise
        except Exception as error:
            self._errors.append(error)
            raise
        response = answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)
        entry.status = response.status
        if isinstance(response, web.Response) and isinstance(response.body, bytes) and http.method != "HEAD":
            entry.sent = len(response.body)
        return response

    def _led_on(self, http: web.Request) -> web.Response | None:
        for old, new in self.renamed.items():
            if f"/{old}" in http.path:
                location = str(http.rel_url).replace(f"/{old}", f"/{new}", 1)
                return web.Response(status=307, headers={"Location": location})
        return None

    def _pick(self, entry: Request, *kinds: str) -> Fault | None:
        for fault in self._faults:
            if fault.times and fault.kind in kinds and re.search(fault.match, f"{entry.method} {entry.path}"):
                if not fault.after:
                    fault.times -= 1
                    entry.fault = fault.kind
                    return fault
                fault.after -= 1
        return None

    async def _answer(self, handler: Handler, right: str, http: web.Request, entry: Request) -> Any:
        """Check that this client may do this (`right`: write, or read files), and let the handler do it."""
        known = http.headers.get("Authorization")
        if known and known not in (f"Bearer {self.token}", f"Bearer {self.read_token}"):
            raise Refusal(401, "Invalid credentials in Authorization header")
        body, repo = await _body(http), Repo("")
        if "name" in http.match_info:
            of = http.path.removeprefix("/api").split("/")[1]
            kind = {"datasets": "", "buckets": "buckets/"}.get(of, "models/")
            found = self.repos.get(f"{kind}{http.match_info['user']}/{http.match_info['name']}")
            if found is None or (found.private and not known):
                raise Refusal(404 if known else 401, "Repository not found", "RepoNotFound")
            repo = found
        if right in ("write", "account") and not known:
            raise Refusal(401, "Invalid username or password.")
        if right == "write" and known == f"Bearer {self.read_token}":
            raise Refusal(403, "Your token has no right to write here")
        if right == "files" and repo.gated and not (known and repo.access):
            why = "and you are not in the authorized list" if known else "to those who are logged in and let in"
            raise Refusal(403 if known else 401, f"Access to dataset {repo.id} is restricted {why}", "GatedRepo")
        with self._lock:
            answer = handler(Ask(http, entry, repo, body))
        return await answer if isawaitable(answer) else answer

    # --- repos ---

    def _whoami(self, ask: Ask) -> Any:
        may_write = ask.http.headers["Authorization"] == f"Bearer {self.token}"
        token = {"displayName": "local", "role": "write" if may_write else "read"}
        return {
            "type": "user",
            "name": USER,
            "fullname": USER,
            "orgs": [{"name": "org"}],
            "auth": {"accessToken": token},
        }

    def _validate_yaml(self, ask: Ask) -> Any:
        if len(ask.body["content"].encode()) > LARGEST:
            raise Refusal(413, "Payload Too Large")
        try:
            card = _card(ask.body["content"])
        except yaml.YAMLError as error:
            raise Refusal(400, "Invalid card", errors=[{"message": str(error)}]) from error
        if errors := [{"message": said} for said in card_errors(card)]:
            raise Refusal(400, "", errors=errors, warnings=[])
        warnings = [] if card else [{"message": "empty or missing yaml metadata in card"}]
        return {"errors": [], "warnings": warnings}

    def _create_repo(self, ask: Ask) -> Any:
        repo_id = f"{ask.body.get('organization') or USER}/{ask.body['name']}"
        url = f"{self.url}/datasets/{repo_id}"
        if ask.body.get("type") != "dataset":
            raise Refusal(400, "This Hub has datasets only")
        if repo_id in self.repos:
            raise Refusal(409, "You already created this dataset repo", url=url)
        self.new_repo(repo_id).private = ask.body.get("visibility") == "private"
        return {"url": url}

    def _info(self, ask: Ask) -> Any:
        repo, commit = ask.repo, ask.commit
        readme = commit.tree.get("README.md")
        card = _card((self.blobs / readme.sha256).read_text()) if readme else {}
        tags = [*card.get("tags", []), *(f"license:{card[key]}" for key in card if key == "license")]
        said = {"id": repo.id, "sha": commit.sha, "lastModified": commit.date, "private": repo.private}
        said |= {"gated": "auto" if repo.gated else False, "tags": tags, "cardData": card}
        return {**said, "siblings": [{"rfilename": path, **blob_of(file)} for path, file in commit.tree.items()]}

    # --- content in ---

    def _preupload(self, ask: Ask) -> Any:
        answers = []
        for file in ask.body["files"]:
            path, old = file["path"], ask.commit.tree.get(file["path"])
            mode = "lfs" if is_lfs(path, file["size"], base64.b64decode(file["sample"])) else "regular"
            oid = {"oid": old.sha256 if old.lfs else old.oid} if old else {}
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, **oid})
        return {"files": answers}

    def _batch(self, ask: Ask) -> Any:
        for item in ask.body["objects"]:
            href = f"{self.url}/lfs/{item['oid']}"
            if not (self.blobs / item["oid"]).exists():
                item["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
        return {"transfer": "basic", "objects": ask.body["objects"]}

    async def _upload(self, ask: Ask) -> Any:
        with NamedTemporaryFile(dir=self.blobs) as copy:
            async for chunk in ask.http.content.iter_chunked(CHUNK):
                copy.write(chunk)
            copy.flush()
            if self.store(Path(copy.name)) != ask["sha256"]:
                raise Refusal(400, "The content is not what its sha256 says")
        return {}

    def _verify(self, ask: Ask) -> Any:
        blob = self.blobs / ask["sha256"]
        if not blob.exists() or blob.stat().st_size != ask.body["size"]:
            raise Refusal(404, "No LFS object of this name and size")
        return {}

    def _xet_token(self, ask: Ask) -> Any:
        if self.store_xet is None:
            raise Refusal(404, "This Hub has no Xet")
        said = {"casUrl": self.store_xet.url, "accessToken": "xet", "exp": 2**33}
        names = {"Cas-Url": "casUrl", "Access-Token": "accessToken", "Token-Expiration": "exp"}
        headers = {f"X-Xet-{header}": str(said[name]) for header, name in names.items()}
        return web.json_response(said, headers=headers)

    def size_of(self, sha256: str) -> int | None:
        """Return the size of what is stored under a sha256, here or in Xet, None where nothing is."""
        found = self.store_xet.find(sha256) if self.store_xet else None
        return found.size if found else super().size_of(sha256)

    def blob(self, sha256: str) -> Path:
        """Return the file that holds what is stored under a sha256, once it is rebuilt from Xet."""
        blob = super().blob(sha256)
        if not blob.exists() and self.store_xet and self.store_xet.find(sha256):
            self.store_xet.rebuild(sha256, blob)
        return blob

    def part(self, sha256: str, start: int, stop: int) -> tuple[Path, int]:
        """Return a file that holds a range of what is stored, and where in it the range begins.

        A short range of a large file in Xet is rebuilt by itself, as no Hub would rebuild all for a footer.
        """
        stored = self.store_xet.find(sha256) if self.store_xet else None
        blob = super().blob(sha256)
        if self.store_xet is None or stored is None or blob.exists() or _SHORT * (stop - start) > stored.size:
            return self.blob(sha256), start
        path = blob.with_name(f"{blob.name}-{start}-{stop}")
        self.store_xet.rebuild(sha256, path, start, stop)
        return path, 0

    # --- commits and refs ---

    def _commit_to(self, ask: Ask) -> Any:
        repo, opens = ask.repo, "create_pr" in ask.http.query
        header = next(line["value"] for line in ask.body if line["key"] == "header")
        ref, parent = repo.ref(ask["revision"], "refs/heads/", ""), header.get("parentCommit")
        if ref is None or ref.startswith("refs/tags/"):
            raise Refusal(404, f"Invalid rev id: {ask['revision']}", "RevisionNotFound")
        head = repo.find(parent) if parent and opens else repo.refs[ref]
        if parent and not head.sha.startswith(parent):
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for line in ask.body:
            self.apply(line["key"], line["value"], tree)
        for said in push_errors(tree):
            raise Refusal(400, said)
        url, more = f"{self.url}/datasets/{repo.id}", {}
        if opens:
            number = open_discussion(repo, header["summary"], head)
            ref, more = f"refs/pr/{number}", {"pullRequestUrl": f"{url}/discussions/{number}"}
        commit = self.commit(repo, ref, tree, header["summary"], header.get("description", ""))
        return {"success": True, "commitOid": commit.sha, "commitUrl": f"{url}/commit/{commit.sha}", **more}

    def _create_ref(self, ask: Ask) -> Any:
        """Make a tag (of the revision in the path) or a branch (at the starting point in the body)."""
        branch = ask.http.match_info.get("branch")
        ref = f"refs/heads/{branch}" if branch else f"refs/tags/{ask.body['tag']}"
        commit = ask.repo.find(ask.body.get("startingPoint") or "main") if branch else ask.commit
        if ref in ask.repo.refs:
            raise Refusal(409, f"Reference exists already: {ref}")
        ask.repo.refs[ref] = commit
        return {}

    def _delete_ref(self, ask: Ask) -> Any:
        ref = f"refs/{'tags' if ask['kind'] == 'tag' else 'heads'}/{ask['ref']}"
        if ask.repo.refs.pop(ref, None) is None:
            raise Refusal(404, f"No such reference: {ref}", "RevisionNotFound")
        return {}

    def _refs(self, ask: Ask) -> Any:
        names = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}
        answer: dict[str, list[Json]] = {"branches": [], "tags": [], "converts": [], "pullRequests": []}
        for ref, commit in ask.repo.refs.items():
            _, kind, name = ref.split("/", 2)
            answer[names[kind]].append({"name": name, "ref": ref, "targetCommit": commit.sha})
        return answer

    def _commits(self, ask: Ask) -> Any:
        history: list[Json] = []
        commit: Commit | None = ask.commit
        while commit:
            said = {"id": commit.sha, "title": commit.title, "message": commit.text, "date": commit.date}
            history.append({**said, "authors": [{"user": USER}]})
            commit = commit.parent
        return self._page(ask, history)

    # --- pull requests ---

    def _discussions(self, ask: Ask) -> Any:
        return {"discussions": ask.repo.discussions, "count": len(ask.repo.discussions), "start": 0}

    def _discuss(self, ask: Ask) -> Any:
        base = ask.repo.refs[MAIN] if ask.body["pullRequest"] else None
        return {"num": open_discussion(ask.repo, ask.body["title"], base)}

    def _discussion(self, ask: Ask) -> Json:
        found = [said for said in ask.repo.discussions if str(said["num"]) == ask["number"]]
        if not found:
            raise Refusal(404, "Discussion not found")
        return found[0]

    def _merge(self, ask: Ask) -> Any:
        """Bring the changes of a pull request to main, unless main has changed the same files otherwise."""
        said, repo = self._discussion(ask), ask.repo
        base, main = repo.bases[said["num"]].tree, repo.refs[MAIN].tree
        theirs = repo.refs[f"refs/pr/{said['num']}"].tree
        new = {path: theirs.get(path) for path in {**base, **theirs} if base.get(path) != theirs.get(path)}
        if said["status"] != "open" or any(main.get(path) not in (base.get(path), new[path]) for path in new):
            raise Refusal(409, "This pull request can't be merged")
        commit = self.commit(repo, MAIN, {**main, **new}, f"{said['title']} (#{said['num']})")
        said["status"], said["changes"]["mergeCommitId"] = "merged", commit.sha
        return {}

    # --- content out ---

    def _page(self, ask: Ask, items: list[Json]) -> web.Response:
        """Return the page of a list that is asked for, with a link to the next."""
        stop = int(ask.http.query.get("cursor", 0)) + PAGE
        following = f"{self.url}{ask.http.rel_url.update_query(cursor=str(stop))}"
        headers = {"Link": f'<{following}>; rel="next"'} if stop < len(items) else {}
        return web.json_response(items[stop - PAGE : stop], headers=headers)

    def _tree(self, ask: Ask) -> Any:
        folder = ask.http.match_info.get("path", "")
        entries = entries_of(ask.commit, folder, ask.http.query.get("recursive") == "true")
        if folder and not entries:
            raise Refusal(404, f"{folder} does not exist", "EntryNotFound")
        return self._page(ask, list(entries.values()))

    def _paths_info(self, ask: Ask) -> Any:
        entries = entries_of(ask.commit, "", True)
        if len(ask.body.get("paths", [])) > PAGE:
            raise Refusal(413, "too many parameters")
        return [entries[path] for path in dict.fromkeys(ask.body.get("paths", [])) if path in entries]

    def _resolve(self, ask: Ask) -> Any:
        headers, path = {"X-Repo-Commit": ask.commit.sha, "Accept-Ranges": "bytes"}, ask["path"]
        if path not in ask.commit.tree:
            raise Refusal(404, "Entry not found", "EntryNotFound", headers)
        file = ask.commit.tree[path]
        headers["ETag"] = f'"{file.sha256 if file.lfs else file.oid}"'
        headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(path.rsplit('/', 1)[-1])}"
        if file.lfs:
            headers |= {"X-Linked-ETag": headers["ETag"], "X-Linked-Size": str(file.size)}
        if file.lfs and self.store_xet and (stored := self.store_xet.find(file.sha256)):
            route = f"{self.url}/api/datasets/{ask.repo.id}/xet-read-token/{ask.commit.sha}"
            headers |= {"X-Xet-Hash": stored.hash, "Link": f'<{route}>; rel="xet-auth"'}
        if file.lfs and self.cdn:
            signed = f"http://localhost:{self.port}/cdn/{file.sha256}?X-Amz-Signature=local"
            return web.Response(status=302, headers={**headers, "Location": signed})
        return self._send(ask, file.sha256, headers)

    # --- buckets: no history, every file in Xet, known by its hash ---

    def _bucket(self, ask: Ask) -> Any:
        sizes = [file.size for file in ask.commit.tree.values()]
        name = ask.repo.id.removeprefix("buckets/")
        said = {"id": name, "private": ask.repo.private, "createdAt": ask.commit.date}
        return {**said, "size": sum(sizes), "totalFiles": len(sizes)}

    def _bucket_tree(self, ask: Ask) -> Any:
        """List what begins with the prefix, letter by letter; folders only where they are not looked into."""
        prefix, tree = ask.http.match_info.get("prefix", ""), ask.commit.tree
        if ask.http.query.get("recursive") == "true":
            return self._page(ask, bucket_entries(tree, [path for path in tree if path.startswith(prefix)]))
        entries = entries_of(ask.commit, prefix.rstrip("/"), False).values()
        folders = [{key: one[key] for key in ("type", "path")} for one in entries if one["type"] == "directory"]
        paths = [one["path"] for one in entries if one["type"] == "file"]
        return self._page(ask, [*folders, *bucket_entries(tree, paths)])

    def _bucket_paths(self, ask: Ask) -> Any:
        return bucket_entries(ask.commit.tree, [path for path in ask.body["paths"] if path in ask.commit.tree])

    def _from_bucket(self, ask: Ask) -> Any:
        file = ask.commit.tree.get(ask["path"])
        if file is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        route = f"{self.url}/api/{ask.repo.id}/xet-read-token"
        headers = {"X-Xet-Hash": file.sha256, "Link": f'<{route}>; rel="xet-auth"'}
        headers |= {"X-Linked-Size": str(file.size), "Accept-Ranges": "bytes"}
        if self.cdn:
            signed = f"http://localhost:{self.port}/cdn/{file.sha256}?X-Amz-Signature=local"
            return web.Response(status=302, headers={**headers, "Location": signed})
        return self._send(ask, file.sha256, headers)

    def _from_cdn(self, ask: Ask) -> Any:
        if "Authorization" in ask.http.headers:  # a storage takes one kind of credentials, and shouldn't see these
            raise Refusal(400, "Only one auth mechanism allowed")
        return self._send(ask, ask["sha256"], {"Accept-Ranges": "bytes"})

    async def _send(self, ask: Ask, sha256: str, headers: dict[str, str]) -> web.StreamResponse:
        """Send a file, or the range of it that is asked for, from disk."""
        http, entry = ask.http, ask.entry
        size = self.size_of(sha256) or 0
        asked = _range(http.headers.get("Range", ""), size)
        start, stop = asked or (0, size)
        entry.start, entry.stop = asked or (None, None)
        picked = self._pick(entry, *(BODY_KINDS if asked else ["torn"])) if http.method == "GET" else None
        fault = picked.kind if picked else None
        if fault == "short":
            stop -= (stop - start) // 2
        if asked:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response = web.StreamResponse(status=206 if asked else 200, headers=headers)
        response.content_type, response.content_length = "application/octet-stream", stop - start
        entry.status = response.status
        await response.prepare(http)
        if fault == "torn":
            stop -= (stop - start + 1) // 2
        elif http.method == "HEAD":
            stop = start
        blob, at = Path(os.devnull), 0
        if start < stop:
            blob, at = await asyncio.to_thread(self.part, sha256, start, stop)
        with blob.open("rb") as content:
            content.seek(at)
            while chunk := content.read(min(CHUNK, stop - start)):
                start += len(chunk)
                entry.sent += len(chunk)
                await response.write(chunk)
        return _close(http, response) if fault == "torn" else response


async def _body(http: web.Request) -> Any:
    if http.method != "POST":
        return None
    text = await http.text()
    if http.content_type == "application/x-www-form-urlencoded":
        return parse_qs(text)
    if http.content_type == "application/x-ndjson":
        return [json.loads(line) for line in text.split("\n") if line]
    return json.loads(text or "{}")


def _card(text: str) -> Json:
    """Return the YAML at the head of a README."""
    found = re.match(r"---\r?\n(.*?)^---\s*$", text, re.DOTALL | re.MULTILINE)
    card = yaml.safe_load(found[1]) if found else None
    return card if isinstance(card, dict) else {}


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and stop of a range; None where the whole file is meant, and where a range makes no sense."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if not found or header == "bytes=-" or (found[1] and found[2] and int(found[1]) > int(found[2])):
        return None
    start = int(found[1]) if found[1] else max(0, size - int(found[2]))
    stop = min(size, int(found[2]) + 1) if found[1] and found[2] else size
    if start >= size:
        raise Refusal(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return start, stop


def _close(http: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if http.transport:
        http.transport.close()
    return response
