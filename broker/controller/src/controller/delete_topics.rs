//! DeleteTopics, by name or by id (KIP-516).

use std::collections::BTreeSet;

use tribunal_protocol::messages::delete_topics_response::DeletableTopicResult;
use tribunal_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str, Uuid};

use super::Controller;

/// Why a topic is not deleted, and a sentence for people.
type Refused = (ErrorCode, &'static str);

const fn refused(error: ErrorCode) -> Refused {
    (error, error.sentence())
}

impl Controller {
    /// Who is asked for twice, by whatever name, is answered once, and stays.
    pub(super) fn delete_topics(&self, request: &DeleteTopicsRequest) -> (Vec<MetadataRecord>, ResponseBody) {
        let by_name = request.topic_names.iter().map(|name| (Some(name), Uuid::ZERO));
        let by_either = request.topics.iter().map(|topic| (topic.name.as_ref(), topic.topic_id));
        let asked: Vec<(Option<&Str>, Uuid)> = by_name.chain(by_either).collect();
        let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
        for one in &asked {
            if !seen.insert(*one) {
                twice.insert(*one);
            }
        }
        let mut results = Vec::new();
        let mut chosen: BTreeSet<Uuid> = BTreeSet::new();
        // Ids first: a name that stands for one of them is the one that comes too late.
        let (names, ids): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(name, _)| name.is_some());
        for one @ (name, id) in ids.into_iter().chain(names) {
            let refusal = match (name, id) {
                // Each of these is answered, however many there are.
                (None, Uuid::ZERO) => Some((ErrorCode::InvalidRequest, "Neither topic name nor id were specified.")),
                (Some(_), id) if id != Uuid::ZERO => {
                    Some((ErrorCode::InvalidRequest, "You may not specify both topic name and topic id."))
                }
                _ if !seen.remove(&one) => continue,
                (Some(_), _) if twice.contains(&one) => Some((ErrorCode::InvalidRequest, "Duplicate topic name.")),
                (None, _) if twice.contains(&one) => Some((ErrorCode::InvalidRequest, "Duplicate topic id.")),
                _ => None,
            };
            let refused = |topic_id, (error, why): Refused| DeletableTopicResult {
                name: name.cloned(),
                topic_id,
                error_code: error.code(),
                error_message: Some(Str::from_static(why)),
            };
            let result = match refusal.map_or_else(|| self.find(name, id), Err) {
                Ok(topic_id) if chosen.insert(topic_id) => {
                    let name = self.image.topic(topic_id).map(|topic| topic.name.clone());
                    DeletableTopicResult { name, topic_id, error_code: 0, error_message: None }
                }
                Ok(topic_id) => {
                    results.retain(|result: &DeletableTopicResult| result.topic_id != topic_id);
                    let why = "The provided topic name maps to an ID that was already supplied.";
                    refused(topic_id, (ErrorCode::InvalidRequest, why))
                }
                Err(why) => refused(id, why),
            };
            results.push(result);
        }
        let deleted = results.iter().filter(|result| result.error_code == 0);
        let records = deleted.map(|result| RemoveTopicRecord { topic_id: result.topic_id }.into()).collect();
        (records, DeleteTopicsResponse { throttle_time_ms: 0, responses: results }.into())
    }

    /// The id of an existing topic.
    fn find(&self, name: Option<&Str>, id: Uuid) -> Result<Uuid, Refused> {
        match name {
            Some(name) => self.image.topic_id(name).ok_or(refused(ErrorCode::UnknownTopicOrPartition)),
            None => self.image.topic(id).map(|topic| topic.id).ok_or(refused(ErrorCode::UnknownTopicId)),
        }
    }
}
