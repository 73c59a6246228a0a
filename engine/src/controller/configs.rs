//! Settings that change while the cluster runs: AlterConfigs, IncrementalAlterConfigs (KIP-133, KIP-339; Kafka's
//! `ConfigurationControlManager`).
//!
//! Every value is checked against the table of settings before it is written. A change of `min.insync.replicas`
//! takes the eligible leaders of led partitions away: they were eligible because nothing was committed without them,
//! and under another minimum that need not be true (KIP-966). A partition without a leader commits nothing and keeps
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Controller, Decision, Refusal};
use crate::config::{Scope, check, key};
use crate::error::ErrorCode;
use crate::id::{NodeId, TopicName};
use crate::message::{
    AlterConfigsRequest, AlterConfigsResponse, AlteredConfigs, ConfigChange, ConfigOperation,
    ConfigResourceType, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use crate::metadata::{ConfigResource, MetadataRecord, PartitionChange};

/// What the requests call a thing with settings.
type Asked = crate::message::ConfigResource;

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

impl Controller {
    pub(super) fn decide_incremental_alter_configs(
        &self,
        request: &IncrementalAlterConfigsRequest,
    ) -> Decision {
        let asked = request.resources.iter().map(|changes| (&changes.resource, changes.changes.clone()));
        let (records, resources) = self.alter_configs(asked.collect(), request.validate_only);
        Decision { records, response: IncrementalAlterConfigsResponse { resources }.into() }
    }

    /// Replaces all settings: what is not named is taken back.
    pub(super) fn decide_alter_configs(&self, request: &AlterConfigsRequest) -> Decision {
        let mut asked = Vec::new();
        for replacement in &request.resources {
            let named: BTreeSet<&String> = replacement.configs.iter().map(|(name, _)| name).collect();
            let known = self.resource(&replacement.resource).ok();
            let old = known.and_then(|resource| self.image.settings(&resource)).into_iter().flatten();
            let gone = old.filter(|(name, _)| !named.contains(name)).map(|(name, _)| ConfigChange {
                name: name.clone(),
                operation: ConfigOperation::Delete,
                value: None,
            });
            let set = replacement.configs.iter().map(|(name, value)| ConfigChange {
                name: name.clone(),
                operation: ConfigOperation::Set,
                value: value.clone(),
            });
            asked.push((&replacement.resource, set.chain(gone).collect()));
        }
        let (records, resources) = self.alter_configs(asked, request.validate_only);
        Decision { records, response: AlterConfigsResponse { resources }.into() }
    }

    fn alter_configs(
        &self,
        asked: Vec<(&Asked, Vec<ConfigChange>)>,
        validate_only: bool,
    ) -> (Vec<MetadataRecord>, Vec<AlteredConfigs>) {
        let mut count: BTreeMap<&Asked, usize> = BTreeMap::new();
        for (resource, _) in &asked {
            *count.entry(resource).or_default() += 1;
        }
        let mut records = Vec::new();
        let mut outcomes = Vec::new();
        for (asked, changes) in asked {
            let planned = match count.get(asked) {
                Some(1) => self.resource(asked).and_then(|resource| self.plan_configs(&resource, &changes)),
                _ => Err((ErrorCode::InvalidRequest, "each resource must appear at most once".to_owned())),
            };
            let (error, error_message) = match planned {
                Ok(planned) => {
                    if !validate_only {
                        records.extend(planned);
                    }
                    (ErrorCode::None, None)
                }
                Err((error, problem)) => (error, Some(problem)),
            };
            outcomes.push(AlteredConfigs { resource: asked.clone(), error, error_message });
        }
        (records, outcomes)
    }

    fn resource(&self, asked: &Asked) -> Result<ConfigResource, Refusal> {
        match asked.kind {
            ConfigResourceType::Topic => {
                let known = self.image.topics().keys().find(|name| name.as_str() == asked.name);
                let unknown =
                    || (ErrorCode::UnknownTopicOrPartition, format!("there is no topic `{}`", asked.name));
                known.map(|name: &TopicName| ConfigResource::Topic(name.clone())).ok_or_else(unknown)
            }
            ConfigResourceType::Broker if asked.name.is_empty() => Ok(ConfigResource::ClusterDefault),
            ConfigResourceType::Broker => {
                let broker = asked.name.parse().map(NodeId).map_err(|_| {
                    (ErrorCode::InvalidRequest, format!("`{}` is not the id of a broker", asked.name))
                })?;
                if self.image.brokers().contains_key(&broker) {
                    Ok(ConfigResource::Broker(broker))
                } else {
                    Err((ErrorCode::BrokerIdNotRegistered, format!("broker {broker} is not registered")))
                }
            }
            kind => Err((ErrorCode::InvalidRequest, format!("settings of {kind:?} cannot be altered"))),
        }
    }

    fn plan_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
    ) -> Result<Vec<MetadataRecord>, Refusal> {
        let mut records = Vec::new();
        let mut names = BTreeSet::new();
        for change in changes {
            let name = &change.name;
            if !names.insert(name) {
                return Err((ErrorCode::InvalidConfig, format!("`{name}` is changed twice")));
            }
            let value = self.new_value(resource, change)?;
            if self.image.settings(resource).and_then(|settings| settings.get(name)) != value.as_ref() {
                let (resource, name) = (resource.clone(), name.clone());
                records.push(MetadataRecord::Config { resource, name, value });
            }
        }
        if names.iter().any(|name| *name == MIN_INSYNC_REPLICAS) && !records.is_empty() {
            records.extend(self.eligible_no_more(resource));
        }
        Ok(records)
    }

    /// What the setting is after the change; `None` takes it back.
    fn new_value(&self, resource: &ConfigResource, change: &ConfigChange) -> Result<Option<String>, Refusal> {
        let ConfigChange { name, operation, value } = change;
        let refuse = |problem: String| Err((ErrorCode::InvalidConfig, problem));
        let scope = match resource {
            ConfigResource::Topic(_) => Scope::Topic,
            ConfigResource::Broker(_) | ConfigResource::ClusterDefault => Scope::Broker,
        };
        let Some(key) = key(scope, name) else { return refuse(format!("unknown {scope} setting `{name}`")) };
        if !key.is_dynamic() {
            return refuse(format!("`{name}` cannot be changed while the broker runs"));
        }
        let value = match (operation, value) {
            (ConfigOperation::Delete, _) => return Ok(None),
            (ConfigOperation::Unknown(code), _) => {
                return Err((ErrorCode::InvalidRequest, format!("unknown operation {code}")));
            }
            (_, None) => return refuse(format!("no value for `{name}`")),
            (ConfigOperation::Set, Some(value)) => value.clone(),
            (ConfigOperation::Append | ConfigOperation::Subtract, Some(_)) if !key.is_list() => {
                return refuse(format!("`{name}` is not a list"));
            }
            (ConfigOperation::Append | ConfigOperation::Subtract, Some(value)) => {
                let old = self.image.settings(resource).and_then(|settings| settings.get(name));
                let old = old.map_or(key.default, String::as_str);
                edit_list(old, value, *operation == ConfigOperation::Append)
            }
        };
        check(scope, name, &value).map_err(|problem| (ErrorCode::InvalidConfig, problem.to_string()))?;
        Ok(Some(value))
    }

    /// Takes the eligible leaders of the led partitions that a change of `min.insync.replicas` concerns.
    fn eligible_no_more(&self, resource: &ConfigResource) -> Vec<MetadataRecord> {
        let concerned = self.image.partitions().filter(|(topic, _, partition)| {
            let of_topic = match resource {
                ConfigResource::Topic(name) => topic.name == *name,
                ConfigResource::ClusterDefault => !topic.settings.contains_key(MIN_INSYNC_REPLICAS),
                ConfigResource::Broker(_) => false,
            };
            of_topic && partition.leader.is_some() && !partition.elr.is_empty()
        });
        concerned
            .map(|(topic, index, _)| {
                let change = PartitionChange::of(topic.id, index);
                MetadataRecord::PartitionChange(PartitionChange { elr: Some(Vec::new()), ..change })
            })
            .collect()
    }
}

/// A list with texts added (those that are not in it) or taken out.
fn edit_list(old: &str, change: &str, append: bool) -> String {
    let parts = |text: &str| -> Vec<String> {
        text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    let (mut list, change) = (parts(old), parts(change));
    if append {
        for part in change {
            if !list.contains(&part) {
                list.push(part);
            }
        }
    } else {
        list.retain(|part| !change.contains(part));
    }
    list.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_what_it_lacks_and_loses_what_it_has() {
        assert_eq!(edit_list("delete", "compact,delete", true), "delete,compact");
        assert_eq!(edit_list("delete, compact", "delete", false), "compact");
        assert_eq!(edit_list("", "compact", true), "compact");
    }
}
