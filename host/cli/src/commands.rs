//! One file for each command. A command gets its arguments and a printer, and returns its outcome.

mod audit;
mod build;
mod call;
mod config;
mod console;
mod dev;
mod doctor;
mod inspect;
mod install;
mod installs;
mod keygen;
mod keys;
mod log;
mod logs;
mod new;
mod pack;
mod profile;
mod publish;
mod pull;
mod push;
mod quarantine;
mod quotas;
mod records;
mod serve;
mod sign;
mod statistics;
mod steps;
mod test;
mod token;
mod top;
mod trust;
mod verify;
mod verify_bundle;
mod versions;

use crate::outcome::Outcome;
use crate::printer::Printer;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create an extension in a new directory
    New(new::Arguments),
    /// Build an extension into a component
    Build(build::Arguments),
    /// Run the platform, and build and install the extension anew after each change
    Dev(dev::Arguments),
    /// Run the tests of an extension against a host with scripted storage, HTTP and time
    #[command(after_help = test::EXAMPLE)]
    Test(test::Arguments),
    /// Show the imports of a component or bundle, next to what its manifest declares
    Inspect(inspect::Arguments),
    /// Generate a signing key and a trust bundle that trusts it
    Keygen(keygen::Arguments),
    /// Pack manifest, component and assets into a bundle
    Pack(pack::Arguments),
    /// Sign a bundle with a local key or certificate, or attach another program's signature
    #[command(after_help = sign::EXAMPLE)]
    Sign(sign::Arguments),
    /// Verify a bundle and its signature, explaining each check; works offline
    Verify(verify::Arguments),
    /// Verify a sigstore bundle over any file, offline
    VerifyBundle(verify_bundle::Arguments),
    /// Manage trusted signers and revocations
    Trust(trust::Arguments),
    /// Publish a signed bundle to a registry
    Publish(publish::Arguments),
    /// Push a signed bundle to an OCI registry
    Push(push::Arguments),
    /// Pull a bundle from an OCI registry, by digest
    Pull(pull::Arguments),
    /// Install a published version for a tenant
    Install(install::Arguments),
    /// Manage the installs of a tenant: upgrade, consent, roll back, enable, disable, uninstall
    Installs(installs::Arguments),
    /// Show what executions logged and how they ended, or follow them while they run
    #[command(after_help = logs::EXAMPLE)]
    Logs(logs::Arguments),
    /// Find records of executions by endpoint, outcome, time and duration, or export them
    #[command(after_help = records::EXAMPLE)]
    Records(records::Arguments),
    /// Show which installs of a tenant are called, fail and use processor time
    #[command(after_help = top::EXAMPLE)]
    Top(top::Arguments),
    /// Sample the code of an install while it executes: a profile for the Firefox Profiler
    #[command(after_help = profile::EXAMPLE)]
    Profile(profile::Arguments),
    /// List and withdraw published versions
    Versions(versions::Arguments),
    /// Create, list and revoke API keys of operators, publishers and tenants
    #[command(after_help = keys::EXAMPLE)]
    Keys(keys::Arguments),
    /// Limit what a tenant or an install uses, and show what was used
    #[command(after_help = quotas::EXAMPLE)]
    Quotas(quotas::Arguments),
    /// List extensions that crashed runners, and lift their quarantine
    #[command(after_help = quarantine::EXAMPLE)]
    Quarantine(quarantine::Arguments),
    /// Print a one-time link that signs a browser in as this operator
    Console(console::Arguments),
    /// Show the registry's audit log, or verify its hash chain
    Audit(audit::Arguments),
    /// Send a request to an installed extension
    Call(call::Arguments),
    /// Run the platform
    Serve(serve::Arguments),
    /// Examine a deployment: machine, database, stores, other processes
    #[command(after_help = doctor::EXAMPLE)]
    Doctor(doctor::Arguments),
    /// Issue a caller's token, signed with the key in a local data directory
    Token(token::Arguments),
    /// Print the effective configuration of `serve`
    Config(config::Arguments),
}

impl Command {
    pub(crate) fn run(self, printer: &Printer) -> Outcome {
        match self {
            Self::New(arguments) => new::run(&arguments, printer),
            Self::Build(arguments) => build::run(&arguments, printer),
            Self::Dev(arguments) => dev::run(&arguments, printer),
            Self::Test(arguments) => test::run(&arguments, printer),
            Self::Inspect(arguments) => inspect::run(&arguments, printer),
            Self::Keygen(arguments) => keygen::run(&arguments, printer),
            Self::Pack(arguments) => pack::run(&arguments, printer),
            Self::Sign(arguments) => sign::run(&arguments, printer),
            Self::Verify(arguments) => verify::run(&arguments, printer),
            Self::VerifyBundle(arguments) => verify_bundle::run(&arguments, printer),
            Self::Trust(arguments) => trust::run(&arguments, printer),
            Self::Publish(arguments) => publish::run(&arguments, printer),
            Self::Push(arguments) => push::run(&arguments, printer),
            Self::Pull(arguments) => pull::run(&arguments, printer),
            Self::Install(arguments) => install::run(&arguments, printer),
            Self::Installs(arguments) => installs::run(&arguments, printer),
            Self::Logs(arguments) => logs::run(&arguments, printer),
            Self::Records(arguments) => records::run(&arguments, printer),
            Self::Top(arguments) => top::run(&arguments, printer),
            Self::Profile(arguments) => profile::run(&arguments, printer),
            Self::Versions(arguments) => versions::run(&arguments, printer),
            Self::Keys(arguments) => keys::run(&arguments, printer),
            Self::Quotas(arguments) => quotas::run(&arguments, printer),
            Self::Quarantine(arguments) => quarantine::run(&arguments, printer),
            Self::Console(arguments) => console::run(&arguments, printer),
            Self::Audit(arguments) => audit::run(&arguments, printer),
            Self::Call(arguments) => call::run(&arguments, printer),
            Self::Serve(arguments) => serve::run(&arguments, printer),
            Self::Doctor(arguments) => doctor::run(&arguments, printer),
            Self::Token(arguments) => token::run(&arguments, printer),
            Self::Config(arguments) => config::run(&arguments, printer),
        }
    }
}
