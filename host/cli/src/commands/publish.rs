use crate::client::OperatorArguments;
use crate::escape::escape_line;
use crate::outcome::Outcome;
use crate::printer::Printer;
use crate::release_files::ReleaseArguments;
use alga_registry_types::{Part, form};
use clap::Args;
use std::path::Path;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    release: ReleaseArguments,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let release = arguments.release.read()?;
    let form = form(&[
        part("bundle", &arguments.release.bundle, &release.bytes),
        part("signatures", &release.signatures_path, &release.signatures),
    ]);
    let operation = alga_registry_types::publish(form);
    let published = arguments.operator.run_compiling(&operation, printer)?;
    for warning in &published.warnings {
        printer.note(&format!("warning: {}", escape_line(warning)));
    }
    printer.output(&published, || {
        let manifest = release.bundle.manifest();
        let what = if published.created {
            "published"
        } else {
            "was already published with the same content"
        };
        format!(
            "{} {} {what}\n{}",
            manifest.name,
            manifest.version,
            release.bundle.digest()
        )
    });
    Ok(())
}

fn part<'a>(name: &'a str, path: &'a Path, bytes: &'a [u8]) -> Part<'a> {
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Part { name, file_name, bytes }
}
