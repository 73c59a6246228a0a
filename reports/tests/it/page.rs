//! What every page must have.

use crate::html::{Tag, tags};
use crate::sample;
use std::collections::BTreeSet;
use tribunal_reports::artifact::{Outcome, RunArtifact};
use tribunal_reports::{extract, format, headline, render, title};

fn pages() -> [(&'static str, RunArtifact); 4] {
    let mut bare = sample::artifact();
    for variant in &mut bare.variants {
        variant.exhibit = None;
    }
    [
        ("sample", sample::artifact()),
        ("empty", sample::empty()),
        ("bare", bare),
        ("big", sample::with_windows(5_000)),
    ]
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attributes.get(name).map(String::as_str)
}

#[test]
fn the_same_artifact_gives_the_same_bytes() {
    assert_eq!(render(&sample::artifact()), render(&sample::artifact()));
}

#[test]
fn every_drawing_has_a_title_and_a_description() {
    for (name, artifact) in pages() {
        let tags = tags(&render(&artifact));
        for (index, svg) in tags.iter().enumerate().filter(|(_, tag)| tag.name == "svg") {
            let has = |child: &str| tags.iter().any(|tag| tag.name == child && tag.parent == Some(index));
            assert!(has("title") && has("desc"), "{name}: {:?}", svg.attributes);
            let named =
                attribute(svg, "role") == Some("img") || attribute(svg, "aria-hidden") == Some("true");
            assert!(named, "{name}: {:?}", svg.attributes);
        }
    }
}

#[test]
fn ids_are_unique_and_every_reference_has_a_target() {
    for (name, artifact) in pages() {
        let tags = tags(&render(&artifact));
        let mut ids = BTreeSet::new();
        for id in tags.iter().filter_map(|tag| attribute(tag, "id")) {
            assert!(ids.insert(id), "{name}: id {id} is used twice");
        }
        for tag in &tags {
            let link = attribute(tag, "href").and_then(|href| href.strip_prefix('#'));
            let fill = attribute(tag, "fill").and_then(|fill| fill.strip_prefix("url(#")?.strip_suffix(')'));
            let label = attribute(tag, "aria-labelledby");
            let description = attribute(tag, "aria-describedby");
            for target in [link, fill, label, description].into_iter().flatten() {
                assert!(ids.contains(target), "{name}: nothing has the id {target}");
            }
        }
    }
}

#[test]
fn drawings_hold_only_finite_numbers() {
    for (name, artifact) in pages() {
        let page = render(&artifact);
        for tag in tags(&page)
            .iter()
            .filter(|tag| tag.inside.iter().any(|outer| outer == "svg") || tag.name == "svg")
        {
            for (attribute, value) in &tag.attributes {
                let words = value.split(|character: char| !character.is_ascii_alphanumeric());
                for word in words {
                    assert!(!matches!(word, "NaN" | "inf"), "{name}: {attribute}={value}");
                }
            }
        }
    }
}

#[test]
fn rectangles_have_no_negative_size_and_stay_in_their_drawing() {
    for (name, artifact) in pages() {
        let tags = tags(&render(&artifact));
        let mut view = (0.0, 0.0);
        for tag in &tags {
            if let Some(view_box) = attribute(tag, "viewBox") {
                let sizes: Vec<f64> =
                    view_box.split(' ').map(|size| size.parse().expect("a number")).collect();
                view = (sizes[2], sizes[3]);
            }
            if tag.name != "rect" || tag.inside.iter().any(|outer| outer == "pattern") {
                continue;
            }
            let number =
                |name: &str| -> f64 { attribute(tag, name).expect("set").parse().expect("a number") };
            assert!(number("width") >= 0.0 && number("height") >= 0.0, "{name}: {tag:?}");
            assert!(number("x") >= 0.0 && number("x") + number("width") <= view.0 + 1.0, "{name}: {tag:?}");
            assert!(number("y") >= 0.0 && number("y") + number("height") <= view.1 + 1.0, "{name}: {tag:?}");
        }
    }
}

#[test]
fn all_panels_over_time_share_their_edges() {
    let page = render(&sample::artifact());
    let tags = tags(&page);
    let panels: Vec<(usize, &Tag)> =
        tags.iter().enumerate().filter(|(_, tag)| tag.attributes.contains_key("data-x0")).collect();
    assert!(panels.len() >= 3 * 6, "{} panels", panels.len());
    let mut edges = BTreeSet::new();
    for (index, panel) in panels {
        let number = |name: &str| -> f64 { attribute(panel, name).expect("set").parse().expect("a number") };
        let width: f64 = attribute(panel, "viewBox")
            .and_then(|view| view.split(' ').nth(2))
            .expect("set")
            .parse()
            .expect("a number");
        // As shares of the width: a drawing at twice the pixels must agree with one at the plain size.
        let share = |x: f64| (x / width * 10_000.0).round() as i64;
        edges.insert((share(number("data-x0")), share(number("data-x1")), attribute(panel, "data-t1")));
        // The axis that was really drawn ends where the scale says.
        let drawn = tags
            .iter()
            .filter(|tag| tag.parent == Some(index) && attribute(tag, "class") == Some("axis"))
            .filter_map(horizontal)
            .any(|(from, to)| (from - number("data-x0")).abs() < 2.5 && (to - number("data-x1")).abs() < 2.5);
        assert!(drawn, "{:?} has its axis elsewhere", panel.attributes);
    }
    assert_eq!(edges.len(), 1, "{edges:?}");
}

/// Ends of a horizontal line: ours is a path `M96 10H956`, that of plotters a polyline.
fn horizontal(tag: &Tag) -> Option<(f64, f64)> {
    if let Some(path) = attribute(tag, "d") {
        let (from, to) = path.strip_prefix('M')?.split_once('H')?;
        return Some((from.split(' ').next()?.parse().ok()?, to.parse().ok()?));
    }
    let points: Vec<(f64, f64)> = attribute(tag, "points")?
        .split_whitespace()
        .filter_map(|point| point.split_once(','))
        .filter_map(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)))
        .collect();
    match points.as_slice() {
        [(from, y0), (to, y1)] if (y0 - y1).abs() < 0.5 => Some((*from, *to)),
        _ => None,
    }
}

#[test]
fn text_of_the_artifact_never_becomes_markup() {
    let hostile = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>";
    let text = sample::artifact().to_json();
    let escaped = serde_json::to_string(hostile).expect("a string");
    let escaped = escaped.trim_matches('"');
    let text = text
        .replace("orders/0", &format!("{escaped}/0"))
        .replace("acks=", &format!("{escaped}="))
        .replace("kill-leader", escaped)
        .replace("checkout", escaped);
    let artifact = RunArtifact::from_json(&text).expect("still an artifact");
    let page = render(&artifact);
    assert_eq!(page.matches("<script").count(), 2, "the artifact and our own script");
    assert!(!page.contains("<img"));
    assert_eq!(extract(&page).expect("our own page"), artifact);
    let tags = tags(&page);
    assert!(tags.iter().all(|tag| tag.attributes.keys().all(|name| !name.starts_with("on"))));
}

#[test]
fn the_page_loads_nothing() {
    let page = render(&sample::artifact());
    for tag in tags(&page) {
        assert!(!tag.attributes.contains_key("src"), "{tag:?}");
        let href = attribute(&tag, "href").unwrap_or("#");
        assert!(href.starts_with('#') || href.starts_with("data:"), "{href}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("@import") && !page.contains("url(http"));
}

#[test]
fn the_title_says_the_verdict() {
    let artifact = sample::artifact();
    assert_eq!(title(&artifact), "✖ BROKEN: Leader crash: acks=0 vs 1 vs all");
    assert!(render(&artifact).contains("<title>✖ BROKEN: Leader crash"));
}

#[test]
fn broken_comes_before_not_tested_before_allowed_before_held() {
    let tags = tags(&render(&sample::artifact()));
    let rows: Vec<&str> =
        tags.iter().filter_map(|tag| attribute(tag, "id")?.strip_prefix("guarantee-")).collect();
    let expected = [
        "order-per-partition",
        "no-read-of-truncated-record",
        "no-acked-record-lost",
        "no-duplicates",
        "high-watermark-never-back",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn an_artifact_in_which_nothing_was_tested_says_so() {
    let artifact = sample::empty();
    assert_eq!(headline(&artifact).outcome, Outcome::NotTested);
    assert!(render(&artifact).contains("No guarantee was tested"));
}

#[test]
fn a_group_shows_its_figures_and_its_owners() {
    let page = render(&sample::artifact());
    let lag = format::plural(23_012, "record");
    for text in ["Group <code>billing</code>", "4.12 %", &lag, "Consumer group: billing", "payments/3"] {
        assert!(page.contains(text), "nothing says {text}");
    }
    assert!(page.contains("url(#hatch-pause)") && page.contains("rebalance cut-short"));
}

#[test]
fn a_zombie_is_drawn_over_its_successor_at_half_the_height() {
    let page = render(&sample::artifact());
    let (_, lane) = page.split_once(">payments/2</text>").expect("the lane");
    let (lane, _) = lane.split_once(">payments/3</text>").expect("the next lane");
    let bars: Vec<(&str, u32)> = lane
        .split("<rect class=\"")
        .skip(1)
        .map(|bar| {
            let (class, rest) = bar.split_once('"').expect("a class");
            let (_, height) = rest.split_once("height=\"").expect("a height");
            let (height, _) = height.split_once('"').expect("its end");
            (class, height.parse().expect("a number"))
        })
        .collect();
    let expected = [("owner owner-2", 19), ("owner owner-0", 19), ("owner owner-2", 9), ("zombie", 9)];
    assert_eq!(bars, expected);
    for name in ["billing-2", "billing-0"] {
        assert!(lane.contains(name), "{name} has no room");
    }
}

#[test]
fn a_run_without_groups_does_not_speak_of_them() {
    let mut artifact = sample::artifact();
    for variant in &mut artifact.variants {
        variant.figures.groups.clear();
        if let Some(exhibit) = &mut variant.exhibit {
            exhibit.groups.clear();
        }
    }
    let page = render(&artifact);
    let (visible, _) = page.split_once("id=\"artifact\"").expect("the element");
    assert!(!visible.contains("href=\"#groups\"") && !visible.contains("Consumer group:"));
}

#[test]
fn a_big_run_stays_under_two_megabytes() {
    let page = render(&sample::with_windows(10_000));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn the_script_stays_under_ten_kilobytes() {
    let page = render(&sample::artifact());
    let script = page.rsplit_once("<script>").expect("our script").1;
    assert!(script.len() < 10_000, "{} bytes", script.len());
}

/// Leaves a page for the browser check; see `tests/browser/run.sh`.
#[test]
fn a_page_is_written_for_the_browser() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    std::fs::write(&path, render(&sample::artifact())).expect("a writable target directory");
    let written = std::fs::read_to_string(&path).expect("just written");
    assert_eq!(extract(&written).expect("our own page"), sample::artifact());
}
