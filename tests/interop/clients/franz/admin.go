package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What kadm sees of a topic that it creates, writes to, changes and deletes, step by step.
type seen struct {
	Brokers       int     `json:"brokers"`
	Created       int     `json:"created"`
	Set           string  `json:"set"`
	Altered       string  `json:"altered"`
	Grown         int     `json:"grown"`
	DeletedBefore int64   `json:"deleted_before"`
	Offsets       []int64 `json:"offsets"`
	Replicas      int     `json:"replicas"`
	Left          bool    `json:"left"`
}

func administer(ctx context.Context, out *bufio.Writer) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(*bootstrap, ",")...), kgo.DisableIdempotentWrite(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var s seen
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return err
	}
	s.Brokers = len(brokers)

	retention := "60000"
	if _, err := admin.CreateTopic(ctx, 2, int16(*replication), map[string]*string{"retention.ms": &retention}, *topic); err != nil {
		return err
	}
	partitions := func() (int, error) {
		topics, err := admin.ListTopics(ctx, *topic)
		return len(topics[*topic].Partitions), err
	}
	if s.Created, err = until(ctx, 2, partitions); err != nil {
		return err
	}
	var records []*kgo.Record
	for i := range 10 {
		records = append(records, &kgo.Record{Topic: *topic, Partition: 0, Value: fmt.Appendf(nil, "%d", i)})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}

	setting := func() (string, error) {
		configs, err := admin.DescribeTopicConfigs(ctx, *topic)
		if err != nil {
			return "", err
		}
		config, err := configs.On(*topic, nil)
		for _, entry := range config.Configs {
			if entry.Key == "retention.ms" && entry.Value != nil {
				return *entry.Value, nil
			}
		}
		return "", errors.Join(err, config.Err)
	}
	if s.Set, err = until(ctx, retention, setting); err != nil {
		return err
	}
	longer := "70000"
	if _, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &longer}}, *topic); err != nil {
		return err
	}
	if s.Altered, err = until(ctx, longer, setting); err != nil {
		return err
	}
	if _, err := admin.UpdatePartitions(ctx, 4, *topic); err != nil {
		return err
	}
	if s.Grown, err = until(ctx, 4, partitions); err != nil {
		return err
	}

	var before kadm.Offsets
	before.Add(kadm.Offset{Topic: *topic, Partition: 0, At: 5})
	deleted, err := admin.DeleteRecords(ctx, before)
	if err != nil {
		return err
	}
	s.DeletedBefore = deleted[*topic][0].LowWatermark
	starts, err := admin.ListStartOffsets(ctx, *topic)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, *topic)
	if err != nil {
		return err
	}
	s.Offsets = []int64{starts[*topic][0].Offset, ends[*topic][0].Offset}

	replicas := func() (int, error) {
		all, err := admin.DescribeAllLogDirs(ctx, nil)
		count := 0
		all.Each(func(dir kadm.DescribedLogDir) { count += len(dir.Topics[*topic]) })
		return count, err
	}
	if s.Replicas, err = until(ctx, 4*(*replication), replicas); err != nil {
		return err
	}
	if _, err := admin.DeleteTopic(ctx, *topic); err != nil {
		return err
	}
	s.Left, err = until(ctx, false, func() (bool, error) {
		topics, err := admin.ListTopics(ctx)
		return topics.Has(*topic), err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s)
}

// What is seen, once it is what is wanted or time is up: a broker may not have heard of the topic yet.
func until[T comparable](ctx context.Context, wanted T, look func() (T, error)) (T, error) {
	for {
		seen, err := look()
		late := ctx.Err() != nil
		if err == nil && (seen == wanted || late) {
			return seen, nil
		}
		if err != nil && (late || !errors.Is(err, kerr.UnknownTopicOrPartition)) {
			return seen, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}
