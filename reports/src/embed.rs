//! The artifact inside the page: gzip, base64, one script element that no browser executes.
//!
//! The gzip header carries no time and no operating system, so the same artifact gives the same bytes.

use crate::artifact::{ArtifactError, RunArtifact};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder, read::GzDecoder};
use std::io::{Read as _, Write as _};

/// The media type of the element; the page names its encoding for whoever wants to unpack it by hand.
pub(crate) const MEDIA_TYPE: &str = "application/octet-stream+gzip+base64";

/// How the element opens. Text of a scenario cannot contain it: the page escapes `<` and `"`.
const OPENING: &str = "<script type=\"application/octet-stream+gzip+base64\" id=\"artifact\">";

/// A page that unpacks to more than this is no report (a hundred thousand events are five megabytes).
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The artifact as text for the element.
pub(crate) fn pack(artifact: &RunArtifact) -> String {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(artifact.to_json().as_bytes()).expect("writing to memory cannot fail");
    let packed = encoder.finish().expect("writing to memory cannot fail");
    STANDARD.encode(packed)
}

/// Reads the artifact that a page embeds.
///
/// # Errors
/// [`ArtifactError::NotEmbedded`] if the text is no such page, [`ArtifactError::Damaged`] if the element does not
/// unpack, and the errors of [`RunArtifact::from_json`].
pub fn extract(html: &str) -> Result<RunArtifact, ArtifactError> {
    let (_, rest) = html.split_once(OPENING).ok_or(ArtifactError::NotEmbedded)?;
    let (text, _) = rest.split_once("</script>").ok_or(ArtifactError::NotEmbedded)?;
    let packed =
        STANDARD.decode(text.trim()).map_err(|error| ArtifactError::Damaged(format!("base64: {error}")))?;
    let mut json = String::new();
    GzDecoder::new(packed.as_slice())
        .take(UNPACKED_BYTES_MAX)
        .read_to_string(&mut json)
        .map_err(|error| ArtifactError::Damaged(format!("gzip: {error}")))?;
    RunArtifact::from_json(&json)
}

#[cfg(test)]
mod tests {
    use super::{MEDIA_TYPE, OPENING};

    #[test]
    fn the_opening_names_the_media_type() {
        assert!(OPENING.contains(MEDIA_TYPE));
    }
}
