//! The last phase: all is healed, and must serve again.

use std::collections::BTreeSet;

use tribunal_common::TopicIdPartition;
use tribunal_contract::{NodeId, Span};
use tribunal_model::Progress;
use tribunal_protocol::Str;
use tribunal_sim::Fault;

use super::{Run, STEP};
use crate::apps::{ConsumerInput, ProducerInput};
use crate::node::{Node, NodeInput};
use crate::triggers::Triggers;
use crate::{bounds, build};

/// Beyond the bounds of progress: until producers know the fate of their records and the auditor has read everything.
const FINAL_LIMIT: Span = Span::from_secs(180);
/// In the liveness phase, an operator looks this often for brokers that have stopped.
const OPERATOR: u64 = 10;

impl Run<'_> {
    /// Heals, and requires that every partition serves again; then reads everything.
    pub(super) fn liveness(&mut self) {
        if self.kernel.stop().is_some() || self.is_cut_short() {
            return;
        }
        for node in self.app_nodes() {
            self.kernel.apply(Fault::Crash { node });
        }
        self.faults.heal(self.plan, &mut self.kernel);
        // What has not come true by now would break what is healed.
        self.kernel.judge_mut().triggers = Triggers::default();
        let healed = self.kernel.now();
        self.healed = Some(healed);
        let partitions: Vec<TopicIdPartition> = build::all_partitions(self.plan)
            .iter()
            .filter_map(|(name, partition)| {
                Some(TopicIdPartition { topic: *self.faults.ids.get(name)?, partition: *partition })
            })
            .collect();
        let expected = self.plan.expect.eventually.clone();
        self.kernel.judge_mut().progress = vec![
            Progress::new(healed, expected.produce_within, partitions.iter().copied(), true, false),
            Progress::new(healed, expected.consume_within, partitions.iter().copied(), false, true),
        ];
        for &node in &self.producers {
            self.kernel.input(node, NodeInput::Producer(ProducerInput::Stop));
        }
        self.kernel.start(self.prober);
        self.kernel.start(self.auditor);
        let mut out_of_sync = expected.in_sync_within.map(|within| (healed + within, partitions.clone()));
        let bound =
            expected.produce_within.max(expected.consume_within).max(expected.in_sync_within.unwrap_or_default());
        let limit = healed + bound + FINAL_LIMIT;
        let mut asked: Option<Vec<i64>> = None;
        for turn in 1u64.. {
            let now = self.kernel.now();
            let step = now + STEP;
            self.run_to(self.until.map_or(step, |until| step.min(self.zero + until)));
            let now = self.kernel.now();
            if self.kernel.stop().is_some() || self.is_cut_short() {
                return;
            }
            if turn.is_multiple_of(OPERATOR) {
                self.faults.revive_all(&mut self.kernel);
                self.probe_again();
            }
            if let Some((deadline, waiting)) = &mut out_of_sync
                && now <= *deadline
            {
                waiting.retain(|id| !bounds::is_in_sync(self.kernel.judge(), *id));
            }
            let in_sync = out_of_sync.as_ref().is_none_or(|(deadline, left)| left.is_empty() || now >= *deadline);
            let progress = &self.kernel.judge().progress;
            let served = in_sync && progress.iter().all(|progress| progress.is_done() || now >= progress.deadline());
            // An unclean election may still follow, and take back what was to be read.
            let is_news = |targets: &Vec<i64>| {
                asked.as_ref().is_none_or(|asked| targets.iter().zip(asked).any(|(now, then)| now < then))
            };
            if served
                && self.is_drained()
                && let Some(targets) = partitions.iter().map(|&id| self.end_of(id)).collect::<Option<_>>()
                && is_news(&targets)
            {
                asked = Some(targets.clone());
                self.kernel.input(self.auditor, NodeInput::Consumer(ConsumerInput::ReadToEnd { targets }));
            }
            if asked.is_some() && self.has_audited() {
                self.audited = true;
                break;
            }
            if now >= limit {
                self.no_progress(format!("the final reads did not come to an end by {} s", self.names.seconds(now)));
                break;
            }
        }
        let now = self.kernel.now();
        let unserved: Vec<_> =
            self.kernel.judge().progress.iter().flat_map(|progress| progress.finish(now, &self.names)).collect();
        self.extra.extend(unserved);
        let left = out_of_sync.into_iter().flat_map(|(_, left)| left);
        self.extra.extend(left.map(|id| bounds::not_in_sync(self.kernel.judge(), id, now, &expected, &self.names)));
    }

    fn is_drained(&self) -> bool {
        self.producers.iter().chain([&self.prober]).all(|&node| match self.kernel.machine(node) {
            Some(Node::Producer(producer)) => producer.is_drained(),
            _ => true,
        })
    }

    /// An unclean election may take back what was written since the healing, before anybody has read it: writes again
    /// to partitions where that may be so.
    fn probe_again(&mut self) {
        let Some(Node::Producer(prober)) = self.kernel.machine(self.prober) else { return };
        let next = prober.counters().sent + prober.counters().rejected;
        let progress = &self.kernel.judge().progress;
        let waiting: BTreeSet<_> = progress.iter().flat_map(|progress| progress.waiting()).collect();
        let unclean =
            |name: &Str| self.plan.topics.iter().any(|topic| topic.name == name.as_ref() && topic.unclean_election);
        let again = build::all_partitions(self.plan).into_iter().filter(|(name, partition)| {
            let id = self.faults.ids.get(name).map(|&topic| TopicIdPartition { topic, partition: *partition });
            id.is_some_and(|id| waiting.contains(&id)) && unclean(name)
        });
        let again: Vec<_> = (next..).zip(again).map(|(n, partition)| build::probe(n, partition)).collect();
        if !again.is_empty() && prober.is_drained() {
            self.kernel.input(self.prober, NodeInput::Producer(ProducerInput::SendToo(again)));
        }
    }

    fn has_audited(&self) -> bool {
        matches!(self.kernel.machine(self.auditor), Some(Node::Consumer(auditor)) if auditor.has_reached_end())
    }

    /// How far a reader of a partition must come: the high watermark of its leader, once that covers all that earlier
    /// leaders may have committed. A leader that was just elected does not know that yet (KIP-207).
    fn end_of(&self, id: TopicIdPartition) -> Option<i64> {
        let state = self.kernel.judge().partitions.get(&id).filter(|state| state.leader >= 0)?;
        let Some(Node::Broker(broker)) = self.kernel.machine(NodeId(state.leader as u32)) else { return None };
        let partition = broker.replicas()?.get(id)?;
        let known = partition.high_watermark >= partition.leading()?.epoch_start;
        known.then_some(partition.high_watermark)
    }
}
