"""The figures of a report, recomputed from history.jsonl by other code."""

import csv
import json
import math

import pytest


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").open()]


def rows(folder, name):
    return list(csv.DictReader((folder / "csv" / name).open()))


def workload(folder):
    """Names of the clients that count: neither the prober nor the auditor."""
    nodes = json.loads((folder / "run.json").read_text())["nodes"]
    return {node["name"] for node in nodes if node["role"] in ("producer", "consumer")}


def sends(folder):
    """Every send: partition, when it was due, when it was acknowledged or failed, how it ended, its offset."""
    clients, open_, done = workload(folder), {}, []
    for line in history(folder):
        key = (line["client"], line.get("record"))
        if line["client"] not in clients:
            continue
        if line["event"] == "send":
            open_[key] = line
        elif line["event"] in ("acknowledged", "failed"):
            begun = open_.pop(key)
            outcome = "ok" if line["event"] == "acknowledged" else "fail" if line["definite"] else "info"
            done.append((begun["partition"], begun["time_s"], line["time_s"], outcome, line.get("offset")))
    return done + [(line["partition"], line["time_s"], math.inf, "info", None) for line in open_.values()]


def quantile(values, q):
    """The smallest value that a share of at least q does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def near(value, expected, share=0.002, room=0.002):
    assert abs(value - expected) <= abs(expected) * share + room, (value, expected)


@pytest.fixture(params=["held", "failed"])
def folder(request):
    return request.getfixturevalue(request.param)


def test_quantiles_of_latency_are_those_of_the_history(folder):
    table = rows(folder, "latency.csv")
    width = min(float(b["start_s"]) - float(a["start_s"]) for a, b in zip(table, table[1:]))
    bins = {}
    for _, due, end, outcome, _ in sends(folder):
        if outcome == "ok":
            bins.setdefault(math.floor(due / width + 1e-9), []).append((end - due) * 1e3)
    assert len(bins) == len(table)
    for row in table:
        values = bins[round(float(row["start_s"]) / width)]
        assert len(values) == int(row["sends"])
        for name, q in [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1)]:
            near(float(row[name]), quantile(values, q))


def test_the_page_shows_the_quantiles_of_all_sends(folder):
    page = (folder / "report.html").read_text()
    values = [(end - due) * 1e3 for _, due, end, outcome, _ in sends(folder) if outcome == "ok"]
    row = page[page.index("<td>send</td>"):].split("</tr>")[0]
    cells = [cell.split("</td>")[0] for cell in row.split('<td class="n">')[1:]]
    assert int(cells[0].replace(",", "")) == len(values)
    near(float(cells[1].split()[0]), sum(values) / len(values), 0.006, 0.006)
    for cell, q in zip(cells[2:], [0.5, 0.95, 0.99, 1]):
        near(float(cell.split()[0]), quantile(values, q), 0.006, 0.006)


def test_acknowledged_sends_are_counted_by_partition_and_client(folder):
    table = [row for row in rows(folder, "availability.csv") if row["of"] == "partition"]
    found, expected = {}, {}
    for row in table:
        count = found.setdefault(row["name"], [0, 0])
        count[0] += int(row["sends"])
        count[1] += int(row["acknowledged"])
    for partition, _, _, outcome, _ in sends(folder):
        count = expected.setdefault(partition, [0, 0])
        count[0] += 1
        count[1] += outcome == "ok"
    assert found == expected and expected


def test_unavailable_windows_are_those_of_the_history(folder):
    end_s = json.loads((folder / "run.json").read_text())["end_s"]
    expected, all_sends = [], sends(folder)
    for partition in {send[0] for send in all_sends}:
        mine = [send for send in all_sends if send[0] == partition]
        acks = sorted(end for _, _, end, outcome, _ in mine if outcome == "ok")
        last = -math.inf
        for ack in acks + [math.inf]:
            waiting = [send for send in mine if min(send[2], end_s) > last]
            if not waiting:
                break
            start = max(last, min(send[1] for send in waiting))
            end = ack if ack < math.inf else max([start] + [min(send[2], end_s) for send in waiting])
            if end - start >= 0.5:
                expected.append((partition, start, end))
            last = ack
    found = [(row["partition"], float(row["start_s"]), float(row["end_s"])) for row in rows(folder, "unavailable.csv")]
    assert len(found) == len(expected) > 0, "a leader crashes in both runs"
    for (partition, start, end), (of, from_, to) in zip(sorted(found), sorted(expected)):
        assert partition == of and abs(start - from_) < 2e-6 and abs(end - to) < 2e-6


def test_lag_ends_at_zero_and_is_never_more_than_what_was_written(folder):
    written = {}
    for partition, _, _, outcome, offset in sends(folder):
        if outcome == "ok":
            written[partition] = max(written.get(partition, 0), offset + 1)
    last = {}
    for row in rows(folder, "lag.csv"):
        assert 0 <= int(row["lag_records"]) <= written[row["partition"]] + 100
        last[row["consumer"], row["partition"]] = int(row["lag_records"])
    assert last and all(lag == 0 for lag in last.values())


def test_failover_is_from_the_fault_to_the_first_acknowledgement(folder):
    faults = {round(fault["began_s"], 5): fault for fault in map(json.loads, (folder / "faults.jsonl").open())}
    table = rows(folder, "recovery.csv")
    assert table
    for row in table:
        began = float(row["fault_s"])
        assert round(began, 5) in faults
        leader = began + float(row["to_leader_s"])
        acks = [end for partition, _, end, outcome, _ in sends(folder)
                if partition == row["partition"] and outcome == "ok" and end >= leader - 1e-6]
        near(float(row["to_first_acknowledgement_s"]), min(acks) - began, 0, 1e-5)
