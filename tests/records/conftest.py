"""Fixtures of records_rig, under a name of its own so that no other folder's conftest is meant by an import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from records_rig import clock, database, database_url, key_file, made, postgresql, records, templates

__all__ = ["clock", "database", "database_url", "key_file", "made", "postgresql", "records", "templates"]
