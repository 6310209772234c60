//! Searching: all states of a world, depth first for exhaustion, breadth first for counterexamples that people read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property as Claim};
use tribunal_model::{Property, Violation};

use crate::estimate::{Estimate, Seen};
use crate::hash::Fingerprint;
use crate::world::{Action, State, World};

/// In which order states are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The shortest counterexample first.
    Breadth,
    /// Little memory.
    #[default]
    Depth,
}

/// How far to search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// In which order.
    pub order: Order,
    /// Stop after so many generated states.
    pub limit: u64,
    /// Stop after so much time.
    pub time: Option<Duration>,
}

/// Why a search ended.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// Everything was looked at.
    Exhausted,
    /// A limit was reached; what was looked at held.
    Limit,
    /// A promise broke.
    Violation {
        /// Which.
        violation: Arc<Violation>,
        /// How it came to that, from the initial state on.
        path: Vec<Action>,
    },
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Found {
    /// Why it ended.
    pub stopped: Stopped,
    /// Distinct states.
    pub unique: u64,
    /// States generated, repeats among them.
    pub generated: u64,
    /// Length of the longest path looked at.
    pub depth: u64,
    /// How long it took.
    pub took: Duration,
    /// Machine steps worked out; all others were remembered.
    pub steps: u64,
    /// What must be observed sometimes and never was. Means something only if everything was looked at.
    pub never: Vec<&'static str>,
    /// How many states there are, if a limit was reached.
    pub estimate: Option<Estimate>,
}

/// How long a guess of what is left may take.
const GUESS: Duration = Duration::from_secs(3);

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Breadth => "breadth first",
            Order::Depth => "depth first",
        })
    }
}

/// A world as stateright sees it.
pub struct Checked {
    /// The world.
    pub world: Arc<World>,
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
}

impl Checked {
    /// A world to be explored.
    pub fn new(world: Arc<World>) -> Checked {
        Checked { world, stop: Arc::default(), seen: Arc::default() }
    }
}

impl Model for Checked {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.world.init()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.stop.load(Ordering::Relaxed) {
            self.seen.note(state);
            self.world.possible(state, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.world.after(state, action)
    }

    fn properties(&self) -> Vec<Claim<Checked>> {
        claims()
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn format_step(&self, last: &State, action: Action) -> Option<String> {
        self.next_state(last, action).map(|next| format!("{next:?}"))
    }
}

fn holds<const P: usize>(checked: &Checked, state: &State) -> bool {
    let broken = match Property::ALL[P] {
        Property::NoProgress => checked.world.stuck(state),
        _ => state.violation.clone(),
    };
    broken.is_none_or(|violation| violation.property != Property::ALL[P])
}

macro_rules! claims {
    ($($n:literal)*) => {
        /// Every property that can break in a checked world, as stateright has it: by name.
        fn claims() -> Vec<Claim<Checked>> {
            const { assert!(Property::ALL.len() <= [$($n),*].len(), "a property is not claimed") };
            let mut claims = Vec::new();
            $(if $n < Property::ALL.len() {
                let property = Property::ALL[$n];
                claims.push(Claim::always(property.name(), {
                    const N: usize = if $n < Property::ALL.len() { $n } else { 0 };
                    holds::<N>
                }));
            })*
            claims
        }
    };
}

claims!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43
    44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);

impl World {
    /// The promise of progress, if it is broken in `state`. Of `liveness_every` states one is asked.
    fn stuck(&self, state: &State) -> Option<Arc<Violation>> {
        let every = self.config.liveness_every;
        let asked = every > 0 && state.violation.is_none() && Fingerprint::of(state).0.is_multiple_of(every);
        if asked { self.gets_on(state) } else { None }
    }

    /// Searches.
    pub fn search(self: &Arc<World>, search: Search) -> Found {
        let checked = Checked::new(Arc::clone(self));
        let (stop, seen) = (Arc::clone(&checked.stop), Arc::clone(&checked.seen));
        let builder = checked
            .checker()
            .finish_when(HasDiscoveries::AnyFailures)
            .target_state_count(usize::try_from(search.limit).unwrap_or(usize::MAX));
        match search.order {
            Order::Breadth => self.finish(builder.spawn_bfs(), &stop, &seen, search),
            Order::Depth => self.finish(builder.spawn_dfs(), &stop, &seen, search),
        }
    }

    fn finish(&self, checker: impl Checker<Checked>, stop: &AtomicBool, seen: &Seen, search: Search) -> Found {
        let began = Instant::now();
        let mut out_of_time = false;
        // With one thread stateright does not watch its own time.
        while !checker.is_done() {
            std::thread::sleep(Duration::from_millis(5));
            if search.time.is_some_and(|time| began.elapsed() > time) {
                out_of_time = true;
                stop.store(true, Ordering::Relaxed);
            }
        }
        let checker = checker.join();
        let took = began.elapsed();
        let (unique, generated) = (checker.unique_state_count() as u64, checker.state_count() as u64);
        // stateright keeps them in a map whose order differs from process to process.
        let found =
            checker.discoveries().into_iter().min_by_key(|(name, path)| (path.clone().into_states().len(), *name));
        let stopped = match found {
            Some((_, path)) => {
                let last = path.last_state();
                let violation = last.violation.clone().or_else(|| self.stuck(last));
                let violation = violation.expect("a claim fails only where a promise is broken");
                Stopped::Violation { violation, path: path.into_actions() }
            }
            None if out_of_time || generated >= search.limit => Stopped::Limit,
            None => Stopped::Exhausted,
        };
        let estimate = matches!(stopped, Stopped::Limit).then(|| self.estimate_beyond(seen, GUESS));
        let never = self.config.sometimes.iter().filter(|name| self.bench.times(**name) == 0).map(|name| name.name());
        Found {
            stopped,
            unique,
            generated,
            depth: checker.max_depth() as u64,
            took,
            steps: self.steps.remembered() as u64,
            never: never.collect(),
            estimate,
        }
    }
}
