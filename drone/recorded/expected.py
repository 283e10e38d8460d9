"""Expected tickets of a recording: the file, a table, and JUnit XML (``missions.expected`` compares)."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from pydantic import ValidationError
from rich.table import Table

from drone.recorded.errors import ExpectationInvalid
from missions.expected import Comparison, Expected, ExpectedTicket, Pair, compare

__all__ = ["Comparison", "Expected", "compare", "load_expected", "table", "write_junit"]


def load_expected(path: Path | str) -> Expected:
    """Read a file of expected tickets.

    Raises:
        ExpectationInvalid: no such file, no JSON, or an entry is wrong; names it.
    """
    try:
        return Expected.model_validate(json.loads(Path(path).read_text("utf-8-sig")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ExpectationInvalid(f"{path}: cannot be read as JSON ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ExpectationInvalid(f"{path}: {where}: {first['msg']}; correct it") from error


def table(comparison: Comparison) -> Table:
    """The outcome for people, one row each."""
    view = Table(title="Expected tickets")
    for heading in ("", "kind", "cell", "expected at", "found at", "metres", "remark"):
        view.add_column(heading, justify="right" if heading == "metres" else "left")
    for pair in comparison.matched:
        view.add_row("[green]ok", *_cells(pair), "")
    for pair in comparison.misplaced:
        view.add_row("[red]misplaced", *_cells(pair), pair.wrong)
    for one in comparison.missing:
        place = f"{one.lat:.6f}, {one.lon:.6f}"
        view.add_row("[red]missing", one.kind.value, one.cell or "", place, "", "", "no ticket came")
    for ticket in comparison.extra:
        place = f"{ticket['lat']:.6f}, {ticket['lon']:.6f}"
        view.add_row(
            "[red]extra", str(ticket["kind"]), ticket.get("cell") or "", "", place, "", "nobody expects it"
        )
    return view


def write_junit(
    comparison: Comparison, path: Path | str, *, suite: str = "skybeat replay", seconds: float = 0.0
) -> None:
    """Write the outcome as JUnit XML: a test case for each expected ticket and one for each extra."""
    cases: list[tuple[str, str]] = []
    for pair in (*comparison.matched, *comparison.misplaced):
        cases.append((_title(pair.expected), f"misplaced: {pair.wrong}" if pair.wrong else ""))
    cases += [(_title(one), "missing: no ticket came") for one in comparison.missing]
    cases += [
        (f"{t['kind']} at {t['lat']:.6f}, {t['lon']:.6f}", "extra: nobody expects this ticket")
        for t in comparison.extra
    ]
    if not cases:
        cases = [("no tickets", "")]
    failures = sum(1 for _, problem in cases if problem)
    root = ElementTree.Element(
        "testsuite", name=suite, tests=str(len(cases)), failures=str(failures), errors="0", skipped="0",
        time=f"{seconds:.3f}",
    )  # fmt: skip
    for name, problem in cases:
        case = ElementTree.SubElement(root, "testcase", classname=suite, name=name, time="0")
        if problem:
            ElementTree.SubElement(case, "failure", message=problem).text = problem
    tree = ElementTree.ElementTree(root)
    ElementTree.indent(tree)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    tree.write(target, encoding="utf-8", xml_declaration=True)


def _cells(pair: Pair) -> tuple[str, str, str, str, str]:
    one, ticket = pair.expected, pair.ticket
    return (
        one.kind.value,
        str(ticket.get("cell") or ""),
        f"{one.lat:.6f}, {one.lon:.6f}",
        f"{ticket['lat']:.6f}, {ticket['lon']:.6f}",
        f"{pair.distance_m:.1f}",
    )


def _title(one: ExpectedTicket) -> str:
    return f"{one.kind.value} at {one.lat:.6f}, {one.lon:.6f}" + (f" in {one.cell}" if one.cell else "")
