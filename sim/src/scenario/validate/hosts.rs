//! Each client has a host of its own, and no two hosts have one name.

use std::collections::BTreeMap;

use super::super::codes;
use super::super::diagnostic::{Sink, TextProblem};
use super::super::plan::OPERATOR;
use super::super::read::Section;
use super::super::tree::shorten;
use super::load::Load;

/// Notes tables whose hosts would have a name that is taken.
pub(super) fn check(sink: &mut Sink<'_>, top: &Section<'_>, load: &Load) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    taken.insert(OPERATOR.to_owned(), "the scenario's own clients".to_owned());
    let producers =
        load.producers.iter().map(|producer| ("producer", producer.name.as_str(), producer.hosts()));
    let consumers =
        load.consumers.iter().map(|consumer| ("consumer", consumer.name.as_str(), consumer.hosts()));
    for (kind, name, hosts) in producers.chain(consumers) {
        let clash = hosts.iter().find_map(|host| {
            let owner = taken.get(host).cloned();
            let owner = owner.or_else(|| is_node(host).then(|| "the cluster".to_owned()));
            owner.map(|owner| (host.clone(), owner))
        });
        match clash {
            Some((host, owner)) => {
                let table = top.node(kind).and_then(|node| node.table());
                let Some(entry) = table.and_then(|table| table.get(name)) else { continue };
                let message = format!("two machines would be called `{}`", shorten(&host));
                let problem = TextProblem::new(codes::BAD_NAME, 0..0, message).label("the second");
                sink.push(entry.key_span, problem.help(format!("that name belongs to {owner}")));
            }
            None => taken.extend(hosts.into_iter().map(|host| (host, format!("[{kind}.{name}]")))),
        }
    }
}

/// Whether brokers or controllers have names of this kind.
fn is_node(host: &str) -> bool {
    let number = host.strip_prefix("broker-").or_else(|| host.strip_prefix("controller-"));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}
