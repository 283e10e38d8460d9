"""Start the demo, fly its patrol, and write pictures of every room of the console to docs/images.

Run from the project's folder: ``.venv/bin/python scripts/screenshot_console.py``. Needs chromium and the
built console (``make console``).
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
BROWSER_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--no-first-run", "--disable-quic"]
LANGUAGES = {"zh-CN": "zh", "en": "en"}
SEED = 139
CELLS = ("361102001010", "361102001006")
"""A town where a fire burns in sight of the pad, and the cells that are flown and planned."""
PATIENCE_MS = 240_000
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def running_demo(seconds: float) -> Iterator[str]:
    """A demo whose patrol flies as fast as the eye can look; gives its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as directory, (Path(directory) / "demo.log").open("wb") as log:
        command = [
            sys.executable, "-m", "skybeat", "demo", "--port", str(port), "--speed", "max",
            "--seed", str(SEED), *(f"--cell={cell}" for cell in CELLS),
            "--data-directory", f"{directory}/demo",
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait(url, process, seconds)
            yield url
        finally:
            process.terminate()
            process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    sys.exit(f"the demo did not start (exit code {process.poll()}); run 'skybeat demo' to see why")


def signed_in(browser: Browser, url: str, language: str, size: tuple[int, int]) -> Page:
    """A page of the demo's own user."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language, timezone_id="Asia/Shanghai"
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"localStorage.setItem('skybeat.language', '{language}')")
    page = context.new_page()
    page.goto(url)
    return page


def picture(page: Page, target: Path, room: str, language: str) -> None:
    path = target / f"console-{room}-{LANGUAGES[language]}.png"
    page.screenshot(path=path)
    print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)  # noqa: T201


def fly(page: Page, alerts: int, seconds: float) -> None:
    """Wait for a live picture and some alerts; with fewer after ``seconds``, go on with those.

    A machine that is busy with other things lets the link look lost; the picture waits for a good moment.
    """
    expect(page.locator("[data-test=video]")).to_be_visible()
    deadline = time.monotonic() + seconds
    while page.locator("[data-test=alert]").count() < alerts and time.monotonic() < deadline:
        page.wait_for_timeout(1000)
    page.wait_for_timeout(1500)
    while page.locator(".lost").count() and time.monotonic() < deadline + seconds:
        page.wait_for_timeout(200)


def plan(page: Page, url: str) -> None:
    page.goto(f"{url}/plan")
    for cell in CELLS:
        page.check(f"[data-cell='{cell}']")
    page.click("[data-test=compute]")
    expect(page.locator("[data-test=plan-figures]")).to_be_visible()
    page.wait_for_timeout(3000)


def desk(page: Page, url: str) -> None:
    page.goto(f"{url}/desk")
    page.click("[data-queue=all]")
    page.locator("[data-test=ticket-row]").first.click()
    expect(page.locator("[data-test=timeline]")).to_be_visible()
    page.wait_for_timeout(4000)


def review(page: Page, url: str) -> None:
    """The flight of the demo, at what it saw first."""
    page.goto(f"{url}/review")
    expect(page.locator("[data-test=timeline]")).to_be_visible()
    page.wait_for_timeout(2000)
    page.keyboard.press("j")
    expect(page.locator("[data-test=kept-picture]")).to_be_visible()
    page.wait_for_timeout(4000)


def shoot(
    browser: Browser, url: str, size: tuple[int, int], target: Path, alerts: int, seconds: float
) -> None:
    """All rooms in all languages; the flight first, since it ends."""
    pages = {}
    for language in LANGUAGES:
        page = pages[language] = signed_in(browser, url, language, size)
        expect(page.locator("[data-user=demo]")).to_be_visible()
        picture(page, target, "sign-in", language)
        page.click("[data-user=demo]")
        fly(page, alerts, seconds)
        picture(page, target, "fly", language)
        page.goto("about:blank")
    for language, page in pages.items():
        plan(page, url)
        picture(page, target, "plan", language)
        desk(page, url)
        picture(page, target, "desk", language)
        review(page, url)
        picture(page, target, "review", language)
        page.goto(f"{url}/overview")
        expect(page.locator(".chart svg")).to_have_count(3)
        expect(page.locator(".map[data-drawn=true]")).to_be_visible()
        page.wait_for_timeout(3000)
        picture(page, target, "overview", language)
        page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--size", default="1440x900")
    parser.add_argument("--alerts", type=int, default=2, help="wait for this many alerts ...")
    parser.add_argument("--seconds", type=float, default=240.0, help="... but no longer than this")
    parser.add_argument("--url", help="a demo that runs already, instead of an own one")
    args = parser.parse_args()
    width, height = (int(part) for part in args.size.split("x"))
    if not Path(CHROMIUM).exists():
        sys.exit("no chromium on this machine: install the package chromium")
    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_OPTIONS)
        with nullcontext(args.url) if args.url else running_demo(180) as url:
            shoot(browser, url, (width, height), args.out, args.alerts, args.seconds)
        browser.close()


if __name__ == "__main__":
    main()
