//! Schemas and table configs of recorded calls and of the conformance data, where they are at hand
//! (`CUVEE_SHARED`, or `../shared` beside the workspace).

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod hostile;
mod recorded;

use std::path::PathBuf;

/// The folder of shared data; `None` (with a message) where there is none.
pub(crate) fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("CUVEE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    if folder.join("reference/samples/rest.jsonl").exists() {
        return Some(folder);
    }
    println!("skipped: no shared data at {}, set CUVEE_SHARED", folder.display());
    None
}
