//! Deleted records: the log start may lie anywhere, also within a batch, and no check of a leader takes that for rot.
//!
//! These checks of records can take a log directory offline: `is_sound` in `fetch.rs` (checksum, place and epoch of
//! every batch that is served), the checks of place in `Log::read` and `Log::truncate_to`, and the errors of a lookup by
//! time. All of them are asked here, over every log that the replicas themselves can make.

use proptest::prelude::*;
use tribunal_common::{TruncationMode, timers};
use tribunal_protocol::ErrorCode;
use tribunal_records::Batches;

use super::fetching::wanted;
use super::support::World;

const ALL: [i32; 3] = [1, 2, 3];
const MODES: [TruncationMode; 2] = [TruncationMode::Fetch, TruncationMode::Lookup];

/// Reads at every offset that a broker's log has: each read brings the batch with that offset, whole, and the
/// directory stays online.
fn reads_every_offset(world: &mut World, id: i32) {
    let (start, high_watermark) = (world.replica(id).log.start_offset(), world.high_watermark(id));
    for offset in start..high_watermark {
        let read = world.fetch(id, -1, wanted(offset, -1, -1));
        assert_eq!(read.error_code, ErrorCode::None.code(), "broker {id} at {offset}");
        assert_eq!(read.log_start_offset, start);
        let first = Batches::new(read.records.unwrap_or_default()).next().expect("a batch").expect("a whole batch");
        assert!((first.header.base_offset..first.header.next_offset()).contains(&offset));
    }
    assert!(!world.broker(id).replicas.is_offline(), "broker {id}");
}

fn settle(world: &mut World) {
    world.run();
    for _ in 0..3 {
        ALL.iter().for_each(|id| world.sync(*id));
        world.end_waits();
        // A process that died has left calls without an answer.
        for id in ALL {
            world.fire(id, timers::FETCHER_CALL);
            world.fire(id, timers::FETCHER_BACKOFF);
        }
        world.run();
    }
}

#[test]
fn a_read_from_a_log_start_within_a_batch_brings_the_batch() {
    let mut world = World::new(3, 2, TruncationMode::Fetch);
    world.produce_batch(1, -1, 10);
    settle(&mut world);
    world.delete_before(1, 5);
    reads_every_offset(&mut world, 1);
    let below = world.fetch(1, -1, wanted(4, -1, -1));
    assert_eq!(below.error_code, ErrorCode::OffsetOutOfRange.code());
}

#[test]
fn a_new_follower_joins_where_the_log_starts_within_a_batch() {
    for mode in MODES {
        let mut world = World::new(3, 2, mode);
        world.produce_batch(1, -1, 10);
        settle(&mut world);
        world.delete_before(1, 5);
        world.restart_wiped(3);
        settle(&mut world);
        assert_eq!(world.log(3), world.log(1), "{mode:?}");
        assert_eq!((world.replica(3).log.start_offset(), world.end(3)), (5, 10), "{mode:?}");
        assert_eq!(world.high_watermark(3), 10, "{mode:?}");
        // It serves what it fetched.
        world.elect(3, &ALL);
        settle(&mut world);
        reads_every_offset(&mut world, 3);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Delete { share: f64 },
    Elect { leader: i32 },
    Produce { records: u32 },
    Restart { which: i32 },
    RestartWiped { which: i32 },
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0.0..=1.0).prop_map(|share| Step::Delete { share }),
        2 => (1..=3).prop_map(|leader| Step::Elect { leader }),
        4 => (1..=7u32).prop_map(|records| Step::Produce { records }),
        1 => (1..=3).prop_map(|which| Step::Restart { which }),
        1 => (1..=3).prop_map(|which| Step::RestartWiped { which }),
        2 => Just(Step::Settle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_legal_log_is_served(steps in prop::collection::vec(step(), 1..30), lookup in any::<bool>()) {
        let mut world = World::new(3, 2, if lookup { TruncationMode::Lookup } else { TruncationMode::Fetch });
        for step in steps {
            let leader = world.state.leader;
            match step {
                Step::Delete { share } => {
                    let (start, high) = (world.replica(leader).log.start_offset(), world.high_watermark(leader));
                    let offset = start + ((high - start) as f64 * share) as i64;
                    world.delete_before(leader, offset);
                }
                Step::Elect { leader } => {
                    settle(&mut world);
                    world.elect(leader, &ALL);
                }
                Step::Produce { records } => {
                    world.produce_batch(leader, -1, records);
                }
                // A leader moves first: what it has alone would be lost with an empty disk, and is not legal then.
                Step::Restart { which } | Step::RestartWiped { which } => {
                    settle(&mut world);
                    world.elect(which % 3 + 1, &ALL);
                    settle(&mut world);
                    match step {
                        Step::Restart { .. } => world.restart(which),
                        _ => world.restart_wiped(which),
                    }
                }
                Step::Settle => settle(&mut world),
            }
            let leader = world.state.leader;
            reads_every_offset(&mut world, leader);
        }
        settle(&mut world);
        settle(&mut world);
        let leader = world.state.leader;
        let start = world.replica(leader).log.start_offset();
        for id in ALL {
            prop_assert!(!world.broker(id).replicas.is_offline(), "broker {}", id);
            prop_assert_eq!(world.end(id), world.end(leader), "broker {}", id);
            prop_assert_eq!(world.replica(id).log.start_offset(), start, "broker {}", id);
        }
        for id in ALL {
            world.elect(id, &ALL);
            settle(&mut world);
            reads_every_offset(&mut world, id);
        }
    }
}
