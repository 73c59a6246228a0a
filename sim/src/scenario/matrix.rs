//! The matrix: axes, their combinations, and what `skip` and `only` leave of them.

use std::rc::Rc;

use super::codes;
use super::diagnostic::{Sink, Span, TextProblem, list, suggest};
use super::read::Section;
use super::tree::{Entry, Node, Table, shorten};

/// Most variants of one scenario.
pub(crate) const VARIANTS_MAX: usize = 256;
/// The tables a variant can change.
pub(crate) const CHANGEABLE: &[&str] = &["cluster", "topic", "producer", "consumer", "fault"];
const RESERVED: &[&str] = &["set", "skip", "only"];

/// For each axis that is named, the indexes of the values that are accepted.
pub(crate) type Selection = Vec<(usize, Vec<usize>)>;

/// One axis with its values.
#[derive(Debug)]
pub(crate) struct AxisNode {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
    /// Each value as text, and as it stands in the file.
    pub(crate) values: Vec<(String, Node)>,
}

/// The axes, and which of their combinations are run.
#[derive(Debug, Default)]
pub(crate) struct Matrix<'t> {
    pub(crate) axes: Vec<AxisNode>,
    /// For each variant the index of its value on each axis.
    pub(crate) combinations: Vec<Vec<usize>>,
    pub(crate) overlays: Vec<Overlay<'t>>,
}

/// What `[matrix.set.AXIS]` changes for one value.
#[derive(Debug)]
pub(crate) struct Overlay<'t> {
    pub(crate) axis: usize,
    pub(crate) value: usize,
    pub(crate) table: &'t Table,
}

impl<'t> Matrix<'t> {
    /// Reads `[matrix]`. Without one there is a single variant.
    pub(crate) fn read(sink: &mut Sink<'_>, top: &Section<'t>) -> Self {
        let mut matrix = Matrix { combinations: vec![Vec::new()], ..Matrix::default() };
        let Some(entry) = top.table(sink, "matrix") else { return matrix };
        let Some(table) = entry.node.table() else { return matrix };
        for entry in table.entries.iter().filter(|entry| !RESERVED.contains(&entry.key.as_str())) {
            matrix.axes.extend(axis(sink, entry));
        }
        matrix.combine(sink, entry.key_span);
        let section = Section { path: "matrix", table, head: entry.key_span };
        let skip = matrix.rows(sink, &section, "skip");
        let only = matrix.rows(sink, &section, "only");
        let named = |rows: &[Selection], combination: &[usize]| {
            rows.iter().any(|row| {
                row.iter()
                    .all(|(axis, values)| combination.get(*axis).is_some_and(|value| values.contains(value)))
            })
        };
        if let Some(skip) = skip {
            matrix.combinations.retain(|combination| !named(&skip, combination));
        }
        if let Some(only) = only {
            matrix.combinations.retain(|combination| named(&only, combination));
        }
        if matrix.combinations.is_empty() {
            let problem =
                TextProblem::new(codes::BAD_MATRIX, 0..0, "`skip` and `only` leave no variant to run");
            sink.push(entry.key_span, problem.label("nothing is left"));
        }
        matrix.read_overlays(sink, &section);
        matrix
    }

    fn combine(&mut self, sink: &mut Sink<'_>, head: Span) {
        let size = self.axes.iter().try_fold(1_usize, |size, axis| size.checked_mul(axis.values.len()));
        if size.is_none_or(|size| size > VARIANTS_MAX) {
            let message = format!("the matrix has more than {VARIANTS_MAX} combinations");
            sink.push(head, TextProblem::new(codes::BAD_MATRIX, 0..0, message).label("too many variants"));
            // One variant is enough to find what else is wrong.
            self.combinations = vec![vec![0; self.axes.len()]];
            return;
        }
        for axis in &self.axes {
            let longer = self.combinations.iter().flat_map(|combination| {
                (0..axis.values.len()).map(move |value| [combination.as_slice(), &[value]].concat())
            });
            self.combinations = longer.collect();
        }
    }

    /// `skip = [{ axis = value }]`: for each row, the accepted values of each axis it names.
    fn rows(&self, sink: &mut Sink<'_>, section: &Section<'t>, key: &str) -> Option<Vec<Selection>> {
        let node = section.node(key)?;
        let Some(items) = node.array() else {
            sink.wrong_type(node, &section.path_of(key), "a list of tables: [{ axis = \"value\" }]");
            return None;
        };
        let mut rows = Vec::new();
        for item in items {
            let Some(table) = item.table() else {
                sink.wrong_type(item, &section.path_of(key), "tables: { axis = \"value\" }");
                continue;
            };
            if let Some(row) = self.selection(sink, table, codes::BAD_MATRIX) {
                rows.push(row);
            }
        }
        Some(rows)
    }

    /// `{ axis = value | [values] }`, or `None` if it does not fit the axes.
    pub(crate) fn selection(
        &self,
        sink: &mut Sink<'_>,
        table: &Table,
        code: &'static codes::Code,
    ) -> Option<Selection> {
        let mut selection = Vec::new();
        let mut complete = true;
        for entry in &table.entries {
            let Some(axis) = self.axes.iter().position(|axis| *axis.name == *entry.key) else {
                let names = self.axes.iter().map(|axis| &*axis.name);
                let problem =
                    TextProblem::new(code, 0..0, format!("`{}` is not an axis of [matrix]", entry.key));
                sink.push(
                    entry.key_span,
                    problem.label("no such axis").help(match self.axes.as_slice() {
                        [] => "this file has no [matrix]".to_owned(),
                        _ => suggest(&entry.key, names),
                    }),
                );
                complete = false;
                continue;
            };
            let nodes = entry.node.array().unwrap_or(std::slice::from_ref(&entry.node));
            let found: Vec<Option<usize>> =
                nodes.iter().map(|node| self.value_index(sink, axis, node, code)).collect();
            complete &= found.iter().all(Option::is_some);
            selection.push((axis, found.into_iter().flatten().collect()));
        }
        complete.then_some(selection)
    }

    fn value_index(
        &self,
        sink: &mut Sink<'_>,
        axis: usize,
        node: &Node,
        code: &'static codes::Code,
    ) -> Option<usize> {
        let axis = &self.axes[axis];
        let text = node.scalar();
        let found = text.as_ref().and_then(|text| axis.values.iter().position(|(value, _)| value == text));
        if found.is_none() {
            let shown = text.unwrap_or_else(|| node.kind_name().to_owned());
            let problem = TextProblem::new(
                code,
                0..0,
                format!("`{}` is not a value of the axis `{}`", shorten(&shown), axis.name),
            );
            let values = list(axis.values.iter().map(|(value, _)| value.as_str()));
            sink.push(node.span, problem.label("no such value").help(format!("its values are {values}")));
        }
        found
    }

    fn read_overlays(&mut self, sink: &mut Sink<'_>, section: &Section<'t>) {
        let Some(set) = section.table(sink, "set").and_then(|entry| entry.node.table()) else { return };
        for entry in &set.entries {
            let Some(axis) = self.axes.iter().position(|axis| *axis.name == *entry.key) else {
                let names = self.axes.iter().map(|axis| &*axis.name);
                let problem = TextProblem::new(
                    codes::BAD_MATRIX,
                    0..0,
                    format!("[matrix.set.{}] names no axis of the matrix", entry.key),
                );
                sink.push(entry.key_span, problem.label("no such axis").help(suggest(&entry.key, names)));
                continue;
            };
            let Some(values) = entry.node.table() else {
                sink.wrong_type(&entry.node, &format!("matrix.set.{}", entry.key), "a table");
                continue;
            };
            for value in &values.entries {
                self.read_overlay(sink, axis, value);
            }
        }
    }

    fn read_overlay(&mut self, sink: &mut Sink<'_>, axis: usize, entry: &'t Entry) {
        let name = self.axes[axis].name.clone();
        let values = self.axes[axis].values.iter().map(|(value, _)| value.as_str());
        let Some(value) = values.clone().position(|value| value == entry.key) else {
            let message = format!("`{}` is not a value of the axis `{name}`", shorten(&entry.key));
            let problem = TextProblem::new(codes::BAD_MATRIX, 0..0, message).label("no such value");
            sink.push(entry.key_span, problem.help(suggest(&entry.key, values)));
            return;
        };
        let Some(table) = entry.node.table() else {
            sink.wrong_type(&entry.node, &format!("matrix.set.{name}.{}", entry.key), "a table");
            return;
        };
        for changed in table.entries.iter().filter(|changed| !CHANGEABLE.contains(&changed.key.as_str())) {
            let message = format!("a variant cannot change `{}`", shorten(&changed.key));
            let problem = TextProblem::new(codes::BAD_MATRIX, 0..0, message).label("not changeable");
            let tables = list(CHANGEABLE.iter().copied());
            sink.push(
                changed.key_span,
                problem.help(format!("it can change {tables}, by the path in this file")),
            );
        }
        self.overlays.push(Overlay { axis, value, table });
    }
}

fn axis(sink: &mut Sink<'_>, entry: &Entry) -> Option<AxisNode> {
    let name = &entry.key;
    super::validate::check_name(sink, entry, "an axis");
    let Some(nodes) = entry.node.array() else {
        let problem = TextProblem::new(codes::BAD_MATRIX, 0..0, format!("the axis `{name}` is not a list"));
        let shown = entry.node.scalar().unwrap_or_default();
        sink.push(
            entry.node.span,
            problem.label("expected a list of values").help(format!("write [\"{}\"]", shorten(&shown))),
        );
        return None;
    };
    let mut values: Vec<(String, Node)> = Vec::new();
    for node in nodes {
        let Some(text) = node.scalar() else {
            sink.wrong_type(node, &format!("matrix.{name}"), "texts, whole numbers or booleans");
            continue;
        };
        if values.iter().any(|(known, _)| *known == text) {
            let message = format!("the axis `{name}` has the value `{}` twice", shorten(&text));
            sink.push(node.span, TextProblem::new(codes::BAD_MATRIX, 0..0, message).label("a second time"));
            continue;
        }
        values.push((text, node.clone()));
    }
    if nodes.is_empty() {
        let problem = TextProblem::new(codes::BAD_MATRIX, 0..0, format!("the axis `{name}` has no value"));
        sink.push(entry.node.span, problem.label("an empty list leaves no variant to run"));
    }
    (!values.is_empty()).then(|| AxisNode { name: Rc::from(name.as_str()), span: entry.key_span, values })
}
