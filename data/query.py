"""The type of a question: a SELECT built from mapped classes, executed by a Reader alone."""

from typing import Any, TypeAlias

from sqlalchemy import Select

Query: TypeAlias = Select[*tuple[Any, ...]]
"""Any number of columns; ``Select[Any]`` would mean one."""
