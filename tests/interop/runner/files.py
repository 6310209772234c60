"""Files: Apache Kafka reads ours, and a broker of ours goes on with a partition that Apache Kafka wrote."""

import json
import re
import shutil
import subprocess
import time

import clients
from clients import BY_NAME, CODECS, b64
from cluster import Failed, Kafka, Tribunal
from confluent_kafka.admin import AdminClient, NewTopic
from places import java

TOPIC = "files"
# Small segments, so that there are several, and dense indexes, so that these have entries.
CONFIG = {"segment.bytes": str(1 << 20), "retention.ms": "-1", "max.message.bytes": "2000000"}
# What DumpLogSegments says of a file that it does not like.
COMPLAINTS = re.compile(r"mismatch|corrupt|exception|error|invalid|out of order|could not|not valid|non-consecutive",
                        re.IGNORECASE)
PRODUCERS = ["confluent-kafka", "kafka-clients", "franz-go"]


def create(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=CONFIG)], operation_timeout=30)[TOPIC].result(60)


def fill(bootstrap, folder):
    """Records of several clients with every compression, over several segments."""
    folder.mkdir(parents=True, exist_ok=True)
    log = clients.Log()
    for name in PRODUCERS:
        client = BY_NAME[name]
        for codec in CODECS:
            made = clients.records(client, codec if codec != "none" else "plain")
            log.produce(client, bootstrap, TOPIC, 0, codec, made, folder)
        # Large batches, each below the size of a segment.
        for part in range(4):
            made = [{"key": b64(b"%d" % n), "value": b64(bytes((n * k + part) % 251 for k in range(60_000))),
                     "headers": [], "timestamp": clients.EPOCH + n} for n in range(6)]
            log.produce(client, bootstrap, TOPIC, 0, "none", made, folder)
    return log


def read_all(bootstrap, log, what, folder):
    """Every record of the log, by two clients."""
    for name in ("kafka-clients", "confluent-kafka"):
        consumer = BY_NAME[name]
        read = consumer.run("consume", bootstrap, TOPIC, partitions="0", **{"from": "start"}, count=len(log.records))
        clients.compare(consumer, [BY_NAME[PRODUCERS[0]]], [log], read, [0])
    print(f"{what}: all {len(log.records)} records are served", flush=True)


def dump(files, *flags):
    """Has DumpLogSegments read these files. What it says."""
    command = java("kafka.tools.DumpLogSegments", "--files", ",".join(map(str, files)), *flags, heap="256m")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout + done.stderr
    complaint = next((line for line in said.splitlines() if COMPLAINTS.search(line)), None)
    if done.returncode or complaint:
        raise Failed(f"DumpLogSegments {' '.join(flags)} {files}: {complaint or said[-2_000:]}")
    return said


def epochs_by_kafka(partition):
    """What Kafka's own class reads in a partition's leader-epoch-checkpoint."""
    command = java("Interop", "epochs", "--folder", partition, heap="256m")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Failed(f"Kafka cannot read the leader-epoch-checkpoint of {partition}: {done.stderr[-2_000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def kafka_reads_ours(folder):
    """Our segments, indexes and metadata log, by Kafka's own tool."""
    with Tribunal(folder, brokers=1) as cluster:
        create(cluster.bootstrap)
        log = fill(cluster.bootstrap, folder / "made")
        read_all(cluster.bootstrap, log, "ours", folder)
    [partition] = [path for path in (folder / "data").rglob(f"{TOPIC}-0") if path.is_dir()]
    segments = sorted(partition.glob("*.log"))
    if len(segments) < 3:
        raise Failed(f"only {len(segments)} segments: nothing was rolled")
    said = dump(segments, "--deep-iteration")
    read = len(re.findall(r"\| offset: ", said))
    if read != len(log.records):
        raise Failed(f"DumpLogSegments finds {read} records of {len(log.records)} in our segments")
    indexes = sorted(partition.glob("*.index"))
    times = sorted(partition.glob("*.timeindex"))
    if len(indexes) < len(segments) - 1 or len(times) < len(segments) - 1:
        raise Failed(f"{len(segments)} segments, {len(indexes)} offset indexes, {len(times)} time indexes")
    dump([*indexes, *times], "--index-sanity-check")
    entries = len(re.findall(r"position: ", dump(indexes, "--verify-index-only"))) + len(
        re.findall(r"offset: \d+ position: \d+", dump(indexes)))
    if not entries:
        raise Failed("DumpLogSegments finds no entry in our offset indexes")
    timed = len(re.findall(r"timestamp: \d+ offset: \d+", dump(times)))
    if not timed:
        raise Failed("DumpLogSegments finds no entry in our time indexes")
    epochs = epochs_by_kafka(partition)
    if not epochs or epochs[0]["start"] != 0:
        raise Failed(f"Kafka reads {epochs} in our leader-epoch-checkpoint")
    [metadata] = [path for path in (folder / "data").rglob("__cluster_metadata-0") if path.is_dir()]
    said = dump(sorted(metadata.glob("*.log")), "--cluster-metadata-decoder")
    kinds = set(re.findall(r'"type":"([A-Z_]+)"', said))
    if not {"TOPIC_RECORD", "PARTITION_RECORD", "REGISTER_BROKER_RECORD"} <= kinds:
        raise Failed(f"the metadata decoder finds only {kinds} in our metadata log")
    print(f"Kafka's DumpLogSegments reads {read} records in {len(segments)} segments of ours, {entries} offset and "
          f"{timed} time index entries, and {len(kinds)} kinds of metadata records; its own class {len(epochs)} leader "
          "epoch", flush=True)


def ours_goes_on_with_kafkas(kafka, folder):
    """A broker of ours opens what Kafka wrote, serves all of it, and appends to it."""
    create(kafka.bootstrap)
    log = fill(kafka.bootstrap, folder / "made")
    time.sleep(1)
    theirs = kafka.data_of(1) / f"{TOPIC}-0"
    with Tribunal(folder, brokers=1) as cluster:
        create(cluster.bootstrap)
    [ours] = [path for path in (folder / "data").rglob(f"{TOPIC}-0") if path.is_dir()]
    keep = (ours / "partition.metadata").read_bytes()
    shutil.rmtree(ours)
    shutil.copytree(theirs, ours)
    # Whose folder it is: both chose an id for the topic.
    (ours / "partition.metadata").write_bytes(keep)
    for marker in (folder / "data").rglob(".kafka_cleanshutdown"):
        marker.unlink()
    segments = len(list(ours.glob("*.log")))
    if segments < 3:
        raise Failed(f"Kafka wrote only {segments} segments")
    with cluster:
        read_all(cluster.bootstrap, log, f"a folder of {segments} segments that Kafka wrote, by our broker", folder)
        extra = [{"key": None, "value": b64(b"appended %d" % i), "headers": [], "timestamp": clients.EPOCH} for i in range(5)]
        log.produce(BY_NAME["confluent-kafka"], cluster.bootstrap, TOPIC, 0, "zstd", extra, folder / "made")
        read_all(cluster.bootstrap, log, "after appending to it", folder)
    said = dump(sorted(ours.glob("*.log")), "--deep-iteration")
    if len(re.findall(r"\| offset: ", said)) != len(log.records):
        raise Failed("DumpLogSegments does not find every record in the folder that both have written")


def judge(kafka, folder):
    kafka_reads_ours(folder / "ours")
    ours_goes_on_with_kafkas(kafka, folder / "kafkas")
