//! Cuts between nodes, what they hold back, and what a heal brings.

use tribunal_sim::Fault;

use crate::common::{Do, Lab, Saw};
use crate::{cut, downs, heal, lab_connect, node, numbers};

#[test]
fn a_heal_delivers_held_messages_in_order() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.tell(0, Do::Send(conn, 1));
    lab.run(0);
    lab.kernel.apply(cut(0, 1, true));
    lab.tell(0, Do::Send(conn, 2));
    lab.run(500);
    lab.tell(0, Do::Send(conn, 3));
    lab.run(500);
    assert!(lab.take().is_empty());
    lab.tell(0, Do::Send(conn, 4));
    assert!(lab.kernel.apply(heal(0, 1, true)));
    assert!(!lab.kernel.apply(heal(0, 1, true)));
    lab.tell(0, Do::Send(conn, 5));
    lab.run(20_000);
    let seen = lab.take();
    assert_eq!(numbers(&seen, 1), [1, 2, 3, 4, 5]);
    assert!(downs(&seen).is_empty(), "the connection survives: {seen:?}");
}

#[test]
fn a_sender_gives_up_after_its_timeout_and_its_peer_learns_after_the_heal() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(cut(0, 1, true));
    let start = lab.now_micros();
    lab.tell(0, Do::Send(conn, 1));
    lab.run(60_000);
    let seen = lab.take();
    let down = downs(&seen);
    assert_eq!(down.len(), 1);
    assert_eq!(down[0].1, 0);
    assert!((2_000_000..=10_002_000).contains(&(down[0].0 - start)), "{down:?}");
    lab.kernel.apply(Fault::HealAll);
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(1, Saw::Down(conn))]);
}

#[test]
fn an_idle_connection_outlives_a_partition() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(cut(0, 1, true));
    lab.run(600_000);
    lab.kernel.apply(heal(0, 1, true));
    lab.tell(1, Do::Send(conn, 9));
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(0, Saw::Msg(conn, 9))]);
}

#[test]
fn a_one_way_partition_passes_the_other_way_until_acknowledgements_fail() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    assert!(lab.kernel.apply(cut(0, 1, false)));
    lab.tell(0, Do::Send(conn, 1));
    lab.tell(1, Do::Send(conn, 2));
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(0, Saw::Msg(conn, 2))]);
    lab.run(30_000);
    let seen = lab.take();
    assert_eq!(downs(&seen).len(), 2, "{seen:?}");
    assert_eq!(numbers(&seen, 1), []);
}

#[test]
fn late_acknowledgements_save_the_connection() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(cut(0, 1, false));
    lab.tell(1, Do::Send(conn, 2));
    lab.run(1_900);
    lab.kernel.apply(heal(0, 1, false));
    lab.run(30_000);
    assert_eq!(lab.take_what(), [(0, Saw::Msg(conn, 2))]);
}

#[test]
fn held_messages_of_a_closed_end_do_not_reach_the_next_connection() {
    let mut lab = Lab::new(4);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(cut(1, 0, false));
    lab.tell(0, Do::Close(conn));
    lab.tell(1, Do::Send(conn, 1));
    lab.run(10);
    assert_eq!(lab.take_what(), [(1, Saw::Down(conn))]);
    lab.kernel.apply(heal(1, 0, false));
    let next = lab_connect(&mut lab, 2, 3);
    lab.tell(3, Do::Send(next, 2));
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(2, Saw::Msg(next, 2))]);
}

#[test]
fn a_fault_of_an_unknown_node_changes_nothing() {
    let mut lab = Lab::new(1);
    assert!(!lab.kernel.apply(Fault::Crash { node: node(7) }));
    assert!(!lab.kernel.apply(cut(0, 7, true)));
}
