//! Attempts to connect: how long they take, who hears of them, how they end.

use tribunal_contract::{ConnId, Lane};
use tribunal_sim::{Fault, Range};

use crate::common::{Do, Lab, Saw};
use crate::{cut, heal, lab_connect, node};

#[test]
fn connecting_takes_a_round_trip() {
    let mut lab = Lab::new(2);
    lab.take();
    lab.tell(0, Do::Connect(1, 7));
    lab.run(5);
    let conn = ConnId { initiator: node(0), acceptor: node(1), lane: Lane(7), attempt: 0 };
    assert_eq!(lab.take(), [(1_000, 1, Saw::Up(conn, true)), (2_000, 0, Saw::Up(conn, false))]);
}

#[test]
fn every_attempt_on_a_lane_has_its_own_number() {
    let mut lab = Lab::new(2);
    for attempt in 0..3 {
        assert_eq!(lab.connect(0, 1, 0).attempt, attempt);
    }
    assert_eq!(lab.connect(0, 1, 1).attempt, 0);
    assert_eq!(lab.connect(1, 0, 0).attempt, 0);
}

#[test]
fn a_host_without_a_process_refuses_at_once_and_one_without_power_never_answers() {
    let mut lab = Lab::new(3);
    lab.take();
    assert!(lab.kernel.apply(Fault::Crash { node: node(1) }));
    assert!(lab.kernel.apply(Fault::PowerLoss { node: node(2) }));
    lab.tell(0, Do::Connect(1, 0));
    lab.tell(0, Do::Connect(2, 0));
    lab.run(10_000);
    let seen = lab.take();
    assert_eq!(seen[0], (2_000, 0, Saw::Refused(1)));
    assert_eq!(seen[1].2, Saw::Refused(2));
    assert!((3_000_000..=5_000_000).contains(&seen[1].0), "{seen:?}");
    assert_eq!(seen.len(), 2);
}

#[test]
fn an_attempt_outlives_a_short_outage() {
    let mut lab = Lab::new(3);
    lab.take();
    lab.kernel.apply(cut(0, 1, true));
    lab.kernel.apply(Fault::PowerLoss { node: node(2) });
    lab.tell(0, Do::Connect(1, 0));
    lab.tell(0, Do::Connect(2, 0));
    lab.run(1_000);
    assert!(lab.take().is_empty());
    lab.kernel.apply(Fault::HealAll);
    lab.kernel.apply(Fault::Restart { node: node(2) });
    lab.run(1_000);
    let mut up: Vec<u32> = lab
        .take_what()
        .into_iter()
        .filter_map(|(node, saw)| match saw {
            Saw::Up(conn, false) if node == 0 => Some(conn.acceptor.0),
            _ => None,
        })
        .collect();
    up.sort_unstable();
    assert_eq!(up, [1, 2]);
}

#[test]
fn an_attempt_across_a_cut_times_out_on_both_ends() {
    // The acceptor would give its own answer up as well, but later.
    let mut lab = Lab::with(2, |config| config.net.tcp_timeout = Range::millis(8_000, 10_000));
    lab.take();
    // The acceptor hears the first packet; its answer does not get through.
    lab.kernel.apply(cut(1, 0, false));
    lab.tell(0, Do::Connect(1, 0));
    lab.run(10_000);
    let seen = lab.take();
    assert!(matches!(seen[0], (1_000, 1, Saw::Up(_, true))), "{seen:?}");
    assert_eq!((seen[1].1, &seen[1].2), (0, &Saw::Refused(1)));
    assert!(matches!(seen[2], (_, 1, Saw::Down(_))), "{seen:?}");
    assert_eq!(seen.len(), 3);
}

#[test]
fn an_attempt_ends_when_its_acceptor_dies_behind_a_cut() {
    // The acceptor hears the first packet and answers into a link that is cut, then its process ends.
    let begin = || {
        let mut lab = Lab::new(2);
        lab.take();
        assert!(lab.kernel.apply(cut(1, 0, false)));
        lab.tell(0, Do::Connect(1, 0));
        lab.run(10);
        assert!(matches!(lab.take_what()[..], [(1, Saw::Up(_, true))]));
        assert!(lab.kernel.apply(Fault::Crash { node: node(1) }));
        lab
    };
    // Never healed: the attempt times out.
    let mut lab = begin();
    lab.run(10_000);
    assert_eq!(lab.take_what(), [(0, Saw::Refused(1))]);
    // Healed in time: the initiator sees a connection, and its end.
    let mut lab = begin();
    assert!(lab.kernel.apply(heal(1, 0, false)));
    lab.run(10_000);
    assert!(matches!(lab.take_what()[..], [(0, Saw::Up(up, false)), (0, Saw::Down(down))] if up == down));
}

#[test]
fn a_node_has_no_connections_to_itself() {
    let mut lab = Lab::new(1);
    lab.take();
    lab.tell(0, Do::Connect(0, 0));
    lab.run(1);
    assert_eq!(lab.take_what(), [(0, Saw::Refused(0))]);
}

#[test]
fn late_bytes_arrive_after_the_initiator_reconnects() {
    let mut lab = Lab::with(2, |config| {
        config.net.late_bytes_percent = 100;
        config.net.late_bytes = Range::millis(20, 30);
    });
    let old = lab.connect(0, 1, 0);
    lab.tell(0, Do::Send(old, 1));
    lab.tell(0, Do::Send(old, 2));
    lab.tell(1, Do::Send(old, 3));
    lab.run(0);
    lab.kernel.apply(Fault::Reset { a: node(0), b: node(1), lane: None });
    lab.run(2);
    assert_eq!(lab.take_what(), [(0, Saw::Down(old))]);
    let new = lab.connect(0, 1, 0);
    assert_eq!(new.attempt, old.attempt + 1);
    lab.tell(0, Do::Send(new, 4));
    lab.run(100);
    assert_eq!(
        lab.take_what(),
        [(1, Saw::Msg(new, 4)), (1, Saw::Msg(old, 1)), (1, Saw::Msg(old, 2)), (1, Saw::Down(old))]
    );
}

#[test]
fn a_refusal_does_not_reach_a_later_connection() {
    let mut lab = Lab::new(4);
    lab.tell(0, Do::Connect(1, 0));
    lab.run(0);
    lab.kernel.apply(Fault::Crash { node: node(1) });
    lab.kernel.apply(Fault::PowerLoss { node: node(0) });
    // The first packet arrives where no process is, and its answer is on the way to a host without power.
    lab.run(1);
    let conn = lab_connect(&mut lab, 2, 3);
    lab.tell(2, Do::Send(conn, 1));
    lab.run(10);
    assert_eq!(lab.take_what(), [(3, Saw::Msg(conn, 1))]);
}
