"""kafka-python's admin client: admin --bootstrap B --topic T --replication R.

Creates the topic, writes ten records, looks at it, changes it, deletes records and at last the topic, and prints what it saw
as one JSON object.
"""

import argparse
import json
import time

from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import UnknownTopicOrPartitionError

# How long brokers may take to hear of a change, in seconds.
PATIENCE = 30


def until(wanted, look):
    """What `look` sees, once it is what is wanted or time is up. A broker may not have heard of the topic yet."""
    deadline = time.monotonic() + PATIENCE
    while True:
        late = time.monotonic() > deadline
        try:
            seen = look()
            if seen == wanted or late:
                return seen
        except UnknownTopicOrPartitionError:
            if late:
                raise
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["admin"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--replication", type=int, required=True)
    args = parser.parse_args()
    admin = KafkaAdminClient(bootstrap_servers=args.bootstrap)
    topic, first = args.topic, TopicPartition(args.topic, 0)
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    def partitions():
        return len(admin.describe_topics([topic])[0]["partitions"])

    def retention():
        settings = admin.describe_configs([resource]).get("topic", {}).get(topic, {})
        return settings.get("retention.ms", {}).get("value")

    def offset(timestamp):
        return admin.list_partition_offsets({first: timestamp})[first].offset

    def replicas():
        directories = [directory for broker in admin.describe_log_dirs() for directory in broker["log_dirs"]]
        topics = [found for directory in directories for found in directory["topics"] if found["name"] == topic]
        return sum(len(found["partitions"]) for found in topics)

    seen = {"brokers": len(admin.describe_cluster()["brokers"])}
    admin.create_topics([NewTopic(topic, 2, args.replication, topic_configs={"retention.ms": "60000"})])
    seen["created"] = until(2, partitions)
    producer = KafkaProducer(bootstrap_servers=args.bootstrap, acks="all", enable_idempotence=False)
    for i in range(10):
        producer.send(topic, b"%d" % i, partition=0)
    producer.flush(timeout=PATIENCE)
    producer.close()
    seen["set"] = until("60000", retention)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "70000"})])
    seen["altered"] = until("70000", retention)
    admin.create_partitions({topic: NewPartitions(4)})
    seen["grown"] = until(4, partitions)
    seen["deleted_before"] = admin.delete_records({first: 5})[first]["low_watermark"]
    seen["offsets"] = [offset(-2), offset(-1)]
    seen["replicas"] = until(4 * args.replication, replicas)
    admin.delete_topics([topic])
    seen["left"] = until(False, lambda: topic in admin.list_topics())
    admin.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
