//! When to ask for metadata, and whom.

use tribunal_common::{Fx, timers};
use tribunal_contract::{Lane, NodeId, Span, TimerId};
use tribunal_protocol::ErrorCode;
use tribunal_protocol::messages::metadata_response::MetadataResponse;

use crate::links::{Links, Readiness};
use crate::metadata::Metadata;
use crate::{NetConfig, backoff};

/// The refresh of one client: at most one request for metadata is out, and no two follow each other faster than
/// `retry.backoff.ms`, however many errors ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refresh {
    stage: Stage,
    /// A topic came in use after the request that is out was written.
    again: bool,
    /// Rounds in a row in which no broker answered.
    failures: u8,
    /// Brokers not tried yet in this round.
    untried: Vec<NodeId>,
    timer: TimerId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// Nobody wants any; the timer fires when it is too old.
    Fresh,
    /// Somebody wants it.
    Wanted,
    /// This broker will be asked as soon as its connection is up.
    Chosen(NodeId),
    /// This broker was asked.
    Asked(NodeId),
    /// It was answered, or nobody answered, a moment ago. The timer ends the rest.
    Resting { wanted: bool },
}

impl Refresh {
    pub(crate) fn new(lane: Lane) -> Refresh {
        Refresh {
            stage: Stage::Fresh,
            again: false,
            failures: 0,
            untried: Vec::new(),
            timer: TimerId { class: timers::CLIENT_METADATA, index: u32::from(lane.0) },
        }
    }

    pub(crate) fn owns_timer(&self, id: TimerId) -> bool {
        id == self.timer
    }

    /// What is known is missing or wrong.
    pub(crate) fn want(&mut self) {
        match &mut self.stage {
            Stage::Fresh => self.stage = Stage::Wanted,
            Stage::Resting { wanted } => *wanted = true,
            Stage::Wanted | Stage::Chosen(_) | Stage::Asked(_) => {}
        }
    }

    /// A topic has come in use. Unlike after an error it is not waited with asking for it, unless nobody answers.
    pub(crate) fn want_new_topic(&mut self) {
        match self.stage {
            Stage::Asked(_) => self.again = true,
            Stage::Resting { .. } if self.failures == 0 => self.stage = Stage::Wanted,
            _ => self.want(),
        }
    }

    /// The broker to which the request is to be sent now, if that is so. It then counts as sent.
    pub(crate) fn next<C, F: Fx>(
        &mut self,
        config: &NetConfig,
        metadata: &Metadata,
        links: &mut Links<C>,
        fx: &mut F,
    ) -> Option<NodeId> {
        loop {
            match self.stage {
                Stage::Wanted => match self.choose(config, metadata, links, fx) {
                    Some(node) => self.stage = Stage::Chosen(node),
                    None => {
                        self.rest(config, fx);
                        return None;
                    }
                },
                Stage::Chosen(node) => match links.readiness(node) {
                    Readiness::Up { .. } => {
                        self.stage = Stage::Asked(node);
                        return Some(node);
                    }
                    Readiness::BackingOff => self.stage = Stage::Wanted,
                    Readiness::Closed | Readiness::Connecting => {
                        links.ready(fx, node, 1);
                        return None;
                    }
                },
                Stage::Fresh | Stage::Asked(_) | Stage::Resting { .. } => return None,
            }
        }
    }

    /// One of the brokers that would answer soonest: least loaded, then connecting, then unconnected. None if each was
    /// tried in this round; brokers whose connection just failed count as tried.
    fn choose<C, F: Fx>(
        &mut self,
        config: &NetConfig,
        metadata: &Metadata,
        links: &Links<C>,
        fx: &mut F,
    ) -> Option<NodeId> {
        if self.untried.is_empty() {
            // The bootstrap brokers stay in: if all that is known is gone, they are the way back (KIP-899).
            self.untried.extend(metadata.brokers.iter().chain(&config.bootstrap));
            self.untried.sort_unstable();
            self.untried.dedup();
        }
        let best = self.untried.iter().map(|&node| links.readiness(node)).min()?;
        if best == Readiness::BackingOff {
            self.untried.clear();
            return None;
        }
        let count = self.untried.iter().filter(|&&node| links.readiness(node) == best).count();
        let nth = if count > 1 { fx.choose(count as u32) as usize } else { 0 };
        let index = (0..self.untried.len()).filter(|&i| links.readiness(self.untried[i]) == best).nth(nth)?;
        Some(self.untried.remove(index))
    }

    /// The connection to `node` could not be opened or is gone, or it answered with an error.
    pub(crate) fn failed<F: Fx>(&mut self, config: &NetConfig, node: NodeId, fx: &mut F) {
        if !matches!(self.stage, Stage::Chosen(chosen) | Stage::Asked(chosen) if chosen == node) {
            return;
        }
        if self.untried.is_empty() {
            self.rest(config, fx);
        } else {
            self.stage = Stage::Wanted;
        }
    }

    fn rest<F: Fx>(&mut self, config: &NetConfig, fx: &mut F) {
        let (base, max) = (config.retry_backoff, config.retry_backoff_max);
        self.failures = backoff::bump(self.failures, base, max);
        let (min, max) = backoff::range(base, max, self.failures);
        fx.set_timer(self.timer, min, max);
        self.stage = Stage::Resting { wanted: true };
    }

    /// `node` answered: `metadata` is renewed, unless the answer is an error. Whether it was renewed.
    pub(crate) fn answered<F: Fx>(
        &mut self,
        config: &NetConfig,
        node: NodeId,
        response: &MetadataResponse,
        metadata: &mut Metadata,
        fx: &mut F,
    ) -> bool {
        if response.error_code != ErrorCode::None.code() {
            self.failed(config, node, fx);
            return false;
        }
        metadata.update(response);
        self.succeeded(config, fx);
        true
    }

    fn succeeded<F: Fx>(&mut self, config: &NetConfig, fx: &mut F) {
        self.failures = 0;
        self.untried.clear();
        if std::mem::take(&mut self.again) {
            self.stage = Stage::Wanted;
            return;
        }
        self.stage = Stage::Resting { wanted: false };
        let (min, max) = backoff::range(config.retry_backoff, config.retry_backoff_max, 1);
        fx.set_timer(self.timer, min, max);
    }

    /// The timer of [`Refresh::owns_timer`].
    pub(crate) fn timer_fired<F: Fx>(&mut self, config: &NetConfig, fx: &mut F) {
        match self.stage {
            Stage::Resting { wanted: false } => {
                self.stage = Stage::Fresh;
                if config.metadata_max_age > Span::ZERO {
                    fx.set_timer(self.timer, config.metadata_max_age, config.metadata_max_age);
                }
            }
            Stage::Resting { wanted: true } | Stage::Fresh => self.stage = Stage::Wanted,
            Stage::Wanted | Stage::Chosen(_) | Stage::Asked(_) => {}
        }
    }
}
