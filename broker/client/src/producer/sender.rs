//! Batches to requests.

use tribunal_common::Fx;
use tribunal_contract::NodeId;
use tribunal_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};

use crate::producer::queue::{Gate, Queue};
use crate::producer::{Call, Flying, Producer};
use crate::{Acks, ClientIo, ProducerConfig, versions};

impl Producer {
    /// Sends what may go to brokers that are connected and have room.
    pub(super) fn send_batches<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) {
        while let Some(node) = self.next_destination(io) {
            self.send_to(node, io);
        }
    }

    /// A broker that can be sent a batch now. Connects to those that could, and asks for leaders that are missing.
    fn next_destination<F: Fx>(&mut self, io: &mut ClientIo<'_, F>) -> Option<NodeId> {
        let mut index = 0;
        while let Some(&slot) = self.ready.get(index) {
            let queue = &mut self.queues[slot as usize];
            if !may_send(queue, &self.config) {
                queue.listed = false;
                self.ready.remove(index);
                continue;
            }
            index += 1;
            match self.metadata.slot(slot).leader {
                None => self.refresh.want(),
                Some(node) => {
                    if self.links.ready(io.fx, node, usize::from(self.config.max_in_flight.max(1))) {
                        return Some(node);
                    }
                }
            }
        }
        None
    }

    /// One request with at most one batch of each ready partition that `node` leads.
    fn send_to<F: Fx>(&mut self, node: NodeId, io: &mut ClientIo<'_, F>) {
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        let mut flying: Vec<Flying> = Vec::new();
        let mut size = 0;
        // Once around the list. What stays in it keeps its order, what has more to send goes to its end.
        for _ in 0..self.ready.len() {
            let Some(slot) = self.ready.pop_front() else { break };
            let queue = &mut self.queues[slot as usize];
            let next = queue.batches.front().map_or(0, |batch| batch.size());
            let fits = flying.is_empty() || size + next <= self.config.max_request_size as usize;
            let goes = self.metadata.slot(slot).leader == Some(node) && may_send(queue, &self.config) && fits;
            let Some(mut batch) = (if goes { queue.batches.pop_front() } else { None }) else {
                self.ready.push_back(slot);
                continue;
            };
            queue.listed = false;
            size += next;
            let sent_to = self.metadata.id_partition(slot);
            let partition = PartitionProduceData { index: sent_to.partition, records: Some(batch.seal()) };
            match topic_data.iter_mut().find(|topic| topic.topic_id == sent_to.topic) {
                Some(topic) => topic.partition_data.push(partition),
                None => topic_data.push(TopicProduceData {
                    topic_id: sent_to.topic,
                    partition_data: vec![partition],
                    ..TopicProduceData::default()
                }),
            }
            queue.in_flight += 1;
            flying.push(Flying { slot, sent_to, batch: Some(batch) });
            self.gate_next(slot, io);
        }
        let request = ProduceRequest {
            acks: self.config.acks.code(),
            timeout_ms: i32::try_from(self.config.net.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data,
            ..ProduceRequest::default()
        };
        if self.config.acks == Acks::None {
            self.links.send_unanswered(io.fx, node, versions::PRODUCE, request.into());
            for flying in flying {
                self.sent_for_good(flying, io);
            }
        } else {
            self.links.send(io.fx, node, versions::PRODUCE, request.into(), Call::Produce(flying));
        }
    }
}

/// Whether a queue's first batch may be sent. With one request in flight a partition sends nothing while a batch of
/// it is out, even if its leader moved: that is what keeps its order.
fn may_send(queue: &Queue, config: &ProducerConfig) -> bool {
    queue.gate == Gate::Open && !queue.batches.is_empty() && (config.max_in_flight > 1 || queue.in_flight == 0)
}
