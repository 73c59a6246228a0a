//! DescribeConfigs: every setting of a topic or of this broker, and where its value comes from.
//!
//! A topic's setting is looked up in its own settings, then in the broker's setting of that meaning, then in the
//! table's defaults. Every key of the table is described, set or not: admin clients read, modify and write back.
//! Most of a broker's settings cannot change while it runs and are read-only; those that can may be set for the whole
//! cluster, which is the broker with the empty name, or for one broker. Nothing in the table is a secret.

use crate::broker::Broker;
use crate::config::{KEYS, Key, Kind, Scope, broker_key_of};
use crate::error::ErrorCode;
use crate::id::TopicName;
use crate::message::{
    ConfigEntry, ConfigQuery, ConfigResourceType, ConfigSource, ConfigSynonym, ConfigType,
    DescribeConfigsRequest, DescribeConfigsResponse, DescribedConfigs,
};
use crate::metadata;

/// Why there is nothing to describe.
type Refusal = (ErrorCode, String);

impl Broker {
    pub(super) fn describe_configs(&self, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let describe = |query: &ConfigQuery| {
            let (error, error_message, mut configs) = match self.configs_of(query) {
                Ok(configs) => (ErrorCode::None, None, configs),
                Err((error, message)) => (error, Some(message), Vec::new()),
            };
            if let Some(keys) = &query.keys {
                configs.retain(|entry| keys.contains(&entry.name));
            }
            for entry in &mut configs {
                if !request.include_synonyms {
                    entry.synonyms.clear();
                }
                if !request.include_documentation {
                    entry.documentation = None;
                }
            }
            DescribedConfigs { resource: query.resource.clone(), error, error_message, configs }
        };
        DescribeConfigsResponse { resources: request.resources.iter().map(describe).collect() }
    }

    fn configs_of(&self, query: &ConfigQuery) -> Result<Vec<ConfigEntry>, Refusal> {
        let name = &query.resource.name;
        match query.resource.kind {
            ConfigResourceType::Topic => self.topic_configs(name),
            ConfigResourceType::Broker if *name == self.settings.node.to_string() => {
                Ok(self.broker_configs())
            }
            // The settings of all brokers while they run: there are none.
            ConfigResourceType::Broker if name.is_empty() => Ok(self.cluster_configs()),
            ConfigResourceType::Broker => Err((
                ErrorCode::InvalidRequest,
                format!(
                    "Unexpected broker id, expected {} or empty string, but received {name}",
                    self.settings.node
                ),
            )),
            other => Err((
                ErrorCode::InvalidRequest,
                format!("resources of type {} have no settings here", other.code()),
            )),
        }
    }

    fn topic_configs(&self, name: &str) -> Result<Vec<ConfigEntry>, Refusal> {
        TopicName::check(name).map_err(|problem| (ErrorCode::InvalidTopicException, problem))?;
        let topic = self.image.topics().get(&TopicName::new(name)).ok_or_else(|| {
            (ErrorCode::UnknownTopicOrPartition, "This server does not host this topic-partition.".to_owned())
        })?;
        let own = |key: &Key| {
            let value = topic.settings.get(key.name)?;
            Some(synonym(key.name, value, ConfigSource::DynamicTopic))
        };
        let entry = |key| {
            let inherited = broker_key_of(key).map_or_else(
                || vec![synonym(key.name, key.effective_default(), ConfigSource::Default)],
                |key| self.broker_synonyms(key),
            );
            entry(key, own(key).into_iter().chain(inherited).collect(), false)
        };
        Ok(keys(Scope::Topic).map(entry).collect())
    }

    fn broker_configs(&self) -> Vec<ConfigEntry> {
        let listener = format!("PLAINTEXT://{}", self.settings.endpoint);
        let node = self.settings.node.to_string();
        let mut identity = vec![
            given("node.id", &node, ConfigType::Int, "The id of this node."),
            given("broker.id", &node, ConfigType::Int, "The id of this broker; the same as node.id."),
            given("process.roles", "broker", ConfigType::List, "What this process is."),
            given("listeners", &listener, ConfigType::List, "Where the broker listens."),
            given("advertised.listeners", &listener, ConfigType::List, "Where clients reach the broker."),
        ];
        if let Some(rack) = &self.settings.rack {
            identity.push(given("broker.rack", rack, ConfigType::String, "The rack of this broker."));
        }
        let entries = keys(Scope::Broker).map(|key| entry(key, self.broker_synonyms(key), !key.is_dynamic()));
        identity.into_iter().chain(entries).collect()
    }

    /// What was set for all brokers while they run; nothing else belongs to the cluster.
    fn cluster_configs(&self) -> Vec<ConfigEntry> {
        let set = self.image.settings(&metadata::ConfigResource::ClusterDefault);
        let described = |key: &'static Key| {
            let value = set?.get(key.name)?;
            Some(entry(key, vec![synonym(key.name, value, ConfigSource::DynamicDefaultBroker)], false))
        };
        keys(Scope::Broker).filter_map(described).collect()
    }

    /// The places that set a broker's setting, the one that counts first.
    fn broker_synonyms(&self, key: &Key) -> Vec<ConfigSynonym> {
        let own = metadata::ConfigResource::Broker(self.settings.node);
        let places = [
            (self.image.settings(&own), ConfigSource::DynamicBroker),
            (
                self.image.settings(&metadata::ConfigResource::ClusterDefault),
                ConfigSource::DynamicDefaultBroker,
            ),
            (Some(&self.static_config.given), ConfigSource::StaticBroker),
        ];
        let set = places.into_iter().filter_map(|(settings, source)| {
            settings?.get(key.name).map(|value| synonym(key.name, value, source))
        });
        set.chain([synonym(key.name, key.effective_default(), ConfigSource::Default)]).collect()
    }
}

fn keys(scope: Scope) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.scope == scope)
}

fn synonym(name: &str, value: &str, source: ConfigSource) -> ConfigSynonym {
    ConfigSynonym { name: name.to_owned(), value: Some(value.to_owned()), source }
}

fn entry(key: &Key, synonyms: Vec<ConfigSynonym>, is_read_only: bool) -> ConfigEntry {
    let first = synonyms.first().expect("a setting has a default");
    ConfigEntry {
        name: key.name.to_owned(),
        value: first.value.clone(),
        is_read_only,
        source: first.source,
        is_sensitive: false,
        config_type: config_type(key),
        documentation: Some(key.doc.to_owned()),
        synonyms,
    }
}

/// A setting that every `server.properties` has and the table does not.
fn given(name: &str, value: &str, config_type: ConfigType, doc: &str) -> ConfigEntry {
    ConfigEntry {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        is_read_only: true,
        source: ConfigSource::StaticBroker,
        is_sensitive: false,
        synonyms: vec![synonym(name, value, ConfigSource::StaticBroker)],
        config_type,
        documentation: Some(doc.to_owned()),
    }
}

fn config_type(key: &Key) -> ConfigType {
    match key.kind {
        Kind::Boolean => ConfigType::Boolean,
        Kind::Integer { max, .. } if max > i64::from(i32::MAX) => ConfigType::Long,
        Kind::Integer { .. } => ConfigType::Int,
        Kind::Ratio => ConfigType::Double,
        Kind::Word(_) if key.name.ends_with("cleanup.policy") => ConfigType::List,
        Kind::Word(_) | Kind::Text => ConfigType::String,
    }
}
