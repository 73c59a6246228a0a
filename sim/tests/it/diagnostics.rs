//! Scenario files that are wrong, and exactly what their authors are told.
//!
//! Each `diagnostics/NAME.toml` is loaded and the answer compared with `diagnostics/NAME.txt`. After a change of a
//! message run the tests with `UPDATE_EXPECT=1` and read the difference as a user would.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use tribunal_sim::scenario::{self, codes};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/diagnostics")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder of malformed files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// What a user sees, with the file's name instead of its path.
fn answer(path: &Path) -> String {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    match scenario::load(path) {
        Err(mut diagnostics) => {
            diagnostics.file_name = name;
            diagnostics.render(false, 100)
        }
        Ok((scenario, problems)) => {
            scenario::Diagnostics { file_name: name, source: scenario.source, problems }.render(false, 100)
        }
    }
}

#[test]
fn every_malformed_file_is_answered_as_its_golden_text_says() {
    for path in files() {
        expect_file![path.with_extension("txt")].assert_eq(&answer(&path));
    }
}

#[test]
fn every_code_has_a_malformed_file_that_shows_it() {
    let answers: String = files().iter().map(|path| answer(path)).collect();
    let missing: Vec<&str> =
        codes::ALL.iter().map(|code| code.id).filter(|id| !answers.contains(id)).collect();
    assert!(missing.is_empty(), "no file shows {missing:?}");
}

#[test]
fn there_are_thirty_malformed_files() {
    assert!(files().len() >= 30);
}

#[test]
fn every_scenario_of_the_library_loads_without_a_warning() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    for entry in fs::read_dir(library).expect("the library") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let (_, warnings) = scenario::load(&path).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(warnings, [], "{}", path.display());
        }
    }
}
