import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Java's admin client, by the command line of clients/python/admin.py, and with the same to say. */
public final class Administer {
    private static final long PATIENCE_MS = 30_000;

    private Administer() {
    }

    public static void main(String[] line) throws Exception {
        Map<String, String> args = new HashMap<>();
        for (int i = 1; i + 1 < line.length; i += 2) {
            args.put(line[i], line[i + 1]);
        }
        Properties config = new Properties();
        config.put("bootstrap.servers", args.get("--bootstrap"));
        try (Admin admin = Admin.create(config)) {
            System.out.println(run(admin, args));
        }
    }

    private static ObjectNode run(Admin admin, Map<String, String> args) throws Exception {
        String topic = args.get("--topic");
        short replication = Short.parseShort(args.get("--replication"));
        TopicPartition first = new TopicPartition(topic, 0);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Callable<Integer> partitions = () ->
            admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        Callable<String> retention = () ->
            admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value();
        ObjectNode seen = new ObjectMapper().createObjectNode();
        List<Integer> brokers = admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        seen.put("brokers", brokers.size());
        NewTopic created = new NewTopic(topic, 2, replication).configs(Map.of("retention.ms", "60000"));
        admin.createTopics(List.of(created)).all().get();
        seen.put("created", until(2, partitions));
        produce(args.get("--bootstrap"), topic);
        seen.put("set", until("60000", retention));
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "70000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
        seen.put("altered", until("70000", retention));
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
        seen.put("grown", until(4, partitions));
        seen.put("deleted_before", admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(5)))
            .lowWatermarks().get(first).get().lowWatermark());
        seen.putArray("offsets").add(offset(admin, first, OffsetSpec.earliest()))
            .add(offset(admin, first, OffsetSpec.latest()));
        Callable<Integer> replicas = () -> (int) admin.describeLogDirs(brokers).allDescriptions().get().values().stream()
            .flatMap(directories -> directories.values().stream())
            .flatMap(directory -> directory.replicaInfos().keySet().stream())
            .filter(partition -> partition.topic().equals(topic)).count();
        seen.put("replicas", until(4 * replication, replicas));
        admin.deleteTopics(List.of(topic)).all().get();
        return seen.put("left", until(false, () -> admin.listTopics().names().get().contains(topic)));
    }

    private static void produce(String bootstrap, String topic) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "acks", "all", "enable.idempotence", false);
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (byte i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, 0, null, new byte[] {i})).get();
            }
        }
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec where) throws Exception {
        return admin.listOffsets(Map.of(partition, where)).partitionResult(partition).get().offset();
    }

    /** What is seen, once it is what is wanted or time is up. A broker may not have heard of the topic yet. */
    private static <T> T until(T wanted, Callable<T> look) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            boolean late = System.currentTimeMillis() > deadline;
            try {
                T seen = look.call();
                if (Objects.equals(seen, wanted) || late) {
                    return seen;
                }
            } catch (ExecutionException error) {
                if (late || !(error.getCause() instanceof UnknownTopicOrPartitionException)) {
                    throw error;
                }
            }
            Thread.sleep(50);
        }
    }
}
