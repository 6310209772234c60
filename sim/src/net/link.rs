//! Links: the network path from one node to another, and the connections opened over it.

use tribunal_contract::{ConnId, Lane, NodeId, Span};

use crate::{Latency, NetConfig, Seed};

#[derive(Debug)]
struct Link {
    seed: Seed,
    latency: Latency,
    /// Bytes a second; 0 for unlimited.
    bandwidth: u64,
    /// The time at which the last byte sent so far has left, if bandwidth is limited.
    busy_until: u64,
    /// The number of items sent so far, which is the index of the next latency draw.
    sent: u64,
    cut: bool,
    /// Connections opened from the link's start to its end, by lane.
    lanes: Vec<LaneOf>,
}

/// The connections of one lane. Usually one is alive, and old ones may linger at the acceptor.
#[derive(Debug)]
struct LaneOf {
    next_attempt: u32,
    newest: Option<(u32, u32)>,
    older: Vec<(u32, u32)>,
}

/// The links of the world. A link exists once its nodes were connected or a fault affected it.
#[derive(Debug)]
pub(super) struct Links {
    seed: Seed,
    default_latency: Latency,
    spread_percent: u32,
    default_bandwidth: u64,
    links: Vec<Link>,
    /// The place in `links` plus one, by start and end of the link; 0 is none. Rows grow on demand.
    places: Vec<Vec<u32>>,
}

impl Links {
    pub(super) fn new(seed: Seed, config: &NetConfig) -> Links {
        Links {
            seed: seed.fork("links"),
            default_latency: config.latency,
            spread_percent: config.spread_percent,
            default_bandwidth: config.bandwidth.unwrap_or(0),
            links: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Sends an item over `link` at `now` and returns its time of arrival.
    #[inline]
    pub(super) fn arrival(&mut self, link: u32, now: u64, size: impl FnOnce() -> usize) -> u64 {
        let link = &mut self.links[link as usize];
        let latency = link.latency.draw(link.seed, link.sent);
        link.sent += 1;
        let mut sent_at = now;
        if link.bandwidth != 0 {
            let nanos = size() as u128 * 1_000_000_000 / u128::from(link.bandwidth);
            sent_at = link.busy_until.max(now).saturating_add(nanos.min(u128::from(u64::MAX)) as u64);
            link.busy_until = sent_at;
        }
        sent_at.saturating_add(latency)
    }

    /// Begins a connection over `link` on `lane`. Returns the number of the attempt.
    pub(super) fn open(&mut self, link: u32, lane: Lane, slot: u32) -> u32 {
        let lanes = &mut self.links[link as usize].lanes;
        while lanes.len() <= lane.0 as usize {
            lanes.push(LaneOf { next_attempt: 0, newest: None, older: Vec::new() });
        }
        let lane = &mut lanes[lane.0 as usize];
        let attempt = lane.next_attempt;
        lane.next_attempt += 1;
        lane.older.extend(lane.newest.replace((attempt, slot)));
        attempt
    }

    /// The place of a connection, unless it is retired.
    #[inline]
    pub(super) fn find(&self, conn: ConnId) -> Option<u32> {
        let link = self.place(conn.initiator, conn.acceptor)?;
        let lane = self.links[link as usize].lanes.get(conn.lane.0 as usize)?;
        match lane.newest {
            Some((attempt, slot)) if attempt == conn.attempt => Some(slot),
            _ => lane.older.iter().find(|(attempt, _)| *attempt == conn.attempt).map(|&(_, slot)| slot),
        }
    }

    /// Retires a connection that is over for both ends. False if it was retired before.
    pub(super) fn retire(&mut self, conn: ConnId, slot: u32) -> bool {
        let Some(link) = self.place(conn.initiator, conn.acceptor) else { return false };
        let lane = &mut self.links[link as usize].lanes[conn.lane.0 as usize];
        if lane.newest == Some((conn.attempt, slot)) {
            lane.newest = None;
            return true;
        }
        let before = lane.older.len();
        lane.older.retain(|&old| old != (conn.attempt, slot));
        lane.older.len() < before
    }

    /// The link from one node to another. Creates it if it does not exist.
    pub(super) fn between(&mut self, from: NodeId, to: NodeId) -> u32 {
        if let Some(link) = self.place(from, to) {
            return link;
        }
        let seed = self.seed.index(from.0.into()).index(to.0.into());
        let latency = self.usual(seed);
        if self.places.len() <= from.index() {
            self.places.resize_with(from.index() + 1, Vec::new);
        }
        let row = &mut self.places[from.index()];
        if row.len() <= to.index() {
            row.resize(to.index() + 1, 0);
        }
        self.links.push(Link {
            seed,
            latency,
            bandwidth: self.default_bandwidth,
            busy_until: 0,
            sent: 0,
            cut: false,
            lanes: Vec::new(),
        });
        row[to.index()] = self.links.len() as u32;
        self.links.len() as u32 - 1
    }

    #[inline]
    fn place(&self, from: NodeId, to: NodeId) -> Option<u32> {
        self.places.get(from.index())?.get(to.index())?.checked_sub(1)
    }

    pub(super) fn is_cut(&self, link: u32) -> bool {
        self.links[link as usize].cut
    }

    /// Cuts or heals a link. False if nothing changed.
    pub(super) fn set_cut(&mut self, link: u32, cut: bool) -> bool {
        let link = &mut self.links[link as usize];
        let changed = link.cut != cut;
        link.cut = cut;
        changed
    }

    /// Heals every link. False if none was cut.
    pub(super) fn heal_all(&mut self) -> bool {
        let mut any = false;
        for link in &mut self.links {
            any |= link.cut;
            link.cut = false;
        }
        any
    }

    pub(super) fn latency(&self, link: u32) -> Latency {
        self.links[link as usize].latency
    }

    pub(super) fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Option<Latency>) {
        let link = self.between(from, to);
        let latency = latency.unwrap_or_else(|| self.usual(self.links[link as usize].seed));
        self.links[link as usize].latency = latency;
    }

    /// The latency of a link without its own setting: the default, slowed by the link's share of the spread.
    fn usual(&self, seed: Seed) -> Latency {
        let default = self.default_latency;
        if self.spread_percent == 0 {
            return default;
        }
        let percent = 100 + seed.fork("spread").below(0, u64::from(self.spread_percent) + 1);
        let scale = |span: Span| Span::from_nanos((u128::from(span.as_nanos()) * u128::from(percent) / 100) as u64);
        Latency { min: scale(default.min), tail: scale(default.tail), max: scale(default.max) }
    }

    /// Sets the bandwidth of a link. Bytes waiting to be sent continue at the new rate. Scheduled arrivals stay.
    pub(super) fn set_bandwidth(&mut self, now: u64, from: NodeId, to: NodeId, bandwidth: Option<u64>) {
        let bandwidth = bandwidth.map_or(self.default_bandwidth, |b| b.max(1));
        let link = self.between(from, to);
        let link = &mut self.links[link as usize];
        let bytes_by_rate = u128::from(link.busy_until.saturating_sub(now)) * u128::from(link.bandwidth);
        let waits = bytes_by_rate.checked_div(u128::from(bandwidth)).unwrap_or(0);
        link.busy_until = now.saturating_add(waits.min(u128::from(u64::MAX)) as u64);
        link.bandwidth = bandwidth;
    }
}
