"""The files that everybody gets: at an address with the content's hash they may be kept for a year."""

import hashlib
import os
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from webapp import settings

HASH = re.compile(r"[0-9a-f]{16}")
MAX_PATH_LENGTH = 255


class HashedFiles(StaticFiles):
    """Serves each file at NAME, to be kept for an hour, and at HASH/NAME, to be kept for a year.

    With another hash, which a newer or an older version of the site has named, the file is served as at NAME.
    """

    def __init__(self, *, directory: PathLike, packages: list[str | tuple[str, str]]) -> None:
        super().__init__(directory=directory, packages=packages)
        self.hashes: dict[str, str] = {}
        self.as_hashed: dict[str, tuple[int, int]] = {}
        for folder in self.all_directories:
            for file in Path(folder).iterdir():
                if file.is_file() and file.name not in self.hashes:
                    self.add(file)

    def add(self, file: Path) -> None:
        """Learn a file's hash, and when and how large the file was that has it."""
        self.hashes[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        self.as_hashed[file.name] = changed_and_size(file.stat())

    def address(self, name: str) -> str:
        """Return the address of a file, which changes with its content."""
        return f"/static/{self.hashes[name]}/{name}"

    def get_path(self, scope: Scope) -> str:
        """Return the path of a file, without the hash before it, which is kept in the scope.

        Raises:
            HTTPException: 404 where no file's path is so long; the file system would be asked for each folder in it.
        """
        if len(scope["path"]) > MAX_PATH_LENGTH:
            raise HTTPException(404)
        path = super().get_path(scope)
        before, _, name = path.partition(os.sep)
        if not HASH.fullmatch(before):
            return path
        scope["static_hash"] = before
        return name

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, and mark the request as good for a year where its hash is that of the file.

        Who asks for several parts of it gets all of it (RFC 9110 14.2): each part would be read by itself.
        """
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"range" or b"," not in header[1]]
        name = os.path.basename(full_path)
        is_known = scope.get("static_hash") == self.hashes.get(name, "")
        scope["immutable"] = is_known and changed_and_size(stat_result) == self.as_hashed[name]
        return super().file_response(full_path, stat_result, scope, status_code)


def changed_and_size(found: os.stat_result) -> tuple[int, int]:
    """Return when a file was last changed, in nanoseconds, and its size in bytes."""
    return found.st_mtime_ns, found.st_size


files = HashedFiles(directory=settings.ROOT / "static", packages=[("js_lib_htmx", "static/htmx")])
