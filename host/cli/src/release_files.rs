//! The two files of a release, which several commands read.

use crate::files::{BUNDLE, read, read_bundle, signatures_path};
use crate::outcome::Outcome;
use alga_bundle::Bundle;
use clap::Args;
use std::path::PathBuf;

/// The files of a release.
#[derive(Args)]
pub(crate) struct ReleaseArguments {
    /// Bundle of the release
    #[arg(default_value = BUNDLE)]
    pub(crate) bundle: PathBuf,
    /// Signature file (default: <name>.sigs.json beside the bundle)
    #[arg(long)]
    pub(crate) signatures: Option<PathBuf>,
}

/// A release as read from its files.
pub(crate) struct ReleaseFiles {
    pub(crate) bytes: Vec<u8>,
    pub(crate) bundle: Bundle,
    pub(crate) signatures: Vec<u8>,
    pub(crate) signatures_path: PathBuf,
}

impl ReleaseArguments {
    pub(crate) fn read(&self) -> Outcome<ReleaseFiles> {
        let (bytes, bundle) = read_bundle(&self.bundle)?;
        let beside = || signatures_path(&self.bundle);
        let signatures_path = self.signatures.clone().unwrap_or_else(beside);
        Ok(ReleaseFiles {
            signatures: read(&signatures_path, "sign the bundle with `alga sign`")?,
            bytes,
            bundle,
            signatures_path,
        })
    }
}
