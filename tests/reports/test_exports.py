"""Exports, each read by its reader."""

import json
import re
import subprocess
import sys
from pathlib import Path

import edn_format
from edn_format import Keyword

from conftest import TRIBUNAL, REPOSITORY, tribunal
from trace_processor import TraceProcessor

# ShiViz's default parser: an event's text, then the host and its vector clock.
SHIVIZ = re.compile(r"(?P<event>.*)\n(?P<host>\S*) (?P<clock>{.*})\n")


def exported(folder, kind):
    return tribunal("export", folder, "--as", kind).strip()


def test_perfetto_events_are_complete(failed):
    with open(exported(failed, "perfetto")) as file:
        events = json.load(file)["traceEvents"]
    needed = {"X": {"name", "ts", "dur", "pid", "tid"}, "C": {"name", "ts", "pid", "args"}, "M": {"name", "pid", "args"},
              "i": {"name", "ts", "pid", "s"}, "s": {"name", "ts", "pid", "tid", "id"}, "f": {"name", "ts", "pid", "tid", "id"},
              "b": {"name", "ts", "pid", "id", "cat"}, "e": {"name", "ts", "pid", "id", "cat"}}
    for event in events:
        assert needed[event["ph"]] <= event.keys(), event
        assert event["ph"] == "M" or event["ts"] >= 0
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = [event for event in events if event["ph"] == "f"]
    assert len(ends) > 1000 and all(starts[end["id"]]["ts"] <= end["ts"] for end in ends)
    names = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert {"b1", "b5", "producer 0", "faults"} <= names
    assert all(set(event["args"]) == {"log end", "high watermark"} for event in events if event["ph"] == "C")
    begun = [event["id"] for event in events if event["ph"] == "b"]
    assert sorted(begun) == sorted(event["id"] for event in events if event["ph"] == "e")


def test_perfettos_trace_processor_reads_it_and_counts_the_same(chromium, failed):
    path = Path(exported(failed, "perfetto"))
    events = json.loads(path.read_text())["traceEvents"]
    count = lambda kinds: sum(event["ph"] in kinds for event in events)
    processor = TraceProcessor(chromium, Path(sys.prefix) / "perfetto/package", path)
    try:
        one = lambda sql: vars(processor.query(sql)[0])["n"]
        # This build knows no nestable asynchronous events (the operations); the test above pairs them.
        assert one("select count(*) as n from slice") == count("Xi")
        assert one("select count(*) as n from counter") == sum(len(e["args"]) for e in events if e["ph"] == "C")
        assert one("select count(*) as n from flow") == count("f")
        lost = processor.query("select name, value from stats where severity in ('error', 'data_loss') and value > 0")
        assert not lost, [vars(row) for row in lost]
        named = {row.name for row in processor.query("select name from process where name is not null")}
        assert {"b1", "b5", "producer 0", "faults"} <= named
        longest = max((e for e in events if e["ph"] == "X"), key=lambda e: e["dur"])
        [row] = processor.query("select name, ts, dur from slice order by dur desc limit 1")
        assert (row.dur / 1000, row.name) == (longest["dur"], longest["name"])
    finally:
        processor.close()


def test_shiviz_reads_the_log_and_its_clocks_are_vector_clocks(failed):
    with open(exported(failed, "shiviz")) as file:
        text = file.read()
    events = list(SHIVIZ.finditer(text))
    assert len(events) > 100 and "".join(match.group(0) for match in events) == text
    own, seen = {}, {}
    for match in events:
        host, clock = match["host"], json.loads(match["clock"])
        assert clock[host] == own.get(host, 0) + 1, "a host's own clock counts its events"
        for other, count in clock.items():
            assert count <= own.get(other, 0) + (other == host), "nobody knows of events to come"
            assert count >= seen.get(host, {}).get(other, 0), "a clock never goes back"
        own[host], seen[host] = clock[host], clock
    assert any(len(clock) > 3 for clock in seen.values())


def test_jepsen_reads_the_history(held):
    ops = []
    with open(exported(held, "edn")) as file:
        for line in file:
            ops.append(edn_format.loads(line))
            if len(ops) == 800:
                break
    busy, sent, kinds = {}, {}, set()
    for index, op in enumerate(ops):
        op = {str(key)[1:]: value for key, value in op.items()}
        kind, process = op["type"], op["process"]
        kinds.add((str(op["f"]), str(kind)))
        assert op["index"] == index
        if kind == Keyword("invoke"):
            assert process not in busy, "a process does one thing at a time"
            busy[process] = op
        else:
            assert busy.pop(process)["f"] == op["f"]
        if op["f"] == Keyword("send") and kind == Keyword("ok"):
            [[_, key, [offset, value]]] = op["value"]
            assert sent.setdefault((key, offset), value) == value
        if op["f"] == Keyword("poll") and kind == Keyword("ok"):
            for key, pairs in op["value"][0][1].items():
                for offset, value in pairs:
                    assert sent.get((key, offset), value) == value
    assert {(":send", ":ok"), (":poll", ":ok"), (":assign", ":ok")} <= kinds


def test_json_lines_have_a_type_and_count_what_the_verdict_counts(failed):
    with open(exported(failed, "jsonl")) as file:
        lines = [json.loads(line) for line in file]
    counts = {}
    for line in lines:
        counts[line["type"]] = counts.get(line["type"], 0) + 1
    verdict = json.loads((failed / "verdict.json").read_text())
    assert counts["verdict"] == counts["run"] == 1
    assert counts["fault"] == verdict["faults"]
    assert counts["election"] >= 2 and counts["operation"] > 6000


def test_csv_files_have_units_in_their_headers(held):
    folder = exported(held, "csv")
    import pathlib
    files = sorted(path.name for path in pathlib.Path(folder).iterdir())
    assert len(files) == 14, files
    for path in pathlib.Path(folder).iterdir():
        header = path.read_text().splitlines()[0].split(",")
        assert any(name.endswith(("_s", "_ms")) for name in header), (path.name, header)


def test_runs_are_compared_in_one_page(held, failed, tmp_path):
    page = tribunal("report", "--compare", held, failed, "--out", tmp_path).strip()
    text = open(page).read()
    assert "leader-crash-keeps-acknowledged-records 0x1" in text and "KAFKA-15583" in text
    assert (tmp_path / "compare.csv").read_text().startswith("run,seed,p50_ms")


def test_a_sweep_takes_each_value_at_each_seed_and_a_typo_is_shown_where_it_is(tmp_path):
    source = (REPOSITORY / "scenarios/sweeps/failover-follows-session-timeout.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(source.replace('values = ["1s", "2s", "4s", "8s"]', 'values = ["1s", "4s"]'))
    lines = tribunal("sweep", file, "--seeds", "0..3", "--out", tmp_path / "out", "--message-format", "json").splitlines()
    points = [value for value in map(json.loads, lines) if value["type"] == "sweep-point"]
    assert [(point["value"], point["runs"]) for point in points] == [("1s", 3), ("4s", 3)]
    assert points[0]["failover_s"] < points[1]["failover_s"], points
    file.write_text(source.replace("cluster.session_timeout", "cluster.session_timeot"))
    done = subprocess.run([TRIBUNAL, "sweep", file], capture_output=True, text=True)
    assert done.returncode == 96
    assert "did you mean `cluster.session_timeout`?" in done.stderr and "^^^" in done.stderr, done.stderr
