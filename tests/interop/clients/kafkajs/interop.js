// kafkajs: producer and admin, by the command line of the other clients (clients/python/line.py). Its consumer knows only
// groups, so it does not consume here.
//
//     produce --bootstrap B --topic T --partition P --compression C --input FILE
//     create-topic --bootstrap B --topic T --partitions N --replication N [--config NAME=VALUE,…]
//         Creates the topic, waits until every partition has a leader, and prints what the admin client then reads of it.
//     offsets --bootstrap B --topic T [--timestamp MS]
//         Prints the earliest and latest offset of each partition, and the first at a timestamp.
'use strict';
const fs = require('fs');
const { parseArgs } = require('util');
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs');

const PATIENCE_MS = 60_000;

const decode = (text) => (text === null ? null : Buffer.from(text, 'base64'));
const say = (value) => console.log(JSON.stringify(value));

function installCodecs() {
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
  const lz4 = require('lz4-napi');
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder) => lz4.compressFrame(encoder.buffer),
    decompress: (buffer) => lz4.decompressFrame(buffer),
  });
  const { ZstdCodec } = require('zstd-codec');
  const zstd = new Promise((resolve) => ZstdCodec.run((codec) => resolve(new codec.Simple())));
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from((await zstd).decompress(buffer)),
  });
}

// kafkajs has headers as an object: a name that is repeated has an array of values.
function headersOf(pairs) {
  const headers = {};
  for (const [name, value] of pairs) {
    (headers[name] ??= []).push(decode(value));
  }
  return headers;
}

async function produce(kafka, args) {
  installCodecs();
  const producer = kafka.producer({ idempotent: false });
  await producer.connect();
  const lines = fs.readFileSync(args.input, 'utf8').split('\n').filter(Boolean);
  const messages = lines.map((line) => {
    const { key, value, headers, timestamp } = JSON.parse(line);
    const more = timestamp === null ? {} : { timestamp: String(timestamp) };
    return { partition: Number(args.partition), key: decode(key), value: decode(value), headers: headersOf(headers), ...more };
  });
  const compression = CompressionTypes[{ none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }[args.compression]];
  const answers = await producer.send({ topic: args.topic, acks: -1, compression, messages });
  await producer.disconnect();
  if (answers.length !== 1 || answers[0].errorCode !== 0) {
    throw new Error(JSON.stringify(answers));
  }
  const { partition, baseOffset } = answers[0];
  messages.forEach((_, i) => say({ partition, offset: Number(baseOffset) + i }));
}

async function createTopic(kafka, args) {
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = (args.config ?? '').split(',').filter(Boolean).map((entry) => {
    const [name, value] = entry.split('=');
    return { name, value };
  });
  const created = await admin.createTopics({
    waitForLeaders: true,
    timeout: PATIENCE_MS,
    topics: [{ topic: args.topic, numPartitions: Number(args.partitions), replicationFactor: Number(args.replication), configEntries }],
  });
  if (!created) {
    throw new Error(`${args.topic} exists`);
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: [args.topic] });
  const cluster = await admin.describeCluster();
  const configs = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: args.topic, configNames: configEntries.map(({ name }) => name) }],
  });
  await admin.disconnect();
  say({
    brokers: cluster.brokers.length,
    partitions: topics[0].partitions.map(({ partitionId, replicas, isr }) => ({ partitionId, replicas: replicas.length, isr: isr.length })),
    config: Object.fromEntries(configs.resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue])),
  });
}

async function offsets(kafka, args) {
  const admin = kafka.admin();
  await admin.connect();
  const all = await admin.fetchTopicOffsets(args.topic);
  const at = args.timestamp === undefined ? [] : await admin.fetchTopicOffsetsByTimestamp(args.topic, Number(args.timestamp));
  await admin.disconnect();
  const found = new Map(at.map(({ partition, offset }) => [partition, Number(offset)]));
  all.sort((a, b) => a.partition - b.partition);
  for (const { partition, low, high } of all) {
    say({ partition, earliest: Number(low), latest: Number(high), at: found.get(partition) ?? null });
  }
}

const commands = { produce, 'create-topic': createTopic, offsets };
const option = { type: 'string' };
const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bootstrap: option, topic: option, partition: option, partitions: option, replication: option, config: option,
    compression: option, input: option, timestamp: option,
  },
});
const kafka = new Kafka({
  brokers: args.bootstrap.split(','), logLevel: logLevel.ERROR, requestTimeout: PATIENCE_MS, clientId: 'interop',
});
commands[positionals[0]](kafka, args).catch((error) => {
  console.error(error);
  process.exit(1);
});
