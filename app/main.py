"""What `panel serve app/main.py` shows. It shows nothing unless the gate is in front (see README)."""

from app.gate_module import SHARED
from app.session import open_session

open_session(SHARED).servable()
