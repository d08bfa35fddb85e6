//! `alga push`: uploads a release to an OCI registry.

use crate::files::{BUNDLE, read, read_bundle, signatures_path};
use crate::oci::{Artifact, RegistryArguments, Remote, reference, wait};
use crate::outcome::Outcome;
use crate::printer::Printer;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Reference to push to: `registry/repository:tag`
    reference: String,
    /// Bundle to push
    #[arg(default_value = BUNDLE)]
    bundle: PathBuf,
    /// Signature file (default: <name>.sigs.json beside the bundle)
    #[arg(long)]
    signatures: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let (bytes, bundle) = read_bundle(&arguments.bundle)?;
    let path = arguments
        .signatures
        .clone()
        .unwrap_or_else(|| signatures_path(&arguments.bundle));
    let artifact = Artifact {
        bundle: bytes,
        signatures: read(&path, "sign the bundle with `alga sign`")?,
    };
    let target = reference(&arguments.reference)?;
    let remote = Remote::new(&arguments.registry, target.clone(), printer)?;
    let digest = wait(remote.push(&artifact, bundle.manifest()))?;
    let pinned = format!("{}/{}@{digest}", target.registry(), target.repository());
    printer.output(
        &json!({ "reference": pinned, "digest": digest, "contentHash": bundle.digest() }),
        || {
            format!(
                "pushed {} {}\npull it with `alga pull {pinned}`",
                bundle.manifest().name,
                bundle.manifest().version
            )
        },
    );
    Ok(())
}
