"""Statements whose SQL is written once and then remembered, as SQLAlchemy's own engines do and `databases` does not.

Writing the SQL of a login's queries takes the event loop longer than all the rest of the login.
"""

from typing import Any

from sqlalchemy.util import LRUCache

MAX_STATEMENTS = 500

remembered: LRUCache[Any, Any] = LRUCache(MAX_STATEMENTS)


class RememberedQuery:
    """Stands for a query where `databases` compiles it.

    Args:
        values: those of its `bindparam`s.
    """

    def __init__(self, query: Any, values: dict[str, Any] | None = None) -> None:
        self.query, self.values = query, values

    def compile(self, *, dialect: Any, **options: Any) -> Any:
        """Return the query's SQL with its parameters, or a new one where lists of values are part of the SQL."""
        sql, extracted, collected, _ = self.query._compile_w_cache(dialect, compiled_cache=remembered, column_keys=[])
        if sql.post_compile_params:
            query = self.query.params(self.values) if self.values else self.query
            return query.compile(dialect=dialect, **options)
        params = sql.construct_params(self.values, extracted_parameters=extracted, _collected_params=collected)
        return RememberedSQL(sql, params)


class RememberedSQL:
    """SQL that was written for an earlier query of the same shape, with the parameters of this one."""

    def __init__(self, sql: Any, params: dict[str, Any]) -> None:
        self.sql, self.params = sql, params

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sql, name)

    def construct_params(self) -> dict[str, Any]:
        """Return the parameters by their names."""
        return self.params
