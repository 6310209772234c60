//! Latency and bandwidth of a link.

use tribunal_contract::{ConnId, Lane, Span};
use tribunal_sim::{Fault, Latency};

use crate::common::{Do, Lab, MESSAGE_BYTES, Saw};
use crate::{lab_connect, node, numbers};

#[test]
fn messages_arrive_in_order_at_any_latency() {
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
fn a_spread_gives_each_link_its_own_latency() {
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
fn bytes_waiting_for_a_link_continue_at_its_new_rate() {
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
