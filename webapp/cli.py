"""The commands of `python run.py`."""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Sequence

from webapp import settings
from webapp.command_line import parser
from webapp.database import Unavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 2 with one line that says what to mend."""
    options = parser().parse_args(arguments)
    try:
        status = run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads what is printed has stopped; Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Unavailable, OSError) as error:
        settings.refuse(f"the database {settings.DATABASE_URL.database} cannot be used ({error})")
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> int:
    """Run the command of these options and return its exit status."""
    if options.command == "new-key":
        print(secrets.token_urlsafe(48))
        return 0
    # Imported only now, since with them comes the key, which is made where there is none.
    if options.command in (None, "serve"):
        from webapp import server

        server.serve()
    else:
        from webapp import backup, commands, sample

        match options.command:
            case "migrate":
                asyncio.run(commands.migrate())
            case "create-user":
                asyncio.run(commands.create_user(options))
            case "load-sample":
                asyncio.run(sample.load_sample())
            case "log":
                from webapp.log_command import print_log

                asyncio.run(print_log(options))
            case "import-employees":
                from webapp.exchange.importing import import_employees

                return import_employees(options)
            case "export-employees":
                from webapp.exchange.exporting import export_employees

                return export_employees(options)
            case "backup":
                backup.backup(options.file.resolve())
            case "password-link":
                asyncio.run(commands.password_link(options.email))
            case "sign-ins":
                asyncio.run(commands.list_sign_ins(options.email))
            case "end-sign-ins":
                asyncio.run(commands.end_sign_ins(options.email, everybody=options.everybody))
    return 0
