"""The page of a hunt, and what a hunt tells continuous integration."""

import json
import os
import subprocess
import xml.etree.ElementTree as ET

import pytest
from selenium.webdriver.common.by import By

from conftest import REPOSITORY, TRIBUNAL, tribunal
from test_page import chart, drawn, wait

HUNT = ["hunt", "--bug", "KIP-101", "--seeds", "0..12", "--no-report"]


@pytest.fixture(scope="module")
def hunted(tmp_path_factory):
    """A hunt that finds a planted bug; it tells GitHub and JUnit."""
    out = tmp_path_factory.mktemp("hunt")
    places = ["--out", out, "--regressions", out / "regressions", "--junit", out / "junit.xml", "--github"]
    env = {**os.environ, "GITHUB_STEP_SUMMARY": str(out / "summary.md")}
    done = subprocess.run([TRIBUNAL, *HUNT, *map(str, places)], cwd=REPOSITORY, capture_output=True, text=True, env=env)
    assert done.returncode == 100, done.stdout + done.stderr
    (out / "said").write_text(done.stdout)
    return out


@pytest.fixture(scope="module")
def record(hunted):
    return json.loads((hunted / "hunt.json").read_text())


def in_order(record):
    return sorted(record["failures"].values(), key=lambda failure: int(failure["seeds"][0], 16))


def test_the_page_shows_each_failure_with_its_cause_and_its_command(chromium, hunted, record):
    chromium.get_log("browser")
    chromium.get(f"file://{tribunal('report', hunted).strip()}")
    assert chromium.get_log("browser") == []
    assert chromium.find_element(By.ID, "verdict").text == "FOUND"
    shown = chromium.find_elements(By.CLASS_NAME, "violation")
    failures = in_order(record)
    assert len(shown) == len(failures) > 0
    for block, failure in zip(shown, failures):
        assert failure["property"] in block.text and f"×{len(failure['seeds'])}" in block.text
        assert failure["first"]["detail"] in block.text and block.find_element(By.CLASS_NAME, "cause").text
        before, after = failure["first"]["shrunk"]["operations"]
        assert f"{before:,} → {after:,}" in block.text
    command = chromium.find_element(By.ID, "replay-0").text.split()
    assert failures[0]["property"] in tribunal(*command[1:], "--out", hunted / "again", code=100)


def test_the_page_draws_new_behaviour_and_latency_over_the_seeds(chromium, hunted):
    chromium.get(f"file://{tribunal('report', hunted).strip()}")
    for name in ["new-behaviour", "latency-over-seeds", "latency-distribution"]:
        canvas = chart(chromium, f"chart-{name}")
        wait(lambda: drawn(canvas))
    never = chromium.find_element(By.ID, "never").text
    assert "topic-removed" in never


def test_the_curve_of_new_behaviour_counts_the_marks(hunted, record):
    said = (hunted / "said").read_text()
    assert f"behaviour: {len(record['marks']):,} marks" in said


def test_junit_and_github_name_each_failure_once(hunted, record):
    suite = ET.parse(hunted / "junit.xml").getroot()
    names = [case.get("name") for case in suite.iter("testcase")]
    signatures = [failure["signature"] for failure in record["failures"].values()]
    assert sorted(names) == sorted(signatures)
    assert int(suite.get("failures")) == len(list(suite.iter("failure"))) == len(signatures)
    said = (hunted / "said").read_text().splitlines()
    annotations = [line for line in said if line.startswith("::error ")]
    assert len(annotations) == len(signatures)
    for line in annotations:
        properties = dict(part.split("=", 1) for part in line[len("::error ") :].split("::", 1)[0].split(","))
        assert os.path.exists(REPOSITORY / properties["file"])
        assert properties["title"].replace("%3A", ":") in signatures
    summary = (hunted / "summary.md").read_text()
    assert all(failure["property"] in summary for failure in record["failures"].values())
