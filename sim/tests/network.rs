//! Connections, and what faults do to them.

mod common;

use common::{Do, Lab, MESSAGE_BYTES, Saw};
use tribunal_contract::{ConnId, Lane, NodeId, Span};
use tribunal_sim::{Fault, Latency, Range};

fn node(n: u32) -> NodeId {
    NodeId(n)
}

fn cut(from: u32, to: u32, both: bool) -> Fault {
    Fault::Partition { from: node(from), to: node(to), both }
}

fn heal(from: u32, to: u32, both: bool) -> Fault {
    Fault::Heal { from: node(from), to: node(to), both }
}

fn numbers(seen: &[(u64, u32, Saw)], of: u32) -> Vec<u32> {
    seen.iter()
        .filter_map(|(_, node, saw)| match saw {
            Saw::Msg(_, n) if *node == of => Some(*n),
            _ => None,
        })
        .collect()
}

fn downs(seen: &[(u64, u32, Saw)]) -> Vec<(u64, u32)> {
    seen.iter().filter(|s| matches!(s.2, Saw::Down(_))).map(|s| (s.0, s.1)).collect()
}

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
fn an_attempt_across_a_cut_is_refused_in_time_and_the_acceptor_forgets_it() {
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
fn an_attempt_whose_answer_is_held_back_when_the_acceptor_dies_still_comes_to_an_end() {
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
fn messages_arrive_in_order_whatever_their_latencies() {
    let mut lab = Lab::with(2, |config| {
        config.net.latency = Latency::exponential(Span::from_micros(100), Span::from_millis(2), Span::from_millis(50));
    });
    lab.tell(0, Do::Connect(1, 0));
    lab.run(200);
    let conn = ConnId { initiator: node(0), acceptor: node(1), lane: Lane(0), attempt: 0 };
    lab.take();
    for n in 0..500 {
        lab.tell(0, Do::Send(conn, n));
        lab.tell(1, Do::Send(conn, n));
        if n % 10 == 0 {
            lab.run(1);
        }
    }
    lab.run(200);
    let seen = lab.take();
    assert_eq!(numbers(&seen, 0), (0..500).collect::<Vec<_>>());
    assert_eq!(numbers(&seen, 1), (0..500).collect::<Vec<_>>());
    let mut times: Vec<u64> = seen.iter().map(|s| s.0).collect();
    times.dedup();
    assert!(times.len() > 50, "latencies vary: {}", times.len());
}

#[test]
fn a_partition_holds_what_is_sent_and_in_flight_and_a_heal_delivers_it_in_order() {
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
fn a_sender_gives_up_after_its_timeout_and_the_other_end_learns_of_it_after_the_heal() {
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
fn a_one_way_partition_lets_the_other_way_through_until_acknowledgements_are_missed() {
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
fn acknowledgements_that_come_late_save_the_connection() {
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
fn a_reset_tells_both_ends_of_its_connections_and_touches_no_others() {
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
fn a_reset_loses_what_is_in_flight_from_some_message_on() {
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
fn a_half_open_connection_is_found_out_by_the_end_that_sends() {
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
fn an_idle_end_of_a_half_open_connection_is_found_out_by_its_keep_alive() {
    let mut lab = Lab::with(2, |config| config.net.keepalive = Range::millis(700, 700));
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(Fault::HalfOpen { node: node(0), peer: node(1) });
    lab.run(1_000);
    assert_eq!(lab.take_what(), [(0, Saw::Down(conn)), (1, Saw::Down(conn))]);
}

#[test]
fn links_have_their_own_speed_where_they_are_spread() {
    let mut lab = Lab::with(4, |config| config.net.spread_percent = 200);
    let conns = [lab_connect(&mut lab, 0, 1), lab_connect(&mut lab, 0, 2), lab_connect(&mut lab, 0, 3)];
    let before = lab.now_micros();
    for conn in conns {
        lab.tell(0, Do::Send(conn, 1));
    }
    lab.run(10);
    let took: Vec<u64> = lab.take().into_iter().map(|(at, ..)| at - before).collect();
    assert!(took.iter().all(|micros| (1_000..=3_000).contains(micros)), "{took:?}");
    assert!(took[0] != took[1] && took[1] != took[2], "{took:?}");
}

fn lab_connect(lab: &mut Lab, from: u32, to: u32) -> tribunal_contract::ConnId {
    lab.tell(from, Do::Connect(to, 0));
    lab.run(10);
    let up = lab.take_what().into_iter().find_map(|(at, saw)| match saw {
        Saw::Up(conn, false) if at == from => Some(conn),
        _ => None,
    });
    up.expect("connected")
}

#[test]
fn bytes_of_an_old_connection_are_processed_after_the_initiator_has_connected_again() {
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
fn what_was_sent_before_a_close_still_arrives_and_only_the_peer_sees_the_end() {
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
fn a_crash_closes_connections_behind_what_was_sent() {
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
fn a_lost_host_tells_nobody_and_a_peer_that_sends_finds_out_by_itself() {
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
fn a_host_that_is_back_resets_waiting_peers_at_once_and_idle_ones_by_keepalive() {
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

#[test]
fn bandwidth_spaces_messages_by_their_size() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    let bytes_per_second = Some(MESSAGE_BYTES as u64 * 100);
    lab.kernel.apply(Fault::LinkBandwidth { from: node(0), to: node(1), both: false, bytes_per_second });
    let start = lab.now_micros();
    for n in 0..3 {
        lab.tell(0, Do::Send(conn, n));
    }
    lab.tell(1, Do::Send(conn, 9));
    lab.run(100);
    let times: Vec<u64> = lab.take().iter().map(|s| s.0 - start).collect();
    assert_eq!(times, [1_000, 11_000, 21_000, 31_000]);
}

#[test]
fn what_waits_for_a_link_goes_on_at_its_new_rate() {
    let mut lab = Lab::new(2);
    let (bulk, other, third) = (lab.connect(0, 1, 0), lab.connect(0, 1, 1), lab.connect(0, 1, 2));
    let start = lab.now_micros();
    let limit = |lab: &mut Lab, messages: Option<u64>| {
        let bytes_per_second = messages.map(|messages| MESSAGE_BYTES as u64 * messages);
        lab.kernel.apply(Fault::LinkBandwidth { from: node(0), to: node(1), both: false, bytes_per_second });
    };
    limit(&mut lab, Some(100));
    (0..10).for_each(|n| lab.tell(0, Do::Send(bulk, n)));
    lab.run(0);
    // What takes 100 ms takes 10, and then no time.
    limit(&mut lab, Some(1_000));
    lab.tell(0, Do::Send(other, 10));
    lab.run(0);
    limit(&mut lab, None);
    lab.tell(0, Do::Send(third, 11));
    lab.run(200);
    let seen = lab.take();
    let at = |conn| seen.iter().find(|(_, _, saw)| matches!(saw, Saw::Msg(of, _) if *of == conn)).map(|s| s.0 - start);
    assert_eq!([at(bulk), at(other), at(third)], [Some(11_000), Some(12_000), Some(1_000)]);
}

#[test]
fn a_link_has_its_own_latency_each_way() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    let latency = Some(Latency::fixed(Span::from_millis(50)));
    lab.kernel.apply(Fault::LinkLatency { from: node(0), to: node(1), both: false, latency });
    let start = lab.now_micros();
    lab.tell(0, Do::Send(conn, 1));
    lab.tell(1, Do::Send(conn, 2));
    lab.run(100);
    let seen = lab.take();
    assert_eq!(seen, [(start + 1_000, 0, Saw::Msg(conn, 2)), (start + 50_000, 1, Saw::Msg(conn, 1))]);
}

#[test]
fn a_fault_of_a_node_that_does_not_exist_changes_nothing() {
    let mut lab = Lab::new(1);
    assert!(!lab.kernel.apply(Fault::Crash { node: node(7) }));
    assert!(!lab.kernel.apply(cut(0, 7, true)));
}

#[test]
fn a_refusal_that_nobody_is_left_to_hear_is_not_taken_for_another_connections() {
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

#[test]
fn what_a_cut_held_back_for_an_end_that_was_gone_does_not_come_up_for_the_next_connection() {
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
