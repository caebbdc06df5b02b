"""Addresses of servers: what can be none is said at once, with what to do, and without a secret."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from builder.errors import BadAddress, NoServer, NotAServer, ServerRefused
from builder.rewriting.addresses import read_addresses, root_of
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session, words_of
from tests.support import builder, write_corpus
from tests.tgi_double import TgiDouble
from tests.virtual_time import run_in_virtual_time

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("http://gpu-1:8080", "http://gpu-1:8080"),
        ("http://gpu-1:8080/", "http://gpu-1:8080"),
        ("http://gpu-1:8000/v1/", "http://gpu-1:8000"),
        ("http://gpu-1:8000/v1/chat/completions", "http://gpu-1:8000"),
        ("https://gateway.example.org/llm/v1", "https://gateway.example.org/llm"),
        (" HTTP://Gpu_1.cluster.:80 ", "http://gpu_1.cluster.:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_server_is_named_by_its_root_however_it_is_written(written: str, root: str) -> None:
    assert root_of(written) == root


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("gpu-1:8080", "begins with http:// or https://"),
        ("gpu-1", "write http://gpu-1,"),
        ("localhost:8000/v1/", "write http://localhost:8000/v1/,"),
        ("http:/gpu-1", "write http://HOST:PORT,"),
        ("ftp://gpu-1", "begins with http"),
        ("", "begins with http"),
        ("http://", "names no host"),
        ("http://:8080", "names no host"),
        ("http://a..b", "names no host"),
        ("http://gpu-1:0", "1 to 65535"),
        ("http://gpu-1:", "1 to 65535"),
        ("http://gpu-1:65536", "1 to 65535"),
        ("http://gpu-1:http", "1 to 65535"),
        ("http://[::1", "its host or its port"),
        ("http://gpu 1:80", "SPACE (U+0020)"),
        ("http://gpu－1", "FULLWIDTH HYPHEN-MINUS (U+FF0D)"),
        ("http://gpu-1\u200b:80", "ZERO WIDTH SPACE"),
        ("http://gpu-1:1,http://gpu-2:1", "a --server of its own"),
        ("http://gpu-1:1 http://gpu-2:1", "a --server of its own"),
    ],
)
def test_what_is_no_address_is_told_what_it_lacks(written: str, said: str) -> None:
    with pytest.raises(BadAddress) as caught:
        root_of(written)
    assert caught.value.exit_code == 2
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        f"http://user:{SECRET}@gpu-1:8080",
        f"http://{SECRET}@gpu-1:8080/v1",
        f"user:{SECRET}@gpu-1:8080",
        f"http://user:{SECRET}?a@gpu-1",
        f"http://user:a@{SECRET}@gpu-1",
        f"https://gpu-1/v1?api_key={SECRET}",
        f"https://gpu-1/v1?key=a@{SECRET}",
        f"https://gpu-1#{SECRET}",
    ],
)
def test_no_secret_of_an_address_is_said(written: str) -> None:
    with pytest.raises(BadAddress) as caught:
        root_of(written)
    assert SECRET not in str(caught.value)
    assert caught.value.remedy


def test_a_file_names_the_line_and_comments_are_none(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    file.write_text("# ours\nhttp://a:1  # the first\n\n  http://b:2/v1\ngpu-3:8080\nhttp://a:1\n")
    with pytest.raises(BadAddress) as caught:
        read_addresses([], file)
    assert str(caught.value).startswith(f"{file}:5 gpu-3:8080: a server's address begins with")
    bad: list[BadAddress] = []
    assert read_addresses(["http://c:3"], file, bad.append) == ["http://c:3", "http://a:1", "http://b:2"]
    assert len(bad) == 1


def test_a_build_ends_before_it_reads_anything(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path, ("this.py",), lints=False)
    done = builder("build", recipe, "--run", tmp_path / "run", "--server", f"gpu-1:{SECRET}@h:1", exit_code=2)
    assert SECRET not in done.stderr + done.stdout
    assert not (tmp_path / "run").exists()
    assert "begins with http" in builder("servers", "gpu-1:8080", exit_code=2).stderr


def test_a_line_that_is_no_address_is_said_once_and_the_others_are_followed(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        async with TgiDouble() as first, TgiDouble() as second:
            file = tmp_path / "servers"
            file.write_text(f"{first.url}\n")
            async with ServerPool([], file=file, say=said.append) as pool:
                file.write_text(f"{first.url}\ngpu-2:8080\n{second.url}\n")
                await asyncio.sleep(5)
                assert len(pool.members) == 2

    run_in_virtual_time(work)
    assert len([line for line in said if "gpu-2:8080" in line]) == 1


# --- what answers there, and never will otherwise ---


@asynccontextmanager
async def serving(
    answer: Callable[[web.BaseRequest], web.Response], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve the same answer on all paths; gives the address."""

    async def handle(request: web.BaseRequest) -> web.Response:
        return answer(request)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def probed(
    answer: Callable[[web.BaseRequest], web.Response], tls: ssl.SSLContext | None = None, scheme: str = ""
) -> Server:
    async def work() -> Server:
        async with serving(answer, tls) as url, new_session() as session:
            return await probe(session, url.replace(url.partition(":")[0], scheme, 1) if scheme else url)

    return asyncio.run(work())


def models(_: web.BaseRequest) -> web.Response:
    return web.json_response({"data": [{"id": "m"}]})


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for 127.0.0.1 that it signed itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return file


def test_a_certificate_that_nobody_vouches_for_is_not_waited_for(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    start = time.monotonic()

    async def work() -> None:
        async with serving(models, tls) as url, ServerPool([url]):
            pass

    with pytest.raises(ServerRefused, match=r"certificate is not accepted.*self-signed") as caught:
        asyncio.run(work())
    assert "SSL_CERT_FILE" in caught.value.remedy
    assert time.monotonic() - start < 60, "patience is 300 s"


def test_tls_where_there_is_none_is_said() -> None:
    with pytest.raises(ServerRefused, match="does not speak TLS") as caught:
        probed(models, scheme="https")
    assert "http://" in caught.value.remedy


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://gateway.example.org/v1/models", "--server https://gateway.example.org"),
        (f"https://user:{SECRET}@sso.example.org/login?state={SECRET}", "--server https://sso.example.org/login"),
        ("/v1/models/", "correct --server"),
        ("", "correct --server"),
    ],
)
def test_a_redirect_is_not_followed_but_said(location: str, place: str) -> None:
    with pytest.raises(NotAServer, match="it redirects to") as caught:
        probed(lambda _: web.Response(status=308, headers={"Location": location}))
    assert place in caught.value.remedy
    assert SECRET not in str(caught.value)


def test_a_redirect_of_pages_alone_hides_no_server() -> None:
    def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/v1/models":
            return models(request)
        return web.Response(status=302, headers={"Location": "/ui/"})

    assert probed(answer).model.id == "m"


def test_a_web_page_is_no_server_and_one_that_wakes_up_is_waited_for() -> None:
    page = "<html>Sign in</html>"
    with pytest.raises(NotAServer, match=r"not JSON.*Sign in"):
        probed(lambda _: web.Response(text=page, content_type="text/html"))
    with pytest.raises(NoServer) as caught:
        probed(lambda _: web.Response(text=page, content_type="text/html", status=503))
    assert not isinstance(caught.value, NotAServer)


def test_a_server_that_repeats_our_key_does_not_have_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDER_SERVER_KEY", SECRET)
    assert words_of(b'{"error": {"message": "Invalid key %s"}}' % SECRET.encode()) == (
        "Invalid key $BUILDER_SERVER_KEY"
    )
