use crate::client::OperatorArguments;
use crate::outcome::{CliError, Outcome};
use crate::printer::Printer;
use alga_registry_types::{AuditChain, AuditEntry, AuditPage, audit_after, verify_audit};
use clap::Args;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Verify the hash chain of the whole log
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Outcome {
    if arguments.verify {
        return verify(arguments, printer);
    }
    let mut all = AuditPage { entries: Vec::new() };
    loop {
        let after = all.entries.last().map_or(0, |entry| entry.sequence);
        let page = arguments.operator.run(&audit_after(after))?;
        if page.entries.is_empty() {
            break;
        }
        all.entries.extend(page.entries);
    }
    printer.output(&all, || all.entries.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn verify(arguments: &Arguments, printer: &Printer) -> Outcome {
    let chain = arguments.operator.run(&verify_audit())?;
    if let Some(entry) = chain.broken_at {
        return Err(
            CliError::user(format!("entry {entry} breaks the hash chain: the log was modified"))
                .with_hint("compare it with a backup; modifying it requires the database's password"),
        );
    }
    printer.output(&chain, || {
        let AuditChain { entries, head, .. } = &chain;
        format!("{entries} entries with a valid hash chain\nhead {head}\nstore the head elsewhere: it proves later that the log was not truncated")
    });
    Ok(())
}

fn line(entry: &AuditEntry) -> String {
    let AuditEntry {
        sequence,
        action,
        tenant,
        subject,
        details,
        ..
    } = entry;
    format!("{sequence} {action} {tenant} {subject} {details}")
}
