//! The causes of a record's loss: the leader that exposed it, crashes, truncations, and elections of leaders without
//! it.

use tribunal_common::TopicIdPartition;
use tribunal_contract::{NodeId, Time};

use super::{Cut, Reign, Truth};
use crate::CauseStep;

/// Largest number of steps in an explanation.
const MAX_STEPS: usize = 6;

/// How an acknowledged record was lost, as far as the truth knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The last leader epoch in which the record was in the log, if known.
    pub(crate) last_epoch: Option<i32>,
    pub(crate) cause: Vec<CauseStep>,
}

impl Truth {
    /// The steps that led to the loss of `offset`, which was seen on the log of `culprit` at time `until`.
    pub(crate) fn cause_of_loss(&self, p: usize, offset: i64, until: Time, culprit: Option<NodeId>) -> Vec<CauseStep> {
        let partition = &self.partitions[p];
        let mut steps = Vec::new();
        let mut since = Time(0);
        let mut involved: Vec<NodeId> = culprit.into_iter().collect();
        if let Some(exposure) = partition.committed.exposure_of(offset) {
            since = exposure.at;
            let text = format!("exposes high watermark {}", exposure.end);
            steps.push(CauseStep { at: exposure.at, node: exposure.node, text });
            involved.push(exposure.node);
        }
        self.steps_between(p, offset, since, until, &involved, &mut steps);
        steps
    }

    /// How `offset`, acknowledged at time `acknowledged`, was lost.
    pub(crate) fn loss(&self, id: TopicIdPartition, offset: i64, acknowledged: Time) -> Option<Loss> {
        let partition = self.get(id)?;
        let p = self.ids[self.ids.binary_search_by_key(&id, |(id, _)| *id).ok()?].1;
        let before = partition.reigns.iter().rev().find(|reign| reign.at <= acknowledged);
        let without = partition.reigns.iter().find(|reign| reign.at > acknowledged && reign.end <= offset);
        let mut steps = Vec::new();
        let mut involved = Vec::new();
        if let Some(reign) = before {
            steps.push(CauseStep { at: acknowledged, node: reign.node, text: "acknowledges".to_owned() });
            involved.push(reign.node);
        }
        involved.extend(without.map(|reign| reign.node));
        let until = without.map_or(Time(u64::MAX), |reign| reign.at);
        self.steps_between(p, offset, acknowledged, until, &involved, &mut steps);
        let last_epoch = without.and_then(|w| partition.reigns.iter().rfind(|r| r.epoch < w.epoch)).map(|r| r.epoch);
        Some(Loss { last_epoch, cause: steps })
    }

    fn steps_between(
        &self,
        p: usize,
        offset: i64,
        since: Time,
        until: Time,
        who: &[NodeId],
        steps: &mut Vec<CauseStep>,
    ) {
        let partition = &self.partitions[p];
        let within = |at: Time| since <= at && at <= until;
        for (index, node) in self.nodes.iter().enumerate() {
            let id = NodeId(index as u32);
            for crash in node.crashes.iter().filter(|crash| within(crash.at) && (crash.power_lost || who.contains(&id)))
            {
                let text = if crash.power_lost { "loses power" } else { "crashes" };
                steps.push(CauseStep { at: crash.at, node: id, text: text.to_owned() });
            }
        }
        for Cut { at, node, end } in partition.cuts.iter().filter(|cut| within(cut.at) && cut.end <= offset) {
            steps.push(CauseStep { at: *at, node: *node, text: format!("cuts its log to {end}") });
        }
        let short = |reign: &&Reign| within(reign.at) && reign.at > since && reign.end <= offset;
        for Reign { at, node, end, .. } in partition.reigns.iter().filter(short) {
            steps.push(CauseStep { at: *at, node: *node, text: format!("elected with log end {end}") });
        }
        steps.sort_by_key(|step| step.at);
        if steps.len() > MAX_STEPS {
            // Keep the first two steps and the last ones, and drop the middle.
            steps.drain(2..steps.len() - (MAX_STEPS - 2));
        }
    }
}
