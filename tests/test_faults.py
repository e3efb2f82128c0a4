"""What a database does to a server at its worst: full, stopped, cut off, killed (ASVS 16.5.2, 16.5.3)."""

import contextlib
import http.client
import os
import resource
import secrets
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from databases import DatabaseURL

from tests.fresh_database import is_postgresql
from tests.test_processes import PASSWORD, TWO_SECONDS, Server, ask, log_in, refresh
from webapp import settings

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="finds out in /proc which worker answers"),
]

EMAILS = [f"user{number}@example.com" for number in range(5)]
PG_CTL = shutil.which("pg_ctl") or next(iter(map(str, Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None)


def started(folder, **own):
    """Return a server with five employees."""
    server = Server(folder, **own)
    for email in EMAILS:
        server.add_user(email)
    server.start()
    return server


class Watcher(threading.Thread):
    """Asks one worker who one is again and again, and notes when it was answered what."""

    def __init__(self, connection, token):
        super().__init__()
        self.connection, self.token, self.notes, self.enough = connection, token, [], threading.Event()

    def run(self):
        while not self.enough.is_set():
            asked = time.monotonic()
            self.notes.append((asked, ask(self.connection, "GET", "/api/me", self.token)[0]))
            time.sleep(0.01)

    def stop(self):
        self.enough.set()
        self.join()

    def statuses(self, since, until):
        return {status for when, status in self.notes if since <= when <= until}


class Writer(Watcher):
    """Logs in again and again, and out, and notes when it was answered what."""

    def __init__(self, connection):
        super().__init__(connection, None)

    def run(self):
        while not self.enough.is_set():
            asked = time.monotonic()
            status, body = ask(self.connection, "POST", "/api/login", username=EMAILS[1], password=PASSWORD)
            self.notes.append((asked, status))
            if status == 200:
                self.notes.append((asked, ask(self.connection, "POST", "/api/logout", body["access_token"])[0]))


def seconds_to_recover(connections):
    """Return how long it takes until every worker lets somebody in again."""
    began = time.monotonic()
    for connection in connections:
        while ask(connection, "POST", "/api/login", username=EMAILS[0], password=PASSWORD)[0] != 200:
            assert time.monotonic() < began + 4, "well before uvicorn closes the idle connection"
            time.sleep(0.02)
    return time.monotonic() - began


def test_a_full_disk_refuses_writes_and_loses_nothing(tmp_path):
    server = started(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    try:
        workers = server.one_connection_each()
        tokens = [log_in(connection, email)["access_token"] for connection in workers.values() for email in EMAILS]
        for worker in workers:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        for connection in workers.values():
            for _ in range(10):
                assert ask(connection, "POST", "/api/login", username=EMAILS[0], password=PASSWORD)[0] == 503
                assert ask(connection, "POST", "/api/logout", tokens[0])[0] == 503
                assert {ask(connection, "GET", "/api/me", token)[0] for token in tokens} == {200}
        for worker in workers:
            resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert seconds_to_recover(workers.values()) < TWO_SECONDS
        for connection in workers.values():
            assert {ask(connection, "GET", "/api/me", token)[0] for token in tokens} == {200}
    finally:
        server.stop()


@pytest.fixture
def postgresql(tmp_path):
    """A PostgreSQL of the test's own, which it may stop."""
    if PG_CTL is None or os.geteuid() != 0 or "postgres" not in Path("/etc/passwd").read_text():
        pytest.skip("no PostgreSQL of one's own can be started here")
    folder, port = tmp_path / "postgresql", 5543
    folder.mkdir()
    shutil.chown(folder, "postgres")
    for parent in [folder.parent, *folder.parent.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o011)

    def control(*arguments):
        line = ["runuser", "-u", "postgres", "--", PG_CTL, "-D", f"{folder}/data", "-w", "-s", *arguments]
        subprocess.run(line, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60)

    control("init", "-o", "-A trust -E UTF8")
    where = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    control("start", "-o", where, "-l", f"{folder}/log")
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres", control, where
    with contextlib.suppress(subprocess.CalledProcessError):
        control("stop", "-m", "immediate")


def test_postgresql_stops_for_ten_seconds_under_load(tmp_path, postgresql):
    address, control, where = postgresql
    server = started(tmp_path, DATABASE_URL=address)
    try:
        before, workers = server.workers(), server.one_connection_each()
        bodies = [log_in(connection, email) for connection in workers.values() for email in EMAILS]
        watchers = [Watcher(connection, bodies[0]["access_token"]) for connection in workers.values()]
        for watcher in watchers:
            assert ask(watcher.connection, "GET", "/api/me", watcher.token)[0] == 200, "each worker holds it"
            watcher.start()
        stopping = time.monotonic()
        control("stop", "-m", "fast")
        stopped = time.monotonic()
        time.sleep(10)
        control("start", "-o", where, "-l", f"{tmp_path}/postgresql/log")
        back = time.monotonic()
        time.sleep(TWO_SECONDS)
        for watcher in watchers:
            watcher.stop()
        for watcher in watchers:
            # Nobody knows when in between the last answer came from the database.
            assert watcher.statuses(stopping, stopping + settings.STALE_AFTER_SECONDS - 1) == {200}
            trusted_until = stopped + settings.STALE_AFTER_SECONDS
            assert watcher.statuses(trusted_until, stopped + 10) == {503}
            well = min(when for when, status in watcher.notes if when > trusted_until and status == 200)
            print(f"\nPostgreSQL was back, and the worker well {max(well - back, 0):.2f} s later")
            assert well - back < TWO_SECONDS
        assert seconds_to_recover(workers.values()) < TWO_SECONDS
        for connection in workers.values():
            assert {ask(connection, "GET", "/api/me", body["access_token"])[0] for body in bodies} == {200}
        assert server.workers() == before, "nobody was restarted"
    finally:
        server.stop()


def test_postgresql_cuts_every_connection_five_times(tmp_path, postgresql):
    address, _, _ = postgresql
    server = started(tmp_path, DATABASE_URL=address)
    try:
        before, workers = server.workers(), server.one_connection_each()
        bodies = [log_in(connection, email) for connection in workers.values() for email in EMAILS]
        watchers = [
            Watcher(connection, bodies[0]["access_token"]) for connection in server.one_connection_each().values()
        ]
        writers = [Writer(connection) for connection in server.one_connection_each().values()]
        for thread in (*watchers, *writers):
            thread.start()
        for _ in range(5):
            cut_every_connection(address)
            for connection in workers.values():
                assert {ask(connection, "GET", "/api/me", body["access_token"])[0] for body in bodies} <= {200, 503}
            assert seconds_to_recover(workers.values()) < TWO_SECONDS
        for thread in (*watchers, *writers):
            thread.stop()
        assert "Traceback" not in (tmp_path / "log").read_text()
        for thread in (*watchers, *writers):
            assert {status for _, status in thread.notes} <= {200, 503}
        for connection in workers.values():
            assert {ask(connection, "GET", "/api/me", body["access_token"])[0] for body in bodies} == {200}
        assert server.workers() == before, "nobody was restarted"
    finally:
        server.stop()


def cut_every_connection(address):
    """Let PostgreSQL end each connection that Latchkey has."""
    every = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey'"
    subprocess.run(["psql", address, "-c", every], check=True, stdout=subprocess.DEVNULL, timeout=20)


def test_kill_9_of_a_server_among_five_hundred_operations(tmp_path):
    """On SQLite, or on the engine that TEST_DATABASE_URL names."""
    url = os.environ["DATABASE_URL"]
    own = {"SECRET_KEY": secrets.token_urlsafe(48), "DATABASE_URL": f"sqlite:///{tmp_path}/test.db"}
    if DatabaseURL(url).dialect != "sqlite":
        own["DATABASE_URL"] = url
    emails = [f"{'p' if is_postgresql(DatabaseURL(url)) else 'k'}{number}@example.com" for number in range(25)]
    server = Server(tmp_path, **own)
    for email in emails:
        server.add_user(email)
    server.start()
    opened, ended, successors = [], [], []

    def one_client(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            body = log_in(connection, emails[number % len(emails)])
            if number % 3 == 0:
                status, body = refresh(connection, body["refresh_token"])
                assert status == 200
            if number % 2:
                assert ask(connection, "POST", "/api/logout", body["access_token"])[0] == 200
                ended.append(body)
            else:
                opened.append(body)
                successors.append(body["refresh_token"])
        except (OSError, http.client.HTTPException):
            pass  # the server was killed: nothing was promised
        finally:
            connection.close()

    processes = [*server.workers(), server.process.pid]
    with ThreadPoolExecutor(50) as threads:
        running = [threads.submit(one_client, number) for number in range(300)]
        while len(opened) + len(ended) < 60:
            time.sleep(0.005)
        for process in processes:
            os.kill(process, signal.SIGKILL)
        for client in running:
            client.result()
    server.process.wait()
    server.process.stdout.close()
    server.start()
    try:
        for connection in server.one_connection_each().values():
            assert {ask(connection, "GET", "/api/me", body["access_token"])[0] for body in opened} == {200}
            assert {ask(connection, "GET", "/api/me", body["access_token"])[0] for body in ended} == {401}
        assert {refresh(connection, token)[0] for token in successors} == {200}
    finally:
        server.stop()
