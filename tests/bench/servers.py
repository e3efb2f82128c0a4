"""Servers that the benchmark starts, and ends again."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.bench.environments import ROOT

CONTENDERS = Path(__file__).parent / "contenders"
running: list["Server"] = []


class Server:
    """One server process, and how long it took to its first answer."""

    def __init__(self, command, *, port, first_path, folder, settings=None):
        self.address, self.port, self.folder = f"http://127.0.0.1:{port}", port, folder
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "BENCH_FOLDER": str(folder), **(settings or {})}
        self.output = folder / f"output-{port}"
        began = time.perf_counter()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        running.append(self)
        self.wait_for_first_answer(first_path)
        self.seconds_to_start = time.perf_counter() - began

    def wait_for_first_answer(self, path):
        """Ask until the server answers, whatever the status."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(self.address + path, timeout=10).close()  # noqa: S310  loopback
                return
            time.sleep(0.002)
        raise SystemExit(f"A server did not start:\n{self.output.read_text()}")

    def resident_mib(self):
        """Return the resident memory of the process and all its children."""
        kib = sum(resident_kib(pid) for pid in family_of(self.process.pid))
        return kib / 1024

    def stop(self):
        """End the process and its children, in peace if they let us."""
        running.remove(self)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def stop_all():
    """End every server that still runs."""
    for server in list(running):
        server.stop()


def family_of(pid):
    """Return a process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family_of(int(child)))]


def resident_kib(pid):
    """Return a process's VmRSS, 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve_app(python, module, first_path, folder, settings=None):
    """Start one worker of uvicorn for the `app` of a module in contenders/."""
    port = free_port()
    options = [
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--ws",
        "none",
        "--no-access-log",
        "--log-level",
        "warning",
        "--workers",
        "1",
    ]
    command = [python, "-m", "uvicorn", f"{module}:app", "--app-dir", str(CONTENDERS), "--port", str(port), *options]
    return Server(command, port=port, first_path=first_path, folder=folder, settings=settings)


def serve_latchkey(python, database, *, workers=1, access_log=False):
    """Start Latchkey with default settings on a database file, as its README says."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "WORKERS": str(workers),
        "ACCESS_LOG": str(access_log).lower(),
        "DATABASE_URL": f"sqlite:///{database}",
        "SECRET_KEY_FILE": str(database.parent / "secret-key"),
    }
    return Server([python, "run.py"], port=port, first_path="/api/me", folder=database.parent, settings=settings)
