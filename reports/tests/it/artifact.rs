//! JSON in and out.

use crate::sample;
use tribunal_reports::artifact::{ArtifactError, RunArtifact};
use tribunal_reports::{extract, render};

#[test]
fn json_gives_back_the_artifact_it_was_made_of() {
    let artifact = sample::artifact();
    let read = RunArtifact::from_json(&artifact.to_json()).expect("our own JSON");
    assert_eq!(read, artifact);
    assert_eq!(read.to_json(), artifact.to_json());
}

#[test]
fn another_format_is_refused_by_its_number() {
    let text = sample::artifact().to_json().replacen("\"format\":1", "\"format\":2", 1);
    let error = RunArtifact::from_json(&text).expect_err("format 2 is not ours");
    assert!(matches!(error, ArtifactError::Format(2)));
    assert!(error.to_string().contains("format 2"), "{error}");
}

#[test]
fn another_format_is_refused_even_if_nothing_else_fits() {
    let error = RunArtifact::from_json("{\"format\": 9, \"verdict\": []}").expect_err("format 9 is not ours");
    assert!(matches!(error, ArtifactError::Format(9)));
}

#[test]
fn text_that_is_no_artifact_is_refused() {
    assert!(matches!(RunArtifact::from_json("nonsense"), Err(ArtifactError::Json(_))));
    assert!(matches!(RunArtifact::from_json("{\"format\": 1}"), Err(ArtifactError::Json(_))));
}

#[test]
fn a_page_gives_back_the_artifact_it_was_made_of() {
    let artifact = sample::artifact();
    assert_eq!(extract(&render(&artifact)).expect("our own page"), artifact);
}

#[test]
fn a_page_without_an_artifact_is_refused() {
    assert!(matches!(extract("<html></html>"), Err(ArtifactError::NotEmbedded)));
}

#[test]
fn a_damaged_page_is_refused_and_nothing_panics() {
    let page = render(&sample::artifact());
    let at = page.find("id=\"artifact\">").expect("the element") + 14;
    for cut in [1, 40, 200, 1_000] {
        let mut damaged = page.clone();
        damaged.replace_range(at + cut..at + cut + 8, "AAAAAAAA");
        assert!(matches!(extract(&damaged), Err(ArtifactError::Damaged(_) | ArtifactError::Json(_))));
    }
    assert!(matches!(extract(&page[..at + 100]), Err(ArtifactError::NotEmbedded)));
}

#[test]
fn the_campaign_takes_one_letter_a_seed() {
    let text = sample::artifact().to_json();
    assert!(text.contains("\"outcomes\":\"HAHAHAHA"), "a compact list");
    let odd = text.replacen("HAHAHAHA", "HAXAHAHA", 1);
    assert!(matches!(RunArtifact::from_json(&odd), Err(ArtifactError::Json(_))));
}
