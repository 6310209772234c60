"""Every client produces, every client that can consumes, and every pair agrees byte for byte."""

import base64
import concurrent.futures
import json
import os
import random
import subprocess
import time

from cluster import Failed
from confluent_kafka.admin import AdminClient
from places import INSTALLED, HERE, java

# What a program may take, in seconds, including the start of a JVM on a busy machine.
PATIENCE = 120
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# The largest record, and what the topic takes: Kafka's default of 1 MiB is for others.
LARGE = 5_000_000
# The data is older than any retention.
TOPIC_CONFIG = "max.message.bytes=6000000,retention.ms=-1"
# Timestamps of the data, in milliseconds: fixed, so that a lookup by time has one right answer.
EPOCH = 1_700_000_000_000
LOOKUP = EPOCH + 5_000
# All but those with which kcat ends a header, or a record, when it prints them.
HEADER_BYTES = bytes(set(range(256)) - set(b"\0,=\x1e"))

PYTHON = INSTALLED / "python/bin/python"


def python_program(name):
    return [PYTHON, HERE / "clients/python" / name]


class Client:
    """A client program, and what its library cannot say."""

    def __init__(self, name, command, consumes=True, lacks=()):
        self.name, self.command, self.consumes, self.lacks = name, command, consumes, set(lacks)

    def popen(self, command, bootstrap, topic, **options):
        line = [*map(str, self.command), command, "--bootstrap", bootstrap, "--topic", topic]
        for name, value in options.items():
            line += [f"--{name}", str(value)]
        env = {**os.environ, "NODE_PATH": str(INSTALLED / "kafkajs/node_modules")}
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)

    def finish(self, process, what):
        """The JSON lines of a program that has to end well."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"{self.name}: {what} did not end in {PATIENCE} s: {process.communicate()[1][-2_000:]}") from None
        if process.returncode:
            raise Failed(f"{self.name}: {what} failed with {process.returncode}:\n{err[-3_000:]}")
        return [json.loads(line) for line in out.splitlines()]

    def run(self, command, bootstrap, topic, **options):
        return self.finish(self.popen(command, bootstrap, topic, **options), f"{command} {options}")


TIMESTAMPS, EMPTY_RECORDS = "timestamps", "records with neither key nor value"
BINARY_HEADERS, MIXED_HEADERS, NULL_HEADERS = "headers of bytes", "equal header names apart", "null headers"

CLIENTS = [
    Client("kcat", python_program("kcat.py"), lacks={TIMESTAMPS, EMPTY_RECORDS, BINARY_HEADERS, NULL_HEADERS}),
    Client("confluent-kafka", python_program("confluent.py")),
    Client("kafka-python", python_program("kafka_python.py"), lacks={EMPTY_RECORDS, NULL_HEADERS}),
    Client("aiokafka", python_program("aio.py"), lacks={EMPTY_RECORDS}),
    Client("kafkajs", ["node", HERE / "clients/kafkajs/interop.js"], consumes=False, lacks={MIXED_HEADERS, NULL_HEADERS}),
    Client("kafka-clients", java("Interop")),
    Client("franz-go", [INSTALLED / "franz"]),
]
ADMINS = [Client("kafka-python", python_program("admin.py")), Client("kafka-clients", java("Administer")),
          Client("franz-go", [INSTALLED / "franz"])]
BY_NAME = {client.name: client for client in CLIENTS}
PRODUCERS = CLIENTS
CONSUMERS = [client for client in CLIENTS if client.consumes]


def b64(data):
    return None if data is None else base64.b64encode(data).decode()


def records(client, codec):
    """What a client is given to produce with a codec: all that its library can say."""
    rng = random.Random(f"{client.name} {codec}")
    shapes = [
        (b"key", b"value", []),
        (None, b"null key", []),
        (b"null value", None, []),
        (b"", b"empty key", [("lone", b"x")]),
        (b"empty value", b"", []),
        ("ключ".encode(), "Ünïcödé\n\t 𝄞".encode(), [("trace", b"2"), ("trace", b"1"), ("trace", b"2")]),
        (rng.randbytes(40).replace(b"\x1e", b""), bytes(range(0x1e)), [("größe", "größer → ключ".encode())]),
    ]
    shapes += [shape for lacked, shape in [
        (EMPTY_RECORDS, (None, None, [])),
        (BINARY_HEADERS, (b"binary", b"\x00\xff\xfe", [("binary", HEADER_BYTES)])),
        (NULL_HEADERS, (b"null", b"v", [("none", None), ("", b"no name")])),
        (MIXED_HEADERS, (b"mixed", b"v", [("trace", b"x"), ("other", b"y"), ("trace", b"z")])),
    ] if lacked not in client.lacks]
    shapes += [(b"k%d" % i, (b"compressible %d " % i) * 50, []) for i in range(10)]
    if codec == "none":
        shapes.append((b"large", rng.randbytes(LARGE).replace(b"\x1e", b"\x1f"), []))
    made = []
    for i, (key, value, headers) in enumerate(shapes):
        # Not in the order of time, so that a lookup cannot rely on it.
        timestamp = None if TIMESTAMPS in client.lacks else EPOCH + (i * 3_700) % 20_000
        made.append({"key": b64(key), "value": b64(value), "headers": [[n, b64(v)] for n, v in headers],
                     "timestamp": timestamp})
    return made


class Log:
    """What a partition must hold: each record at the offset that was acknowledged."""

    def __init__(self):
        self.records = {}

    def produce(self, client, bootstrap, topic, partition, codec, made, folder):
        path = folder / f"{client.name}-{codec}-{len(self.records)}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in made))
        started = int(time.time() * 1000)
        acked = client.run("produce", bootstrap, topic, partition=partition, compression=codec, input=path)
        if len(acked) != len(made):
            raise Failed(f"{client.name}: {len(made)} records sent with {codec}, {len(acked)} acknowledged")
        for record, ack in zip(made, acked, strict=True):
            if ack["partition"] != partition or ack["offset"] in self.records:
                raise Failed(f"{client.name}: acknowledged at {ack}, which is wrong or taken")
            self.records[ack["offset"]] = {**record, "since": started, "until": int(time.time() * 1000)}
        if sorted(self.records) != list(range(len(self.records))):
            raise Failed(f"{client.name}: the offsets have gaps: {sorted(self.records)}")
        path.unlink()

    def first_at(self, timestamp):
        """The first offset whose record has this time or a later one, as ListOffsets defines it."""
        return min(offset for offset, r in self.records.items() if (r["timestamp"] or r["since"]) >= timestamp)


def short(record):
    text = json.dumps(record)
    return text if len(text) < 400 else f"{text[:200]} … {text[-100:]}"


def compare(consumer, producers, logs, read, first):
    """That a consumer saw exactly what each partition holds from its first offset on."""
    seen = {partition: [] for partition in range(len(producers))}
    for record in read:
        seen[record.pop("partition")].append(record)
    for partition, producer in enumerate(producers):
        pair = f"{producer.name} → {consumer.name}"
        log, offset = logs[partition], first[partition]
        for record in seen[partition]:
            if record["offset"] != offset:
                raise Failed(f"{pair}: offset {record['offset']} where {offset} comes next")
            made = log.records[offset]
            for field in ("key", "value", "headers"):
                if record[field] != made[field]:
                    raise Failed(f"{pair}: {field} at offset {offset}\n  made {short(made)}\n  read {short(record)}")
            timestamp = record["timestamp"]
            if made["timestamp"] is None:
                # The client's own clock; every consumer must agree on what it said.
                right = made["since"] <= timestamp <= made["until"]
                made["timestamp"] = timestamp
            else:
                right = timestamp == made["timestamp"]
            if not right:
                raise Failed(f"{pair}: timestamp at offset {offset}\n  made {short(made)}\n  read {short(record)}")
            offset += 1
        if offset != len(log.records):
            raise Failed(f"{pair}: reading ended at offset {offset}, the log at {len(log.records)}")


def administer(bootstrap, brokers):
    """Admin clients create a topic, look at it, change it and delete it, and see what they did."""
    replication = min(3, brokers)
    wanted = {"brokers": brokers, "created": 2, "set": "60000", "altered": "70000", "grown": 4, "deleted_before": 5,
              "offsets": [5, 10], "replicas": 4 * replication, "left": False}
    for client in ADMINS:
        [said] = client.run("admin", bootstrap, f"admin-{client.name}", replication=replication)
        if said != wanted:
            raise Failed(f"{client.name}'s admin client: {said}, not {wanted}")
    # All topics: librdkafka asks for them with a few bytes too many.
    listed = len(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).brokers)
    if listed != brokers:
        raise Failed(f"librdkafka lists {listed} brokers of {brokers} with all topics")
    print(f"admin clients: {', '.join(client.name for client in ADMINS)} see what they do, librdkafka lists all topics")


def judge(bootstrap, brokers, folder, topic="interop"):
    """Runs every client against every other."""
    folder.mkdir(parents=True, exist_ok=True)
    partitions = ",".join(str(p) for p in range(len(PRODUCERS)))
    kafkajs = BY_NAME["kafkajs"]
    replication = min(3, brokers)
    [said] = kafkajs.run("create-topic", bootstrap, topic, partitions=len(PRODUCERS), replication=replication,
                         config=TOPIC_CONFIG)
    wanted = {"brokers": brokers, "config": {"max.message.bytes": "6000000", "retention.ms": "-1"}, "partitions": [
        {"partitionId": p, "replicas": replication, "isr": replication} for p in range(len(PRODUCERS))]}
    said["partitions"].sort(key=lambda p: p["partitionId"])
    if said != wanted:
        raise Failed(f"kafkajs admin: {said}, not {wanted}")

    logs = [Log() for _ in PRODUCERS]

    def produce(partition):
        client = PRODUCERS[partition]
        for codec in CODECS:
            logs[partition].produce(client, bootstrap, topic, partition, codec, records(client, codec), folder)

    # Two at a time: two cores, and programs that mostly start.
    pool = concurrent.futures.ThreadPoolExecutor(2)
    list(pool.map(produce, range(len(PRODUCERS))))
    total = sum(len(log.records) for log in logs)

    start = [0] * len(PRODUCERS)

    def consume(consumer):
        read = consumer.run("consume", bootstrap, topic, partitions=partitions, **{"from": "start"}, count=total)
        compare(consumer, PRODUCERS, logs, read, start)

    list(pool.map(consume, CONSUMERS))
    at = [log.first_at(LOOKUP) for log in logs]
    after = sum(len(log.records) - first for log, first in zip(logs, at, strict=True))

    def consume_at(consumer):
        read = consumer.run("consume", bootstrap, topic, partitions=partitions, **{"from": "timestamp"},
                            timestamp=LOOKUP, count=after)
        compare(consumer, PRODUCERS, logs, read, at)

    list(pool.map(consume_at, CONSUMERS))
    offsets = kafkajs.run("offsets", bootstrap, topic, timestamp=LOOKUP)
    wanted = [{"partition": p, "earliest": 0, "latest": len(log.records), "at": first}
              for p, (log, first) in enumerate(zip(logs, at, strict=True))]
    if offsets != wanted:
        raise Failed(f"kafkajs admin: offsets {offsets}, not {wanted}")
    from_the_end(bootstrap, topic, partitions, logs, folder)
    pool.shutdown()
    print(f"clients: {len(PRODUCERS)} producers, {len(CONSUMERS)} consumers, "
          f"{len(PRODUCERS) * len(CONSUMERS)} pairs agree on {sum(len(log.records) for log in logs)} records, "
          f"from the start, from a timestamp and from the end")


def from_the_end(bootstrap, topic, partitions, logs, folder):
    """Consumers that wait at the end see what comes then, and nothing before."""
    extra = [{"key": b64(b"after"), "value": b64(b"the end %d" % i), "headers": [], "timestamp": EPOCH + i}
             for i in range(3)]
    waiting = [consumer.popen("consume", bootstrap, topic, partitions=partitions, **{"from": "end"},
                              count=len(extra) * len(logs)) for consumer in CONSUMERS]
    try:
        for consumer, process in zip(CONSUMERS, waiting, strict=True):
            ready = process.stdout.readline()
            if not ready or json.loads(ready) != {"ready": True}:
                raise Failed(f"{consumer.name}: no ready line but {ready!r}: {process.communicate()[1][-2_000:]}")
        first = [len(log.records) for log in logs]
        producer = BY_NAME["franz-go"]
        for partition, log in enumerate(logs):
            log.produce(producer, bootstrap, topic, partition, "none", extra, folder)
        for consumer, process in zip(CONSUMERS, waiting, strict=True):
            compare(consumer, PRODUCERS, logs, consumer.finish(process, "consume from the end"), first)
    finally:
        for process in waiting:
            process.kill()
