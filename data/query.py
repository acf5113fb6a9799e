"""The types of a question, a SELECT built from mapped classes that a Reader alone executes, and of its answer."""

from typing import Any, TypeAlias

from sqlalchemy import Row, Select

Query: TypeAlias = Select[*tuple[Any, ...]]
"""Any number of columns; ``Select[Any]`` would mean one."""

Record: TypeAlias = Row[*tuple[Any, ...]]
"""One row of the answer: by position and by name."""
