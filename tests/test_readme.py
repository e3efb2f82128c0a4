"""What the README says is so."""

import re
import subprocess

import pytest

from webapp import settings

README = (settings.ROOT / "README.md").read_text(encoding="utf-8")


def blocks():
    return re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def test_every_shell_block_is_one_line():
    assert all(block.count("\n") == 1 for block in blocks())


def test_the_first_two_install_and_serve_and_install_and_test():
    serve, test = blocks()[:2]
    assert serve.endswith("run.py\n")
    assert test.endswith("-m pytest\n")


def test_the_settings_table_is_settings_ini():
    table = {}
    for names, default in re.findall(r"^\| (`[A-Z_`, ]+`) \| (.*?) ?\| ", README, re.MULTILINE):
        table |= dict.fromkeys(re.findall(r"`(\w+)`", names), default.strip("`"))
    assert table == settings.config.file_values
    assert table.keys() == settings.names


@pytest.mark.skipif(not (settings.ROOT / ".git").exists(), reason="the files are not a git checkout")
def test_the_top_level_is_what_the_customer_fixed():
    files = subprocess.run(["git", "ls-files"], cwd=settings.ROOT, capture_output=True, text=True, check=True).stdout
    visible = {line.split("/")[0] for line in files.splitlines() if not line.startswith(".")}
    fixed = {"webapp", "templates", "static", "tests", "settings.ini", "run.py", "requirements.txt", "README.md"}
    assert visible == fixed | {"pyproject.toml", "LICENSE"}
