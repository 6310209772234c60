//! What came of requests, and deliveries.

use std::collections::VecDeque;

use tribunal_common::{ClientObs, Fx, Obs, timers};
use tribunal_contract::{NodeId, TimerId};
use tribunal_protocol::messages::metadata_response::MetadataResponse;
use tribunal_protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use tribunal_protocol::{ErrorCode, ResponseBody};

use crate::producer::batch::Batch;
use crate::producer::queue::{Gate, Queue};
use crate::producer::verdict::{self, Verdict};
use crate::producer::{Call, Delivery, DeliveryError, Flying, Producer, RecordMetadata, Waiting, observe_unplaced};
use crate::{ClientIo, RecordId, backoff, limits};

impl Producer {
    /// The answer to `call`.
    pub(super) fn answered<F: Fx>(&mut self, node: NodeId, call: Call, body: ResponseBody, io: &mut ClientIo<'_, F>) {
        match (call, body) {
            (Call::Metadata, ResponseBody::Metadata(response)) => self.on_metadata(node, &response, io),
            (Call::Produce(flying), ResponseBody::Produce(response)) => self.on_produce(flying, &response, io),
            (call, _) => {
                // The order of answers is lost: nothing on this connection can be believed any more.
                let mut lost = self.links.abandon(io.fx, node);
                lost.push_front(call);
                self.lost(node, lost, io);
            }
        }
    }

    /// The connection to `node` is gone, and what was in flight on it with it, oldest first.
    pub(super) fn lost<F: Fx>(&mut self, node: NodeId, calls: VecDeque<Call>, io: &mut ClientIo<'_, F>) {
        self.refresh.failed(&self.config.net, node, io.fx);
        self.refresh.want();
        for call in calls {
            let Call::Produce(flying) = call else { continue };
            for flying in flying {
                if let Some((slot, batch)) = self.landed(flying) {
                    self.retry(slot, batch, ErrorCode::NetworkException, false, io);
                }
            }
        }
    }

    fn on_metadata<F: Fx>(&mut self, node: NodeId, response: &MetadataResponse, io: &mut ClientIo<'_, F>) {
        if !self.refresh.answered(&self.config.net, node, response, &mut self.metadata, io.fx) {
            return;
        }
        self.queues.resize_with(self.metadata.slots().len(), Queue::default);
        for topic in 0..self.topics.len() as u32 {
            self.place_waiting(topic, io);
        }
    }

    /// Gives the records of a topic that waited for metadata their partition.
    fn place_waiting<F: Fx>(&mut self, topic: u32, io: &mut ClientIo<'_, F>) {
        let error = self.metadata.topic(topic).error;
        for _ in 0..self.topics[topic as usize].waiting.len() {
            let Some(waiting) = self.topics[topic as usize].waiting.pop_front() else { break };
            if error.is_error() && !error.is_retriable() {
                self.fail_waiting(waiting, error, io);
            } else if !self.place(topic, waiting.id, &waiting.record, waiting.charge, io) {
                self.topics[topic as usize].waiting.push_back(waiting);
                self.refresh.want();
            }
        }
    }

    fn on_produce<F: Fx>(&mut self, mut flying: Vec<Flying>, response: &ProduceResponse, io: &mut ClientIo<'_, F>) {
        for topic in &response.responses {
            for partition in &topic.partition_responses {
                // Brokers answer in the order of the request, so it is the first one.
                let at = flying.iter().position(|flying| {
                    flying.sent_to.topic == topic.topic_id && flying.sent_to.partition == partition.index
                });
                if let Some(at) = at {
                    self.on_partition(flying.remove(at), partition, io);
                }
            }
        }
        for unanswered in flying {
            if let Some((_, mut batch)) = self.landed(unanswered) {
                batch.maybe_appended = true;
                self.fail(batch, ErrorCode::UnknownServerError, io);
            }
        }
    }

    fn on_partition<F: Fx>(&mut self, flying: Flying, answer: &PartitionProduceResponse, io: &mut ClientIo<'_, F>) {
        let slot = flying.slot;
        let partition = flying.sent_to;
        let error = ErrorCode::from_code(answer.error_code);
        let leader = &answer.current_leader;
        // Not of a topic that was deleted and created again meanwhile: its epochs began anew.
        let is_current = self.metadata.id_partition(slot) == partition;
        let moved = is_current && self.metadata.hint(slot, leader.leader_id, leader.leader_epoch);
        let landed = self.landed(flying);
        if error.is_error() && verdict::of(error) == (Verdict::Retry { refresh: true }) {
            self.refresh.want();
        }
        let Some((slot, batch)) = landed else { return };
        if error.is_error() {
            self.refused(slot, batch, error, moved, io);
            return;
        }
        for (index, &(id, timestamp)) in batch.records.iter().enumerate() {
            let offset = answer.base_offset + index as i64;
            io.fx.observe(Obs::Client(ClientObs::Acknowledged { id: id.0, partition, offset }));
            let timestamp = if answer.log_append_time_ms >= 0 { answer.log_append_time_ms } else { timestamp };
            self.deliver(id, Ok(RecordMetadata { partition, offset, timestamp }));
        }
        self.release(batch.charge);
    }

    /// The broker answered with an error.
    fn refused<F: Fx>(&mut self, slot: u32, mut batch: Batch, error: ErrorCode, moved: bool, io: &mut ClientIo<'_, F>) {
        batch.maybe_appended |= !verdict::proves_absence(error);
        match verdict::of(error) {
            Verdict::Retry { .. } => self.retry(slot, batch, error, moved, io),
            Verdict::Fatal => self.fail(batch, error, io),
            Verdict::Split => {
                let Some(halves) = batch.split() else { return self.fail(batch, error, io) };
                self.observe_retry(slot, error, io);
                for half in halves {
                    self.queues[slot as usize].put_back(half);
                }
                self.open(slot);
            }
        }
    }

    /// A batch is no longer in flight: what held its partition up may go. None if the batch was given up before.
    fn landed(&mut self, flying: Flying) -> Option<(u32, Batch)> {
        let queue = &mut self.queues[flying.slot as usize];
        queue.in_flight -= 1;
        if queue.gate == Gate::Open {
            self.open(flying.slot);
        }
        Some((flying.slot, flying.batch?))
    }

    /// With `acks=0` a batch is delivered when it is sent.
    pub(super) fn sent_for_good<F: Fx>(&mut self, flying: Flying, io: &mut ClientIo<'_, F>) {
        let partition = flying.sent_to;
        let Some((_, batch)) = self.landed(flying) else { return };
        for &(id, timestamp) in &batch.records {
            io.fx.observe(Obs::Client(ClientObs::Acknowledged { id: id.0, partition, offset: -1 }));
            self.deliver(id, Ok(RecordMetadata { partition, offset: -1, timestamp }));
        }
        self.release(batch.charge);
    }

    /// Sends a batch again, at once if its leader is known to have moved.
    fn retry<F: Fx>(&mut self, slot: u32, mut batch: Batch, error: ErrorCode, moved: bool, io: &mut ClientIo<'_, F>) {
        let is_lost = error == ErrorCode::NetworkException;
        batch.maybe_appended |= is_lost;
        let (base, max) = (self.config.net.retry_backoff, self.config.net.retry_backoff_max);
        if self.config.retries > u32::from(limits::MAX_ATTEMPTS) {
            batch.attempts = backoff::bump(batch.attempts, base, max);
        } else if u32::from(batch.attempts) < self.config.retries {
            batch.attempts += 1;
        } else {
            return self.fail(batch, error, io);
        }
        self.observe_retry(slot, if is_lost { ErrorCode::None } else { error }, io);
        let attempts = batch.attempts;
        self.queues[slot as usize].put_back(batch);
        if moved {
            self.open(slot);
        } else {
            self.queues[slot as usize].gate = Gate::BackingOff;
            let (min, max) = backoff::range(base, max, attempts);
            io.fx.set_timer(TimerId { class: timers::PRODUCER_BATCH, index: slot }, min, max);
        }
    }

    fn observe_retry<F: Fx>(&mut self, slot: u32, error: ErrorCode, io: &mut ClientIo<'_, F>) {
        let partition = self.metadata.id_partition(slot);
        io.fx.observe(Obs::Client(ClientObs::Retried { partition, error: error.code() }));
    }

    /// Gives a batch up.
    pub(super) fn fail<F: Fx>(&mut self, batch: Batch, code: ErrorCode, io: &mut ClientIo<'_, F>) {
        let error = DeliveryError { code, definite: !batch.maybe_appended };
        for &(id, _) in &batch.records {
            self.report_failure(id, error, io);
        }
        self.release(batch.charge);
    }

    /// Gives up a record that has no partition.
    pub(super) fn fail_waiting<F: Fx>(&mut self, waiting: Waiting, code: ErrorCode, io: &mut ClientIo<'_, F>) {
        let topic = self.metadata.id_of(&waiting.record.topic);
        observe_unplaced(waiting.id, &waiting.record, topic, io);
        self.report_failure(waiting.id, DeliveryError { code, definite: true }, io);
        self.release(waiting.charge);
    }

    fn report_failure<F: Fx>(&mut self, id: RecordId, error: DeliveryError, io: &mut ClientIo<'_, F>) {
        let DeliveryError { code, definite } = error;
        io.fx.observe(Obs::Client(ClientObs::Failed { id: id.0, error: code.code(), definite }));
        self.deliver(id, Err(error));
    }

    fn deliver(&mut self, id: RecordId, result: Result<RecordMetadata, DeliveryError>) {
        self.deliveries.push_back(Delivery { id, result });
        self.undelivered -= 1;
    }

    fn release(&mut self, charge: u64) {
        self.buffered -= charge;
        self.flushing &= self.undelivered > 0;
    }
}
