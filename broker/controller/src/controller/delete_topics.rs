//! DeleteTopics, by name or by id (KIP-516).

use std::collections::BTreeMap;

use tribunal_protocol::messages::delete_topics_response::DeletableTopicResult;
use tribunal_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str, Uuid};

use super::Controller;

impl Controller {
    pub(super) fn delete_topics(&self, request: &DeleteTopicsRequest) -> (Vec<MetadataRecord>, ResponseBody) {
        let by_name = request.topic_names.iter().map(|name| (Some(name), Uuid::ZERO));
        let by_either = request.topics.iter().map(|topic| (topic.name.as_ref(), topic.topic_id));
        let asked: Vec<(Option<&Str>, Uuid)> = by_name.chain(by_either).collect();
        let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
        for id in asked.iter().filter_map(|(name, id)| self.find(*name, *id).ok()) {
            *times.entry(id).or_default() += 1;
        }
        let mut records = Vec::new();
        let responses = asked.iter().map(|&(name, id)| {
            let found = self.find(name, id).and_then(|found| match times.get(&found) {
                Some(1) => Ok(found),
                _ if name.is_some() => Err((ErrorCode::InvalidRequest, Some("Duplicate topic name."))),
                _ => Err((ErrorCode::InvalidRequest, Some("Duplicate topic id."))),
            });
            match found {
                Ok(topic_id) => {
                    records.push(RemoveTopicRecord { topic_id }.into());
                    let name = self.image.topic(topic_id).map(|topic| topic.name.clone());
                    DeletableTopicResult { name, topic_id, error_code: 0, error_message: None }
                }
                Err((error, message)) => DeletableTopicResult {
                    name: name.cloned(),
                    topic_id: id,
                    error_code: error.code(),
                    error_message: message.map(Str::from_static),
                },
            }
        });
        let response = DeleteTopicsResponse { throttle_time_ms: 0, responses: responses.collect() };
        (records, response.into())
    }

    /// The id of an existing topic that is named by one of the two.
    fn find(&self, name: Option<&Str>, id: Uuid) -> Result<Uuid, (ErrorCode, Option<&'static str>)> {
        let invalid = |why| Err((ErrorCode::InvalidRequest, Some(why)));
        match (name, id) {
            (None, Uuid::ZERO) => invalid("Neither topic name nor id were specified."),
            (Some(name), Uuid::ZERO) => self.image.topic_id(name).ok_or((ErrorCode::UnknownTopicOrPartition, None)),
            (Some(_), _) => invalid("You may not specify both topic name and topic id."),
            (None, id) => self.image.topic(id).map(|topic| topic.id).ok_or((ErrorCode::UnknownTopicId, None)),
        }
    }
}
