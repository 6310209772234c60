"""The page in a browser."""

import io
import shlex
import time

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from conftest import tribunal


def opened(chromium, folder):
    chromium.get_log("browser")
    began = time.monotonic()
    chromium.get(f"file://{folder}/report.html")
    chromium.opened_s = time.monotonic() - began
    return chromium


def chart(page, name):
    canvas = page.find_element(By.ID, name)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    wait(lambda: canvas.get_attribute("data-drawn"))
    return canvas


def wait(condition, limit_s=10):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def pixels(canvas):
    return Image.open(io.BytesIO(canvas.screenshot_as_png)).convert("RGB")


def drawn(canvas):
    return int(canvas.get_attribute("data-drawn") or 0)


@pytest.fixture(params=["held", "failed"])
def page(request, chromium):
    return opened(chromium, request.getfixturevalue(request.param))


def test_it_opens_without_errors_and_asks_nothing_of_the_network(page):
    for canvas in page.find_elements(By.TAG_NAME, "canvas"):
        page.execute_script("arguments[0].scrollIntoView()", canvas)
    time.sleep(0.5)
    assert page.get_log("browser") == []
    asked = page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in asked if not name.startswith("data:")] == []


def test_it_is_small(held, failed):
    assert (held / "report.html").stat().st_size < 3_000_000
    assert (failed / "report.html").stat().st_size < 3_000_000


def test_verdict_and_cause_come_first(chromium, failed):
    page = opened(chromium, failed)
    assert page.find_element(By.ID, "verdict").text == "FAIL"
    violation = page.find_element(By.CLASS_NAME, "violation")
    assert "elr-holds-high-watermark" in violation.text
    assert violation.find_element(By.CLASS_NAME, "cause").text
    assert violation.location["y"] < 300


def test_a_chart_zooms_by_key_and_by_drag_and_comes_back(page):
    canvas = chart(page, "chart-latency")
    whole = pixels(canvas)
    canvas.send_keys("+")
    wait(lambda: pixels(canvas).tobytes() != whole.tobytes())
    others = chart(page, "chart-quantiles")
    zoomed = pixels(others)
    others.send_keys("0")
    wait(lambda: pixels(others).tobytes() != zoomed.tobytes())
    canvas = chart(page, "chart-latency")
    before = drawn(canvas)
    ActionChains(page).move_to_element_with_offset(canvas, -100, 0).click_and_hold().move_by_offset(150, 0).release().perform()
    wait(lambda: drawn(canvas) > before + 1)
    assert pixels(canvas).tobytes() != whole.tobytes()
    canvas.send_keys(Keys.ESCAPE)


def test_pointing_at_a_chart_tells_the_value_and_the_fault(chromium, held):
    page = opened(chromium, held)
    canvas = chart(page, "chart-quantiles")
    # The crash at 9.6 s of 30.6 s, and a little later.
    x = 64 + (canvas.size["width"] - 76) * 10.5 / 30.6 - canvas.size["width"] / 2
    ActionChains(page).move_to_element_with_offset(canvas, int(x), 0).perform()
    wait(lambda: page.find_elements(By.CLASS_NAME, "tip"))
    said = page.find_element(By.CLASS_NAME, "tip").text
    assert "fault: crash b2" in said and " s\n" in said + "\n", said


def test_the_space_time_diagram_opens_on_the_cause_and_expands(chromium, failed):
    page = opened(chromium, failed)
    canvas = chart(page, "diagram")
    shown = lambda: int(canvas.get_attribute("data-messages"))
    first = shown()
    assert 0 < first <= 200
    more = page.find_element(By.ID, "expand")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", more)
    counts = [first]
    while more.is_enabled():
        more.click()
        wait(lambda: shown() != counts[-1] or not more.is_enabled())
        time.sleep(0.1)
        counts.append(shown())
    assert counts == sorted(counts) and counts[-1] > 2 * first, counts
    assert f"{counts[-1]} of {counts[-1]}" in page.find_element(By.ID, "shown").text


def test_the_copied_command_replays_the_run(chromium, failed, tmp_path):
    page = opened(chromium, failed)
    page.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    button = page.find_element(By.CSS_SELECTOR, "button.copy")
    button.click()
    wait(lambda: button.text == "copied")
    page.execute_script("""
        const field = document.createElement("textarea"); field.id = "pasted"; document.body.append(field); field.focus();
    """)
    page.find_element(By.ID, "pasted").send_keys(Keys.CONTROL, "v")
    command = shlex.split(page.find_element(By.ID, "pasted").get_attribute("value"))
    assert command[:2] == ["tribunal", "replay"], command
    said = tribunal(*command[1:], "--out", tmp_path, code=100)
    assert "elr-holds-high-watermark" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_faults_are_shaded_and_points_drawn_in_both_schemes(chromium, held, scheme):
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    page = opened(chromium, held)
    canvas = chart(page, "chart-latency")
    image = pixels(canvas)
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    width = image.width
    at = lambda time_s, y: image.getpixel((int(64 + (width - 76) * time_s / 30.6), y))
    ground, inside = at(22.3, 60), at(13.1, 60)
    bright = sum(ground) / 3
    assert bright > 230 if scheme == "light" else bright < 60, ground
    assert sum(abs(a - b) for a, b in zip(ground, inside)) > 12, (ground, inside)
    blues = sum(1 for r, g, b in image.getdata() if b > r + 60)
    assert blues > 300, "the points of sends are blue"


def test_it_can_be_used_with_the_keyboard_alone(page):
    reached = set()
    for _ in range(60):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.add(page.execute_script("return document.activeElement.tagName + document.activeElement.id"))
    assert "CANVASchart-latency" in reached and "BUTTONtheme" in reached, reached
