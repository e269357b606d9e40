"""JSON schemas of the files people write, for editors that complete and check while typing.

`python -m treadctl.prescription.schema` writes them to profiles/schema/ of the current folder; with `--check` it only says whether they are fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from treadctl.config.sections import MachineFile
from treadctl.prescription.person import Person
from treadctl.prescription.profile import Profile

FOLDER: Final = Path("profiles/schema")
MODELS: Final[dict[str, type[BaseModel]]] = {"machine": MachineFile, "profile": Profile, "person": Person}


def schema_text(name: str) -> str:
    """The schema of one kind of file, as committed: JSON Schema 2020-12, indented, with a newline at its end."""
    schema = MODELS[name].model_json_schema()
    header = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"treadctl {name} file, format 1"}
    return json.dumps(header | {key: value for key, value in schema.items() if key != "title"}, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of the schema files in `folder` that are missing or differ from the code."""
    paths = {name: folder / f"{name}.schema.json" for name in MODELS}
    return tuple(str(path) for name, path in paths.items() if not path.is_file() or path.read_text(encoding="utf-8") != schema_text(name))


def main(arguments: list[str]) -> int:
    """Write the schemas, or with --check report the stale ones. Returns the exit code."""
    if arguments == ["--check"]:
        old = stale()
        sys.stdout.write("".join(f"stale: {path}\n" for path in old))
        return 1 if old else 0
    if arguments:
        sys.stderr.write("usage: python -m treadctl.prescription.schema [--check]\n")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        (FOLDER / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
