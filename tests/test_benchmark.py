"""What the benchmark compares with: bare Starlette shows the same pages, from the same templates."""

import importlib
import sys

import pytest
from starlette.testclient import TestClient

from tests.bench.servers import CONTENDERS


@pytest.mark.parametrize(("path", "heading"), [("/admin/me", "My Info"), ("/auth/login", "Log in")])
def test_bare_starlette_shows_the_same_pages(monkeypatch, path, heading):
    monkeypatch.setattr(sys, "path", [str(CONTENDERS), *sys.path])
    answer = TestClient(importlib.import_module("bare_pages").app).get(path)
    assert answer.status_code == 200
    assert f">{heading}</h1>" in answer.text
