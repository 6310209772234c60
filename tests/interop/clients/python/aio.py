"""aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import line


async def produce(args):
    producer = AIOKafkaProducer(
        bootstrap_servers=args.bootstrap, acks="all", max_request_size=line.MAX_REQUEST, linger_ms=20,
        max_batch_size=line.MAX_REQUEST, compression_type=None if args.compression == "none" else args.compression,
    )
    await producer.start()
    try:
        futures = [
            await producer.send(args.topic, value=value, key=key, headers=headers, partition=args.partition,
                                timestamp_ms=timestamp)
            for key, value, headers, timestamp in line.records(args.input)
        ]
        for sent in await asyncio.wait_for(asyncio.gather(*futures), line.PATIENCE):
            line.say(partition=sent.partition, offset=sent.offset)
    finally:
        await producer.stop()


async def consume(args):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=args.bootstrap, group_id=None, enable_auto_commit=False,
        max_partition_fetch_bytes=line.MAX_REQUEST, check_crcs=True,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(args.topic, p) for p in args.partitions]
        consumer.assign(partitions)
        if args.start == "start":
            await consumer.seek_to_beginning(*partitions)
        elif args.start == "timestamp":
            found = await consumer.offsets_for_times({partition: args.timestamp for partition in partitions})
            for partition, at in found.items():
                if at is None:
                    line.fail(f"no offset for {partition}")
                consumer.seek(partition, at.offset)
        else:
            await consumer.seek_to_end(*partitions)
            for partition in partitions:
                await consumer.position(partition)
            line.say(ready=True)
        for _ in range(args.count):
            record = await asyncio.wait_for(consumer.getone(), line.PATIENCE)
            line.say_record(record.partition, record.offset, record.timestamp, record.key, record.value,
                            record.headers)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    arguments = line.arguments()
    asyncio.run({"produce": produce, "consume": consume}[arguments.command](arguments))
