//! Connections, and what faults do to them.

#[path = "../common/mod.rs"]
mod common;
mod connecting;
mod endings;
mod links;
mod partitions;

use common::{Do, Lab, Saw};
use tribunal_contract::{ConnId, NodeId};
use tribunal_sim::Fault;

pub(crate) fn node(n: u32) -> NodeId {
    NodeId(n)
}

pub(crate) fn cut(from: u32, to: u32, both: bool) -> Fault {
    Fault::Partition { from: node(from), to: node(to), both }
}

pub(crate) fn heal(from: u32, to: u32, both: bool) -> Fault {
    Fault::Heal { from: node(from), to: node(to), both }
}

pub(crate) fn numbers(seen: &[(u64, u32, Saw)], of: u32) -> Vec<u32> {
    seen.iter()
        .filter_map(|(_, node, saw)| match saw {
            Saw::Msg(_, n) if *node == of => Some(*n),
            _ => None,
        })
        .collect()
}

pub(crate) fn downs(seen: &[(u64, u32, Saw)]) -> Vec<(u64, u32)> {
    seen.iter().filter(|s| matches!(s.2, Saw::Down(_))).map(|s| (s.0, s.1)).collect()
}

pub(crate) fn lab_connect(lab: &mut Lab, from: u32, to: u32) -> ConnId {
    lab.tell(from, Do::Connect(to, 0));
    lab.run(10);
    let up = lab.take_what().into_iter().find_map(|(at, saw)| match saw {
        Saw::Up(conn, false) if at == from => Some(conn),
        _ => None,
    });
    up.expect("connected")
}
