"""The throw-away environments below .bench/, made when they are missing or their pins have changed."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench"
SERVER = ["uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"]
FASTAPI = ["fastapi==0.165.0", "python-multipart==0.0.34"]
PINS = {
    "latchkey": ["-r", str(ROOT / "requirements.txt")],
    "fastapi": [*SERVER, *FASTAPI, "pwdlib[argon2]==0.3.1", "pyjwt==2.15.1"],
    "fastapi-users": [*SERVER, *FASTAPI, "fastapi-users[sqlalchemy]==15.0.5", "aiosqlite==0.22.1"],
    "litestar": [*SERVER, "litestar[jwt]==2.25.0"],
    "django": [*SERVER, "django==5.2.19"],
}


def python_of(name: str) -> str:
    """Return the interpreter of an environment that holds exactly its pins, made now if need be."""
    folder = FOLDER / name
    python, stamp = folder / "bin" / "python", folder / "pins"
    wanted = wanted_in(name)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Making the environment .bench/{name} …", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS[name]], check=True
        )
        stamp.write_text(wanted)
    return str(python)


def wanted_in(name: str) -> str:
    """Return a text that changes whenever an environment has to be made anew."""
    requirements = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest() if name == "latchkey" else ""
    return "\n".join([sys.version, *PINS[name], requirements])
