"""The checker's state graph in a browser: `tribunal check --explore`."""

import socket
import subprocess
import time
import urllib.request

import pytest
from selenium.webdriver.common.by import By

from conftest import REPOSITORY, TRIBUNAL


def wait(condition, limit_s=30):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def is_served(address):
    try:
        return urllib.request.urlopen(f"http://{address}/", timeout=1).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def explorer():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    served = subprocess.Popen(
        [TRIBUNAL, "check", "replica", "--bug", "KIP-101", "--explore", address], cwd=REPOSITORY, stdout=subprocess.DEVNULL
    )
    try:
        wait(lambda: is_served(address))
        yield f"http://{address}/#/steps/0"
    finally:
        served.kill()
        served.wait()


def choices(page):
    return page.find_elements(By.CSS_SELECTOR, ".main-flex-left > ul:last-of-type a")


def promises(page):
    return page.find_element(By.CSS_SELECTOR, ".main-flex-left").text


def state(page):
    return page.find_element(By.CSS_SELECTOR, ".main-flex-right > div:last-of-type").text


def chosen(page, action):
    before = page.current_url
    wait(lambda: any(choice.text == action for choice in choices(page)))
    next(choice for choice in choices(page) if choice.text == action).click()
    wait(lambda: page.current_url != before and choices(page))


def test_states_read_as_people_speak_and_choices_lead_on(chromium, explorer):
    chromium.get(explorer)
    wait(lambda: "leads epoch 0 · isr [0, 1, 2]" in state(chromium))
    assert "b1  follows b0 in epoch 0 · log end 0 · high watermark 0" in state(chromium), state(chromium)
    assert "b3  controller · b0 leads epoch 0 · isr [0, 1, 2]" in state(chromium), state(chromium)
    chosen(chromium, "a client produces to b0")
    wait(lambda: "log end 1" in state(chromium))
    chosen(chromium, "b0 hears from b1 (b1→b0 fetch)")
    wait(lambda: "b0 → b1  Fetch answered (fetch)" in state(chromium))
    path = [step.text for step in chromium.find_elements(By.CSS_SELECTOR, ".path-list a")]
    assert path[2:] == ["a client produces to b0", "b0 hears from b1 (b1→b0 fetch)"], path
    # A link is a state: whoever opens it elsewhere is there.
    here = (chromium.current_url, state(chromium))
    chromium.get("about:blank")
    chromium.get(here[0])
    wait(lambda: state(chromium) == here[1])


def test_a_counterexample_is_a_link_to_the_state_that_breaks_the_promise(chromium, explorer):
    chromium.get(explorer)
    wait(lambda: "strong-isr" in promises(chromium))
    chromium.find_element(By.CSS_SELECTOR, "button").click()
    found = (By.PARTIAL_LINK_TEXT, "Always strong-isr")
    wait(lambda: chromium.find_elements(*found), 120)
    chromium.find_element(*found).click()
    wait(lambda: "VIOLATION strong-isr: orders/0: b" in state(chromium))
    assert choices(chromium) == [], "nothing happens after a broken promise"
