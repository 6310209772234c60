"""kafka-python."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

import line


def produce(args):
    producer = KafkaProducer(
        bootstrap_servers=args.bootstrap, acks="all", enable_idempotence=False, max_request_size=line.MAX_REQUEST,
        compression_type=None if args.compression == "none" else args.compression, linger_ms=20,
    )
    futures = [
        producer.send(args.topic, value=value, key=key, headers=headers, partition=args.partition,
                      timestamp_ms=timestamp)
        for key, value, headers, timestamp in line.records(args.input)
    ]
    producer.flush(timeout=line.PATIENCE)
    for future in futures:
        sent = future.get(timeout=line.PATIENCE)
        line.say(partition=sent.partition, offset=sent.offset)
    producer.close()


def consume(args):
    consumer = KafkaConsumer(
        bootstrap_servers=args.bootstrap, group_id=None, enable_auto_commit=False,
        max_partition_fetch_bytes=line.MAX_REQUEST, check_crcs=True, consumer_timeout_ms=line.PATIENCE * 1000,
    )
    partitions = [TopicPartition(args.topic, p) for p in args.partitions]
    consumer.assign(partitions)
    if args.start == "start":
        consumer.seek_to_beginning(*partitions)
    elif args.start == "timestamp":
        found = consumer.offsets_for_times({partition: args.timestamp for partition in partitions})
        for partition, at in found.items():
            if at is None:
                line.fail(f"no offset for {partition}")
            consumer.seek(partition, at.offset)
    else:
        consumer.seek_to_end(*partitions)
        for partition in partitions:
            consumer.position(partition)
        line.say(ready=True)
    left = args.count
    for record in consumer:
        line.say_record(record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)
        left -= 1
        if not left:
            break
    consumer.close()
    if left:
        line.fail(f"{left} records did not come")


if __name__ == "__main__":
    arguments = line.arguments()
    {"produce": produce, "consume": consume}[arguments.command](arguments)
