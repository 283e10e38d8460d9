"""Write constraints.txt from the installed environment: names and versions only, no addresses.

Run after changing a dependency: ``.venv/bin/python scripts/freeze_constraints.py``.
"""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = {"skybeat", "pip", "wheel", "setuptools"}


def main() -> None:
    """Overwrite constraints.txt."""
    pins = {
        (name := dist.metadata["Name"]).lower().replace("_", "-"): f"{name}=={dist.version.split('+')[0]}"
        for dist in distributions()
        if dist.metadata["Name"].lower() not in LEFT_OUT
    }
    head = "# Written by scripts/freeze_constraints.py. Versions that are tested together.\n"
    (ROOT / "constraints.txt").write_text(head + "\n".join(pins[key] for key in sorted(pins)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
