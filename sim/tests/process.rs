//! Processes, timers, clocks, and how a run ends.

mod common;

use common::{Do, Lab, Saw};
use tribunal_contract::{NodeId, Span, Time};
use tribunal_sim::{Config, Fault, Lifecycle, Mode, Ran, Stop};

const NODE: NodeId = NodeId(0);

fn timers(lab: &mut Lab) -> Vec<(u64, u32)> {
    lab.take()
        .into_iter()
        .filter_map(|(at, _, saw)| if let Saw::Timer(index, _) = saw { Some((at, index)) } else { None })
        .collect()
}

#[test]
fn a_timer_fires_once_at_a_varying_instant_in_its_range() {
    let mut lab = Lab::new(1);
    for index in 0..50 {
        lab.tell(0, Do::Timer(index, 10, 20));
    }
    lab.run(1_000);
    let fired = timers(&mut lab);
    assert_eq!(fired.len(), 50);
    assert!(fired.iter().all(|&(at, _)| (10_000..=20_000).contains(&at)));
    let mut times: Vec<u64> = fired.iter().map(|f| f.0).collect();
    times.dedup();
    assert!(times.len() > 40);
}

#[test]
fn setting_a_timer_again_replaces_its_deadline() {
    let mut lab = Lab::new(1);
    lab.tell(0, Do::Timer(0, 10, 10));
    lab.tell(0, Do::Timer(0, 30, 30));
    lab.tell(0, Do::Timer(1, 30, 30));
    lab.tell(0, Do::Timer(1, 10, 10));
    lab.run(20);
    // Set again for when an entry of its first setting is still pending.
    lab.tell(0, Do::Timer(1, 10, 10));
    lab.run(100);
    let mut fired = timers(&mut lab);
    // Which of two timers goes first at one instant is not promised.
    fired.sort_unstable();
    assert_eq!(fired, [(10_000, 1), (30_000, 0), (30_000, 1)]);
}

#[test]
fn a_cancelled_timer_does_not_fire_and_can_be_set_again() {
    let mut lab = Lab::new(1);
    lab.tell(0, Do::Timer(0, 10, 10));
    lab.run(5);
    lab.tell(0, Do::Cancel(0));
    lab.tell(0, Do::Cancel(77));
    lab.run(100);
    assert_eq!(timers(&mut lab), []);
    lab.tell(0, Do::Timer(0, 10, 10));
    lab.run(100);
    assert_eq!(timers(&mut lab), [(115_000, 0)]);
}

#[test]
fn timers_and_syncs_of_an_earlier_incarnation_do_not_arrive() {
    let mut lab = Lab::new(1);
    lab.tell(0, Do::Create("f"));
    lab.tell(0, Do::Append("f", b"x"));
    lab.tell(0, Do::Sync("f", 1));
    lab.tell(0, Do::Timer(0, 10, 10));
    lab.run(0);
    lab.kernel.apply(Fault::Crash { node: NODE });
    assert_eq!(lab.kernel.mode(NODE), Mode::Down);
    assert!(lab.kernel.machine(NODE).is_none());
    lab.take();
    assert!(lab.kernel.apply(Fault::Restart { node: NODE }));
    assert!(!lab.kernel.apply(Fault::Restart { node: NODE }));
    lab.run(1_000);
    assert!(matches!(lab.take_what()[..], [(0, Saw::Start(_))]));
    assert_eq!(lab.kernel.incarnation(NODE), Some(1));
    // The device went on without the process.
    assert_eq!(lab.kernel.disk(NODE).lengths("f"), Some((1, 1)));
}

#[test]
fn a_resumed_process_sees_missed_events_in_order() {
    let mut lab = Lab::new(3);
    let conn = lab.connect(0, 1, 0);
    lab.tell(1, Do::Timer(0, 3, 3));
    lab.run(0);
    assert!(lab.kernel.apply(Fault::Pause { node: NodeId(1) }));
    assert!(!lab.kernel.apply(Fault::Pause { node: NodeId(1) }));
    lab.tell(0, Do::Send(conn, 1));
    lab.run(2);
    lab.tell(0, Do::Send(conn, 2));
    lab.tell(2, Do::Connect(1, 0));
    lab.run(3);
    lab.tell(0, Do::Close(conn));
    lab.run(60_000);
    // The host takes connections for its process.
    assert!(matches!(lab.take_what()[..], [(2, Saw::Up(_, false))]));
    let resumed = lab.now_micros();
    lab.tell(0, Do::Send(conn, 3));
    assert!(lab.kernel.apply(Fault::Resume { node: NodeId(1) }));
    lab.run(10);
    let seen = lab.take();
    assert!(seen.iter().all(|(at, node, _)| (*at, *node) == (resumed, 1)), "{seen:?}");
    let seen: Vec<Saw> = seen.into_iter().map(|s| s.2).collect();
    let up = seen.iter().find(|saw| matches!(saw, Saw::Up(_, true))).cloned().expect("the new connection");
    let timer = seen.iter().find(|saw| matches!(saw, Saw::Timer(0, _))).cloned().expect("the timer");
    assert_eq!(seen, [Saw::Msg(conn, 1), timer, Saw::Msg(conn, 2), up, Saw::Down(conn)]);
}

#[test]
fn new_events_queue_behind_missed_ones() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(Fault::Pause { node: NodeId(1) });
    for n in 0..5 {
        lab.tell(0, Do::Send(conn, n));
    }
    lab.run(1);
    // Due at the very instant of the resume, and scheduled before it.
    for n in 5..8 {
        lab.tell(0, Do::Send(conn, n));
    }
    lab.run(0);
    lab.kernel.at(lab.kernel.now() + Span::from_millis(1), 1);
    let limit = Time::from_millis(100);
    assert_eq!(lab.kernel.run_until(limit), Ran::Token(1));
    lab.kernel.apply(Fault::Resume { node: NodeId(1) });
    assert_eq!(lab.kernel.run_until(limit), Ran::Limit);
    let expected: Vec<(u32, Saw)> = (0..8).map(|n| (1, Saw::Msg(conn, n))).collect();
    assert_eq!(lab.take_what(), expected);
}

#[test]
fn a_process_paused_during_catch_up_stays_paused() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.apply(Fault::Pause { node: NodeId(1) });
    lab.tell(0, Do::Send(conn, 1));
    lab.run(5);
    assert!(lab.kernel.apply(Fault::Resume { node: NodeId(1) }));
    assert!(lab.kernel.apply(Fault::Pause { node: NodeId(1) }));
    lab.run(5);
    assert!(lab.take().is_empty());
    assert!(lab.kernel.apply(Fault::Resume { node: NodeId(1) }));
    lab.run(5);
    assert_eq!(lab.take_what(), [(1, Saw::Msg(conn, 1))]);
}

#[test]
fn a_process_killed_while_paused_loses_missed_events() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.tell(1, Do::Timer(0, 1, 1));
    lab.run(0);
    lab.kernel.apply(Fault::Pause { node: NodeId(1) });
    lab.tell(0, Do::Send(conn, 1));
    lab.tell(1, Do::Choose(3));
    lab.run(5);
    lab.kernel.apply(Fault::Crash { node: NodeId(1) });
    lab.kernel.apply(Fault::Restart { node: NodeId(1) });
    lab.run(100);
    assert!(matches!(lab.take_what()[..], [(1, Saw::Start(_)), (0, Saw::Down(_))]));
}

#[test]
fn a_clock_offset_moves_no_timer() {
    let mut lab = Lab::new(1);
    let epoch = Config::new(0).epoch;
    assert_eq!(lab.take_what(), [(0, Saw::Start(epoch))]);
    lab.tell(0, Do::Timer(0, 10, 10));
    lab.run(5);
    assert!(lab.kernel.apply(Fault::ClockOffset { node: NODE, nanos: -3_000_000_000 }));
    assert_eq!(lab.kernel.clock(NODE).0, epoch.0 + 5_000_000 - 3_000_000_000);
    lab.run(10);
    assert_eq!(lab.take(), [(10_000, 0, Saw::Timer(0, Time(epoch.0 + 10_000_000 - 3_000_000_000)))]);
    assert!(!lab.kernel.apply(Fault::ClockOffset { node: NODE, nanos: -3_000_000_000 }));
}

#[test]
fn a_halted_process_closes_connections_and_can_restart() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.tell(1, Do::Halt);
    lab.tell(1, Do::Choose(2));
    lab.run(10);
    assert_eq!(lab.take_what(), [(0, Saw::Down(conn))]);
    assert_eq!(lab.kernel.mode(NodeId(1)), Mode::Down);
    let last = lab.kernel.judge().lifecycles.last().copied();
    assert_eq!(last, Some((Time(2_000_000), NodeId(1), Lifecycle::Halted("told to"))));
    assert!(lab.kernel.start(NodeId(1)));
    lab.run(10);
    assert_eq!(lab.kernel.mode(NodeId(1)), Mode::Running);
}

#[test]
fn a_crash_at_the_instant_of_a_start_wins() {
    let mut lab = Lab::new(1);
    lab.kernel.apply(Fault::Crash { node: NODE });
    lab.take();
    assert!(lab.kernel.apply(Fault::Restart { node: NODE }));
    assert!(lab.kernel.apply(Fault::Crash { node: NODE }));
    lab.run(10);
    assert!(lab.take().is_empty());
    assert_eq!(lab.kernel.mode(NODE), Mode::Down);
}

#[test]
fn a_machine_panic_ends_the_run_and_names_the_node() {
    let mut lab = Lab::new(3);
    lab.tell(2, Do::Panic);
    let ran = lab.kernel.run_until(Time::from_millis(10));
    assert_eq!(ran, Ran::Stopped);
    let panic = Stop::Panic { node: Some(NodeId(2)), message: "told to".to_owned() };
    assert_eq!(lab.kernel.stop(), Some(&panic));
    assert_eq!(lab.kernel.run_until(Time::from_millis(20)), Ran::Stopped);
}

#[test]
fn the_first_violation_ends_the_run_after_its_event() {
    let mut lab = Lab::new(1);
    lab.kernel.judge_mut().forbidden = Some(Saw::Chose(0));
    lab.tell(0, Do::Choose(1));
    lab.tell(0, Do::Timer(0, 0, 0));
    assert_eq!(lab.kernel.run_until(Time::from_millis(10)), Ran::Stopped);
    assert_eq!(lab.kernel.stop(), Some(&Stop::Violation(Saw::Chose(0))));
    assert_eq!(lab.kernel.now(), Time(0));
    assert!(!lab.kernel.apply(Fault::Crash { node: NODE }));
    assert_eq!(timers(&mut lab), []);
}

#[test]
fn a_judge_can_interrupt_a_run_at_any_event() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    lab.kernel.judge_mut().awaited = Some(Saw::Msg(conn, 1));
    for n in 0..3 {
        lab.tell(0, Do::Send(conn, n));
    }
    let limit = Time::from_millis(10);
    assert_eq!(lab.kernel.run_until(limit), Ran::Interrupted);
    assert_eq!(lab.kernel.now(), Time::from_millis(3));
    assert_eq!(lab.take_what(), [(1, Saw::Msg(conn, 0)), (1, Saw::Msg(conn, 1))]);
    // What is due at the same instant has not happened yet, so a fault can still prevent it.
    lab.kernel.apply(Fault::Crash { node: NodeId(1) });
    assert_eq!(lab.kernel.run_until(limit), Ran::Limit);
    assert_eq!(lab.take_what(), [(0, Saw::Down(conn))]);
}

#[test]
fn tokens_come_up_in_order_with_other_events() {
    let mut lab = Lab::new(1);
    lab.take();
    lab.kernel.at(Time::from_millis(7), 70);
    lab.kernel.at(Time::from_millis(3), 30);
    lab.kernel.at(Time::from_millis(7), 71);
    lab.tell(0, Do::Timer(0, 5, 5));
    let limit = Time::from_millis(8);
    assert_eq!(lab.kernel.run_until(limit), Ran::Token(30));
    assert!(lab.take().is_empty());
    assert_eq!(lab.kernel.run_until(limit), Ran::Token(70));
    assert_eq!(lab.kernel.now(), Time::from_millis(7));
    assert_eq!(timers(&mut lab), [(5_000, 0)]);
    assert_eq!(lab.kernel.run_until(limit), Ran::Token(71));
    assert_eq!(lab.kernel.run_until(limit), Ran::Limit);
    assert_eq!(lab.kernel.now(), limit);
}

#[test]
fn an_input_to_a_dead_process_is_lost() {
    let mut lab = Lab::new(1);
    lab.kernel.apply(Fault::Crash { node: NODE });
    lab.take();
    lab.tell(0, Do::Choose(2));
    lab.run(1);
    assert!(lab.take().is_empty());
}

#[test]
fn choices_cover_exactly_their_range() {
    let mut lab = Lab::new(1);
    lab.take();
    for _ in 0..100 {
        lab.tell(0, Do::Choose(3));
    }
    lab.run(1);
    let mut chosen: Vec<u32> =
        lab.take_what().into_iter().map(|(_, saw)| if let Saw::Chose(n) = saw { n } else { 99 }).collect();
    chosen.sort_unstable();
    chosen.dedup();
    assert_eq!(chosen, [0, 1, 2]);
}

#[test]
fn a_process_can_die_between_two_effects_of_one_step() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(0, 1, 0);
    assert!(lab.kernel.apply(Fault::CrashAfter { node: NODE, effects: 3, power: false }));
    lab.tell(0, Do::Send(conn, 9));
    lab.tell(0, Do::Burst(conn, 4));
    lab.tell(0, Do::Choose(1));
    lab.run(10);
    let seen = lab.take_what();
    assert_eq!(seen, [(1, Saw::Msg(conn, 9)), (1, Saw::Msg(conn, 0)), (1, Saw::Msg(conn, 1)), (1, Saw::Down(conn))]);
    assert_eq!(lab.kernel.mode(NODE), Mode::Down);
    assert!(!lab.kernel.apply(Fault::CrashAfter { node: NODE, effects: 3, power: false }));
}

#[test]
fn writes_after_the_last_effect_are_lost() {
    let mut lab = Lab::new(1);
    lab.tell(0, Do::Create("f"));
    lab.run(0);
    lab.kernel.apply(Fault::CrashAfter { node: NODE, effects: 1, power: true });
    lab.tell(0, Do::Append("f", b"a"));
    lab.tell(0, Do::Append("f", b"b"));
    lab.take();
    lab.run(0);
    assert_eq!(lab.kernel.mode(NODE), Mode::Off);
    lab.kernel.apply(Fault::Restart { node: NODE });
    lab.tell(0, Do::Timer(1, 5, 5));
    lab.run(10);
    assert_eq!(timers(&mut lab).len(), 1, "the next incarnation lives on");
}

#[test]
fn events_wait_for_a_slow_cpu() {
    let mut lab = Lab::new(2);
    let conn = lab.connect(1, 0, 0);
    lab.kernel.apply(Fault::SlowCpu { node: NODE, nanos: 10_000_000 });
    lab.tell(1, Do::Burst(conn, 3));
    let sent = lab.now_micros();
    lab.run(100);
    let seen: Vec<_> = lab.take().into_iter().map(|(at, _, saw)| (at - sent, saw)).collect();
    let arrived = |at, n| (at, Saw::Msg(conn, n));
    assert_eq!(seen, [arrived(1_000, 0), arrived(11_000, 1), arrived(21_000, 2)]);
    lab.kernel.apply(Fault::SlowCpu { node: NODE, nanos: 0 });
    let sent = lab.now_micros();
    lab.tell(1, Do::Burst(conn, 2));
    lab.run(100);
    let seen: Vec<_> = lab.take().into_iter().map(|(at, _, saw)| (at - sent, saw)).collect();
    assert_eq!(seen, [arrived(1_000, 0), arrived(1_000, 1)]);
}

#[test]
fn a_drifted_clock_keeps_its_gain_after_the_drift_ends() {
    let mut lab = Lab::new(1);
    let ahead = |lab: &Lab| lab.kernel.clock(NODE).0 as i64 - Config::new(0).epoch.0 as i64 - lab.kernel.now().0 as i64;
    assert!(lab.kernel.apply(Fault::ClockDrift { node: NODE, ppm: 100_000 }));
    lab.run(1_000);
    assert_eq!(ahead(&lab), 100_000_000);
    assert!(lab.kernel.apply(Fault::ClockDrift { node: NODE, ppm: -50_000 }));
    lab.run(1_000);
    assert_eq!(ahead(&lab), 50_000_000);
    assert!(lab.kernel.apply(Fault::ClockDrift { node: NODE, ppm: 0 }));
    lab.run(1_000);
    assert_eq!(ahead(&lab), 50_000_000);
}
