"""The tables as the code sees them; `migrations` brings a database to this shape.

Times are seconds since 1970 as double precision, sizes bytes, sides pixels.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, MetaData, String, Table, Text

METADATA = MetaData()

KEYS = Table(
    "keys",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("prefix", String(10), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("max_bytes", BigInteger),
    Column("max_width", BigInteger),
    Column("max_height", BigInteger),
    Column("created_at", Double, nullable=False),
)

LINKS = Table(
    "links",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("blob", String(64), nullable=False),
    Column("mime", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("fence", String(32), nullable=False),
    Column("lease_until", Double, nullable=False),
)

RESULTS = Table(
    "results",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("fence", String(32), nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("error", Text),
    Column("blob", String(64)),
    Column("note", Text),
    Column("size", BigInteger, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("used_at", Double, nullable=False),
)

FACTS = Table(
    "facts",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("hosts", Text, nullable=False),
    Column("any_host", Boolean, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("uploads", Boolean, nullable=False),
    Column("presets", Text, nullable=False),
    Column("salt", String(32), nullable=False),
    Column("created_at", Double, nullable=False),
)

USAGE = Table(
    "usage",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    Column("hits", BigInteger, nullable=False),
)
