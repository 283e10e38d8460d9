"""Skybeat's command line: the only file that sees every package."""

from __future__ import annotations

import typer

app = typer.Typer(help="Aerial patrol: plan, fly, see, report, settle.", no_args_is_help=True)


def main() -> None:
    """Entry point of the ``skybeat`` command."""
    app()


if __name__ == "__main__":
    main()
