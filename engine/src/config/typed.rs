//! Settings as typed structs, read out of the table.

use super::group::GroupConfig;
use super::keys::RACK_AWARE_SELECTOR;
use super::log::LogConfig;
use super::membership::MembershipConfig;
use super::metadata_log::MetadataLogConfig;
use super::{ConfigError, Properties, Scope, Value, check, key};
use crate::message::Acks;
use crate::record::Compression;
use crate::time::Duration;

/// Given properties over the table's defaults, for one scope.
pub(super) struct Lookup<'a> {
    scope: Scope,
    given: &'a Properties,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(scope: Scope, given: &'a Properties) -> Result<Self, Vec<ConfigError>> {
        let problems: Vec<ConfigError> =
            given.iter().filter_map(|(name, value)| check(scope, name, value).err()).collect();
        if problems.is_empty() { Ok(Lookup { scope, given }) } else { Err(problems) }
    }

    fn value(&self, name: &str) -> Value {
        let key = key(self.scope, name)
            .unwrap_or_else(|| panic!("{} setting {name} is not in the table", self.scope));
        let text = self.given.get(name).map_or(key.effective_default(), String::as_str);
        key.parse(text).unwrap_or_else(|problem| panic!("{name} = {text}: {problem}"))
    }

    pub(super) fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Integer(number) => number,
            other => panic!("{name} is not a number but {other}"),
        }
    }

    /// A ratio in millionths.
    pub(super) fn millionths(&self, name: &str) -> u32 {
        match self.value(name) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a ratio lies between 0 and 1"
            )]
            Value::Ratio(ratio) => (ratio * 1e6).round() as u32,
            other => panic!("{name} is not a ratio but {other}"),
        }
    }

    pub(super) fn count(&self, name: &str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(usize::MAX)
    }

    pub(super) fn int(&self, name: &str) -> i32 {
        i32::try_from(self.integer(name)).unwrap_or(i32::MAX)
    }

    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.integer(name)).unwrap_or(0))
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(u64::try_from(self.integer(name)).unwrap_or(0))
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        self.value(name) == Value::Boolean(true)
    }

    pub(super) fn word(&self, name: &str) -> String {
        self.value(name).to_string()
    }
}

/// Settings of the metadata quorum (`controller.quorum.*`, `metadata.*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuorumConfig {
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`.
    pub backoff_max: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Duration,
    /// The metadata log and its snapshots.
    pub log: MetadataLogConfig,
}

impl QuorumConfig {
    fn read(lookup: &Lookup<'_>) -> QuorumConfig {
        QuorumConfig {
            election_timeout: lookup.millis("controller.quorum.election.timeout.ms"),
            backoff_max: lookup.millis("controller.quorum.election.backoff.max.ms"),
            fetch_timeout: lookup.millis("controller.quorum.fetch.timeout.ms"),
            request_timeout: lookup.millis("controller.quorum.request.timeout.ms"),
            log: MetadataLogConfig::read(lookup),
        }
    }
}

/// Settings of a broker or a controller; the fields are the keys with underscores.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct BrokerConfig {
    pub auto_create_topics_enable: bool,
    pub broker_heartbeat_interval: Duration,
    pub broker_session_timeout: Duration,
    pub controller_quorum_request_timeout: Duration,
    pub auto_leader_rebalance_enable: bool,
    pub leader_imbalance_check_interval: Duration,
    pub leader_imbalance_per_broker_percentage: u64,
    pub default_replication_factor: i16,
    pub num_partitions: i32,
    pub replica_lag_time_max: Duration,
    pub replica_fetch_wait_max: Duration,
    pub replica_fetch_min_bytes: i32,
    pub replica_fetch_max_bytes: i32,
    pub replica_fetch_response_max_bytes: i32,
    pub replica_fetch_backoff: Duration,
    pub replica_socket_timeout: Duration,
    pub socket_request_max_bytes: usize,
    pub fetch_max_bytes: i32,
    pub quorum: QuorumConfig,
    /// Settings of consumer groups.
    pub group: GroupConfig,
    pub producer_id_expiration: Duration,
    pub producer_id_expiration_check_interval: Duration,
    pub max_incremental_fetch_session_cache_slots: usize,
    /// `replica.selector.class` names the rack-aware selector.
    pub replica_selector_rack_aware: bool,
    pub log_flush_scheduler_interval: Duration,
    pub log_flush_offset_checkpoint_interval: Duration,
    pub log_retention_check_interval: Duration,
    pub log_cleaner_enable: bool,
    pub log_cleaner_backoff: Duration,
    pub log_cleaner_dedupe_buffer_size: usize,
    pub log_cleaner_io_buffer_size: usize,
    /// Defaults for topics that do not set their own.
    pub topic_defaults: TopicConfig,
    /// What `server.properties` sets, as text.
    pub given: Properties,
}

impl BrokerConfig {
    /// This configuration with settings that were changed while the cluster runs, the later layers over the earlier.
    /// The controller checked them when it took them; what it would not take today is left out.
    #[must_use]
    pub fn with_dynamic(&self, layers: &[&Properties]) -> Self {
        let mut merged = self.given.clone();
        for (name, value) in layers.iter().copied().flatten() {
            if check(Scope::Broker, name, value).is_ok() {
                merged.insert(name.clone(), value.clone());
            }
        }
        BrokerConfig::from_properties(&merged).unwrap_or_else(|_| self.clone())
    }

    /// Reads `server.properties`.
    ///
    /// # Errors
    /// Every unknown name and every bad value.
    pub fn from_properties(given: &Properties) -> Result<Self, Vec<ConfigError>> {
        let lookup = Lookup::new(Scope::Broker, given)?;
        Ok(BrokerConfig {
            auto_create_topics_enable: lookup.boolean("auto.create.topics.enable"),
            broker_heartbeat_interval: lookup.millis("broker.heartbeat.interval.ms"),
            broker_session_timeout: lookup.millis("broker.session.timeout.ms"),
            controller_quorum_request_timeout: lookup.millis("controller.quorum.request.timeout.ms"),
            auto_leader_rebalance_enable: lookup.boolean("auto.leader.rebalance.enable"),
            leader_imbalance_check_interval: lookup.seconds("leader.imbalance.check.interval.seconds"),
            leader_imbalance_per_broker_percentage: u64::try_from(
                lookup.integer("leader.imbalance.per.broker.percentage"),
            )
            .unwrap_or(0),
            default_replication_factor: i16::try_from(lookup.integer("default.replication.factor"))
                .unwrap_or(i16::MAX),
            num_partitions: lookup.int("num.partitions"),
            replica_lag_time_max: lookup.millis("replica.lag.time.max.ms"),
            replica_fetch_wait_max: lookup.millis("replica.fetch.wait.max.ms"),
            replica_fetch_min_bytes: lookup.int("replica.fetch.min.bytes"),
            replica_fetch_max_bytes: lookup.int("replica.fetch.max.bytes"),
            replica_fetch_response_max_bytes: lookup.int("replica.fetch.response.max.bytes"),
            replica_fetch_backoff: lookup.millis("replica.fetch.backoff.ms"),
            replica_socket_timeout: lookup.millis("replica.socket.timeout.ms"),
            socket_request_max_bytes: lookup.count("socket.request.max.bytes"),
            fetch_max_bytes: lookup.int("fetch.max.bytes"),
            quorum: QuorumConfig::read(&lookup),
            group: GroupConfig::read(&lookup),
            producer_id_expiration: lookup.millis("producer.id.expiration.ms"),
            producer_id_expiration_check_interval: lookup.millis("producer.id.expiration.check.interval.ms"),
            max_incremental_fetch_session_cache_slots: lookup
                .count("max.incremental.fetch.session.cache.slots"),
            replica_selector_rack_aware: lookup.word("replica.selector.class") == RACK_AWARE_SELECTOR,
            log_flush_scheduler_interval: lookup.millis("log.flush.scheduler.interval.ms"),
            log_flush_offset_checkpoint_interval: lookup.millis("log.flush.offset.checkpoint.interval.ms"),
            log_retention_check_interval: lookup.millis("log.retention.check.interval.ms"),
            log_cleaner_enable: lookup.boolean("log.cleaner.enable"),
            log_cleaner_backoff: lookup.millis("log.cleaner.backoff.ms"),
            log_cleaner_dedupe_buffer_size: lookup.count("log.cleaner.dedupe.buffer.size"),
            log_cleaner_io_buffer_size: lookup.count("log.cleaner.io.buffer.size"),
            topic_defaults: TopicConfig {
                min_insync_replicas: lookup.count("min.insync.replicas"),
                unclean_leader_election_enable: lookup.boolean("unclean.leader.election.enable"),
                max_message_bytes: lookup.count("message.max.bytes"),
                log: LogConfig::of_broker(&lookup),
            },
            given: given.clone(),
        })
    }
}

/// Settings of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct TopicConfig {
    pub min_insync_replicas: usize,
    pub unclean_leader_election_enable: bool,
    pub max_message_bytes: usize,
    /// The settings of its logs.
    pub log: LogConfig,
}

impl TopicConfig {
    /// A topic's own settings over the broker's defaults.
    ///
    /// # Errors
    /// Every unknown name and every bad value.
    pub fn from_properties(given: &Properties, defaults: TopicConfig) -> Result<Self, Vec<ConfigError>> {
        let lookup = Lookup::new(Scope::Topic, given)?;
        let mut config = defaults;
        for name in given.keys() {
            match name.as_str() {
                "min.insync.replicas" => config.min_insync_replicas = lookup.count(name),
                "unclean.leader.election.enable" => {
                    config.unclean_leader_election_enable = lookup.boolean(name);
                }
                "max.message.bytes" => config.max_message_bytes = lookup.count(name),
                // One value only so far: there is nothing to read.
                "compression.type" => {}
                other => {
                    let known = config.log.set(other, &lookup);
                    assert!(known, "topic setting {other} is in the table but read nowhere");
                }
            }
        }
        Ok(config)
    }
}

/// How a producer picks a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partitioner {
    /// By key hash (murmur2); without a key sticky to one partition for a batch (KIP-794).
    Default,
    /// One after the other.
    RoundRobin,
}

/// Settings of a producer.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct ProducerConfig {
    pub acks: Acks,
    pub batch_size: usize,
    pub linger: Duration,
    pub retries: u64,
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    pub max_in_flight_requests_per_connection: usize,
    pub request_timeout: Duration,
    pub delivery_timeout: Duration,
    pub max_block: Duration,
    pub max_request_size: usize,
    pub buffer_memory: usize,
    pub metadata_max_age: Duration,
    pub reconnect_backoff: Duration,
    pub reconnect_backoff_max: Duration,
    pub compression: Compression,
    pub partitioner: Partitioner,
    /// Whether the producer is idempotent: `enable.idempotence`, and nothing that rules it out.
    pub enable_idempotence: bool,
}

impl ProducerConfig {
    /// Reads `producer.properties`.
    ///
    /// # Errors
    /// Every unknown name and every bad value, and a delivery.timeout.ms below linger.ms + request.timeout.ms,
    /// which Kafka's producer refuses too.
    pub fn from_properties(given: &Properties) -> Result<Self, Vec<ConfigError>> {
        let lookup = Lookup::new(Scope::Producer, given)?;
        let config = ProducerConfig {
            acks: match lookup.word("acks").as_str() {
                "0" => Acks::None,
                "1" => Acks::Leader,
                _ => Acks::All,
            },
            batch_size: lookup.count("batch.size"),
            linger: lookup.millis("linger.ms"),
            retries: u64::try_from(lookup.integer("retries")).unwrap_or(0),
            retry_backoff: lookup.millis("retry.backoff.ms"),
            retry_backoff_max: lookup.millis("retry.backoff.max.ms"),
            max_in_flight_requests_per_connection: lookup.count("max.in.flight.requests.per.connection"),
            request_timeout: lookup.millis("request.timeout.ms"),
            delivery_timeout: lookup.millis("delivery.timeout.ms"),
            max_block: lookup.millis("max.block.ms"),
            max_request_size: lookup.count("max.request.size"),
            buffer_memory: lookup.count("buffer.memory"),
            metadata_max_age: lookup.millis("metadata.max.age.ms"),
            reconnect_backoff: lookup.millis("reconnect.backoff.ms"),
            reconnect_backoff_max: lookup.millis("reconnect.backoff.max.ms"),
            compression: Compression::named(&lookup.word("compression.type")).unwrap_or(Compression::None),
            partitioner: match lookup.word("partitioner.class").as_str() {
                "" => Partitioner::Default,
                _ => Partitioner::RoundRobin,
            },
            enable_idempotence: lookup.boolean("enable.idempotence"),
        }
        .without_idempotence_if_ruled_out(given)?;
        let least = config.linger + config.request_timeout;
        if given.contains_key("delivery.timeout.ms") && config.delivery_timeout < least {
            return Err(vec![ConfigError::Invalid {
                name: "delivery.timeout.ms".to_owned(),
                value: given["delivery.timeout.ms"].clone(),
                problem: format!("must be at least linger.ms + request.timeout.ms = {}", least.as_millis()),
            }]);
        }
        Ok(config)
    }
}

/// Most requests an idempotent producer may have in flight: brokers remember so many of its batches.
const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

impl ProducerConfig {
    /// What idempotence cannot go with turns it off, and is an error if it was asked for by name
    /// (`ProducerConfig.postProcessAndValidateIdempotenceConfigs`).
    fn without_idempotence_if_ruled_out(mut self, given: &Properties) -> Result<Self, Vec<ConfigError>> {
        let in_flight = self.max_in_flight_requests_per_connection;
        let problem = if self.acks != Acks::All {
            format!("an idempotent producer needs acks = all, here it is {}", self.acks)
        } else if self.retries == 0 {
            "an idempotent producer needs retries above 0".to_owned()
        } else if in_flight > IDEMPOTENT_IN_FLIGHT_MAX {
            format!(
                "an idempotent producer has at most {IDEMPOTENT_IN_FLIGHT_MAX} requests in flight, max.in.flight.requests.per.connection is {in_flight}"
            )
        } else {
            return Ok(self);
        };
        if self.enable_idempotence && given.contains_key("enable.idempotence") {
            let (name, value) = ("enable.idempotence".to_owned(), "true".to_owned());
            return Err(vec![ConfigError::Invalid { name, value, problem }]);
        }
        self.enable_idempotence = false;
        Ok(self)
    }
}

/// Where a consumer starts without a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetReset {
    /// At the log start offset.
    Earliest,
    /// At the high watermark.
    Latest,
    /// Nowhere: the application decides.
    None,
}

/// Settings of a consumer.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each field is the Kafka key of its name; the table documents it")]
pub struct ConsumerConfig {
    pub auto_offset_reset: OffsetReset,
    pub fetch_min_bytes: i32,
    pub fetch_max_wait: Duration,
    pub fetch_max_bytes: i32,
    pub max_partition_fetch_bytes: i32,
    pub client_rack: String,
    pub max_poll_records: usize,
    pub request_timeout: Duration,
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    pub reconnect_backoff: Duration,
    pub reconnect_backoff_max: Duration,
    pub metadata_max_age: Duration,
    /// What it needs to be a member of a group; `None` without `group.id`.
    pub membership: Option<MembershipConfig>,
}

impl ConsumerConfig {
    /// Reads `consumer.properties`.
    ///
    /// # Errors
    /// Every unknown name and every bad value, and settings that Kafka's consumer does not let stand together.
    pub fn from_properties(given: &Properties) -> Result<Self, Vec<ConfigError>> {
        let lookup = Lookup::new(Scope::Consumer, given)?;
        Ok(ConsumerConfig {
            auto_offset_reset: match lookup.word("auto.offset.reset").as_str() {
                "earliest" => OffsetReset::Earliest,
                "none" => OffsetReset::None,
                _ => OffsetReset::Latest,
            },
            fetch_min_bytes: lookup.int("fetch.min.bytes"),
            fetch_max_wait: lookup.millis("fetch.max.wait.ms"),
            fetch_max_bytes: lookup.int("fetch.max.bytes"),
            max_partition_fetch_bytes: lookup.int("max.partition.fetch.bytes"),
            client_rack: lookup.word("client.rack"),
            max_poll_records: lookup.count("max.poll.records"),
            request_timeout: lookup.millis("request.timeout.ms"),
            retry_backoff: lookup.millis("retry.backoff.ms"),
            retry_backoff_max: lookup.millis("retry.backoff.max.ms"),
            reconnect_backoff: lookup.millis("reconnect.backoff.ms"),
            reconnect_backoff_max: lookup.millis("reconnect.backoff.max.ms"),
            metadata_max_age: lookup.millis("metadata.max.age.ms"),
            membership: MembershipConfig::read(&lookup, given)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn every_default_of_the_table_can_be_read() {
        let empty = Properties::new();
        BrokerConfig::from_properties(&empty).expect("broker defaults");
        ProducerConfig::from_properties(&empty).expect("producer defaults");
        ConsumerConfig::from_properties(&empty).expect("consumer defaults");
    }

    #[test]
    fn every_topic_key_is_read() {
        let defaults = BrokerConfig::from_properties(&Properties::new()).expect("defaults").topic_defaults;
        let all: Properties = KEYS
            .iter()
            .filter(|key| key.scope == Scope::Topic)
            .map(|key| (key.name.to_owned(), key.effective_default().to_owned()))
            .collect();
        assert_eq!(TopicConfig::from_properties(&all, defaults), Ok(defaults));
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let given: Properties = [("acks", "2"), ("linger", "5"), ("retries", "-1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(ProducerConfig::from_properties(&given).expect_err("three problems").len(), 3);
    }

    fn idempotence(settings: &[(&str, &str)]) -> Result<bool, Vec<ConfigError>> {
        let given: Properties =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ProducerConfig::from_properties(&given).map(|config| config.enable_idempotence)
    }

    #[test]
    fn a_producer_is_idempotent_unless_another_setting_rules_it_out() {
        assert_eq!(idempotence(&[]), Ok(true));
        assert_eq!(idempotence(&[("enable.idempotence", "false")]), Ok(false));
        for ruled_out in [("acks", "1"), ("retries", "0"), ("max.in.flight.requests.per.connection", "6")] {
            assert_eq!(idempotence(&[ruled_out]), Ok(false));
            assert!(idempotence(&[ruled_out, ("enable.idempotence", "true")]).is_err(), "{ruled_out:?}");
        }
    }

    #[test]
    fn a_delivery_timeout_below_linger_and_request_timeout_is_refused() {
        let given: Properties = [("delivery.timeout.ms".to_owned(), "1000".to_owned())].into();
        assert!(ProducerConfig::from_properties(&given).is_err());
    }
}
