//! The file as one variant of the matrix sees it.
//!
//! `"${axis}"` as a whole string is replaced by the axis's value with its type; `[matrix.set.AXIS]` lays tables over
//! the file for one value. Both keep the place the value stands at, so that a problem points there.

use std::rc::Rc;

use super::codes;
use super::diagnostic::{Sink, TextProblem, suggest};
use super::matrix::{CHANGEABLE, Matrix};
use super::tree::{Entry, Kind, Node, Table, shorten};

impl Matrix<'_> {
    /// The file as the variant `combination` sees it.
    pub(crate) fn materialize(&self, sink: &mut Sink<'_>, top: &Table, combination: &[usize]) -> Table {
        let mut file = top.clone();
        for overlay in
            self.overlays.iter().filter(|overlay| combination.get(overlay.axis) == Some(&overlay.value))
        {
            let changes: Vec<&Entry> = overlay
                .table
                .entries
                .iter()
                .filter(|entry| CHANGEABLE.contains(&entry.key.as_str()))
                .collect();
            overlay_entries(&mut file, &changes, &self.axes[overlay.axis].name);
        }
        for entry in file.entries.iter_mut().filter(|entry| CHANGEABLE.contains(&entry.key.as_str())) {
            self.substitute(sink, &mut entry.node, combination);
        }
        file
    }

    fn substitute(&self, sink: &mut Sink<'_>, node: &mut Node, combination: &[usize]) {
        match &mut node.kind {
            Kind::Array(nodes) => nodes.iter_mut().for_each(|node| self.substitute(sink, node, combination)),
            Kind::Table(table) => {
                table
                    .entries
                    .iter_mut()
                    .for_each(|entry| self.substitute(sink, &mut entry.node, combination));
            }
            Kind::Text { value, .. } if value.contains("${") => {
                let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                let Some(name) = name.filter(|name| !name.contains(['$', '{', '}'])).map(str::to_owned)
                else {
                    let problem =
                        TextProblem::new(codes::BAD_REFERENCE, 0..0, "`${axis}` must be the whole string")
                            .label("a reference inside a text")
                            .help("give the axis complete values, for example [\"1ms\", \"5ms\"]");
                    sink.push(node.span, problem);
                    node.kind = Kind::Unresolved;
                    return;
                };
                self.refer(sink, node, &name, combination);
            }
            _ => {}
        }
    }

    fn refer(&self, sink: &mut Sink<'_>, node: &mut Node, name: &str, combination: &[usize]) {
        let Some(axis) = self.axes.iter().position(|axis| &*axis.name == name) else {
            let names = self.axes.iter().map(|axis| &*axis.name);
            let message = format!("`${{{}}}` names no axis of the matrix", shorten(name));
            let problem = TextProblem::new(codes::BAD_REFERENCE, 0..0, message).label("no such axis");
            sink.push(
                node.span,
                problem.help(match self.axes.as_slice() {
                    [] => "this file has no [matrix]".to_owned(),
                    _ => suggest(name, names),
                }),
            );
            node.kind = Kind::Unresolved;
            return;
        };
        if let Some((_, value)) = combination.get(axis).and_then(|value| self.axes[axis].values.get(*value)) {
            *node = Node { axis: Some(self.axes[axis].name.clone()), ..value.clone() };
        }
    }
}

/// Lays `changes` over `file`, later values over earlier ones.
fn overlay_entries(file: &mut Table, changes: &[&Entry], axis: &Rc<str>) {
    for change in changes {
        let existing = file.get_mut(&change.key);
        match (existing.map(|entry| &mut entry.node), &change.node.kind) {
            (Some(Node { kind: Kind::Table(under), .. }), Kind::Table(over)) => {
                overlay_entries(under, &over.entries.iter().collect::<Vec<_>>(), axis);
            }
            (Some(node), _) => *node = marked(&change.node, axis),
            (None, _) => {
                let node = marked(&change.node, axis);
                file.entries.push(Entry { key: change.key.clone(), key_span: change.key_span, node });
            }
        }
    }
}

/// A copy of `node` whose values all come from `axis`.
fn marked(node: &Node, axis: &Rc<str>) -> Node {
    let kind = match &node.kind {
        Kind::Table(table) => Kind::Table(Table {
            entries: table
                .entries
                .iter()
                .map(|entry| Entry { node: marked(&entry.node, axis), ..entry.clone() })
                .collect(),
        }),
        kind => kind.clone(),
    };
    Node { span: node.span, kind, axis: Some(axis.clone()) }
}
