"""Runs of the catalog that all tests look at, made once, and a browser."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

REPOSITORY = Path(__file__).resolve().parents[2]
TRIBUNAL = os.environ.get("TRIBUNAL", str(REPOSITORY / "target/debug/tribunal"))

HELD = ["leader-crash-keeps-acknowledged-records", "--seed", "1"]
FAILED = ["writes-below-min-insync-are-refused", "--bug", "KAFKA-15583"]


def tribunal(*args, code=0):
    done = subprocess.run([TRIBUNAL, *map(str, args)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def run(out, args, code):
    lines = tribunal("run", *args, "--out", out, "--message-format", "json", code=code).splitlines()
    runs = [value for value in map(json.loads, lines) if value["type"] == "run"]
    wanted = [value for value in runs if code == 0 or value["verdict"] == "violated"]
    return Path(wanted[0]["folder"])


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    return run(tmp_path_factory.mktemp("held"), HELD, 0)


@pytest.fixture(scope="session")
def failed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("failed"), FAILED, 100)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()
