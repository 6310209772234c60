import java.io.BufferedWriter;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.storage.internals.checkpoint.LeaderEpochCheckpointFile;
import org.apache.kafka.storage.internals.log.EpochEntry;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;

/**
 * Java's kafka-clients, by the command line of the other clients (clients/python/line.py), and four commands more:
 *
 * <pre>
 * load --bootstrap B --topic T --partitions P,P… --rate R --seconds S --prefix X
 *     Sends R records a second, acks=all, and prints "partition offset value" for each that is acknowledged.
 * read --bootstrap B --topic T --partitions P,P… --count N
 *     Reads N records from the start and prints {"records", "bytes", "seconds"}: how long they took once the first was there.
 * epochs --folder F
 *     Prints {"epoch", "start"} for each entry of the leader-epoch-checkpoint of a partition's folder.
 * latency --bootstrap B --topic T --partitions P,P… --rate R --seconds S
 *     Sends R records of 100 bytes a second, acks=all, prints {"ready": true} once one is
 *     acknowledged, and at last {"p50_ms", "p99_ms", "longest_silence_s", "failed"}.
 * </pre>
 */
public final class Interop {
    private static final int MAX_REQUEST = 8_000_000;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, String> args = new HashMap<>();
    private final BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16);

    public static void main(String[] line) throws Exception {
        Interop it = new Interop();
        for (int i = 1; i + 1 < line.length; i += 2) {
            it.args.put(line[i].substring(2), line[i + 1]);
        }
        switch (line[0]) {
            case "produce" -> it.produce();
            case "consume" -> it.consume();
            case "load" -> it.load();
            case "read" -> it.read();
            case "latency" -> it.latency();
            case "epochs" -> it.epochs();
            default -> throw new IllegalArgumentException("unknown command " + line[0]);
        }
        it.out.flush();
    }

    private String need(String name) {
        String value = args.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    private List<TopicPartition> partitions() {
        return Arrays.stream(need("partitions").split(","))
            .map(p -> new TopicPartition(need("topic"), Integer.parseInt(p))).toList();
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", need("bootstrap"), "acks", "all", "enable.idempotence", false,
            "max.request.size", MAX_REQUEST, "linger.ms", 5));
        config.putAll(more);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", need("bootstrap"), "enable.auto.commit", false, "max.partition.fetch.bytes", 1 << 20,
            "fetch.max.bytes", MAX_REQUEST);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void produce() throws Exception {
        int partition = Integer.parseInt(need("partition"));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of(
                "compression.type", need("compression"), "batch.size", MAX_REQUEST, "linger.ms", 20))) {
            for (String line : Files.readAllLines(Path.of(need("input")))) {
                JsonNode record = JSON.readTree(line);
                List<Header> headers = new ArrayList<>();
                for (JsonNode header : record.get("headers")) {
                    headers.add(new RecordHeader(header.get(0).asText(), decode(header.get(1))));
                }
                JsonNode timestamp = record.get("timestamp");
                sent.add(producer.send(new ProducerRecord<>(need("topic"), partition,
                    timestamp.isNull() ? null : timestamp.asLong(), decode(record.get("key")), decode(record.get("value")),
                    headers)));
            }
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata where = future.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                say(JSON.createObjectNode().put("partition", where.partition()).put("offset", where.offset()));
            }
        }
    }

    private void consume() throws Exception {
        List<TopicPartition> partitions = partitions();
        int left = Integer.parseInt(need("count"));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(partitions);
            switch (need("from")) {
                case "start" -> consumer.seekToBeginning(partitions);
                case "timestamp" -> {
                    Map<TopicPartition, Long> wanted = new HashMap<>();
                    partitions.forEach(p -> wanted.put(p, Long.parseLong(need("timestamp"))));
                    for (Map.Entry<TopicPartition, OffsetAndTimestamp> found : consumer.offsetsForTimes(wanted).entrySet()) {
                        if (found.getValue() == null) {
                            throw new IllegalStateException("no offset for " + found.getKey());
                        }
                        consumer.seek(found.getKey(), found.getValue().offset());
                    }
                }
                case "end" -> {
                    consumer.seekToEnd(partitions);
                    partitions.forEach(consumer::position);
                    say(JSON.createObjectNode().put("ready", true));
                    out.flush();
                }
                default -> throw new IllegalArgumentException("--from " + need("from"));
            }
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (left > 0) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException(left + " records did not come");
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (left-- > 0) {
                        say(line(record));
                    }
                }
            }
        }
    }

    /** Sends at a rate, whatever the answers do, so that a silence is not hidden by waiting for it. */
    private void load() throws Exception {
        List<TopicPartition> partitions = partitions();
        String prefix = need("prefix");
        long count = Long.parseLong(need("rate")) * Long.parseLong(need("seconds"));
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of(
                "delivery.timeout.ms", 120_000, "request.timeout.ms", 5_000, "reconnect.backoff.max.ms", 200,
                "max.block.ms", 60_000))) {
            paced(count, i -> {
                TopicPartition to = partitions.get((int) (i % partitions.size()));
                String value = prefix + i;
                producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, value.getBytes(StandardCharsets.UTF_8)),
                    (where, error) -> {
                        if (error == null) {
                            acknowledged(where, value);
                        }
                    });
            });
        }
    }

    private synchronized void acknowledged(RecordMetadata where, String value) {
        try {
            out.write(where.partition() + " " + where.offset() + " " + value + "\n");
            out.flush();
        } catch (java.io.IOException gone) {
            System.exit(1);
        }
    }

    private void read() throws Exception {
        List<TopicPartition> partitions = partitions();
        long count = Long.parseLong(need("count"));
        long records = 0;
        long bytes = 0;
        long first = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (records < count) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("only " + records + " of " + count + " records came");
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (records++ == 0) {
                        first = System.nanoTime();
                    }
                    bytes += record.value().length;
                }
            }
        }
        double seconds = (System.nanoTime() - first) / 1e9;
        say(JSON.createObjectNode().put("records", records).put("bytes", bytes).put("seconds", seconds));
    }

    private void latency() throws Exception {
        List<TopicPartition> partitions = partitions();
        int count = Integer.parseInt(need("rate")) * Integer.parseInt(need("seconds"));
        long[] latencies = new long[count];
        long[] arrivals = new long[count];
        int[] answered = new int[2];
        byte[] value = new byte[100];
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of(
                "linger.ms", 0, "request.timeout.ms", 5_000, "reconnect.backoff.max.ms", 200))) {
            partitions.forEach(p -> producer.partitionsFor(p.topic()));
            paced(count, i -> {
                TopicPartition to = partitions.get((int) (i % partitions.size()));
                long sent = System.nanoTime();
                producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, value), (where, error) -> {
                    synchronized (answered) {
                        if (error == null) {
                            if (answered[0] == 0) {
                                begin();
                            }
                            arrivals[answered[0]] = System.nanoTime();
                            latencies[answered[0]++] = System.nanoTime() - sent;
                        } else {
                            answered[1]++;
                        }
                    }
                });
            });
        }
        int good = answered[0];
        if (good == 0) {
            throw new IllegalStateException("nothing was acknowledged");
        }
        long silence = 0;
        for (int i = 1; i < good; i++) {
            silence = Math.max(silence, arrivals[i] - arrivals[i - 1]);
        }
        Arrays.sort(latencies, 0, good);
        say(JSON.createObjectNode().put("p50_ms", latencies[good / 2] / 1e6).put("p99_ms", latencies[good * 99 / 100] / 1e6)
            .put("longest_silence_s", silence / 1e9).put("failed", answered[1]));
    }

    private void begin() {
        try {
            say(JSON.createObjectNode().put("ready", true));
            out.flush();
        } catch (Exception gone) {
            System.exit(1);
        }
    }

    private void epochs() throws Exception {
        var file = LeaderEpochCheckpointFile.newFile(Path.of(need("folder")).toFile());
        for (EpochEntry entry : new LeaderEpochCheckpointFile(file, new LogDirFailureChannel(1)).read()) {
            say(JSON.createObjectNode().put("epoch", entry.epoch).put("start", entry.startOffset));
        }
    }

    private interface Step {
        void at(long i);
    }

    /** Does a step so many times at --rate a second, each at its own time. */
    private void paced(long count, Step step) {
        long each = 1_000_000_000L / Long.parseLong(need("rate"));
        long start = System.nanoTime();
        for (long i = 0; i < count; i++) {
            long wait = start + i * each - System.nanoTime();
            if (wait > 0) {
                LockSupport.parkNanos(wait);
            }
            step.at(i);
        }
    }

    private void say(ObjectNode value) throws Exception {
        out.write(JSON.writeValueAsString(value));
        out.newLine();
    }

    private static ObjectNode line(ConsumerRecord<byte[], byte[]> record) {
        ArrayNode headers = JSON.createArrayNode();
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(encode(header.value()));
        }
        return JSON.createObjectNode().put("partition", record.partition()).put("offset", record.offset())
            .put("timestamp", record.timestamp()).put("key", encode(record.key())).put("value", encode(record.value()))
            .set("headers", headers);
    }

    private static byte[] decode(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String encode(byte[] data) {
        return data == null ? null : Base64.getEncoder().encodeToString(data);
    }
}
