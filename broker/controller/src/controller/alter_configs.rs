//! IncrementalAlterConfigs (KIP-339): settings of topics that exist.

use tribunal_common::BrokerConfig;
use tribunal_protocol::messages::ConfigRecord;
use tribunal_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tribunal_protocol::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use tribunal_protocol::{ErrorCode, MetadataRecord, ResponseBody, Str};

use super::Controller;
use super::create_topics::{Refused, named_twice};
use crate::snapshot::config_record;
use crate::topic_name::invalid_topic_name;
use crate::{ConfigResource, TopicConfig};

/// What is done to a setting, in Kafka's numbers.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

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
                Err((error, why)) => (error, (!why.is_empty()).then(|| Str::from(why))),
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
        let invalid_request = |why: String| Err((ErrorCode::InvalidRequest, why));
        if !named_twice(resource.configs.iter().map(|change| &change.name)).is_empty() {
            return invalid_request("Error due to duplicate config keys".to_owned());
        }
        let null = |change: &&AlterableConfig| change.config_operation != DELETE && change.value.is_none();
        let nulls: Vec<&str> = resource.configs.iter().filter(null).map(|change| change.name.as_str()).collect();
        if !nulls.is_empty() {
            return invalid_request(format!("Null value not supported for : {}", nulls.join(", ")));
        }
        match resource.resource_type {
            ConfigResource::TOPIC => {}
            ConfigResource::BROKER => {
                return invalid_request("Only settings of topics can be changed while the broker runs.".to_owned());
            }
            other => return invalid_request(format!("Unknown resource type {other}")),
        }
        let of = ConfigResource::topic(name.clone());
        let mut config = TopicConfig::defaults(cfg);
        let invalid = |why: String| (ErrorCode::InvalidConfig, why);
        let mut records = Vec::new();
        // First what is done, then to what, with which values, and at last whether it is there.
        for AlterableConfig { name: key, config_operation, .. } in &resource.configs {
            match *config_operation {
                SET | DELETE => {}
                APPEND | SUBTRACT => {
                    let what = if *config_operation == APPEND { "APPEND" } else { "SUBTRACT" };
                    return Err(invalid(format!("Can't {what} to key {key} because its type is not LIST.")));
                }
                // Kafka has no code for an operation that there is not.
                _ => return Err((ErrorCode::UnknownServerError, String::new())),
            }
        }
        if name.is_empty() {
            return invalid_request("Default topic resources are not allowed.".to_owned());
        }
        if let Some(why) = invalid_topic_name(name) {
            return Err((ErrorCode::InvalidTopicException, why));
        }
        for change in &resource.configs {
            let key = &change.name;
            match &change.value {
                Some(value) if change.config_operation == SET => {
                    config.set(key, value).map_err(|why| invalid(why.to_string()))?;
                    records.push(config_record(&of, key, value).into());
                }
                _ => records.push(
                    ConfigRecord {
                        resource_type: of.kind,
                        resource_name: of.name.clone(),
                        name: key.clone(),
                        value: None,
                    }
                    .into(),
                ),
            }
        }
        match self.image.topic_id(name) {
            Some(_) => Ok(records),
            None => Err((ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."))),
        }
    }
}
