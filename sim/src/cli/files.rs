//! The files of a run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tribunal_reports::artifact::RunArtifact;

/// Where the files of a run go when nobody says otherwise.
const FOLDER: &str = "tribunal-out";

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    /// The page.
    pub(super) report: PathBuf,
}

/// `tribunal-out/leader-crash-1a2b3c4d`.
pub(super) fn folder_of(artifact: &RunArtifact) -> PathBuf {
    let stem = Path::new(&artifact.scenario.file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_else(|| "scenario".to_owned());
    Path::new(FOLDER).join(format!("{stem}-{}", artifact.run.id))
}

/// Writes `report.html`, `run.json` and `junit.xml` into `folder`.
pub(super) fn write(folder: &Path, artifact: &RunArtifact, junit: &str) -> io::Result<Written> {
    fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    let report = folder.join("report.html");
    put(&report, &tribunal_reports::render(artifact))?;
    put(&folder.join("run.json"), &artifact.to_json())?;
    put(&folder.join("junit.xml"), junit)?;
    Ok(Written { report })
}

/// Writes one file.
pub(super) fn put(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text).map_err(|error| named(path, &error))
}

/// An error that names its file.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
