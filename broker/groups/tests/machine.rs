//! Whatever members, admin clients, alarms and failovers do, in any order.

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use tribunal_common::Obs;
use tribunal_groups::{Alarm, Groups, Reply, State};
use tribunal_protocol::{ErrorCode, Str};

const CLIENTS: u32 = 4;
/// From here on, clients that ask once.
const PASSERS_BY: u32 = 1_000;

#[derive(Clone, Debug)]
enum Step {
    Join {
        client: u32,
        version: i16,
        fixed: bool,
    },
    Sync {
        client: u32,
    },
    Heartbeat {
        client: u32,
    },
    Leave {
        client: u32,
    },
    Commit {
        client: u32,
        late: bool,
    },
    Simple,
    Delete,
    Expire,
    /// One of the alarms that are set goes off.
    Ring(usize),
    Hold,
    CommitAll,
    Refuse(bool),
    /// A new coordinator reads the log; what waited is lost.
    Failover,
}

fn steps() -> impl Strategy<Value = Step> {
    let client = || 1..=CLIENTS;
    prop_oneof![
        6 => (client(), prop_oneof![Just(3_i16), Just(5), Just(9)], prop::bool::weighted(0.2))
            .prop_map(|(client, version, fixed)| Step::Join { client, version, fixed }),
        6 => client().prop_map(|client| Step::Sync { client }),
        2 => client().prop_map(|client| Step::Heartbeat { client }),
        1 => client().prop_map(|client| Step::Leave { client }),
        4 => (client(), prop::bool::weighted(0.3)).prop_map(|(client, late)| Step::Commit { client, late }),
        1 => Just(Step::Simple),
        1 => Just(Step::Delete),
        1 => Just(Step::Expire),
        4 => any::<usize>().prop_map(Step::Ring),
        1 => Just(Step::Hold),
        2 => Just(Step::CommitAll),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::Failover),
    ]
}

/// What a client knows.
#[derive(Clone, Debug, Default)]
struct Known {
    member: Str,
    generation: i32,
    leads: Option<Vec<Str>>,
    waits: bool,
}

struct Story {
    run: Run,
    clients: BTreeMap<u32, Known>,
    next_offset: i64,
    seen: usize,
    generation: i32,
}

impl Story {
    fn new() -> Story {
        let clients = (1..=CLIENTS).map(|client| (client, Known::default())).collect();
        Story { run: Run::new(), clients, next_offset: 1, seen: 0, generation: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join { client, version, fixed } if !self.clients[&client].waits => {
                let instance = fixed.then(|| format!("static-{client}"));
                let member = self.clients[&client].member.clone();
                let answer = self.run.join(client, version, &member, instance.as_deref());
                self.hear(client, answer);
            }
            Step::Sync { client } if !self.clients[&client].waits => {
                let known = self.clients[&client].clone();
                let assign: Vec<(&Str, &[u8])> = known.leads.iter().flatten().map(|id| (id, id.as_bytes())).collect();
                let answer = self.run.sync(client, &known.member, known.generation, &assign);
                if let Some(Reply::Sync(response)) = &answer
                    && response.error_code == 0
                    && !response.assignment.is_empty()
                {
                    assert_eq!(&*response.assignment, known.member.as_bytes(), "a member gets its own part");
                }
                self.hear(client, answer);
            }
            Step::Heartbeat { client } if !self.clients[&client].waits => {
                let known = self.clients[&client].clone();
                self.run.heartbeat(&known.member, known.generation);
            }
            Step::Leave { client } if !self.clients[&client].waits => {
                let known = std::mem::take(self.clients.get_mut(&client).unwrap());
                self.run.leave(&known.member);
            }
            Step::Commit { client, late } if !self.clients[&client].waits && self.clients[&client].generation > 0 => {
                let known = self.clients[&client].clone();
                let generation = known.generation - i32::from(late);
                let current = self.run.groups.get(&GROUP.into()).map(|group| group.generation);
                let answer = self.run.try_commit(client, &known.member, generation, self.next_offset);
                self.next_offset += 1;
                if let Some(Reply::Commit(response)) = answer {
                    let error = ErrorCode::from_code(response.topics[0].partitions[0].error_code);
                    assert!(error != ErrorCode::None || current == Some(generation), "{generation} is not {current:?}");
                } else {
                    self.clients.get_mut(&client).unwrap().waits = true;
                }
            }
            Step::Simple => {
                // Each time another client.
                let answer =
                    self.run.try_commit(PASSERS_BY + self.next_offset as u32, &Str::new(), -1, self.next_offset);
                self.next_offset += 1;
                let empty = self.run.groups.get(&GROUP.into()).is_none_or(|group| group.state == State::Empty);
                if let Some(Reply::Commit(response)) = answer {
                    assert!(response.topics[0].partitions[0].error_code != 0 || empty);
                }
            }
            Step::Delete if !self.run.holds => {
                self.run.delete();
            }
            Step::Expire => {
                self.run.now_ms += 3 * 24 * 3_600_000;
                self.run.expire();
            }
            Step::Ring(choice) if !self.run.alarms.is_empty() => {
                let alarm = self.run.alarms.keys().nth(choice % self.run.alarms.len()).cloned().unwrap();
                self.run.ring(alarm);
            }
            Step::Hold => self.run.holds = true,
            Step::CommitAll => self.run.commit_all(),
            Step::Refuse(refuses) => self.run.refuses = refuses.then_some(ErrorCode::CoordinatorNotAvailable),
            Step::Failover => self.fail_over(),
            _ => {}
        }
        self.run.answers.retain(|conn, _| conn.initiator.0 < PASSERS_BY);
        self.hear_all();
        self.check();
    }

    /// Everyone who waits is told; a new coordinator has what the log has.
    fn fail_over(&mut self) {
        let mut parked = std::mem::take(&mut self.run.parked);
        self.run.step(|groups, _, out| {
            let late = parked.iter_mut().filter_map(|then| then.too_late(ErrorCode::NotCoordinator));
            out.replies.extend(late);
            groups.unload(ErrorCode::NotCoordinator, out);
        });
        assert!(self.run.alarms.is_empty(), "no alarm is left behind: {:?}", self.run.alarms);
        self.hear_all();
        assert!(self.clients.values().all(|client| !client.waits), "everyone who waited is told");
        let before = persisted(&self.run.groups);
        let read = self.run.replayed();
        self.run.epoch += 1;
        self.run.groups = read.clone();
        let log = std::mem::take(&mut self.run.log);
        let mut again = Groups::new("again".into());
        log.iter().for_each(|record| again.replay(record.clone()));
        self.run.log = log;
        assert_eq!(persisted(&read), persisted(&again));
        // What an appended record says and the old coordinator had not taken over is only generations under way.
        assert_eq!(persisted(&read), before, "offsets are what they were");
        self.run.step(|groups, cx, out| groups.loaded(cx, out));
    }

    fn hear_all(&mut self) {
        for client in 1..=CLIENTS {
            let answer = self.run.answer(client);
            if answer.is_some() {
                self.hear(client, answer);
            }
        }
    }

    fn hear(&mut self, client: u32, answer: Option<Reply>) {
        let known = self.clients.get_mut(&client).unwrap();
        known.waits = answer.is_none();
        if let Some(Reply::Join(response)) = answer {
            match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => {
                    let leads = response.leader == response.member_id;
                    let members = || response.members.iter().map(|member| member.member_id.clone()).collect();
                    *known = Known {
                        leads: leads.then(members),
                        member: response.member_id,
                        generation: response.generation_id,
                        waits: false,
                    };
                }
                ErrorCode::MemberIdRequired => known.member = response.member_id,
                ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => *known = Known::default(),
                _ => {}
            }
        }
    }

    /// What must hold after every step.
    fn check(&mut self) {
        for obs in &self.run.observed[self.seen..] {
            match obs {
                Obs::GenerationStarted { generation, .. } => self.generation = self.generation.max(*generation),
                Obs::OffsetCommitted { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        self.seen = self.run.observed.len();
        if let Some(group) = self.run.groups.get(&GROUP.into()) {
            let waiting = self.clients.values().filter(|client| client.waits).count();
            assert!(group.members.len() <= CLIENTS as usize * 20 && waiting <= CLIENTS as usize);
            assert!(group.leader.as_ref().is_none_or(|leader| group.members.contains_key(leader)));
            assert!(group.state != State::Empty || group.members.is_empty());
            if matches!(group.state, State::Stable | State::CompletingRebalance) {
                assert!(!group.members.is_empty() && group.protocol.is_some());
                for member in group.members.keys() {
                    let alarm = Alarm::Session { group: GROUP.into(), member: member.clone() };
                    let waits = self.clients.values().any(|client| client.waits);
                    assert!(self.run.alarms.contains_key(&alarm) || waits, "{member} would stay for ever");
                }
            }
            if group.state == State::PreparingRebalance {
                let alarm = Alarm::Join { group: GROUP.into() };
                assert!(self.run.alarms.contains_key(&alarm), "the rebalance would never end");
            }
        }
    }
}

/// What the log holds of the offsets.
fn persisted(groups: &Groups) -> BTreeMap<Str, Vec<(Str, i32, i64)>> {
    let offsets = groups.iter().map(|(id, group)| {
        let of_group = group.offsets.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(|(partition, offset)| (topic.clone(), *partition, offset.offset))
        });
        (id.clone(), of_group.collect::<Vec<_>>())
    });
    offsets.filter(|(_, offsets)| !offsets.is_empty()).collect()
}

proptest! {
    #[test]
    fn any_sequence_leaves_a_group_that_goes_on_and_that_its_log_describes(
        steps in prop::collection::vec(steps(), 1..80),
    ) {
        let mut story = Story::new();
        for step in steps {
            story.take(step);
        }
        story.take(Step::CommitAll);
        story.take(Step::Failover);
    }
}
