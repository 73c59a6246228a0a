//! Rules of the tree, as tests.
//!
//! THINK HARD ABOUT THE LAYERING BEFORE CHANGING THE TABLE BELOW: a module may use only the modules its row names.

use std::fs;
use std::path::{Path, PathBuf};

/// Module -> what it may name with `crate::`.
const VOCABULARY: &[&str] =
    &["id", "epoch", "offset", "time", "rng", "error", "file_range", "message", "variant", "event", "config"];
const LAYERS: &[(&str, &[&str])] = &[
    ("id", &["epoch", "offset"]),
    ("epoch", &[]),
    ("offset", &[]),
    ("time", &[]),
    ("rng", &["time"]),
    ("error", &[]),
    ("file_range", &[]),
    ("variant", &[]),
    ("message", &["id", "epoch", "offset", "time", "error", "file_range"]),
    ("event", &["id", "epoch", "offset", "message"]),
    ("config", &["message", "time", "record"]),
    ("storage", &["offset", "file_range", "record"]),
    ("record", &[]),
    ("wire", &[]),
    ("log", &["record", "storage"]),
    ("metadata", &["record"]),
    ("machine", &["storage"]),
    ("replica", &["record", "log", "storage", "metadata", "machine"]),
    ("quorum", &["record", "log", "storage", "metadata", "machine"]),
    ("group", &[]),
    ("controller", &["log", "metadata", "machine", "quorum", "storage", "wire"]),
    ("broker", &["record", "log", "storage", "metadata", "machine", "replica", "quorum", "wire", "group"]),
    ("driver", &["broker", "controller", "quorum", "log", "machine", "storage", "wire"]),
    ("client", &["driver", "record", "wire", "storage"]),
];
/// Modules that may name the vocabulary besides their row.
const USES_VOCABULARY: &[&str] = &[
    "record",
    "wire",
    "log",
    "metadata",
    "machine",
    "replica",
    "quorum",
    "group",
    "controller",
    "broker",
    "driver",
    "client",
];

/// No file is longer. A file that is split may not grow again: lower the number, never raise it.
const FILE_LINES_MAX: usize = 600;
const AVERAGE_LINES_MAX: usize = 250;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for part in ["engine", "reports", "sim", "bench"] {
        for folder in ["src", "tests", "benches"] {
            rust_files(&root().join(part).join(folder), &mut files);
        }
    }
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("a readable source file")))
        .collect()
}

#[test]
fn every_module_keeps_to_its_layer() {
    let mut broken = Vec::new();
    let source = root().join("engine/src");
    for (path, text) in sources() {
        let Ok(relative) = path.strip_prefix(&source) else { continue };
        let module =
            relative.components().next().expect("a module").as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" {
            continue;
        }
        let row = LAYERS.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = row else {
            broken.push(format!("{module} has no row in the layer table"));
            continue;
        };
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let vocabulary =
                    USES_VOCABULARY.contains(&module.as_str()) && VOCABULARY.contains(&used.as_str());
                if !used.is_empty() && used != module && !allowed.contains(&used.as_str()) && !vocabulary {
                    broken.push(format!("{}: {module} may not use {used}", relative.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of:\n{}", silent.join("\n"));
}

#[test]
fn files_stay_small() {
    let files = sources();
    let long: Vec<String> = files
        .iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES_MAX} lines:\n{}", long.join("\n"));
    let average = files.iter().map(|(_, text)| text.lines().count()).sum::<usize>() / files.len();
    assert!(average <= AVERAGE_LINES_MAX, "files have {average} lines on average");
}

#[test]
fn nothing_is_left_to_be_fixed_later() {
    let marks = [["FIX", "ME"].concat(), ["TO", "DO"].concat(), ["XX", "X"].concat()];
    let marked: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| marks.iter().any(|mark| text.contains(mark.as_str())))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(marked.is_empty(), "open marks in:\n{}", marked.join("\n"));
}

#[test]
fn only_the_runtime_names_turmoil() {
    let naming: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with(root().join("sim/src/runtime")))
        .filter(|(path, _)| {
            path.starts_with(root().join("sim/src")) || path.starts_with(root().join("engine/src"))
        })
        .filter(|(_, text)| text.contains("turmoil::") || text.contains("turmoil_net"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(naming.is_empty(), "turmoil is named outside sim/src/runtime:\n{}", naming.join("\n"));
}
