//! A state as people read it: roles, epochs, log ends, ISR; not a dump of the machines.

use core::fmt::{self, Debug, Formatter};

use tribunal_protocol::Message;

use super::{Budget, State, Wire, lane};
use crate::node::Node;
use crate::parts::{Active, Replica, Voter};

impl Debug for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (id, node) in self.nodes.iter().enumerate() {
            write!(f, "b{id}  ")?;
            describe(node, f)?;
            if let Some(feed) = self.feeds.get(id).filter(|feed| !feed.is_empty()) {
                write!(f, " · {} metadata changes behind", feed.len())?;
            }
            writeln!(f)?;
        }
        for wire in self.wires.iter().filter(|wire| wire.ways.iter().any(|way| !way.items.is_empty())) {
            in_flight(wire, f)?;
        }
        let nodes = self.nodes.len() as u32;
        for (a, b) in (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))) {
            if self.is_cut(tribunal_contract::NodeId(a), tribunal_contract::NodeId(b)) {
                writeln!(f, "b{a} and b{b} are cut off from each other")?;
            }
        }
        let left: Vec<String> = Budget::ALL
            .iter()
            .filter(|budget| self.left(**budget) > 0)
            .map(|budget| format!("{} {}", self.left(*budget), budget.key().replace('_', " ")))
            .collect();
        if !left.is_empty() {
            writeln!(f, "left: {}", left.join(", "))?;
        }
        if let Some(violation) = &self.violation {
            writeln!(f, "VIOLATION {}: {}", violation.property, violation.detail)?;
        }
        Ok(())
    }
}

fn describe(node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    let Some(part) = &node.part else { return f.write_str("down") };
    match (part.as_voter(), part.as_replica(), part.as_controller()) {
        (Some(voter), ..) => of_voter(voter, f)?,
        (_, Some(replica), _) => of_replica(replica, f)?,
        (.., Some(active)) => of_controller(active, f)?,
        _ => f.write_str("starting")?,
    }
    match node.disk.open_syncs().count() {
        0 => Ok(()),
        1 => f.write_str(" · a sync under way"),
        n => write!(f, " · {n} syncs under way"),
    }
}

fn of_voter(voter: &Voter, f: &mut Formatter<'_>) -> fmt::Result {
    let view = voter.quorum().view();
    write!(f, "{:<11} epoch {}", format!("{:?}", view.role).to_lowercase(), view.epoch)?;
    if let Some(leader) = view.leader {
        write!(f, " · leader b{leader}")?;
    }
    if let Some(voted) = view.voted {
        write!(f, " · voted b{voted}{}", if view.durable { "" } else { ", not yet on disk" })?;
    }
    write!(f, " · log {}..{} of epoch {}", view.log_start, view.log_end, view.last_epoch)?;
    if view.flushed < view.log_end {
        write!(f, ", durable to {}", view.flushed)?;
    }
    write!(f, " · high watermark {}", view.high_watermark)?;
    match view.snapshot_end {
        Some(end) => write!(f, " · snapshot to {end}"),
        None => Ok(()),
    }
}

fn of_replica(replica: &Replica, f: &mut Formatter<'_>) -> fmt::Result {
    if replica.replicas().is_offline() {
        return f.write_str("log directory offline");
    }
    let mut any = false;
    for partition in replica.replicas().iter() {
        any = true;
        let (epoch, leader) = (partition.leader_epoch, partition.leader);
        match partition.leading() {
            Some(leading) => {
                write!(f, "leads epoch {epoch} · isr {:?}", partition.isr)?;
                if let Some(pending) = &leading.pending {
                    let members: Vec<i32> = pending.members.iter().map(|(id, _)| *id).collect();
                    write!(f, " → {members:?} pending")?;
                }
                for follower in leading.followers.iter().filter(|follower| follower.end >= 0) {
                    write!(f, " · b{} at {}", follower.broker, follower.end)?;
                }
            }
            None if leader < 0 => write!(f, "epoch {epoch} · no leader")?,
            None => write!(f, "follows b{leader} in epoch {epoch}")?,
        }
        write!(f, " · log end {} · high watermark {}", partition.log.end_offset(), partition.high_watermark)?;
        if partition.log.flushed_offset() < partition.log.end_offset() {
            write!(f, " · durable to {}", partition.log.flushed_offset())?;
        }
        let epochs: Vec<String> =
            partition.log.epochs().entries().iter().map(|e| format!("{}@{}", e.epoch, e.start_offset)).collect();
        if !epochs.is_empty() {
            write!(f, " · epochs {}", epochs.join(" "))?;
        }
    }
    if any { Ok(()) } else { f.write_str("no partition") }
}

fn of_controller(active: &Active, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("controller")?;
    for (_, partition) in active.image().partitions() {
        let (leader, epoch) = (partition.leader, partition.leader_epoch);
        match leader {
            ..0 => write!(f, " · nobody leads, epoch {epoch}")?,
            leader => write!(f, " · b{leader} leads epoch {epoch}")?,
        }
        write!(f, " · isr {:?}", partition.isr)?;
        if !partition.elr.is_empty() {
            write!(f, " · elr {:?}", partition.elr)?;
        }
    }
    let fenced: Vec<i32> = active.image().brokers().filter(|broker| broker.fenced).map(|broker| broker.id).collect();
    if fenced.is_empty() { Ok(()) } else { write!(f, " · fenced {fenced:?}") }
}

fn in_flight(wire: &Wire, f: &mut Formatter<'_>) -> fmt::Result {
    for (at, way) in wire.ways.iter().enumerate().filter(|(_, way)| !way.items.is_empty()) {
        let names: Vec<String> = way.items.iter().map(|msg| name(msg)).collect();
        let old = if wire.conn.attempt > 0 { ", a later connection" } else { "" };
        let ends = if way.ends { ", then the connection ends" } else { "" };
        let (from, to, lane) = (wire.sender(at).0, wire.receiver(at).0, lane(wire.conn.lane.0));
        writeln!(f, "b{from} → b{to}  {} ({lane}{old}{ends})", names.join(", "))?;
    }
    Ok(())
}

/// What a message is.
pub fn name(msg: &Message) -> String {
    match msg {
        Message::Request { body, .. } => body.api_key().name().to_owned(),
        Message::Response { body, .. } => format!("{} answered", body.api_key().name()),
    }
}
