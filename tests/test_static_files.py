"""Static files: for a year at an address with their hash, and never another content there."""

import hashlib
import re

import pytest

from webapp import settings
from webapp.static_files import HashedFiles, files

YEAR = "public, max-age=31536000, immutable"
HOUR = "public, max-age=3600"
OURS = sorted(file.name for file in (settings.ROOT / "static").iterdir())


@pytest.mark.parametrize("name", [*OURS, "htmx.min.js"])
def test_a_file_is_kept_for_a_year_at_its_own_address(anonymous, name):
    answer = anonymous.get(files.address(name))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == YEAR
    assert hashlib.sha256(answer.content).hexdigest().startswith(files.address(name).split("/")[2])
    assert answer.content == anonymous.get(f"/static/{name}").content


def test_a_plain_address_and_another_hash_give_the_file_for_an_hour(anonymous):
    """A page of a newer version may be answered by a server that is still the older one."""
    for path in ("/static/style.css", "/static/0123456789abcdef/style.css"):
        answer = anonymous.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, HOUR)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "ranges", ["0-0,2-2", "0-0, -1", ",".join(f"{first}-{first}" for first in range(0, 200, 2)), "0-1,x", ",1-1"]
)
def test_several_parts_of_a_file_are_answered_with_all_of_it(anonymous, method, ranges):
    """Each part was read by itself: 100 of them took the loop 8 ms. RFC 9110 14.2 lets a server ignore them."""
    answer = anonymous.request(method, "/static/style.css", headers={"Range": f"bytes={ranges}"})
    assert answer.status_code == 200
    assert "content-range" not in answer.headers
    assert answer.headers["content-length"] == anonymous.get("/static/style.css").headers["content-length"]


def test_one_part_of_a_file_is_answered(anonymous):
    whole = anonymous.get("/static/style.css").content
    answer = anonymous.get("/static/style.css", headers={"Range": "bytes=1-3"})
    assert (answer.status_code, answer.content) == (206, whole[1:4])


@pytest.mark.parametrize(
    "path", ["0123456789abcdef", "0123456789abcdef/", "0123456789abcdef/nope", "x/style.css", "0123456789ABCDEF/style.css",
             "0123456789abcdef/0123456789abcdef/style.css", "0123456789abcdef/../../run.py", "0123456789abcdef/%2e%2e/run.py"],
)  # fmt: skip
def test_what_is_no_file_is_not_found(anonymous, path):
    answer = anonymous.get(f"http://testserver/static/{path}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_a_file_that_has_changed_since_the_start_is_not_kept_at_the_address_of_what_it_was(tmp_path):
    file = tmp_path / "style.css"
    file.write_text("a {}")
    served = HashedFiles(directory=tmp_path, packages=[])
    scope = {
        "type": "http",
        "method": "GET",
        "path": served.address("style.css"),
        "root_path": "/static",
        "headers": [],
    }
    path = served.get_path(scope)
    assert path == "style.css"
    served.file_response(file, file.stat(), scope)
    assert scope["immutable"]
    file.write_text("a { color: red }")
    served.file_response(file, file.stat(), scope)
    assert not scope["immutable"]


def test_not_modified_is_said_as_before(anonymous):
    first = anonymous.get("/static/style.css")
    again = anonymous.get("/static/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, HOUR)


@pytest.mark.parametrize("path", ["/", "/admin/me", "/auth/sign-ins", "/nope"])
def test_pages_name_each_file_by_its_own_address(browser, path):
    named = re.findall(r'"(/static/[^"]*)"', browser.get(path).text)
    assert len(named) >= 5
    for address in named:
        assert address == files.address(address.rsplit("/", 1)[1])
