"""Fill an SQLite file with made-up employees and ended sign-ins; run with Latchkey's own Python."""

import sqlite3
import subprocess
import sys
import time

from tests.bench.environments import ROOT

PASSWORD = "benchmark-password"
FIRST_EMPLOYEE = 10001


def email_of(number):
    """Return the email of an employee, counted from 0."""
    return f"e{FIRST_EMPLOYEE + number}@example.com"


def fill(python, database, people, ended):
    """Make a database with so many employees and so many ended sign-ins."""
    database.parent.mkdir(parents=True, exist_ok=True)
    command = [python, "-m", "tests.bench.seed", str(database), str(people), str(ended)]
    subprocess.run(command, cwd=ROOT, check=True)


def insert(connection, table, rows):
    """Insert rows, given in the order of the table's columns."""
    places = ",".join("?" * len(table.columns))
    connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)  # noqa: S608  our own names


def values_of(table, **known):
    """Return a row's values in the order of the table's columns."""
    return tuple(known.get(column.name) for column in table.columns)


def employee_row(table, number, password_hash, now):
    """Return one employee's row."""
    from webapp.search import words_of

    return values_of(
        table,
        emp_no=FIRST_EMPLOYEE + number,
        email=email_of(number),
        password_hash=password_hash,
        birth_date="1980-02-29",
        first_name="Ada",
        last_name="Nowak",
        gender="F",
        hire_date="2020-01-02",
        scopes="user:read user:write",
        is_active=1,
        changed=now,
        version=1,
        awaits_invitation=0,
        words=words_of("Ada", "Nowak", email_of(number)),
    )


def sign_in_row(table, number, people, now):
    """Return one ended sign-in's row."""
    return values_of(
        table,
        id=f"ended{number:017}",
        emp_no=FIRST_EMPLOYEE + number % people,
        kind="browser",
        opened=now - 7200,
        used=now - 3700,
        ends=now + 36000,
        ended=now - 3600,
        ended_why="logged out",
        address="127.0.0.1",
        user_agent="benchmark",
    )


def main(file, people, ended):
    """Make the tables and fill them, hashing the one password once."""
    from sqlalchemy import create_engine

    from webapp import schema, search
    from webapp.auth.passwords import hash_now
    from webapp.tables import employee_words, employees, metadata, sign_ins

    metadata.create_all(create_engine(f"sqlite:///{file}"))
    password_hash, now = hash_now(PASSWORD), time.time()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    connection.execute("INSERT INTO alembic_version VALUES (?)", [schema.head()])
    with connection:
        insert(connection, employees, (employee_row(employees, n, password_hash, now) for n in range(people)))
        for number in range(people):
            words = search.words_of("Ada", "Nowak", email_of(number))
            rows = search.rows_for(FIRST_EMPLOYEE + number, words, "2020-01-02")
            insert(connection, employee_words, (tuple(row.values()) for row in rows))
        insert(connection, sign_ins, (sign_in_row(sign_ins, n, people, now) for n in range(ended)))
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
