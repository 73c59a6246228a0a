//! Artifacts come from files: numbers that make no sense must not stop the page.

use crate::sample;
use serde_json::Value;
use std::collections::BTreeSet;
use tribunal_reports::artifact::RunArtifact;
use tribunal_reports::render;

/// Names of all fields that hold a number.
fn numeric_fields(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if field.is_number() {
                    names.insert(name.clone());
                }
                numeric_fields(field, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| numeric_fields(item, names)),
        _ => {}
    }
}

/// Sets every field of that name.
fn set(value: &mut Value, name: &str, number: u64) {
    match value {
        Value::Object(fields) => {
            for (field_name, field) in fields {
                if field_name == name && field.is_number() {
                    *field = number.into();
                }
                set(field, name, number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set(item, name, number)),
        _ => {}
    }
}

#[test]
fn no_number_in_any_field_stops_the_page() {
    let json: Value = serde_json::from_str(&sample::with_windows(20).to_json()).expect("our own JSON");
    let mut names = BTreeSet::new();
    numeric_fields(&json, &mut names);
    let mut rendered = 0;
    for name in names.iter().filter(|name| *name != "format") {
        for number in [0, 1, u64::from(u32::MAX >> 1), u64::MAX] {
            let mut changed = json.clone();
            set(&mut changed, name, number);
            // A field of 32 bits refuses the largest number; that is an answer too.
            let Ok(artifact) = RunArtifact::from_json(&changed.to_string()) else { continue };
            let page = render(&artifact);
            // Base64 may spell anything.
            let (visible, _) = page.split_once("id=\"artifact\"").expect("the element");
            assert!(!visible.contains("NaN"), "{name} = {number}");
            rendered += 1;
        }
    }
    assert!(rendered > 3 * names.len(), "{rendered} pages of {} fields", names.len());
}

#[test]
fn lists_of_the_wrong_length_do_not_stop_the_page() {
    let mut artifact = sample::artifact();
    artifact.campaign.rows[0].outcomes.truncate(3);
    artifact.campaign.rows[1].lost.truncate(1);
    artifact.campaign.seeds.truncate(7);
    for exhibit in artifact.variants.iter_mut().filter_map(|variant| variant.exhibit.as_mut()) {
        exhibit.latency.truncate(1);
        exhibit.outcomes.truncate(1);
        exhibit.brokers.truncate(1);
        exhibit.isr[0].steps.clear();
        exhibit.lag[0].windows.clear();
        for chain in &mut exhibit.losses.chains {
            chain.steps.clear();
        }
        for moment in exhibit.losses.grid.iter_mut().flat_map(|grid| &mut grid.moments) {
            moment.rows.truncate(1);
            moment.rows[0].cells.truncate(2);
        }
    }
    assert!(render(&artifact).ends_with("</html>"));
}
