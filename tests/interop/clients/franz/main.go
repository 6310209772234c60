// franz-go, by the command line of the other clients (clients/python/line.py).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	patience   = 60 * time.Second
	maxRequest = 8_000_000
)

// A record as the runner writes and reads it. []byte is base64 in JSON, and nil is null.
type record struct {
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Timestamp *int64  `json:"timestamp"`
	Key       []byte  `json:"key"`
	Value     []byte  `json:"value"`
	Headers   [][]any `json:"headers"`
}

type input struct {
	Key       []byte              `json:"key"`
	Value     []byte              `json:"value"`
	Headers   [][]json.RawMessage `json:"headers"`
	Timestamp *int64              `json:"timestamp"`
}

var (
	bootstrap   = flag.String("bootstrap", "", "host:port")
	topic       = flag.String("topic", "", "topic")
	partition   = flag.Int("partition", 0, "partition to produce to")
	compression = flag.String("compression", "none", "codec to produce with")
	file        = flag.String("input", "", "file of records to produce")
	partitions  = flag.String("partitions", "", "partitions to consume, with commas")
	from        = flag.String("from", "start", "start, timestamp or end")
	timestamp   = flag.Int64("timestamp", 0, "milliseconds, for --from timestamp")
	count       = flag.Int("count", 0, "records to consume")
	replication = flag.Int("replication", 1, "replicas of the topic that admin creates")
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("produce, consume or admin?"))
	}
	command := os.Args[1]
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var err error
	switch command {
	case "produce":
		err = produce(ctx, out)
	case "consume":
		err = consume(ctx, out)
	case "admin":
		err = administer(ctx, out)
	default:
		err = fmt.Errorf("unknown command %s", command)
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "franz:", err)
	os.Exit(1)
}

func produce(ctx context.Context, out *bufio.Writer) error {
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[*compression]
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(*bootstrap, ",")...), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(), kgo.ProducerBatchMaxBytes(maxRequest), kgo.ProducerBatchCompression(codec),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	data, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	var records []*kgo.Record
	for _, text := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var in input
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return err
		}
		r := &kgo.Record{Topic: *topic, Partition: int32(*partition), Key: in.Key, Value: in.Value}
		for _, pair := range in.Headers {
			var h kgo.RecordHeader
			if err := json.Unmarshal(pair[0], &h.Key); err != nil {
				return err
			}
			if err := json.Unmarshal(pair[1], &h.Value); err != nil {
				return err
			}
			r.Headers = append(r.Headers, h)
		}
		if in.Timestamp != nil {
			r.Timestamp = time.UnixMilli(*in.Timestamp)
		}
		records = append(records, r)
	}
	results := client.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return err
	}
	for _, r := range records {
		fmt.Fprintf(out, "{\"partition\": %d, \"offset\": %d}\n", r.Partition, r.Offset)
	}
	return nil
}

func consume(ctx context.Context, out *bufio.Writer) error {
	offset := map[string]kgo.Offset{
		"start": kgo.NewOffset().AtStart(), "end": kgo.NewOffset().AtEnd(), "timestamp": kgo.NewOffset().AfterMilli(*timestamp),
	}[*from]
	assigned := map[int32]kgo.Offset{}
	for _, text := range strings.Split(*partitions, ",") {
		p, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		assigned[int32(p)] = offset
	}
	fetching := &fetching{from: map[int32]bool{}}
	client, err := kgo.NewClient(
		kgo.WithHooks(fetching),
		kgo.SeedBrokers(strings.Split(*bootstrap, ",")...), kgo.FetchMaxPartitionBytes(maxRequest),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{*topic: assigned}), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	encoder := json.NewEncoder(out)
	if *from == "end" {
		if err := fetching.everyLeader(ctx, client, assigned); err != nil {
			return err
		}
		fmt.Fprintln(out, `{"ready": true}`)
		out.Flush()
	}
	for left := *count; left > 0; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d records did not come: %w", left, err)
		}
		for _, r := range fetches.Records() {
			if left--; left < 0 {
				break
			}
			millis := r.Timestamp.UnixMilli()
			headers := [][]any{}
			for _, h := range r.Headers {
				headers = append(headers, []any{h.Key, h.Value})
			}
			err := encoder.Encode(record{r.Partition, r.Offset, &millis, r.Key, r.Value, headers})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// The brokers that were sent a Fetch: the client sends one only from offsets that it has looked up.
type fetching struct {
	mu   sync.Mutex
	from map[int32]bool
}

func (f *fetching) OnBrokerWrite(broker kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == 1 && err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.from[broker.NodeID] = true
	}
}

// Waits until the leader of every partition was sent a Fetch.
func (f *fetching) everyLeader(ctx context.Context, client *kgo.Client, partitions map[int32]kgo.Offset) error {
	for partition := range partitions {
		for {
			leader, _, err := client.PartitionLeader(*topic, partition)
			f.mu.Lock()
			asked := f.from[leader]
			f.mu.Unlock()
			if err == nil && asked {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("partition %d is not fetched from leader %d: %v", partition, leader, err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}
