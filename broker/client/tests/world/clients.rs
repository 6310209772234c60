//! The clients as machines that keep what they are told.

use bytes::Bytes;
use tribunal_client::{
    ClientIo, Consumer, ConsumerConfig, ConsumerRecord, Delivery, Producer, ProducerConfig, ProducerRecord, RecordId,
};
use tribunal_common::Fx;
use tribunal_contract::Event;
use tribunal_protocol::{Message, Str};

use super::{Client, World};

pub struct ProducerClient {
    pub producer: Producer,
    pub deliveries: Vec<Delivery>,
}

impl ProducerClient {
    pub fn new(config: ProducerConfig) -> ProducerClient {
        ProducerClient { producer: Producer::new(config), deliveries: Vec::new() }
    }

    pub fn send(&mut self, world: &mut World, record: ProducerRecord) -> RecordId {
        let id = self.producer.send(record, &mut world.io()).expect("the record is taken");
        self.drain();
        id
    }

    fn drain(&mut self) {
        while let Some(delivery) = self.producer.next_delivery() {
            self.deliveries.push(delivery);
        }
    }

    /// Offsets of acknowledged records, in the order of their delivery.
    pub fn offsets(&self) -> Vec<i64> {
        self.deliveries.iter().filter_map(|delivery| delivery.result.ok()).map(|m| m.offset).collect()
    }
}

impl Client for ProducerClient {
    fn event<F: Fx>(&mut self, event: Event<Message, ()>, io: &mut ClientIo<'_, F>) {
        assert_eq!(self.producer.handle(event, io), None, "every event here is the producer's");
        self.drain();
    }
}

/// Sends `values` to partition `partition` of topic `t`.
pub fn send_all(world: &mut World, client: &mut ProducerClient, partition: i32, values: &[&'static str]) {
    for value in values {
        let record = ProducerRecord::new(Str::from_static("t"), Bytes::from_static(value.as_bytes()));
        client.send(world, record.to_partition(partition));
    }
}

pub struct ConsumerClient {
    pub consumer: Consumer,
    pub polled: Vec<ConsumerRecord>,
}

impl ConsumerClient {
    pub fn new(config: ConsumerConfig) -> ConsumerClient {
        ConsumerClient { consumer: Consumer::new(config), polled: Vec::new() }
    }

    pub fn assign(&mut self, world: &mut World, partitions: &[i32]) {
        let partitions: Vec<_> = partitions.iter().map(|&p| (Str::from_static("t"), p)).collect();
        self.consumer.assign(&partitions, &mut world.io());
    }

    /// Polled values of a partition, in order.
    pub fn values(&self, partition: i32) -> Vec<String> {
        let of = |record: &&ConsumerRecord| record.partition.partition == partition;
        let text = |record: &ConsumerRecord| {
            String::from_utf8(record.value.as_ref().expect("a value").to_vec()).expect("text")
        };
        self.polled.iter().filter(of).map(text).collect()
    }
}

impl Client for ConsumerClient {
    fn event<F: Fx>(&mut self, event: Event<Message, ()>, io: &mut ClientIo<'_, F>) {
        assert_eq!(self.consumer.handle(event, io), None, "every event here is the consumer's");
        while let Some(record) = self.consumer.poll(io) {
            self.polled.push(record);
        }
    }
}
