//! The artifact of a run: versioned plain data, complete enough to explain and to reproduce the run.
//!
//! Owns the types, their JSON form and its version. Promises that the same value always gives the same
//! bytes: there is no float and no map in it, so nothing rounds and nothing is unordered. Deliberately knows
//! nothing of engine types, judges nothing and measures nothing: every sentence and figure comes from the run.
//!
//! Times are virtual nanoseconds since the start of the run (`_ns`). A duration carries the same suffix.
//! Lists are ordered by whoever writes them, and the page keeps that order unless it says otherwise.

mod configuration;
mod exhibit;
mod group;
mod loss;
mod variant;
mod verdict;

pub use configuration::{Coverage, NotTested, Setting, Warning};
pub use exhibit::{
    BrokerLane, BrokerState, Exhibit, FaultBand, IsrStep, IsrTrack, LagTrack, LagWindow, LatencyWindow,
    Outage, OutcomeWindow, Phase, Recovery, ReplicaRole, RoleInterval, StateInterval, StoryStep,
};
pub use group::{GroupFigures, GroupTrack, OwnerInterval, OwnerLane, RebalanceBand};
pub use loss::{ChainStep, GridCell, GridMoment, GridRow, LossChain, Losses, OffsetGrid, StepKind};
pub use variant::{
    AxisValue, Curve, CurvePoint, Figures, Latency, LongestOutage, Percentiles, RecoveryTime, Variant,
    WorstSeed,
};
pub use verdict::{
    Campaign, CampaignRow, Expectation, ExpectationStatus, Guarantee, GuaranteeVerdict, LossSignature,
    Outcome,
};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the format this crate writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// Everything a run leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunArtifact {
    /// Version of this format: [`FORMAT`].
    pub format: u32,
    /// Which binary ran, under which id, and how to run it again.
    pub run: RunIdentity,
    /// The scenario as the run read it.
    pub scenario: Scenario,
    /// What was judged, in words; verdicts refer to it by `id`.
    pub guarantees: Vec<Guarantee>,
    /// One entry per combination of matrix values, in the order of the matrix. Never empty in a finished run.
    pub variants: Vec<Variant>,
    /// What the scenario expected. Decides the exit code, not the headline.
    pub expectations: Vec<Expectation>,
    /// Every seed of every variant.
    pub campaign: Campaign,
    /// Effective configuration, all scopes.
    pub configuration: Vec<Setting>,
    /// What the run was meant to test and did not.
    pub not_tested: Vec<NotTested>,
    /// Advice about the scenario and its settings.
    pub warnings: Vec<Warning>,
    /// How often the interesting things happened, over all seeds.
    pub coverage: Vec<Coverage>,
}

/// Who ran, and how to run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Short hexadecimal id, derived from scenario, seeds and binary: `7f3a`.
    pub id: String,
    /// Version and commit of the binary: `0.1.0+a1b2c3d`.
    pub engine_version: String,
    /// Name of the protocol variant, `safe` unless a museum scenario turned a knob.
    pub protocol_variant: String,
    /// The command that runs the case the page shows again: `tribunal replay report.html --variant acks=1 --seed 7`.
    pub reproduce: String,
    /// Hash over every event of the run, hexadecimal; two runs of one seed must agree on it.
    pub event_hash: String,
    /// True if the run was interrupted and covers only part of the seeds.
    pub partial: bool,
}

/// The scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// `Leader crash: acks=0 vs 1 vs all`.
    pub name: String,
    /// File name without a directory, or a path relative to the project: never an absolute path.
    pub file: String,
    /// What the author believes; empty if the file states none.
    pub hypothesis: String,
    /// Tags.
    pub tags: Vec<String>,
    /// The whole text of the file.
    pub source: String,
    /// Lines of the source that took effect, or never did.
    pub marks: Vec<SourceMark>,
}

/// How often a line of the scenario (a fault, a `happens` clause) took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMark {
    /// Line, counted from 1.
    pub line: u32,
    /// Times it fired, over all seeds and variants.
    pub fired: u64,
    /// What fired: `fault kill-leader`.
    pub what: String,
}

/// Why a text is no artifact.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The artifact is of another format version.
    Format(u32),
    /// The text is no JSON, or not of this shape.
    Json(serde_json::Error),
    /// The HTML text embeds no artifact.
    NotEmbedded,
    /// The embedded artifact is damaged; the text says where.
    Damaged(String),
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArtifactError::Format(found) => write!(
                formatter,
                "the artifact is of format {found}, this version reads format {FORMAT}: \
                 use the version that wrote it, or run the scenario again"
            ),
            ArtifactError::Json(error) => write!(formatter, "this is not a run artifact: {error}"),
            ArtifactError::NotEmbedded => {
                write!(
                    formatter,
                    "this page embeds no run artifact: it was not written by tribunal, or was cut"
                )
            }
            ArtifactError::Damaged(what) => write!(formatter, "the artifact in this page is damaged: {what}"),
        }
    }
}

impl std::error::Error for ArtifactError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArtifactError::Json(error) => Some(error),
            _ => None,
        }
    }
}

/// The one field every version has; read first, so that another version is named and not called damaged.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl RunArtifact {
    /// Reads an artifact.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] for another version, [`ArtifactError::Json`] for anything else.
    pub fn from_json(text: &str) -> Result<Self, ArtifactError> {
        let FormatOnly { format } = serde_json::from_str(text).map_err(ArtifactError::Json)?;
        if format != FORMAT {
            return Err(ArtifactError::Format(format));
        }
        serde_json::from_str(text).map_err(ArtifactError::Json)
    }

    /// The artifact as one line of JSON, fields in declaration order, with a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("plain data without maps always serialises");
        text.push('\n');
        text
    }

    /// The guarantee of that id.
    #[must_use]
    pub fn guarantee(&self, id: &str) -> Option<&Guarantee> {
        self.guarantees.iter().find(|guarantee| guarantee.id == id)
    }
}
