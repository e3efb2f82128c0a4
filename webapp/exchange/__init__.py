"""Employees in and out of the database, as CSV (RFC 4180)."""
