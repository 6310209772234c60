//! How it begins.

use std::sync::{Arc, OnceLock};

use tribunal_model::{Invariants, ModelConfig};

use super::{Budget, State, World};
use crate::config::CheckConfig;
use crate::hash::Hashed;
use crate::judge::Bench;
use crate::node::{Happening, Rules};
use crate::parts::TOPIC;
use crate::remembered::Steps;

impl World {
    /// A configuration, with nothing worked out yet.
    pub fn new(config: CheckConfig) -> World {
        let rules = config.rules();
        World::over(config, rules, Arc::new(Steps::default()))
    }

    fn over(config: CheckConfig, rules: Rules, steps: Arc<Steps>) -> World {
        World { config, rules, steps, bench: Bench::default(), healed: OnceLock::new() }
    }

    /// The same, with nothing reached yet.
    pub(crate) fn anew(&self) -> World {
        World::over(self.config.clone(), self.rules.clone(), Arc::clone(&self.steps))
    }

    /// The same, for what happens once faults have ended.
    pub(super) fn healed(&self) -> &World {
        self.healed.get_or_init(|| {
            let mut healed = self.anew();
            healed.config.until = None;
            Box::new(healed)
        })
    }

    /// Every process runs. Brokers are registered, unfenced and told of the topic, and the followers' first fetches are
    /// on their way.
    pub fn init(&self) -> State {
        let invariants = Invariants::new(ModelConfig { voters: self.config.voters(), ..ModelConfig::default() });
        let node = Hashed::new(self.rules.node());
        let mut state = State {
            nodes: vec![node; self.rules.machines.len()],
            wires: Vec::new(),
            feeds: vec![Vec::new(); self.config.nodes.into()],
            cuts: 0,
            budgets: self.config.budgets,
            truth: Hashed::new(invariants),
            violation: None,
        };
        if let Some(controller) = self.controller() {
            self.happen(&mut state, controller, Happening::Start, 0);
        }
        // All processes first, so that nobody is refused.
        for node in self.members() {
            self.happen(&mut state, node, Happening::Start, 0);
        }
        for node in self.members() {
            self.introduce(&mut state, node);
        }
        self.name_topic(&mut state);
        self.bench.open();
        state
    }

    /// Sentences call the topic by its name.
    fn name_topic(&self, state: &mut State) {
        let topic = self.controller().and_then(|at| {
            let active = state.nodes[at.index()].part.as_ref()?.as_controller()?;
            active.image().topic_id(&tribunal_protocol::Str::from_static(TOPIC))
        });
        if let Some(topic) = topic {
            let mut named = Invariants::clone(&state.truth);
            named.name_topic(topic, TOPIC);
            state.truth = Hashed::new(named);
        }
    }

    /// The same configuration with other budgets, for what is tried from a state.
    pub(super) fn unlimited(state: &State) -> State {
        let mut free = state.clone();
        let timers = [Budget::Backoffs, Budget::Calls, Budget::Checks, Budget::Elections, Budget::Fences];
        for budget in timers.into_iter().chain([Budget::FetchTimeouts]) {
            free.budgets[budget as usize] = u8::MAX;
        }
        free
    }
}
