"""Produces at a rate with librdkafka, acks=all, and prints "partition offset value" for each acknowledged record."""

import argparse
import sys
import time

from confluent_kafka import Producer

# What a record may take before it counts as failed, in seconds: longer than the cluster is away.
DELIVERY = 120


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic", "partitions", "prefix"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    args = parser.parse_args()
    partitions = [int(p) for p in args.partitions.split(",")]
    producer = Producer({
        "bootstrap.servers": args.bootstrap, "acks": "all", "linger.ms": 5, "message.timeout.ms": DELIVERY * 1000,
        "request.timeout.ms": 5_000, "reconnect.backoff.max.ms": 200, "retry.backoff.max.ms": 200,
        "queue.buffering.max.messages": 1_000_000, "log_level": 2,
    })

    def acknowledged(error, message):
        if error is None:
            print(message.partition(), message.offset(), message.value().decode(), flush=True)

    start = time.monotonic()
    for i in range(args.rate * args.seconds):
        producer.produce(args.topic, value=f"{args.prefix}{i}", partition=partitions[i % len(partitions)],
                         on_delivery=acknowledged)
        while (wait := start + i / args.rate - time.monotonic()) > 0:
            producer.poll(wait)
        producer.poll(0)
    if producer.flush(DELIVERY):
        sys.exit("not everything was delivered or failed")


if __name__ == "__main__":
    main()
