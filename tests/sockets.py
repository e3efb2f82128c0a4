"""Clients that do harm with plain sockets, and a server to try them on. Everything is on 127.0.0.1 and bounded in count and time."""

import contextlib
import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from webapp import settings

PASSWORD = "correct horse battery staple"
EMAIL = "ann@example.com"
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def start_server(environment, log, line=(sys.executable, "run.py")):
    """Start a server, and return its process, and its port once it listens."""
    with open(log, "w") as stream:
        process = subprocess.Popen(
            line, cwd=settings.ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=stream
        )
    for said in process.stdout:
        if "Latchkey is at" in said:
            return process, int(re.search(r":(\d+)", said)[1])
    raise AssertionError(log.read_text())


class Site:
    """A server of one worker with a separate database.

    Args:
        folder: where its files are.
        descriptors: how many files it may have open, where that is limited.
        settings_of_its_own: settings that differ from the defaults.
    """

    def __init__(self, folder, descriptors=None, **settings_of_its_own):
        self.folder, self.descriptors = folder, descriptors
        self.environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{folder}/test.db",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "BCRYPT_ROUNDS": "4",
            "WORKERS": "1",
            "PORT": "0",
            "ACCESS_LOG": "false",
            "FORWARDED_ALLOW_IPS": "",
            **settings_of_its_own,
        }

    def __enter__(self):
        names = ("--first-name", "Ann", "--last-name", "Lee")
        line = [sys.executable, "run.py", "create-user", "--email", EMAIL, *names, "--password-stdin"]
        subprocess.run(
            line, cwd=settings.ROOT, env=self.environment, input=PASSWORD, text=True, check=True, capture_output=True
        )
        limit = f"ulimit -n {self.descriptors}; " if self.descriptors else ""
        line = ["sh", "-c", f'{limit}exec "{sys.executable}" run.py']
        self.process, self.port = start_server(self.environment, self.folder / "log", line)
        until = time.monotonic() + 20
        while time.monotonic() < until and answer(self.port, GET) is None:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    def log(self):
        """Return the warnings and errors that were logged."""
        lines = (self.folder / "log").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("INFO")]

    def memory(self):
        """Return how much memory the server has, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    def open_files(self):
        """Return how many files and sockets the server has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def token(self):
        """Log in and return the access token."""
        form = urlencode({"username": EMAIL, "password": PASSWORD}).encode()
        head = b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        said = answer(self.port, head + b"Content-Length: %d\r\n\r\n" % len(form) + form)
        return json.loads(said.partition(b"\r\n\r\n")[2])["access_token"]

    def slowest(self, token):
        """Return how long the slowest of a hundred of a bystander's requests takes (p99, median of three), in ms."""
        line = [sys.executable, "-m", "tests.sockets", str(self.port), token]
        took = [float(subprocess.check_output(line, cwd=settings.ROOT, text=True)) for _ in range(3)]
        return statistics.median(took)


def connected(port, seconds=5):
    """Return a connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=seconds)


def status(said):
    """Return the status of an answer, None where there is none."""
    return int(said.split()[1]) if said else None


def answer(port, request):
    """Return what comes to a request, None where the server does not answer."""
    try:
        with connected(port) as client:
            client.sendall(request)
            return first_answer(client)
    except OSError:
        return None


def first_answer(client):
    """Return the first answer on a connection: a head and the body that it announces, or what came before the end."""
    said = b""
    while True:
        head, _, body = said.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length and len(body) >= int(length[1]):
            return said
        more = client.recv(65536)
        if not more:
            return said
        said += more


def seconds_to_end(client, seconds, trickle=b""):
    """Return how long a connection goes on, while a little is sent four times a second, for at most `seconds`."""
    began = time.monotonic()
    client.settimeout(0.25)
    while time.monotonic() - began < seconds:
        try:
            if trickle:
                client.sendall(trickle)
            if not client.recv(65536) and not trickle:
                break
        except TimeoutError:
            pass
        except OSError:
            break
        else:
            time.sleep(0.05)
    return time.monotonic() - began


@contextlib.contextmanager
def crowd(port, count, first=b"", trickle=b"", small_window=False, addresses=1):
    """Connections that send something, a little more every second, and read nothing.

    Args:
        first: what each sends at once.
        trickle: what each sends every second.
        small_window: whether the system takes little from the server for them.
        addresses: from how many addresses they come.
    """
    clients, is_over = [], threading.Event()
    for number in range(count):
        client = socket.socket()
        client.bind((f"127.0.0.{1 + number % addresses}", 0))
        if small_window:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        send(client, first)
        clients.append(client)

    def go_on():
        while trickle and not is_over.wait(1):
            for client in clients:
                send(client, trickle)

    trickling = threading.Thread(target=go_on)
    trickling.start()
    try:
        yield clients
    finally:
        is_over.set()
        trickling.join()
        for client in clients:
            client.close()


def send(client, data):
    """Send what the system takes, if anybody is there."""
    with contextlib.suppress(OSError):
        client.send(data)


def measure(port, token):
    """Return the 99th of a hundred times of GET /api/me, in ms: on one connection, and every tenth on a new one."""
    request = f"GET /api/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    took, kept = [], connected(port)
    for number in range(300):
        began = time.perf_counter()
        if number % 10:
            kept.sendall(request)
            said = first_answer(kept)
        else:
            said = answer(port, request)
        took.append(time.perf_counter() - began)
        assert status(said) == 200, said
        time.sleep(0.003)
    kept.close()
    return sorted(took)[int(len(took) * 0.99) - 1] * 1000


if __name__ == "__main__":
    print(measure(int(sys.argv[1]), sys.argv[2]))
