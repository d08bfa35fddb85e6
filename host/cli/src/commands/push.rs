//! `alga push`: uploads a release to an OCI registry.

use crate::oci::{Artifact, RegistryArguments, Remote, reference, wait};
use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::release_files::ReleaseArguments;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Reference to push to: `registry/repository:tag`
    reference: String,
    #[command(flatten)]
    release: ReleaseArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let release = arguments.release.read()?;
    let artifact = Artifact {
        bundle: release.bytes,
        signatures: release.signatures,
    };
    let target = reference(&arguments.reference)?;
    let remote = Remote::new(&arguments.registry, target.clone(), printer)?;
    let digest = wait(remote.push(&artifact, release.bundle.manifest()))?;
    let pinned = format!("{}/{}@{digest}", target.registry(), target.repository());
    printer.output(
        &json!({ "reference": pinned, "digest": digest, "contentHash": release.bundle.digest() }),
        || {
            format!(
                "pushed {} {}\npull it with `alga pull {pinned}`",
                release.bundle.manifest().name,
                release.bundle.manifest().version
            )
        },
    );
    Ok(())
}
