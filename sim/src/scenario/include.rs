//! `include`: the tables of other files under those of this one.
//!
//! Tables are merged key by key, any other value is replaced: what is included later wins over what was included
//! earlier, and the file itself over everything it includes.

use super::bundle::{Bundle, File};
use super::codes;
use super::diagnostic::{Sink, TextProblem};
use super::tree::{Entry, Kind, Node, Table};

/// The scenario with everything it includes.
pub(crate) fn merged(bundle: &Bundle, sink: &mut Sink<'_>) -> Table {
    let mut chain = Vec::new();
    merged_file(bundle, bundle.main(), &mut chain, sink)
}

/// A file over what it includes; `chain` are the files that include it.
fn merged_file<'b>(
    bundle: &'b Bundle,
    file: &'b File,
    chain: &mut Vec<&'b str>,
    sink: &mut Sink<'_>,
) -> Table {
    let mut own = bundle.tree(file, sink);
    let Some(at) = own.entries.iter().position(|entry| entry.key == "include") else { return own };
    let include = own.entries.remove(at).node;
    chain.push(&file.name);
    let mut merged = Table::default();
    for node in included(&include, sink) {
        let Some(file) = found(bundle, node, chain, sink) else {
            sink.incomplete = true;
            continue;
        };
        lay_over(&mut merged, merged_file(bundle, file, chain, sink));
    }
    chain.pop();
    lay_over(&mut merged, own);
    merged
}

fn included<'n>(include: &'n Node, sink: &mut Sink<'_>) -> &'n [Node] {
    include.array().unwrap_or_else(|| {
        sink.incomplete = true;
        sink.wrong_type(include, "include", "a list of files: [\"lib/cluster-3.toml\"]");
        &[]
    })
}

fn found<'b>(bundle: &'b Bundle, node: &Node, chain: &[&str], sink: &mut Sink<'_>) -> Option<&'b File> {
    let Some(written) = node.text() else {
        sink.wrong_type(node, "include", "texts in quotes");
        return None;
    };
    let name = match bundle.resolve(node.span.start, written) {
        Ok(name) => name,
        Err(why) => {
            let problem = TextProblem::new(codes::BAD_FILE, 0..0, format!("`{written}` cannot be included"));
            sink.push(node.span, problem.label("not a file of a scenario").help(why));
            return None;
        }
    };
    if chain.contains(&name.as_str()) {
        let from = chain.iter().position(|known| *known == name).unwrap_or(0);
        let circle =
            chain[from..].iter().chain([&name.as_str()]).copied().collect::<Vec<_>>().join(" includes ");
        let problem = TextProblem::new(codes::BAD_FILE, 0..0, format!("`{name}` includes itself"));
        sink.push(node.span, problem.label("a circle").help(circle));
        return None;
    }
    let file = bundle.file(&name);
    if file.is_none() {
        let message = format!("cannot read `{name}`: {}", bundle.why_missing(&name));
        let problem = TextProblem::new(codes::BAD_FILE, 0..0, message).label("cannot be read");
        sink.push(node.span, problem.help("files are named relative to the file that includes them"));
    }
    file
}

/// Lays `over` on `under`: tables key by key, any other value in place of what was there.
fn lay_over(under: &mut Table, over: Table) {
    for entry in over.entries {
        match (under.get_mut(&entry.key), entry.node.kind) {
            (Some(Entry { node: Node { kind: Kind::Table(under), .. }, .. }), Kind::Table(over)) => {
                lay_over(under, over);
            }
            (Some(existing), kind) => {
                *existing = Entry { node: Node { kind, ..entry.node }, ..entry };
            }
            (None, kind) => under.entries.push(Entry { node: Node { kind, ..entry.node }, ..entry }),
        }
    }
}
