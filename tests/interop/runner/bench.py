"""What `tribunal bench serve` runs: the same clients at ours and at Apache Kafka, three brokers each, one after the other.

Prints a JSON object a line: {"name", "unit", "ours", "kafka"}.
"""

import argparse
import functools
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from cluster import Failed, Kafka, Tribunal, Tribunals, end_in_order
from confluent_kafka.admin import AdminClient, NewTopic
from places import java

PARTITIONS = "0,1,2"
# Records of a throughput figure, and their size in bytes.
RECORDS, SIZE = 500_000, 100
# Records a second, and for how many seconds, of the latency figures.
RATE, SECONDS = 2_000, 15
# When the leader is killed after the first acknowledgement, and how long the load goes on, in seconds.
KILL_AFTER, FAILOVER = 5, 30
PATIENCE = 300
# Equal on both sides, and Kafka's default.
SESSION = ("broker.session.timeout.ms", "9000")


def create(bootstrap, topic, replicas, **config):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, 3, replicas, config=config)
    admin.create_topics([new], operation_timeout=60)[topic].result(90)
    return admin


def client(command, bootstrap, topic, partitions=PARTITIONS, **options):
    line = java("Interop", command, "--bootstrap", bootstrap, "--topic", topic, "--partitions", partitions)
    for name, value in options.items():
        line += [f"--{name}", str(value)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def result(process):
    out, _ = process.communicate(timeout=PATIENCE)
    return json.loads(out.splitlines()[-1])


def produce(bootstrap, topic, acks):
    """Records a second of Kafka's own ProducerPerformance, in its second run."""
    for _ in range(2):
        done = subprocess.run(
            java("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", RECORDS,
                 "--record-size", SIZE, "--throughput", -1, "--producer-props", f"bootstrap.servers={bootstrap}",
                 f"acks={acks}", "enable.idempotence=false"),
            capture_output=True, text=True, timeout=PATIENCE, check=True)
    return float(done.stdout.split(" records/sec")[0].rsplit(" ", 1)[1])


def controller_of(bootstrap):
    """The active controller: what Metadata calls so is any broker."""
    done = subprocess.run(
        java("org.apache.kafka.tools.MetadataQuorumCommand", "--bootstrap-server", bootstrap, "describe", "--status"),
        capture_output=True, text=True, timeout=PATIENCE, check=True)
    return int(re.search(r"LeaderId:\s+(\d+)", done.stdout)[1])


def together(cluster, figures):
    """Figures of three brokers that are left alone."""
    begun = time.monotonic()
    with cluster:
        admin = create(cluster.bootstrap, "one", 1)
        figures["time to ready and a topic"] = (time.monotonic() - begun, "s")
        figures["memory at rest"] = (sum(cluster.memory()) / 3, "MiB a broker")
        create(cluster.bootstrap, "three", 3, **{"min.insync.replicas": "2"})
        figures["produce, acks=1, 1 replica"] = (produce(cluster.bootstrap, "one", 1), "records/s")
        figures["produce, acks=all, 3 replicas"] = (produce(cluster.bootstrap, "three", "all"), "records/s")
        read = result(client("read", cluster.bootstrap, "three", count=2 * RECORDS))
        figures["consume"] = (read["records"] / read["seconds"], "records/s")
        figures["memory after load"] = (sum(cluster.memory()) / 3, "MiB a broker")
        create(cluster.bootstrap, "paced", 3, **{"min.insync.replicas": "2"})
        paced = result(client("latency", cluster.bootstrap, "paced", rate=RATE, seconds=SECONDS))
        figures[f"acks=all at {RATE:,}/s, p50"] = (paced["p50_ms"], "ms")
        figures[f"acks=all at {RATE:,}/s, p99"] = (paced["p99_ms"], "ms")
        del admin


def failover(cluster, figures, at_controller=False):
    """The silence after SIGKILL of a leader, each broker in a process of its own. Whether it is the active controller too
    is not left to chance: then another has to be elected first, and it begins every session anew."""
    with cluster:
        controller = controller_of(cluster.bootstrap)
        others = [broker for broker in (1, 2, 3) if broker != controller]
        replicas = [controller, *others] if at_controller else [*others, controller]
        # One partition: what others acknowledge meanwhile must not hide its silence.
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        new = NewTopic("failover", 1, replica_assignment=[replicas], config={"min.insync.replicas": "2"})
        admin.create_topics([new], operation_timeout=60)["failover"].result(90)
        del admin
        load = client("latency", cluster.bootstrap, "failover", "0", rate=200, seconds=FAILOVER)
        if not load.stdout.readline():
            raise Failed("the load ended before anything was acknowledged")
        time.sleep(KILL_AFTER)
        cluster.kill(replicas[0])
        said = result(load)
        name = "SIGKILL of a leader that is the active controller, silence" if at_controller else "SIGKILL of a leader, silence"
        figures[name] = (said["longest_silence_s"], "s")


def brokers(which, folder):
    """Three brokers: those of both clusters have equal sessions, and a process each where one is to be killed."""
    flags, settings = ["--config", "=".join(SESSION)], [SESSION, ("offsets.topic.replication.factor", "3")]
    return {
        "together": (lambda: Tribunal(folder / "ours", 3, flags=flags),
                     lambda: Kafka(folder / "kafka", 3, settings, heap="1g")),
    }.get(which, (lambda: Tribunals(folder / f"ours-{which}", 3, flags=flags),
                  lambda: Kafka(folder / f"kafka-{which}", 3, settings, heap="1g")))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    measures = {"together": together, "failover": failover,
                "controller-failover": functools.partial(failover, at_controller=True)}
    parser.add_argument("figures", nargs="*", choices=[[], *measures], help="[default: all]")
    wanted = parser.parse_args().figures or list(measures)
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="tribunal-bench-") as name:
        for which in wanted:
            measured = []
            for make in brokers(which, Path(name)):
                measured.append({})
                measures[which](make(), measured[-1])
            ours, kafka = measured
            for figure, (value, unit) in ours.items():
                print(json.dumps({"name": figure, "unit": unit, "ours": value, "kafka": kafka[figure][0]}), flush=True)


if __name__ == "__main__":
    main()
