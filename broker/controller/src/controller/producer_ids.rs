//! Producer ids in blocks (KIP-730).

use tribunal_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody};

use super::Controller;

/// Ids that a broker gets at a time.
const BLOCK: i64 = 1_000;

impl Controller {
    pub(super) fn allocate_producer_ids(
        &self,
        request: &AllocateProducerIdsRequest,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        let refused = |error: ErrorCode| {
            let error_code = error.code();
            (Vec::new(), AllocateProducerIdsResponse { error_code, ..Default::default() }.into())
        };
        if let Err(error) = self.registered(request.broker_id, request.broker_epoch) {
            return refused(error);
        }
        let first = self.image.next_producer_id();
        let Some(next_producer_id) = first.checked_add(BLOCK) else { return refused(ErrorCode::UnknownServerError) };
        let (broker_id, broker_epoch) = (request.broker_id, request.broker_epoch);
        let reply = AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: BLOCK as i32,
            ..AllocateProducerIdsResponse::default()
        };
        (vec![ProducerIdsRecord { broker_id, broker_epoch, next_producer_id }.into()], reply.into())
    }
}
