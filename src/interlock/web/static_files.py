"""The files that pages load: style sheets, scripts, icons. Ours lie in `static/`, those of others in `static/vendor/`.

A page names a file by `file("times.js")`, whose address carries a digest of what is in it: browsers keep it for a year, and a
new version has a new address. Asked for without the digest, a file is kept too but checked each time (ETag). What is not among
the files that were there at the start is not served. `frontend/build.py` brings the files of others.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cached_property
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from interlock.web.front_end import FOLDER

ADDRESS = "/static"
_DIGEST_CHARACTERS = 16
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class File(msgspec.Struct, frozen=True, dict=True):
    body: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:_DIGEST_CHARACTERS]

    @cached_property
    def compressed(self) -> bytes:
        """Static files hold no secret, so that compressing them tells nobody anything; pages are not compressed."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)


class StaticFiles:
    """All files under a folder, read once. A few megabytes."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): File(path.read_bytes(), _media_type(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def get(self, name: str) -> File | None:
        return self._files.get(name)

    def address(self, name: str) -> str:
        """`/static/style.css?v=...`. A file that is not there has an address too, which answers 404."""
        file = self.get(name)
        return f"{ADDRESS}/{name}" + (f"?v={file.digest}" if file is not None else "")

    async def serve(self, request: Request) -> Response:
        file = self.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("There is no such file.", 404)
        etag = f'"{file.digest}"'
        headers = {
            "ETag": etag,
            "Cache-Control": _FOR_EVER if request.query_params.get("v") == file.digest else _ASK_AGAIN,
            "Vary": "Accept-Encoding",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = file.body
        if "gzip" in request.headers.get("accept-encoding", "") and len(file.compressed) < len(body):
            body, headers["Content-Encoding"] = file.compressed, "gzip"
        return Response(body, media_type=file.media_type, headers=headers)


def _media_type(path: Path) -> str:
    # Some systems know .js by other names, with which a browser refuses a module.
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
