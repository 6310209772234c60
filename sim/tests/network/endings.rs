//! Resets, half-open connections, closes, and what the end of a process or host does to connections.

use tribunal_contract::Lane;
use tribunal_sim::{Fault, Range};

use crate::common::{Do, Lab, Saw};
use crate::node;

#[test]
fn a_reset_ends_only_connections_between_its_nodes() {
    let mut lab = Lab::with(3, |config| config.net.late_bytes_percent = 0);
    let conn = lab.connect(0, 1, 0);
    let other_lane = lab.connect(0, 1, 1);
    let back = lab.connect(1, 0, 0);
    let bystander = lab.connect(0, 2, 0);
    assert!(lab.kernel.apply(Fault::Reset { a: node(1), b: node(0), lane: Some(Lane(0)) }));
    lab.tell(0, Do::Send(conn, 3));
    lab.tell(0, Do::Send(other_lane, 4));
    lab.tell(0, Do::Send(bystander, 5));
    lab.run(100);
    let mut seen = lab.take_what();
    seen.sort_by_key(|(node, saw)| (*node, tribunal_sim::stable_hash(saw)));
    let mut expected = vec![
        (0, Saw::Down(conn)),
        (1, Saw::Down(conn)),
        (0, Saw::Down(back)),
        (1, Saw::Down(back)),
        (1, Saw::Msg(other_lane, 4)),
        (2, Saw::Msg(bystander, 5)),
    ];
    expected.sort_by_key(|(node, saw)| (*node, tribunal_sim::stable_hash(saw)));
    assert_eq!(seen, expected);
    assert!(!lab.kernel.apply(Fault::Reset { a: node(1), b: node(2), lane: None }));
}

#[test]
fn a_reset_loses_a_suffix_of_the_messages_in_flight() {
    let arrived: std::collections::BTreeSet<u32> = (0..200u64)
        .map(|seed| {
            let mut lab = Lab::with(2, |config| {
                config.seed = tribunal_sim::Seed(seed);
                config.net.late_bytes_percent = 0;
            });
            let conn = lab.connect(0, 1, 0);
            lab.tell(0, Do::Burst(conn, 4));
            lab.run(0);
            assert!(lab.kernel.apply(Fault::Reset { a: node(0), b: node(1), lane: None }));
            lab.run(100);
            let at_acceptor: Vec<Saw> =
                lab.take_what().into_iter().filter(|(node, _)| *node == 1).map(|(_, saw)| saw).collect();
            let messages = at_acceptor.len() as u32 - 1;
            let whole: Vec<Saw> = (0..messages).map(|n| Saw::Msg(conn, n)).chain([Saw::Down(conn)]).collect();
            assert_eq!(at_acceptor, whole, "seed {seed}");
            messages
        })
        .collect();
    assert_eq!(arrived.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn sending_reveals_a_half_open_connection() {
    let mut lab = Lab::with(2, |config| config.net.keepalive = Range::millis(60_000, 60_000));
    let conn = lab.connect(0, 1, 0);
    assert!(lab.kernel.apply(Fault::HalfOpen { node: node(1), peer: node(0) }));
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(1, Saw::Down(conn))], "the other end does not know");
    lab.tell(0, Do::Send(conn, 1));
    lab.run(10);
    assert_eq!(lab.take_what(), [(0, Saw::Down(conn))]);
    assert!(!lab.kernel.apply(Fault::HalfOpen { node: node(1), peer: node(0) }));
}

#[test]
fn a_keepalive_reveals_a_half_open_connection() {
    let mut lab = Lab::with(2, |config| config.net.keepalive = Range::millis(700, 700));
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(Fault::HalfOpen { node: node(0), peer: node(1) });
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(0, Saw::Down(conn)), (1, Saw::Down(conn))]);
}

#[test]
fn messages_before_a_close_arrive_and_only_the_peer_sees_it() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.tell(0, Do::Send(conn, 1));
    lab.tell(0, Do::Close(conn));
    lab.tell(0, Do::Send(conn, 2));
    lab.tell(1, Do::Send(conn, 3));
    lab.run(100);
    assert_eq!(lab.take_what(), [(1, Saw::Msg(conn, 1)), (1, Saw::Down(conn))]);
    lab.tell(1, Do::Send(conn, 4));
    lab.tell(1, Do::Close(conn));
    lab.run(100);
    assert!(lab.take().is_empty());
}

#[test]
fn a_crash_closes_connections_after_sent_messages() {
    let mut lab = Lab::new(3);
    let opened = lab.connect(1, 0, 0);
    let accepted = lab.connect(2, 1, 0);
    lab.tell(1, Do::Send(opened, 1));
    lab.run(0);
    let start = lab.now_micros();
    assert!(lab.kernel.apply(Fault::Crash { node: node(1) }));
    assert!(!lab.kernel.apply(Fault::Crash { node: node(1) }));
    lab.run(100);
    let at = start + 1_000;
    assert_eq!(lab.take(), [(at, 0, Saw::Msg(opened, 1)), (at, 0, Saw::Down(opened)), (at, 2, Saw::Down(accepted))]);
}

#[test]
fn a_sending_peer_notices_a_lost_host() {
    let mut lab = Lab::new(3);
    let idle = lab.connect(0, 1, 0);
    let busy = lab.connect(2, 1, 0);
    assert!(lab.kernel.apply(Fault::PowerLoss { node: node(1) }));
    let start = lab.now_micros();
    lab.tell(2, Do::Send(busy, 1));
    lab.run(600_000);
    let seen = lab.take();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].1, &seen[0].2), (2, &Saw::Down(busy)));
    assert!((2_000_000..=10_002_000).contains(&(seen[0].0 - start)));
    // The idle one is half open: a message after the host is back is answered with a reset.
    lab.kernel.apply(Fault::Restart { node: node(1) });
    lab.run(0);
    lab.take();
    let start = lab.now_micros();
    lab.tell(0, Do::Send(idle, 2));
    lab.run(100);
    assert_eq!(lab.take(), [(start + 2_000, 0, Saw::Down(idle))]);
}

#[test]
fn a_returned_host_resets_waiting_peers_at_once_and_idle_ones_by_keepalive() {
    let mut lab = Lab::new(3);
    let idle = lab.connect(0, 1, 0);
    let busy = lab.connect(2, 1, 0);
    lab.kernel.apply(Fault::PowerLoss { node: node(1) });
    lab.tell(2, Do::Send(busy, 1));
    lab.run(1_000);
    lab.kernel.apply(Fault::Restart { node: node(1) });
    lab.run(1);
    let start = lab.now_micros();
    assert_eq!(lab.take_what()[1..], [(2, Saw::Down(busy))]);
    lab.run(10_000);
    let seen = lab.take();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].1, &seen[0].2), (0, &Saw::Down(idle)));
    assert!((499_000..=5_001_000).contains(&(seen[0].0 - start)), "{seen:?}");
}
