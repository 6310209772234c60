//! What the quorum promises, one scenario each.

mod world;

use tribunal_common::{Bugs, QuorumRole};
use world::{Dice, World};

fn world(voters: usize, observers: usize) -> World {
    let mut world = World::new(voters, observers, Bugs::NONE, Dice::new(Vec::new(), 77));
    world.start_all();
    world
}

fn with_leader(voters: usize, observers: usize) -> (World, usize) {
    let mut world = world(voters, observers);
    world.run_until("a first leader", 30, |w| w.active().is_some());
    let leader = world.active().expect("just seen");
    (world, leader)
}

fn caught_up(w: &World) -> bool {
    let Some(leader) = w.active() else { return false };
    let end = w.view(leader).map(|v| v.log_end);
    w.views().iter().flatten().all(|v| Some(v.high_watermark) == end && Some(v.log_end) == end)
}

#[test]
fn a_single_voter_elects_itself_at_once_and_again_after_a_restart() {
    let mut world = world(1, 0);
    let started = world.now;
    world.run_until("leader", 1, |w| w.active() == Some(0));
    assert_eq!(world.now, started, "no timer is needed");
    world.append(0, 3);
    world.run_until("committed", 1, caught_up);
    world.crash(0, true);
    world.start(0);
    let restarted = world.now;
    world.run_until("leader again", 1, |w| w.active() == Some(0));
    assert_eq!(world.now, restarted);
    assert_eq!(world.nodes[0].app.values.len(), 3);
}

#[test]
fn an_isolated_leader_resigns_and_the_others_elect_another() {
    let (mut world, leader) = with_leader(3, 0);
    world.isolate(leader);
    world.run_until("another leader", 30, |w| w.active().is_some_and(|l| l != leader));
    world.run_until("the old one knows that it leads no more", 10, |w| {
        w.view(leader).is_some_and(|v| v.role != QuorumRole::Leader)
    });
}

#[test]
fn a_voter_that_was_away_comes_back_without_an_election() {
    let (mut world, leader) = with_leader(3, 0);
    let away = (leader + 1) % 3;
    let epoch = world.view(leader).expect("up").epoch;
    world.isolate(away);
    world.run_for(60);
    assert_eq!(world.view(away).expect("up").epoch, epoch, "a pre-vote raises no epoch");
    world.heal();
    world.run_for(30);
    world.append(leader, 1);
    world.run_until("all have it", 10, caught_up);
    assert_eq!(world.active(), Some(leader));
    assert_eq!(world.view(leader).expect("up").epoch, epoch);
}

#[test]
fn a_voter_that_cannot_hear_the_leader_does_not_disturb_the_rest() {
    let (mut world, leader) = with_leader(3, 0);
    let deaf = (leader + 1) % 3;
    let epoch = world.view(leader).expect("up").epoch;
    // It reaches the third voter, which hears the leader well.
    world.cut.extend([(leader, deaf), (deaf, leader)]);
    world.run_for(60);
    assert_eq!(world.active(), Some(leader));
    assert_eq!(world.view(leader).expect("up").epoch, epoch);
}

#[test]
fn a_quiet_cluster_keeps_its_leader_and_writes_nothing() {
    let (mut world, leader) = with_leader(5, 2);
    world.run_until("all caught up", 10, caught_up);
    let before = (world.view(leader).expect("up"), world.nodes.iter().map(|n| n.disk.pending()).sum::<usize>());
    let events = world.events;
    world.run_for(100);
    assert_eq!(before, (world.view(leader).expect("up"), 0));
    // Every half second: a fetch, its timer, its answer.
    let fetches = 6 * 100 * 2;
    assert!(world.events - events <= fetches * 3 + 50, "{} events", world.events - events);
}

#[test]
fn a_controlled_shutdown_hands_over_before_any_timeout() {
    let (mut world, leader) = with_leader(3, 0);
    world.append(leader, 5);
    world.run_until("all have it", 10, caught_up);
    let resigned = world.now;
    world.resign(leader);
    world.run_until("a successor", 30, |w| w.active().is_some_and(|l| l != leader));
    let took = world.now - resigned;
    assert!(took < 1_000_000_000, "{took} ns: the fetch timeout is 2 s");
    world.run_for(20);
    assert_ne!(world.active(), Some(leader), "who stops does not stand again");
}

#[test]
fn an_observer_finds_the_leader_and_follows_it_through_a_change() {
    let (mut world, leader) = with_leader(3, 2);
    world.append(leader, 4);
    world.run_until("observers have it", 20, |w| w.nodes[4].app.values.len() == 4);
    world.crash(leader, false);
    world.run_until("another leader", 30, |w| w.active().is_some());
    let next = world.active().expect("just seen");
    world.append(next, 1);
    world.run_until("observers have it", 30, |w| w.nodes[3].app.values.len() == 5 && w.nodes[4].app.values.len() == 5);
}

#[test]
fn observers_do_not_count_towards_the_high_watermark() {
    let (mut world, leader) = with_leader(3, 2);
    world.run_until("all caught up", 10, caught_up);
    let committed = world.view(leader).expect("up").high_watermark;
    for voter in (0..3).filter(|v| *v != leader) {
        world.crash(voter, false);
    }
    world.append(leader, 1);
    world.run_for(2);
    assert_eq!(world.view(leader).expect("up").high_watermark, committed);
}

#[test]
fn a_follower_that_missed_a_snapshot_fetches_it_and_goes_on() {
    let (mut world, leader) = with_leader(3, 0);
    let away = (leader + 1) % 3;
    world.isolate(away);
    for _ in 0..3 {
        world.append(leader, 20);
        world.run_until("a majority has it", 10, |w| w.view(leader).is_some_and(|v| v.high_watermark == v.log_end));
        world.snapshot(leader);
        world.run_for(1);
    }
    assert!(world.view(leader).expect("up").log_start > 0, "the log is bounded");
    world.heal();
    world.append(leader, 1);
    world.run_until("all have it", 30, caught_up);
    assert!(world.truth.reached.contains_key("snapshot-installed"));
    assert_eq!(world.nodes[away].app.values.len(), 61);
    world.crash(away, true);
    world.start(away);
    world.run_until("it has it still", 30, caught_up);
    assert_eq!(world.nodes[away].app.values.len(), 61);
}

#[test]
fn the_log_on_disk_stays_bounded_by_snapshots() {
    let (mut world, _) = with_leader(1, 0);
    let mut most = 0;
    for _ in 0..40 {
        world.append(0, 10);
        world.run_for(1);
        world.snapshot(0);
        world.run_until("all durable", 5, |w| w.nodes[0].disk.pending() == 0);
        let names = tribunal_contract::Disk::list(&mut world.nodes[0].disk, "__cluster_metadata-0").expect("works");
        most = most.max(names.len());
    }
    assert!(most <= 20, "{most} files");
    let view = world.view(0).expect("up");
    assert!(view.log_end - view.log_start <= 2 * 10 + 2, "{view:?}");
}

#[test]
fn a_committed_record_is_known_to_followers_without_waiting_for_the_next_poll() {
    let (mut world, leader) = with_leader(3, 0);
    world.run_until("all caught up", 10, caught_up);
    let before = world.now;
    world.append(leader, 1);
    world.run_until("all know that it is committed", 10, caught_up);
    assert_eq!(world.now, before, "no timer is needed (KIP-1166)");
}
