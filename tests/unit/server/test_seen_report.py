"""The coverage report: readable Chinese without any font on the machine, numbers, refusals."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pymupdf
import pytest

from tests.fixtures.desk import Desk
from tests.unit.server.test_seen import SOUTH_WEST, WEST_HALF, send, tiles_of


def pages(data: bytes):
    assert data.startswith(b"%PDF")
    return pymupdf.open(stream=data, filetype="pdf")


@pytest.fixture
def flight(desk: Desk):
    found = uuid4()
    send(desk, tiles_of((WEST_HALF[0], WEST_HALF[1], 117.969, WEST_HALF[3])), found)
    return found


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-CN", ["巡查覆盖报告", "西南格", "未达标", "最大的缺口"]),
        ("en", ["Coverage report", "South-west", "not met"]),
    ],
)
def test_a_cell_in_both_languages(desk: Desk, flight, language, words) -> None:
    answer = desk.call("GET", f"seen/report.pdf?cell={SOUTH_WEST}&language={language}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    document = pages(answer.content)
    text = document[0].get_text()
    for word in words:
        assert word in text
    assert "51" in text
    fonts = document[0].get_fonts()
    assert fonts
    assert all(document.extract_font(font[0])[3] for font in fonts), "every font is embedded"
    picture = document[0].get_pixmap(dpi=50)
    pixels = np.frombuffer(picture.samples, np.uint8).reshape(picture.height, picture.width, -1)
    assert (pixels.max(axis=2).astype(int) - pixels.min(axis=2) > 60).mean() > 0.02, "the map is coloured"
    assert len(answer.content) < 400_000


def test_a_patrol_as_of_its_end(desk: Desk, flight) -> None:
    answer = desk.call("GET", f"seen/report.pdf?flight_id={flight}")
    assert "2026-05-01 10:00" in pages(answer.content)[0].get_text()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        (f"cell={SOUTH_WEST}&flight_id={uuid4()}", 422),
        ("cell=nowhere", 404),
        (f"flight_id={uuid4()}", 404),
        (f"cell={SOUTH_WEST}&language=fr", 422),
    ],
)
def test_what_cannot_be_reported_is_a_problem_with_a_sentence(desk: Desk, query, status) -> None:
    answer = desk.call("GET", f"seen/report.pdf?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert len(answer.json()["detail"]) > 15
