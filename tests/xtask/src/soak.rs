//! `cargo xtask soak`: the long forms of campaigns whose short forms are tests.

use crate::debian;
use crate::guests;
use crate::postgres::Postgres;
use crate::pressure::Pressure;
use crate::python;
use crate::shell::{Outcome, cargo, execute, report, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Campaign to run
    name: Option<String>,
    /// Run on a private Postgres instead of SQLite
    #[arg(long)]
    postgres: bool,
    /// Limit of the campaign's memory in MiB: what exceeds it goes to a swap file. Needs root
    #[arg(long)]
    memory_mib: Option<u64>,
    /// Number of rounds; the list of campaigns describes their rounds
    #[arg(long)]
    rounds: Option<u64>,
}

struct Campaign {
    name: &'static str,
    what: &'static str,
    rounds: u64,
    package: &'static str,
    test: &'static str,
}

const CAMPAIGNS: [Campaign; 11] = [
    Campaign {
        name: "fuzz",
        what: "mutated inputs against every parser; a round is one input for each",
        rounds: 1_000_000,
        package: "alga-fuzz",
        test: "no_mutated_input_breaks_a_parser",
    },
    Campaign {
        name: "isolation",
        what: "a guest fills memory with a canary, the next one searches for it; a round is four ways to end",
        rounds: 1_000,
        package: "alga-harness",
        test: "no_byte_of_a_guest_reaches_the_next_one",
    },
    Campaign {
        name: "cancellation",
        what: "executions canceled at every moment; a round is one execution",
        rounds: 10_000,
        package: "alga-harness",
        test: "executions_cancelled_at_any_moment_release_their_permit",
    },
    Campaign {
        name: "openapi",
        what: "schemathesis against the registry's document; a round is one example for each operation",
        rounds: 200,
        package: "alga-harness",
        test: "schemathesis_finds_no_deviation_from_the_document",
    },
    Campaign {
        name: "publish-race",
        what: "64 publishers of one version, each with different bytes; a round is one version",
        rounds: 1_000,
        package: "alga-harness",
        test: "of_64_concurrent_publishes_of_one_version_exactly_one_succeeds",
    },
    Campaign {
        name: "swap",
        what: "a stored bundle is swapped while it is loaded; a round is one load by a new process",
        rounds: 1_000,
        package: "alga-harness",
        test: "a_bundle_that_is_swapped_while_it_is_loaded_never_runs_as_another",
    },
    Campaign {
        name: "garbage",
        what: "publishers and collectors of one bundle run their steps in any order; a round is one order",
        rounds: 20_000,
        package: "alga-harness",
        test: "no_order_of_publishing_and_collecting_removes_a_live_bundle",
    },
    Campaign {
        name: "crash",
        what: "the server is killed while releases are published; a round is one kill, one restart and one check of the state",
        rounds: 300,
        package: "alga-harness",
        test: "acknowledged_publishes_survive_a_server_kill_at_any_moment",
    },
    Campaign {
        name: "crash-start",
        what: "the server is killed at every durable system call of its first start; one round covers all",
        rounds: 1,
        package: "alga-harness",
        test: "a_server_killed_at_any_step_of_its_first_start_starts_the_next_time",
    },
    Campaign {
        name: "crash-postgres",
        what: "Postgres is killed while releases are published (with --postgres); a round is one kill",
        rounds: 30,
        package: "alga-harness",
        test: "acknowledged_publishes_survive_a_kill_of_postgres",
    },
    Campaign {
        name: "crash-points",
        what: "the server is killed at every durable system call of publish, install and uninstall; one round covers all",
        rounds: 1,
        package: "alga-harness",
        test: "acknowledged_changes_survive_a_kill_at_any_durable_system_call",
    },
];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let Some(name) = &arguments.name else {
        for campaign in CAMPAIGNS {
            report(&format!(
                "{:<14} {} (default {} rounds)",
                campaign.name, campaign.what, campaign.rounds
            ));
        }
        return Ok(());
    };
    let campaign = CAMPAIGNS
        .iter()
        .find(|campaign| campaign.name == name)
        .ok_or_else(|| format!("unknown campaign `{name}`; run without a name to list them"))?;
    let rounds = arguments.rounds.unwrap_or(campaign.rounds).to_string();
    step("building");
    execute(&mut cargo(&[
        "build",
        "--package",
        "alga",
        "--package",
        "alga-compiler",
    ]))?;
    guests::build_all()?;
    debian::ensure("strace", "strace")?;
    python::ensure(python::SCHEMATHESIS.0, python::SCHEMATHESIS.1)?;
    step(&format!("{}: {rounds} rounds", campaign.what));
    let mut test = cargo(&[
        "test",
        "--package",
        campaign.package,
        campaign.test,
        "--",
        "--nocapture",
    ]);
    test.env("ALGA_SOAK_ROUNDS", rounds);
    let start = |name| arguments.postgres.then(|| Postgres::start(name)).transpose();
    let (postgres, victim) = (start("postgres")?, start("victim")?);
    if let Some(postgres) = &postgres {
        test.env("ALGA_TEST_POSTGRES", postgres.url());
        test.envs(victim.iter().flat_map(Postgres::as_victim));
    }
    if let Some(mebibytes) = arguments.memory_mib {
        // Compiled before its memory is limited.
        let names = ["test", "--no-run", "--package", campaign.package];
        execute(&mut cargo(&names))?;
        let _pressure = Pressure::start(mebibytes)?;
        return execute(&mut test);
    }
    execute(&mut test)
}
