"""The files that pages load: kept for long, never stale, and missed before anything starts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from tests.asgi_browser import Answer, Browser

from interlock.web.front_end import NEEDED, FrontEndMissing, refuse_without_front_end
from interlock.web.static_files import StaticFiles

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path / "static"
        self.path.mkdir()

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    @property
    def files(self) -> StaticFiles:
        return StaticFiles(self.path)

    async def get(self, address: str, **headers: str) -> Answer:
        routes = [Mount("/static", routes=[Route("/{name:path}", self.files.serve)])]
        return await Browser(Starlette(routes=routes)).get(address, **headers)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_new_version_of_a_file_has_a_new_address_and_each_is_kept_for_a_year(folder: Folder) -> None:
    folder.write("style.css", "a {}")
    old = folder.files.address("style.css")
    folder.write("style.css", "b {}")
    new = folder.files.address("style.css")
    assert old != new
    answer = await folder.get(new)
    assert (answer.status, answer.body) == (200, "b {}")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    # A page from before the update gets what there is, and no browser keeps that under the old address.
    assert (await folder.get(old)).headers["cache-control"] == "no-cache"


async def test_a_file_that_a_browser_has_already_is_not_sent_again(folder: Folder) -> None:
    folder.write("times.js", "export {}")
    first = await folder.get("/static/times.js")
    again = await folder.get("/static/times.js", **{"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, "")
    folder.write("times.js", "export { };")
    assert (await folder.get("/static/times.js", **{"if-none-match": first.headers["etag"]})).status == 200


async def test_a_long_file_is_sent_compressed_to_whoever_takes_it(folder: Folder) -> None:
    text = ".a { margin: 0 }\n" * 1000
    folder.write("long.css", text)
    plain = await folder.get("/static/long.css")
    assert (plain.body, "content-encoding" in plain.headers) == (text, False)
    packed = await folder.get("/static/long.css", **{"accept-encoding": "br, gzip"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.raw).decode() == text
    assert len(packed.raw) < len(text) / 10


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "nothing.css", "", "%2e%2e/secret.txt"])
async def test_nothing_outside_the_folder_is_served(folder: Folder, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder.write("style.css", "a {}")
    assert (await folder.get(f"/static/{name}")).status == 404


def test_without_the_files_of_others_nothing_starts_and_the_command_that_brings_them_is_named(folder: Folder) -> None:
    with pytest.raises(FrontEndMissing) as refused:
        refuse_without_front_end(folder.path)
    assert all(name in refused.value.failure.message for name in NEEDED)
    assert "make setup" in refused.value.failure.fix
    assert refused.value.exit_code == 2
    for name in NEEDED:
        folder.write(name, "x")
    refuse_without_front_end(folder.path)
