"""Nothing acknowledged is lost, whatever is killed: librdkafka and Java produce with acks=all while brokers die."""

import concurrent.futures
import contextlib
import subprocess
import time

from clients import PYTHON, HERE
from cluster import Failed, Tribunal, Tribunals
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from places import java

TOPIC = "orders"
PARTITIONS = 3
# Records a second of each client.
RATE = 300
# How often the whole process is killed, and how long it runs in between, in seconds.
KILLS, UPTIME = 20, 2.5
# How long one process of three is killed again and again, and how long each is down and all are up, in seconds.
KILLING, DOWN, UP = 120, 2.0, 4.0
# What a client may take to end after its load, in seconds: its records are delivered or have failed by then.
DRAIN = 150
# Sessions and elections that are over before the next kill.
FLAGS = ["--config", "broker.session.timeout.ms=1500", "--config", "broker.heartbeat.interval.ms=300",
         "--config", "min.insync.replicas=2"]


def create(bootstrap):
    """The topic, once the cluster can create it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(TOPIC, PARTITIONS, 3, config={"min.insync.replicas": "2", "retention.ms": "-1"})
    admin.create_topics([topic], operation_timeout=30)[TOPIC].result(60)


class Load:
    """Clients that produce, and what was acknowledged to them."""

    def __init__(self, bootstrap, seconds, folder):
        where = ["--bootstrap", bootstrap, "--topic", TOPIC, "--partitions",
                 ",".join(map(str, range(PARTITIONS))), "--rate", str(RATE), "--seconds", str(seconds)]
        self.files = {name: folder / f"{name}.acked" for name in ("librdkafka", "java")}
        commands = {
            "librdkafka": [PYTHON, HERE / "clients/python/load.py", *where, "--prefix", "librdkafka-"],
            "java": java("Interop", "load", *where, "--prefix", "java-", heap="256m"),
        }
        self.processes = {}
        for name, command in commands.items():
            with open(self.files[name], "w") as out, open(folder / f"{name}.log", "w") as err:
                self.processes[name] = subprocess.Popen([*map(str, command)], stdout=out, stderr=err)

    def acknowledged(self):
        """How much was, so far."""
        return {name: file.read_bytes().count(b"\n") for name, file in self.files.items()}

    def wait(self):
        """Waits for the clients' ends. What each was told: partition and offset → value."""
        told = {}
        for name, process in self.processes.items():
            try:
                code = process.wait(DRAIN)
            except subprocess.TimeoutExpired:
                raise Failed(f"{name} did not end {DRAIN} s after its load") from None
            if code:
                raise Failed(f"{name} ended with {code}: see {self.files[name].with_suffix('.log')}")
            for line in self.files[name].read_text().splitlines():
                partition, offset, value = line.split()
                at = int(partition), int(offset)
                if at in told:
                    raise Failed(f"{at} was acknowledged as {told[at]} and as {value}")
                told[at] = value
        return told

    def stop(self):
        for process in self.processes.values():
            process.kill()


def stored(bootstrap, ends):
    """All records below these ends: partition and offset → value."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in ends])
    found, left, deadline = {}, dict(ends), time.monotonic() + 60
    while any(left.values()) and time.monotonic() < deadline:
        for message in consumer.consume(1_000, 1.0):
            if message.error():
                continue
            found[message.partition(), message.offset()] = message.value().decode()
            if message.offset() + 1 >= ends[message.partition()]:
                left[message.partition()] = 0
    consumer.close()
    return found


def compare(told, bootstrap, what):
    """That each acknowledged record is where it was acknowledged."""
    by_client = {name: sum(value.startswith(name) for value in told.values()) for name in ("librdkafka", "java")}
    if min(by_client.values()) < RATE:
        raise Failed(f"{what}: next to nothing was acknowledged, which proves nothing: {by_client}")
    ends = {p: max(offset for partition, offset in told if partition == p) + 1 for p in range(PARTITIONS)}
    found = stored(bootstrap, ends)
    lost = [(at, value, found.get(at)) for at, value in sorted(told.items()) if found.get(at) != value]
    if lost:
        shown = "\n".join(f"  {TOPIC}/{p} offset {o}: acknowledged {value}, found {other}"
                          for (p, o), value, other in lost[:10])
        raise Failed(f"{what}: {len(lost)} of {len(told)} acknowledged records are not there:\n{shown}")
    print(f"{what}: {len(told)} acknowledged records are at their offsets ({by_client})", flush=True)


def whole_process(folder):
    """Three brokers in one process, killed and started again."""
    with Tribunal(folder, brokers=3, flags=FLAGS) as cluster:
        create(cluster.bootstrap)
        load = Load(cluster.bootstrap, int(KILLS * (UPTIME + 1)), folder)
        with contextlib.closing(contextlib.ExitStack()) as stack:
            stack.callback(load.stop)
            progressed = 0
            for _ in range(KILLS):
                before = sum(load.acknowledged().values())
                time.sleep(UPTIME)
                progressed += sum(load.acknowledged().values()) > before
                cluster.kill("serve")
                cluster.start_node("serve")
            told = load.wait()
        if progressed < KILLS // 2:
            raise Failed(f"records were acknowledged in only {progressed} of {KILLS} lives")
        compare(told, cluster.bootstrap, f"{KILLS} times SIGKILL of all three brokers")


def one_of_three(folder):
    """Three processes, of which always one is killed."""
    with Tribunals(folder, brokers=3, flags=FLAGS) as cluster:
        create(cluster.bootstrap)
        load = Load(cluster.bootstrap, KILLING, folder)
        with contextlib.closing(contextlib.ExitStack()) as stack:
            stack.callback(load.stop)
            kills, end = 0, time.monotonic() + KILLING
            while time.monotonic() < end:
                time.sleep(UP)
                node = kills % 3 + 1
                cluster.kill(node)
                time.sleep(DOWN)
                cluster.start_node(node)
                kills += 1
            told = load.wait()
        compare(told, cluster.bootstrap, f"{kills} times SIGKILL of one of three in {KILLING} s")


def judge(folder):
    """Both at once: most of the time all wait for the next kill."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(whole_process, folder / "whole"), pool.submit(one_of_three, folder / "one")]
        for each in concurrent.futures.as_completed(both):
            each.result()
