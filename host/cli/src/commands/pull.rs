//! `alga pull`: downloads a release from an OCI registry, by digest.

use crate::files::{BUNDLE, signatures_path, write};
use crate::oci::{RegistryArguments, Remote, reference, wait};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::Bundle;
use alga_capabilities::known;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Reference `registry/repository@sha256:…`, as printed by `alga push`
    reference: String,
    /// Output path of the bundle; its signature is written beside it
    #[arg(long, default_value = BUNDLE)]
    out: PathBuf,
    #[command(flatten)]
    registry: RegistryArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let source = reference(&arguments.reference)?;
    let remote = Remote::new(&arguments.registry, source.clone(), printer)?;
    if source.digest().is_none() {
        let now = wait(remote.resolve())?;
        let failed = CliError::user(format!("`{source}` is a tag, and tags can move"));
        let pinned = format!("{}/{}@{now}", source.registry(), source.repository());
        return Err(failed.with_hint(format!("pull by the digest that the tag names now: alga pull {pinned}")));
    }
    let artifact = wait(remote.pull())?;
    let bundle = Bundle::read(&artifact.bundle, known()).user_error("the pulled artifact is not a bundle")?;
    let signatures = signatures_path(&arguments.out);
    write(&arguments.out, &artifact.bundle)?;
    write(&signatures, &artifact.signatures)?;
    let facts = json!({ "bundle": arguments.out, "signatures": signatures, "contentHash": bundle.digest() });
    printer.output(&facts, || {
        let manifest = bundle.manifest();
        format!(
            "pulled {} {}\n{}\nits signature is not verified yet: run `alga verify`",
            manifest.name,
            manifest.version,
            bundle.digest()
        )
    });
    Ok(())
}
