//! Every code a scenario file can be answered with, and what it means.
//!
//! A code never changes its meaning and is never used again for something else: people search for it. Codes from
//! T001 are errors, from T101 warnings. `tribunal explain T012` prints the explanation.

/// One kind of problem.
#[derive(Debug)]
pub struct Code {
    /// `T` and three digits.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What to know and what to do, in a few sentences.
    pub explanation: &'static str,
    /// Whether the problem can be judged from its own line. The others depend on the rest of the file, so they are
    /// not reported when part of the file could not be read.
    pub(crate) local: bool,
}

/// The code of that id, in any case.
#[must_use]
pub fn explain(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id)).copied()
}

macro_rules! codes {
    ($($name:ident = $id:literal $scope:ident $title:literal: $explanation:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: &Code = &Code {
                id: $id, title: $title, explanation: $explanation, local: codes!(@$scope),
            };
        )*
        /// Every code, by id.
        pub const ALL: &[&Code] = &[$($name),*];
    };
    (@local) => { true };
    (@whole) => { false };
}

codes! {
    FILE = "T001" local "the file cannot be read":
        "A scenario is one UTF-8 text file of at most 256 KiB. Save it as UTF-8, and check its path and permissions.";
    SYNTAX = "T002" local "this is not TOML":
        "The file is not valid TOML. Frequent reasons: a string without quotes (durations and targets are strings), a \
         missing `]` or `}`, a key without a value. Every syntax error of the file is listed at once.";
    FORMAT = "T003" whole "unknown format number":
        "The first line of a scenario is `format = 1`. The number grows when an old file would be read differently; \
         this version of tribunal reads format 1.";
    MISSING = "T004" whole "a required key or table is missing":
        "The table named in the message needs this key. The help shows a line that would do.";
    UNKNOWN_KEY = "T005" local "unknown key or table":
        "Nothing in the format has this name here. Keys are never ignored, because a misspelt fault is a fault that \
         does not happen. Kafka's own settings stand in `config = { ... }` of the cluster, a topic, a producer or a \
         consumer.";
    NOT_BUILT = "T006" local "part of the format, but not built yet":
        "The format defines this, and this version of tribunal cannot do it. It is refused rather than ignored, since \
         a verdict about something that did not happen would be worthless. Remove it or wait for a version that has it.";
    WRONG_TYPE = "T007" local "a value of the wrong type":
        "The key takes another type of value: text stands in quotes, lists in brackets, tables in braces.";
    BARE_NUMBER = "T008" local "a number without a unit":
        "Every time, size and rate carries its unit, so that nobody has to guess: `\"500ms\"`, `\"2KiB\"`, `\"50/s\"`. \
         Only Kafka's own settings are bare numbers, because their names say the unit (`linger.ms`).";
    BAD_QUANTITY = "T009" local "not a quantity":
        "Durations: ns, us, ms, s, m, h. Sizes: B, kB, KiB, MB, MiB, GB, GiB. Rates: a number per s, m or h. Decimals \
         use a point. A range has two dots: `\"1ms..4ms\"`.";
    BAD_RANGE = "T010" local "out of bounds":
        "The value is readable but not allowed: a range that ends before it starts, a zero where something has to \
         happen, or a number beyond what a simulation can do.";
    DUPLICATE = "T011" local "named twice":
        "Each key stands once in its table and each table once in the file. Objects (topics, producers, faults) are \
         named by their table, so two of one name would be one too many.";
    UNKNOWN_WORD = "T012" local "unknown word":
        "The key takes one of a fixed list of words. The message or the help lists them.";
    UNKNOWN_NAME = "T013" whole "nothing has this name":
        "A topic, producer, consumer or fault is mentioned that the file does not define.";
    IMPOSSIBLE_TARGET = "T014" whole "a target that cannot exist":
        "The target can never be found in this cluster, whatever happens: a broker beyond the number of brokers, a \
         partition beyond the topic's partitions. Brokers are numbered from 1, partitions from 0.";
    BAD_TARGET = "T015" local "not a target":
        "Targets: `broker 2`, `controller`, `all-brokers`, `leader(orders/0)`, `followers(orders/0)`, \
         `any-follower(orders/0)`, `isr(orders/0)`, `coordinator(GROUP)`, `producer NAME`, `consumer NAME`, \
         `any(SET)` (one of them that runs), `rest` (side-b of a partition \
         only), `link(A, B)` (slow-link only), `disk(...)` of brokers (actions on disks only), or a list of them. They are resolved when the fault fires.";
    BAD_EXPRESSION = "T016" local "not an expression":
        "An expression compares values: `time >= 10s and unreplicated(orders/0) >= 20`. Operators: < <= == != >= >, \
         and, or, not, parentheses. Windows in expectations: `outside faults`, `during FAULT`.";
    EXPRESSION_TYPE = "T017" local "values that cannot be compared":
        "Durations compare with durations (`40ms`), counts with plain numbers (`20`), shares with percentages (`5%`).";
    NOT_IN_TRIGGER = "T018" local "not known while the run goes on":
        "A trigger can only use what the cluster knows at that moment: time, sent, acked, isr, unreplicated, epoch, \
         truncated. Losses, percentiles and outages are known at the end, and belong in `expect`.";
    BAD_EXPECTATION = "T019" local "not an expectation":
        "`that` is one of: `holds GUARANTEE`, `breaks GUARANTEE in some seed`, `breaks GUARANTEE in every seed`, \
         `may break GUARANTEE`, `happens EXPRESSION`, or an expression.";
    BAD_ON = "T020" whole "`on` does not fit the matrix":
        "`on = { axis = value }` or `on = { axis = [values] }` names an axis of [matrix] and some of its values, and \
         restricts the expectation to the variants that have them.";
    BAD_MATRIX = "T021" local "a mistake in the matrix":
        "[matrix] holds lists: `acks = [\"1\", \"all\"]`. One variant is run for each combination. `skip` and `only` are \
         lists of tables that name axes and values; [matrix.set.AXIS] has one table per value of that axis.";
    BAD_REFERENCE = "T022" local "a `${...}` that leads nowhere":
        "`\"${acks}\"` stands for the value of the matrix axis `acks` and must be the whole string. It works in \
         [cluster], [topic], [producer], [consumer] and [fault].";
    UNKNOWN_SETTING = "T023" local "unknown Kafka setting":
        "The name is not a Kafka setting of this scope, or not one tribunal knows.";
    WRONG_SCOPE = "T024" local "a Kafka setting in the wrong table":
        "Broker settings belong in [cluster], topic settings in [topic.X], producer settings in [producer.X], \
         consumer settings in [consumer.X].";
    BAD_SETTING = "T025" local "a Kafka setting with a bad value":
        "The value has the wrong type, is out of Kafka's bounds, or is one that Kafka's own client refuses.";
    IMPOSSIBLE_REPLICATION = "T026" whole "more replicas than brokers":
        "Each replica of a partition needs a broker of its own, so a topic's replication cannot exceed the number of \
         brokers.";
    BAD_NAME = "T027" local "not a name":
        "Topics follow Kafka's rules. Producers, consumers, faults and axes are named with letters, digits, `-` and \
         `_`. Each client has a machine of its own, named after its table and its number (`checkout-0`), and no two machines \
         have one name.";
    NEVER_FIRES = "T028" whole "a fault that cannot happen":
        "The fault's moment lies at or after the end of `run.duration`. Faults happen under load; at the end of the \
         duration everything heals.";
    BAD_FAULT = "T029" local "a fault whose keys do not fit together":
        "A fault has exactly one trigger (`at`, `when`, `after` or `every`), an action with the keys of that action, or \
         `pick` with several of them. `from`, `until` and `times` go with `every`.";
    BAD_GROUP = "T030" local "a consumer group whose keys do not fit together":
        "`[consumer.NAME]` with `members = 6` is a consumer group: its members share the partitions. Its keys are `group` \
         (its id, by default the table's name), `work` (time to process a record) and `commit`. Without `members` it is one \
         client without a group that reads every partition, and these keys mean nothing.";
    BAD_FILE = "T031" local "a file that is named cannot be used":
        "`include` and `properties-file` name files relative to the file that names them: `\"lib/cluster-3.toml\"`, with `/` and \
         never from the root, so that a scenario runs wherever it is copied. A scenario and all its files together are at most \
         256 KiB and 64 files, and no file includes itself. A report carries all of them, and needs none to run again.";
    BAD_PROPERTIES = "T032" local "not a line of a properties file":
        "Java's format: `name=value`, comments start with `#` or `!`, a backslash at the end of a line goes on in the next. \
         Of the escapes only `\\\\` and escaped blanks, `=`, `:`, `#`, `!` are read.";
    NO_LOAD = "T101" whole "nothing is produced":
        "Without a producer no record is written, and most guarantees end as `not tested`.";
    MIN_INSYNC_UNUSED = "T102" whole "min.insync.replicas has no effect":
        "Kafka looks at min.insync.replicas only for writes with acks=all. With acks=0 and acks=1 it neither refuses \
         nor protects anything.";
    MIN_INSYNC_TOO_HIGH = "T103" whole "writes with acks=all can never succeed":
        "min.insync.replicas is above the number of replicas, so the ISR can never be large enough: every write with \
         acks=all answers NOT_ENOUGH_REPLICAS.";
    MIN_INSYNC_ALL = "T104" whole "one slow or dead broker stops all writes":
        "min.insync.replicas equals the number of replicas, so writes with acks=all stop as soon as one replica leaves \
         the ISR. Usual is one less than the number of replicas.";
    UNUSED_TOPIC = "T106" whole "a topic nobody uses":
        "No producer writes to the topic and no consumer reads it.";
    TOO_LONG_FAULT = "T107" whole "a fault that outlasts the run":
        "At the end of `run.duration` every fault heals, so the part beyond it does not happen.";
    NO_EFFECT = "T108" local "a setting without effect in the simulator":
        "A properties file may be the one a real program uses, so it may have settings of its process (addresses, serializers, \
         encryption, metrics). They are accepted there and change nothing here. In `config` they are refused.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_ascending() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert_eq!(explain("t012").map(|code| code.id), Some("T012"));
        assert!(explain("T999").is_none());
    }
}
