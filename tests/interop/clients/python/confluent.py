"""confluent-kafka (librdkafka)."""

import time

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, Producer, TopicPartition

import line


def produce(args):
    producer = Producer({
        "bootstrap.servers": args.bootstrap, "acks": "all", "compression.type": args.compression,
        "message.max.bytes": line.MAX_REQUEST, "message.timeout.ms": line.PATIENCE * 1000, "linger.ms": 20,
    })
    reports = []
    sent = 0
    for key, value, headers, timestamp in line.records(args.input):
        more = {} if timestamp is None else {"timestamp": timestamp}
        producer.produce(args.topic, value=value, key=key, headers=headers, partition=args.partition,
                         on_delivery=lambda error, message: reports.append((error, message)), **more)
        sent += 1
    if producer.flush(line.PATIENCE) or len(reports) != sent:
        line.fail("not everything was delivered")
    for error, message in reports:
        if error:
            line.fail(error)
        line.say(partition=message.partition(), offset=message.offset())


def consume(args):
    consumer = Consumer({
        "bootstrap.servers": args.bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "enable.auto.offset.store": False, "fetch.message.max.bytes": line.MAX_REQUEST, "check.crcs": True,
    })
    partitions = [TopicPartition(args.topic, p) for p in args.partitions]
    if args.start == "timestamp":
        partitions = [TopicPartition(args.topic, p, args.timestamp) for p in args.partitions]
        partitions = consumer.offsets_for_times(partitions, timeout=line.PATIENCE)
    elif args.start == "end":
        for partition in partitions:
            _, partition.offset = consumer.get_watermark_offsets(partition, timeout=line.PATIENCE)
    else:
        for partition in partitions:
            partition.offset = OFFSET_BEGINNING
    for partition in partitions:
        if partition.offset < 0 and partition.offset not in (OFFSET_BEGINNING, OFFSET_END):
            line.fail(f"no offset for {partition}")
    consumer.assign(partitions)
    if args.start == "end":
        line.say(ready=True)
    left, deadline = args.count, time.monotonic() + line.PATIENCE
    while left and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            line.fail(message.error())
        line.say_record(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
                        message.headers() or [])
        left -= 1
    consumer.close()
    if left:
        line.fail(f"{left} records did not come")


if __name__ == "__main__":
    arguments = line.arguments()
    {"produce": produce, "consume": consume}[arguments.command](arguments)
