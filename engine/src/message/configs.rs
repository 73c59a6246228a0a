//! Messages about settings: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs (KIP-133, KIP-339).

use crate::error::ErrorCode;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number we do not know, as it came: whoever answers must refuse it and name it.
            Unknown(i8),
        }

        impl $name {
            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> i8 {
                match self {
                    $($name::$variant => $code,)*
                    $name::Unknown(code) => code,
                }
            }

            /// The meaning of a number from the wire.
            #[must_use]
            pub fn from_code(code: i8) -> $name {
                match code {
                    $($code => $name::$variant,)*
                    _ => $name::Unknown(code),
                }
            }
        }
    };
}

codes! {
    /// What kind of thing settings belong to (Kafka's `ConfigResource.Type`).
    ConfigResourceType {
        /// A topic, by name.
        Topic = 2,
        /// A broker, by id; the empty name stands for the default of all brokers.
        Broker = 4,
        /// The log levels of a broker.
        BrokerLogger = 8,
        /// A subscription to client metrics (KIP-714).
        ClientMetrics = 16,
        /// A consumer group, by id (KIP-848).
        Group = 32,
    }
}

codes! {
    /// Where the value of a setting comes from (Kafka's `ConfigEntry.ConfigSource`).
    ConfigSource {
        /// Set for this topic.
        DynamicTopic = 1,
        /// Set for this broker while it runs.
        DynamicBroker = 2,
        /// Set for all brokers while they run.
        DynamicDefaultBroker = 3,
        /// From `server.properties`.
        StaticBroker = 4,
        /// Kafka's default.
        Default = 5,
        /// The level of a logger.
        DynamicBrokerLogger = 6,
        /// Set for this subscription to client metrics.
        ClientMetrics = 7,
        /// Set for this group.
        Group = 8,
    }
}

codes! {
    /// The type of a setting's value (Kafka's `ConfigEntry.ConfigType`).
    ConfigType {
        /// `true` or `false`.
        Boolean = 1,
        /// Text.
        String = 2,
        /// 32 bits.
        Int = 3,
        /// 16 bits.
        Short = 4,
        /// 64 bits.
        Long = 5,
        /// Floating point.
        Double = 6,
        /// Texts with commas between them.
        List = 7,
        /// The name of a class.
        Class = 8,
        /// Text that is never shown.
        Password = 9,
    }
}

codes! {
    /// What IncrementalAlterConfigs does with a setting (Kafka's `AlterConfigOp.OpType`).
    ConfigOperation {
        /// Give it this value.
        Set = 0,
        /// Take it back to the default.
        Delete = 1,
        /// Add these texts to a list.
        Append = 2,
        /// Take these texts out of a list.
        Subtract = 3,
    }
}

/// A thing that has settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ConfigResourceType,
    /// Its name; a broker's id as text.
    pub name: String,
}

/// DescribeConfigs: which settings hold, and why?
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeConfigsRequest {
    /// The things asked about.
    pub resources: Vec<ConfigQuery>,
    /// Also say what the value would be without each place that sets it.
    pub include_synonyms: bool,
    /// Also say what each setting means (version 3 on).
    pub include_documentation: bool,
}

/// One question of DescribeConfigs.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigQuery {
    /// The thing.
    pub resource: ConfigResource,
    /// The settings asked about; `None` is all.
    pub keys: Option<Vec<String>>,
}

/// The answer to DescribeConfigs.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribeConfigsResponse {
    /// One answer a question.
    pub resources: Vec<DescribedConfigs>,
}

/// The settings of one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct DescribedConfigs {
    /// The thing.
    pub resource: ConfigResource,
    /// NONE if the settings are there.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
    /// Its settings.
    pub configs: Vec<ConfigEntry>,
}

/// One setting.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigEntry {
    /// Kafka's name of it.
    pub name: String,
    /// Its value; `None` if it has none or must not be shown.
    pub value: Option<String>,
    /// Whether it can only be changed by a restart.
    pub is_read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is never shown.
    pub is_sensitive: bool,
    /// The places that set it, the one that counts first.
    pub synonyms: Vec<ConfigSynonym>,
    /// The type of the value (version 3 on).
    pub config_type: ConfigType,
    /// What it means, for a person (version 3 on).
    pub documentation: Option<String>,
}

/// One place that sets a setting.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigSynonym {
    /// The name it has there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

/// AlterConfigs: replace all settings of things. What is not named goes back to its default.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterConfigsRequest {
    /// The things and their new settings.
    pub resources: Vec<ConfigReplacement>,
    /// Only check whether they could be altered.
    pub validate_only: bool,
}

/// All the new settings of one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigReplacement {
    /// The thing.
    pub resource: ConfigResource,
    /// Names and values, in the order they came; a name may come twice.
    pub configs: Vec<(String, Option<String>)>,
}

/// IncrementalAlterConfigs: change some settings of things and leave the others (KIP-339).
#[derive(Clone, PartialEq, Debug)]
pub struct IncrementalAlterConfigsRequest {
    /// The things and the changes.
    pub resources: Vec<ConfigChanges>,
    /// Only check whether they could be altered.
    pub validate_only: bool,
}

/// Changes of one thing's settings.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigChanges {
    /// The thing.
    pub resource: ConfigResource,
    /// The changes, in the order they came; a name may come twice.
    pub changes: Vec<ConfigChange>,
}

/// The change of one setting.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigChange {
    /// Kafka's name of it.
    pub name: String,
    /// What to do.
    pub operation: ConfigOperation,
    /// With what; `None` to delete.
    pub value: Option<String>,
}

/// The answer to AlterConfigs.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterConfigsResponse {
    /// The outcome, by thing.
    pub resources: Vec<AlteredConfigs>,
}

/// The answer to IncrementalAlterConfigs.
#[derive(Clone, PartialEq, Debug)]
pub struct IncrementalAlterConfigsResponse {
    /// The outcome, by thing.
    pub resources: Vec<AlteredConfigs>,
}

/// The outcome of AlterConfigs or IncrementalAlterConfigs for one thing.
#[derive(Clone, PartialEq, Debug)]
pub struct AlteredConfigs {
    /// The thing.
    pub resource: ConfigResource,
    /// NONE if it was (or could be) altered.
    pub error: ErrorCode,
    /// For a person.
    pub error_message: Option<String>,
}
