"""Prints pip constraints that hold every dependency of the program at the lowest version that pyproject.toml allows:

python -m tests.floors > floors.txt && pip install -c floors.txt '.[test]'
"""

from __future__ import annotations

import tomllib
from pathlib import Path

TOOLS = ("test", "lint", "interop")  # extras of those who work on it, which may be as new as they like


def floors(document: dict[str, dict[str, object]]) -> list[str]:
    """`name==version` of each requirement `name>=version`."""
    project: dict[str, object] = document["project"]
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    wanted = [*project["dependencies"]]  # type: ignore[misc]
    for name, packages in extras.items():
        wanted += packages if name not in TOOLS else []
    return sorted(requirement.replace(">=", "==") for requirement in wanted)


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    print("\n".join(floors(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")))))
