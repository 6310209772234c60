//! IncrementalAlterConfigs (KIP-339): settings of topics that exist.

use tribunal_common::BrokerConfig;
use tribunal_protocol::messages::ConfigRecord;
use tribunal_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, IncrementalAlterConfigsRequest,
};
use tribunal_protocol::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str};

use super::Controller;
use super::create_topics::Refused;
use crate::snapshot::config_record;
use crate::{ConfigResource, TopicConfig};

/// What is done to a setting, in Kafka's numbers.
const SET: i8 = 0;
const DELETE: i8 = 1;

impl Controller {
    pub(super) fn alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
        cfg: &BrokerConfig,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        let mut records = Vec::new();
        let responses = request.resources.iter().enumerate().map(|(at, resource)| {
            let same = |other: &AlterConfigsResource| {
                (other.resource_type, &other.resource_name) == (resource.resource_type, &resource.resource_name)
            };
            let duplicate = request.resources[..at].iter().any(same) || request.resources[at + 1..].iter().any(same);
            let altered = match duplicate {
                true => Err((ErrorCode::InvalidRequest, "Each resource must appear at most once.".to_owned())),
                false => self.altered(resource, cfg),
            };
            let (error, message) = match altered {
                Ok(mut altered) => {
                    records.append(&mut altered);
                    (ErrorCode::None, None)
                }
                Err((error, why)) => (error, Some(Str::from(why))),
            };
            AlterConfigsResourceResponse {
                error_code: error.code(),
                error_message: message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            }
        });
        let response = IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() };
        if request.validate_only {
            records.clear();
        }
        (records, response.into())
    }

    fn altered(&self, resource: &AlterConfigsResource, cfg: &BrokerConfig) -> Result<Vec<MetadataRecord>, Refused> {
        let name = &resource.resource_name;
        if resource.resource_type != ConfigResource::TOPIC {
            let why = "Only settings of topics can be changed while the broker runs.";
            return Err((ErrorCode::InvalidRequest, why.to_owned()));
        }
        if self.image.topic_id(name).is_none() {
            return Err((ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist.")));
        }
        let of = ConfigResource::topic(name.clone());
        let mut config = TopicConfig::defaults(cfg);
        let invalid = |why: String| (ErrorCode::InvalidConfig, why);
        let mut records = Vec::new();
        for change in &resource.configs {
            let key = &change.name;
            match (change.config_operation, &change.value) {
                (SET, Some(value)) => {
                    config.set(key, value).map_err(|why| invalid(why.to_string()))?;
                    records.push(config_record(&of, key, value).into());
                }
                (SET, None) => {
                    let why = format!("Null value not supported for : {key}");
                    return Err((ErrorCode::InvalidRequest, why));
                }
                (DELETE, _) => records.push(
                    ConfigRecord {
                        resource_type: of.kind,
                        resource_name: of.name.clone(),
                        name: key.clone(),
                        value: None,
                    }
                    .into(),
                ),
                (2 | 3, _) => {
                    let what = if change.config_operation == 2 { "APPEND" } else { "SUBTRACT" };
                    return Err(invalid(format!("Can't {what} to key {key} because its type is not LIST.")));
                }
                (other, _) => {
                    return Err((ErrorCode::InvalidRequest, format!("Unknown operation type {other}")));
                }
            }
        }
        Ok(records)
    }
}
