//! What a fault does when it fires: one action, or one of several drawn by weight (`pick`).

use super::super::codes;
use super::super::diagnostic::{Sink, Span, TextProblem};
use super::super::plan::Strike;
use super::super::read::Section;
use super::super::schema;
use super::action;
use super::refer::Names;

/// Largest weight of an entry of `pick`.
const WEIGHT_MAX: i64 = 1_000_000;
/// Most entries of `pick`.
const PICKS_MAX: usize = 100;

pub(super) fn strikes(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<Vec<Strike>> {
    let Some(node) = section.node("pick") else {
        return strike(sink, section, names).map(|strike| vec![strike]);
    };
    let of_strikes = schema::STRIKE_ITSELF.iter().chain(schema::ACTION_KEYS.iter().map(|(key, _)| key));
    for entry in of_strikes.filter_map(|key| section.entry(key)) {
        let message = format!("`{}` means nothing beside `pick`", section.path_of(&entry.key));
        let problem = TextProblem::new(codes::BAD_FAULT, 0..0, message).label("beside `pick`");
        sink.push(entry.key_span, problem.help("each entry of `pick` has its own action and the keys of it"));
    }
    let Some(nodes) = node.array() else {
        sink.wrong_type(
            node,
            &section.path_of("pick"),
            "a list of tables: [{ weight = 3, action = \"crash\", ... }]",
        );
        return None;
    };
    if nodes.is_empty() || nodes.len() > PICKS_MAX {
        let message = format!("`{}` has {} entries", section.path_of("pick"), nodes.len());
        let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message);
        sink.push(node.span, problem.label(format!("expected 1 to {PICKS_MAX}")));
        return None;
    }
    let read: Vec<Option<Strike>> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let path = format!("{}[{index}]", section.path_of("pick"));
            let Some(table) = node.table() else {
                sink.wrong_type(node, &path, "a table: { weight = 3, action = \"crash\", ... }");
                return None;
            };
            let head = Span { start: node.span.start, end: node.span.start + 1 };
            let entry = Section { path: &path, table, head };
            entry.check_keys(sink, schema::STRIKE);
            strike(sink, &entry, names)
        })
        .collect();
    read.into_iter().collect()
}

fn strike(sink: &mut Sink<'_>, section: &Section<'_>, names: &Names<'_>) -> Option<Strike> {
    let duration = section.duration_range(sink, "for");
    if let Some((duration, node)) = duration.zip(section.node("for"))
        && duration.max.is_zero()
    {
        let message = format!("`{}` is zero", section.path_of("for"));
        let problem = TextProblem::new(codes::BAD_RANGE, 0..0, message).label("a fault that lasts no time");
        sink.push(node.span, problem.help("leave `for` out to let it last until the end of load"));
    }
    let weight = match section.entry("weight") {
        Some(_) => section.integer(sink, "weight", 1, WEIGHT_MAX),
        None => Some(1),
    };
    let (action, targets) = action::action(sink, section, names)?;
    if section.entry("for").is_some() && duration.is_none() {
        return None;
    }
    Some(Strike { weight: u32::try_from(weight?).ok()?, action, targets, duration })
}
