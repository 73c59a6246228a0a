//! What a fault acts on: `broker 2`, `leader(orders/0)`, `link(A, B)`, `rest`, or a list.
//!
//! A target is a description, resolved by the runner in the moment the fault fires. Whether it can ever exist in
//! the cluster is checked by `validate`, not here.

use std::fmt;

use tribunal_engine::id::{NodeId, TopicPartition};

use super::codes;
use super::diagnostic::{TextProblem, list, nearest};
use super::lexer::{Token, Tokens};

/// One thing a fault acts on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// `broker N`, from 1.
    Broker(NodeId),
    /// The broker that leads the partition.
    Leader(TopicPartition),
    /// Every replica of the partition but the leader.
    Followers(TopicPartition),
    /// One follower of the partition, drawn from the seed.
    AnyFollower(TopicPartition),
    /// Every member of the partition's ISR, the leader included.
    Isr(TopicPartition),
    /// The active controller.
    Controller,
    /// Every controller, active or not.
    AllControllers,
    /// Every broker.
    AllBrokers,
    /// The broker that coordinates the group of `[consumer.NAME]`.
    Coordinator(String),
    /// One that runs of the targets, drawn from the seed each time the fault fires.
    Any(Box<Target>),
    /// Every client of `[producer.NAME]`.
    Producer(String),
    /// The client of `[consumer.NAME]`; of a group every member there is at present.
    Consumer(String),
    /// Everything that is not on the other side: brokers, controllers and clients. Only as `side-b`.
    Rest,
    /// The connection between two targets. Only for `slow-link`.
    Link(Box<Target>, Box<Target>),
    /// The disk of a target. Only for actions on disks.
    Disk(Box<Target>),
}

/// One or more targets. Empty for actions that name their targets otherwise (`partition`, `slow-link`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetExpr(pub Vec<Target>);

const WITH_PARTITION: &[&str] = &["leader", "followers", "any-follower", "isr"];
const BUILT: &[&str] = &[
    "broker",
    "leader",
    "followers",
    "any-follower",
    "isr",
    "controller",
    "all-controllers",
    "all-brokers",
    "coordinator",
    "any",
    "producer",
    "consumer",
    "rest",
    "link",
    "disk",
];
const NOT_BUILT: &[&str] = &["rack", "one", "minority", "majority"];

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Broker(id) => write!(formatter, "broker {id}"),
            Target::Leader(partition) => write!(formatter, "leader({partition})"),
            Target::Followers(partition) => write!(formatter, "followers({partition})"),
            Target::AnyFollower(partition) => write!(formatter, "any-follower({partition})"),
            Target::Isr(partition) => write!(formatter, "isr({partition})"),
            Target::Controller => formatter.write_str("controller"),
            Target::AllControllers => formatter.write_str("all-controllers"),
            Target::AllBrokers => formatter.write_str("all-brokers"),
            Target::Coordinator(group) => write!(formatter, "coordinator({group})"),
            Target::Any(set) => write!(formatter, "any({set})"),
            Target::Producer(name) => write!(formatter, "producer {name}"),
            Target::Consumer(name) => write!(formatter, "consumer {name}"),
            Target::Rest => formatter.write_str("rest"),
            Target::Link(a, b) => write!(formatter, "link({a}, {b})"),
            Target::Disk(host) => write!(formatter, "disk({host})"),
        }
    }
}

impl fmt::Display for TargetExpr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, target) in self.0.iter().enumerate() {
            if position > 0 {
                formatter.write_str(", ")?;
            }
            target.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Target {
    /// Whether it is about clients.
    #[must_use]
    pub fn is_client(&self) -> bool {
        match self {
            Target::Producer(_) | Target::Consumer(_) => true,
            Target::Any(set) => set.is_client(),
            _ => false,
        }
    }

    /// Reads one target.
    ///
    /// # Errors
    /// What is wrong and where in the text.
    pub fn parse(text: &str) -> Result<Target, TextProblem> {
        let mut tokens = Tokens::new(text);
        tokens.check_length(codes::BAD_TARGET)?;
        let target = target(&mut tokens)?;
        match tokens.peek() {
            None => Ok(target),
            Some(Token::Word("except")) => Err(not_built("except", tokens.here())),
            Some(Token::Symbol(",")) => Err(tokens
                .unexpected(codes::BAD_TARGET, "the end of the target")
                .help("several targets are a list: [\"broker 1\", \"broker 2\"]")),
            Some(_) => Err(tokens.unexpected(codes::BAD_TARGET, "the end of the target")),
        }
    }
}

fn not_built(form: &str, at: std::ops::Range<usize>) -> TextProblem {
    TextProblem::new(
        codes::NOT_BUILT,
        at,
        format!("the target `{form}` is part of the format but not built yet"),
    )
    .label("not built yet")
    .help(format!("built are {}", list(BUILT.iter().copied())))
}

fn target(tokens: &mut Tokens<'_>) -> Result<Target, TextProblem> {
    let code = codes::BAD_TARGET;
    let (word, at) = tokens.word(code, "a target like `leader(orders/0)`")?;
    match word {
        "controller" => Ok(Target::Controller),
        "all-controllers" => Ok(Target::AllControllers),
        "all-brokers" => Ok(Target::AllBrokers),
        "rest" => Ok(Target::Rest),
        "broker" => broker(tokens),
        "producer" => {
            tokens.word(code, "the name of a producer").map(|(name, _)| Target::Producer(name.to_owned()))
        }
        "consumer" => {
            tokens.word(code, "the name of a consumer").map(|(name, _)| Target::Consumer(name.to_owned()))
        }
        "coordinator" => {
            tokens.expect(code, "(")?;
            let (name, _) = tokens.word(code, "the name of a consumer group")?;
            tokens.expect(code, ")")?;
            Ok(Target::Coordinator(name.to_owned()))
        }
        "any" => any(tokens),
        "link" => {
            tokens.expect(code, "(")?;
            let a = target(tokens)?;
            tokens.expect(code, ",")?;
            let b = target(tokens)?;
            tokens.expect(code, ")")?;
            Ok(Target::Link(Box::new(a), Box::new(b)))
        }
        "disk" => {
            tokens.expect(code, "(")?;
            let (start, host) = (tokens.here().start, target(tokens)?);
            tokens.expect(code, ")")?;
            match host {
                _ if host.is_client()
                    || matches!(host, Target::Link(..) | Target::Disk(_) | Target::Rest) =>
                {
                    let at = start..start + host.to_string().len();
                    Err(TextProblem::new(code, at, format!("`{host}` has no disk that matters"))
                        .label("not a broker")
                        .help("name brokers: `disk(broker 1)`, `disk(leader(orders/0))`"))
                }
                host => Ok(Target::Disk(Box::new(host))),
            }
        }
        _ if WITH_PARTITION.contains(&word) => {
            tokens.expect(code, "(")?;
            let partition = tokens.partition(code)?;
            tokens.expect(code, ")")?;
            Ok(match word {
                "leader" => Target::Leader(partition),
                "followers" => Target::Followers(partition),
                "any-follower" => Target::AnyFollower(partition),
                _ => Target::Isr(partition),
            })
        }
        _ if NOT_BUILT.contains(&word) => Err(not_built(word, at)),
        _ => Err(TextProblem::new(code, at, format!("`{word}` is not a target"))
            .label("unknown target")
            .help(match nearest(word, BUILT.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("targets are {}", list(BUILT.iter().copied())),
            })),
    }
}

/// `any(SET)`: sets are targets of machines.
fn any(tokens: &mut Tokens<'_>) -> Result<Target, TextProblem> {
    let code = codes::BAD_TARGET;
    tokens.expect(code, "(")?;
    let (start, set) = (tokens.here().start, target(tokens)?);
    if tokens.peek() == Some(Token::Word("except")) {
        return Err(not_built("except", tokens.here()));
    }
    let end = tokens.taken_to();
    tokens.expect(code, ")")?;
    match set {
        Target::Link(..) | Target::Disk(_) | Target::Rest | Target::Any(_) => {
            Err(TextProblem::new(code, start..end, format!("`{set}` is no set of machines to draw one from"))
                .label("not a set of machines")
                .help("write it like `any(consumer billing)` or `any(all-brokers)`"))
        }
        set => Ok(Target::Any(Box::new(set))),
    }
}

fn broker(tokens: &mut Tokens<'_>) -> Result<Target, TextProblem> {
    let (number, at) = tokens.word(codes::BAD_TARGET, "the number of a broker")?;
    match number.parse::<i32>() {
        Ok(id) if id >= 0 => Ok(Target::Broker(NodeId(id))),
        _ => {
            Err(TextProblem::new(codes::BAD_TARGET, at, format!("`{number}` is not the number of a broker"))
                .label("expected a whole number")
                .help("brokers are numbered from 1: `broker 2`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_print_as_they_are_written() {
        for text in [
            "broker 2",
            "leader(orders/0)",
            "any-follower(my.topic-1/12)",
            "link(leader(ledger/0), any-follower(ledger/0))",
            "producer near",
            "disk(leader(orders/0))",
            "disk(any(all-brokers))",
            "any(consumer billing)",
            "coordinator(billing)",
            "rest",
        ] {
            assert_eq!(Target::parse(text).map(|target| target.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_misspelt_target_gets_a_suggestion() {
        let problem = Target::parse("laeder(orders/0)").expect_err("misspelt");
        assert_eq!((problem.code.id, problem.help.as_deref()), ("T015", Some("did you mean `leader`?")));
    }

    #[test]
    fn a_target_that_is_not_built_is_named() {
        let problem = Target::parse("minority").expect_err("not built");
        assert_eq!(problem.code.id, "T006");
    }

    #[test]
    fn a_topic_without_partition_is_explained() {
        let problem = Target::parse("leader(orders)").expect_err("no partition");
        assert_eq!(problem.help.as_deref(), Some("write `orders/0`"));
    }
}
