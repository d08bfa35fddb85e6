use crate::client::OperatorArguments;
use crate::outcome::Outcome;
use crate::printer::Printer;
use alga_registry_types::create_console_link;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    let link = arguments.operator.run(&create_console_link())?;
    let server = arguments.operator.server.server.trim_end_matches('/');
    let url = format!("{server}{}", link.path);
    printer.output(&json!({ "url": url, "seconds": link.lifetime_seconds }), || url.clone());
    printer.note(&format!(
        "open it within {} seconds; it signs one browser in, for 12 hours",
        link.lifetime_seconds
    ));
    Ok(())
}
