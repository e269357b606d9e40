"""Scripts and styles travel packed; pages, which show tokens, and live events never do."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import httpx
import pytest
from console_rig import Browser
from fastapi import FastAPI

from treadctl.console.packed import PackedFiles, takes_gzip
from treadctl.records.model import Role

TEXT = b"body { color: black }\n" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.css").write_bytes(TEXT)
    (tmp_path / "a.css.gz").write_bytes(gzip.compress(TEXT))
    (tmp_path / "b.css").write_bytes(TEXT)
    return tmp_path


async def ask(folder: Path, path: str, **headers: str) -> httpx.Response:
    app = FastAPI()
    app.mount("/static", PackedFiles(directory=folder))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.get(f"/static/{path}", headers={"accept-encoding": "identity", **named})


async def test_a_packed_copy_is_sent_to_those_who_take_it(folder: Path) -> None:
    answer = await ask(folder, "a.css", accept_encoding="br, gzip;q=0.8")
    assert (answer.content, answer.headers["content-encoding"], answer.headers["vary"]) == (TEXT, "gzip", "Accept-Encoding")
    assert answer.headers["content-type"].startswith("text/css")
    assert int(answer.headers["content-length"]) == (folder / "a.css.gz").stat().st_size < len(TEXT)


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=nothing", "identity"])
async def test_others_get_the_file_as_it_is(folder: Path, accepted: str) -> None:
    answer = await ask(folder, "a.css", accept_encoding=accepted)
    assert (answer.content, answer.headers.get("content-encoding"), answer.headers["vary"]) == (TEXT, None, "Accept-Encoding")


async def test_a_file_without_a_packed_copy_is_sent_as_it_is(folder: Path) -> None:
    answer = await ask(folder, "b.css", accept_encoding="gzip")
    assert (answer.content, answer.headers.get("content-encoding")) == (TEXT, None)
    assert (await ask(folder, "none.css", accept_encoding="gzip")).status_code == 404


async def test_a_packed_copy_of_an_older_file_is_left_alone(folder: Path) -> None:
    (folder / "a.css").write_bytes(b"newer")
    os.utime(folder / "a.css.gz", (1_000_000_000, 1_000_000_000))
    answer = await ask(folder, "a.css", accept_encoding="gzip")
    assert (answer.content, answer.headers.get("content-encoding")) == (b"newer", None)


async def test_what_the_browser_has_is_not_sent_again(folder: Path) -> None:
    first = await ask(folder, "a.css", accept_encoding="gzip")
    plain = await ask(folder, "a.css")
    assert first.headers["etag"] != plain.headers["etag"]
    again = await ask(folder, "a.css", accept_encoding="gzip", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["vary"]) == (304, b"", "Accept-Encoding")


async def test_pages_are_never_packed(desk: Browser) -> None:
    """Their length would tell of the token in them, letter by letter, to whoever makes a visitor ask with guesses (BREACH)."""
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    for path in ("/people", "/live", "/api/v1/state", "/sessions?person=guess"):
        answer = await desk.client.get(path, headers={"Accept": "text/html", "Accept-Encoding": "gzip, br"})
        assert (answer.status_code, answer.headers.get("content-encoding")) == (200, None)
    assert desk.csrf in (await desk.client.get("/people", headers={"Accept": "text/html", "Accept-Encoding": "gzip"})).text


@pytest.mark.parametrize(
    ("accepted", "taken"), [("gzip", True), ("GZIP", True), ("x-gzip", True), ("br;q=1, gzip;q=0.001", True), ("gzip;q=0.0", False), ("*", False)]
)
def test_what_is_accepted_is_read_as_it_is_meant(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken
