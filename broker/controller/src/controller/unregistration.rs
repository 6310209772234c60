//! UnregisterBroker: a broker that will not come back is forgotten (KIP-631).

use tribunal_common::{Answer, Fx, Io};
use tribunal_contract::Disk;
use tribunal_protocol::messages::{UnregisterBrokerRecord, UnregisterBrokerRequest, UnregisterBrokerResponse};
use tribunal_protocol::{ErrorCode, Str};

use super::brokers::Reason;
use super::{Caller, Controller, MetadataWriter, session};

impl Controller {
    /// The broker leads nothing and is in no ISR from then on; it stays in assignments, until they are changed. One
    /// that is running after all registers again, as a new broker would.
    pub(super) fn unregister<W: MetadataWriter, D: Disk, F: Fx>(
        &mut self,
        caller: Caller,
        request: &UnregisterBrokerRequest,
        log: &mut W,
        io: &mut Io<'_, D, F>,
    ) -> Answer {
        let broker_id = request.broker_id;
        let Some(broker) = self.image.broker(broker_id) else {
            let reply = UnregisterBrokerResponse {
                error_code: ErrorCode::BrokerIdNotRegistered.code(),
                error_message: Some(Str::from(format!("Broker ID {broker_id} is not currently registered"))),
                ..Default::default()
            };
            return self.answer(caller, reply.into());
        };
        let broker_epoch = broker.epoch;
        let mut records = self.partition_changes(Reason::Leaves(broker_id), io.cfg);
        records.push(UnregisterBrokerRecord { broker_id, broker_epoch }.into());
        if !self.write(&records, log, io) {
            let error_code = ErrorCode::NotController.code();
            return Answer::Now(UnregisterBrokerResponse { error_code, ..Default::default() }.into());
        }
        self.contacts.remove(&broker_id);
        io.fx.cancel_timer(session(broker_id));
        self.answer(caller, UnregisterBrokerResponse::default().into())
    }
}
