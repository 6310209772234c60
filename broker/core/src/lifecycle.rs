//! This broker's life as the controller sees it (KIP-631): registration, heartbeats, controlled shutdown.

use std::mem;

use tribunal_common::{Fx, Io, lanes, timers};
use tribunal_contract::{Disk, NodeId, Span, TimerId};
use tribunal_controller::SUPPORTED_FEATURES;
use tribunal_protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use tribunal_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationResponse};
use tribunal_protocol::{ErrorCode, RequestBody, ResponseBody, Str};

/// BrokerRegistration version that says after which epoch the broker shut down (KIP-966).
const REGISTRATION_VERSION: i16 = 4;
/// BrokerHeartbeat version.
const HEARTBEAT_VERSION: i16 = 1;
/// Sessions after which a shutdown goes on without the controller's leave.
const PATIENCE: u64 = 5;
/// Longest time that a shutdown asks the controller for leave. Without a quorum nobody gives it, and a broker that does
/// not end is killed by whatever stops it, with logs that were not closed.
const MOST_PATIENCE: Span = Span::from_millis(4_000);

/// Next heartbeat or attempt to register.
const TICK: TimerId = TimerId { class: timers::HEARTBEAT, index: 0 };
/// A shutdown has waited long enough.
const GIVE_UP: TimerId = TimerId { class: timers::HEARTBEAT, index: 1 };
/// The controller does not answer.
const CALL: TimerId = TimerId { class: timers::LIFECYCLE_CALL, index: 0 };

/// What the broker as a whole does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Go on.
    Run,
    /// Close the logs and end the process.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Not registered, or no longer.
    Registering,
    /// Registered; heartbeats keep the session alive.
    Registered,
    /// Registered, and asking to be let go.
    ShuttingDown,
    /// Free to go.
    Closing,
}

/// Registration and heartbeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lifecycle {
    phase: Phase,
    /// The call in flight went to this controller.
    calling: Option<i32>,
    epoch: i64,
    new_epoch: bool,
    previous_epoch: i64,
    /// Offset of the last metadata record applied.
    applied: i64,
    /// Whether the log directory is ready to be written to.
    ready: bool,
}

impl Lifecycle {
    /// `previous_epoch` is the broker epoch of the last incarnation if it shut down in order, else -1.
    pub(crate) fn new(previous_epoch: i64) -> Lifecycle {
        Lifecycle {
            phase: Phase::Registering,
            calling: None,
            epoch: -1,
            new_epoch: false,
            previous_epoch,
            applied: -1,
            ready: false,
        }
    }

    pub(crate) fn next(&self) -> Next {
        if self.phase == Phase::Closing { Next::Close } else { Next::Run }
    }

    /// The log directory is ready to be written to. A broker registers only then: as long as its disk does not answer,
    /// it had better lead nothing.
    pub(crate) fn may_register<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        if !mem::replace(&mut self.ready, true) {
            self.tick(controller, io);
        }
    }

    pub(crate) fn set_applied(&mut self, applied: i64) {
        self.applied = applied;
    }

    /// The broker epoch, once after each registration.
    pub(crate) fn take_new_epoch(&mut self) -> Option<i64> {
        std::mem::take(&mut self.new_epoch).then_some(self.epoch)
    }

    /// Asks to be let go.
    pub(crate) fn shut_down<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        match self.phase {
            Phase::Registering => self.phase = Phase::Closing,
            Phase::Registered => {
                self.phase = Phase::ShuttingDown;
                soon(io);
                let patience = io.cfg.session_timeout.times(PATIENCE).min(MOST_PATIENCE);
                io.fx.set_timer(GIVE_UP, patience, patience);
            }
            Phase::ShuttingDown | Phase::Closing => {}
        }
    }

    /// Closes without asking: nobody is left who could take over or decide.
    pub(crate) fn close<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.phase = Phase::Closing;
        io.fx.cancel_timer(GIVE_UP);
    }

    /// The log directory has failed: this broker can serve nothing. Its leaders move in an orderly way if a controller
    /// can be reached, else when the session ends.
    pub(crate) fn log_dir_failed<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.shut_down(io);
    }

    /// Another controller, or none.
    pub(crate) fn set_controller<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        if self.calling.is_some() && self.calling != controller {
            self.abandon(io);
        }
        if controller.is_some() {
            self.tick(controller, io);
        }
    }

    pub(crate) fn on_timer<D: Disk, F: Fx>(&mut self, id: TimerId, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        match id {
            TICK => self.tick(controller, io),
            CALL => {
                self.abandon(io);
                self.tick(controller, io);
            }
            _ => self.phase = Phase::Closing,
        }
    }

    pub(crate) fn on_call_failed<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.answered(io);
        retry(io);
    }

    pub(crate) fn on_response<D: Disk, F: Fx>(
        &mut self,
        body: ResponseBody,
        controller: Option<i32>,
        io: &mut Io<'_, D, F>,
    ) {
        self.answered(io);
        match body {
            ResponseBody::BrokerRegistration(response) => self.registered(&response, controller, io),
            ResponseBody::BrokerHeartbeat(response) => self.heartbeat_answered(&response, io),
            _ => retry(io),
        }
    }

    fn registered<D: Disk, F: Fx>(
        &mut self,
        response: &BrokerRegistrationResponse,
        controller: Option<i32>,
        io: &mut Io<'_, D, F>,
    ) {
        if response.error_code != 0 {
            // Another incarnation's session is still alive, or this is not the controller any more.
            return retry(io);
        }
        if self.phase == Phase::Registering {
            self.phase = Phase::Registered;
        }
        self.epoch = response.broker_epoch;
        self.new_epoch = true;
        self.tick(controller, io);
    }

    fn heartbeat_answered<D: Disk, F: Fx>(&mut self, response: &BrokerHeartbeatResponse, io: &mut Io<'_, D, F>) {
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None if response.should_shut_down && self.phase == Phase::ShuttingDown => {
                self.phase = Phase::Closing;
                io.fx.cancel_timer(GIVE_UP);
            }
            // Leaders are being moved, or this broker still reads the metadata that lets it be unfenced: ask again
            // soon.
            ErrorCode::None if self.phase == Phase::ShuttingDown || response.is_fenced => soon(io),
            ErrorCode::None => io.fx.set_timer(TICK, io.cfg.heartbeat_interval, io.cfg.heartbeat_interval),
            ErrorCode::BrokerIdNotRegistered | ErrorCode::StaleBrokerEpoch if self.phase == Phase::Registered => {
                // The controller knows another registration, or none: begin again.
                self.phase = Phase::Registering;
                retry(io);
            }
            // Whose registration is gone has nobody to be let go by.
            ErrorCode::BrokerIdNotRegistered | ErrorCode::StaleBrokerEpoch if self.phase == Phase::ShuttingDown => {
                self.phase = Phase::Closing;
                io.fx.cancel_timer(GIVE_UP);
            }
            _ => retry(io),
        }
    }

    fn tick<D: Disk, F: Fx>(&mut self, controller: Option<i32>, io: &mut Io<'_, D, F>) {
        let Some(controller) = controller else { return };
        if self.calling.is_some() || self.phase == Phase::Closing || !self.ready {
            return;
        }
        let (version, body) = match self.phase {
            Phase::Registering => (REGISTRATION_VERSION, self.registration(io).into()),
            _ => (HEARTBEAT_VERSION, RequestBody::BrokerHeartbeat(self.heartbeat(io))),
        };
        if io.net.call(io.fx, NodeId(controller as u32), lanes::LIFECYCLE, version, body) {
            self.calling = Some(controller);
            let timeout = io.cfg.request_timeout;
            io.fx.set_timer(CALL, timeout, timeout);
        } else {
            retry(io);
        }
    }

    fn heartbeat<D: Disk, F: Fx>(&self, io: &Io<'_, D, F>) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest {
            broker_id: io.cfg.node_id,
            broker_epoch: self.epoch,
            current_metadata_offset: self.applied,
            want_fence: false,
            want_shut_down: self.phase == Phase::ShuttingDown,
            ..Default::default()
        }
    }

    fn registration<D: Disk, F: Fx>(&self, io: &Io<'_, D, F>) -> BrokerRegistrationRequest {
        let (host, port) = io.cfg.advertised.clone();
        BrokerRegistrationRequest {
            broker_id: io.cfg.node_id,
            cluster_id: io.cfg.cluster_id.clone(),
            incarnation_id: io.cfg.incarnation,
            listeners: vec![Listener { name: Str::from_static("PLAINTEXT"), host, port, security_protocol: 0 }],
            features: SUPPORTED_FEATURES
                .iter()
                .map(|&(name, min, max)| Feature {
                    name: Str::from_static(name),
                    min_supported_version: min,
                    max_supported_version: max,
                })
                .collect(),
            rack: io.cfg.rack.clone(),
            log_dirs: vec![io.cfg.directory],
            previous_broker_epoch: self.previous_epoch,
            ..Default::default()
        }
    }

    fn answered<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        self.calling = None;
        io.fx.cancel_timer(CALL);
    }

    fn abandon<D: Disk, F: Fx>(&mut self, io: &mut Io<'_, D, F>) {
        if let Some(controller) = self.calling {
            io.net.abandon(io.fx, NodeId(controller as u32), lanes::LIFECYCLE);
            self.answered(io);
        }
    }
}

fn retry<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    let backoff = io.cfg.retry_backoff.times(5);
    io.fx.set_timer(TICK, backoff, backoff.times(2));
}

fn soon<D: Disk, F: Fx>(io: &mut Io<'_, D, F>) {
    io.fx.set_timer(TICK, Span::from_millis(10), Span::from_millis(20));
}
