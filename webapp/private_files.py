"""Files that only their owner may read: the database, and what is beside it."""

import contextlib
import glob
import os
import shlex
import stat
import sys
from pathlib import Path

# What is beside an SQLite file: its own, which have its mode, and the copies from before migrations.
BESIDE = ("", "-wal", "-shm", "-journal", ".before-*")


def make_private(file: Path) -> None:
    """Make an empty file that only its owner can read, whatever the umask; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    # The target of a link that leads nowhere yet, which SQLite itself would make for others to read.
    target = os.path.realpath(file)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.chmod(target, 0o600)


def warn_if_others_can_read(database: Path) -> None:
    """Print one line that says what to do where others can read an SQLite file, or what is beside it."""
    pattern = glob.escape(str(database))
    files = [file for ending in BESIDE for file in sorted(glob.glob(f"{pattern}{ending}"))]
    readable = [file for file in files if stat.S_IMODE(os.stat(file).st_mode) & 0o077]
    if str(database) in readable:  # what SQLite puts beside it in a moment has the same mode
        readable = [*dict.fromkeys([*readable, f"{database}-wal", f"{database}-shm"])]
    if readable:
        command = shlex.join(["chmod", "600", *readable])
        print(
            f"Latchkey: others can read the database and the hashes in it; take that away with: {command}",
            file=sys.stderr,
        )
