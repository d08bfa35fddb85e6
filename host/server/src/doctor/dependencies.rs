//! Examines what a configuration names outside of this process: compiler, database, object store,
//! identity provider, runners, names of other hosts.

use super::Finding;
use crate::config::{JwksPlace, OidcSettings};
use crate::jwks_source::jwks_source;
use crate::{Config, Role};
use alga_auth::count_keys;
use alga_engine::{CodeOptions, Compiler, CompilerLimits};
use alga_errors::chain;
use alga_metrics::Latency;
use alga_store::{BlobStore, DatabaseExamination, StoreError, examine_postgres};
use axum::http::Uri;
use rustix::fs::statfs;
use std::error::Error;
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Time for one dependency to respond.
const PATIENCE: Duration = Duration::from_secs(10);
/// Difference of clocks from which on tokens, which are valid for a minute, can be refused.
const CLOCK_DIFFERENCE_MS: u64 = 5_000;
/// Duration of a statement from which on a database is slow: a request that writes waits for some.
const SLOW_STATEMENT: Duration = Duration::from_millis(5);
/// Duration of storing and reading an object from which on a store is slow.
const SLOW_OBJECT: Duration = Duration::from_secs(1);
/// Magic numbers of file systems on other machines, by `statfs`: NFS, SMB, CIFS.
const NETWORK_FILE_SYSTEMS: [u64; 3] = [0x6969, 0xfe53_4d42, 0xff53_4d42];

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![database(config).await];
    if config.role.has_runner() || config.role.has_registry() {
        findings.push(objects(config).await);
        findings.extend(compiler(config).await);
    }
    if let Some(oidc) = &config.oidc {
        findings.push(keys(oidc).await);
    }
    if config.role.has_runner() {
        findings.push(names(config).await);
    }
    findings.extend(remote(config).await);
    findings
}

async fn database(config: &Config) -> Finding {
    const SUBJECT: &str = "database";
    let Some(url) = &config.database else {
        return sqlite(&config.data);
    };
    match timeout(PATIENCE, examine_postgres(url)).await {
        Ok(Ok(found)) => postgres(&found),
        Ok(Err(error)) => unreachable_database(&error),
        Err(_) => Finding::failed(SUBJECT, "no response within 10 s", "check the address, and the network"),
    }
}

fn unreachable_database(error: &StoreError) -> Finding {
    let remedy = "check ALGA_DATABASE, the network, and that its user may log in (`CREATE ROLE alga LOGIN`)";
    Finding::failed("database", reason(error), remedy)
}

/// Checks that the file of a database is on this machine.
fn sqlite(data: &Path) -> Finding {
    const SUBJECT: &str = "database";
    let existing = data
        .ancestors()
        .find(|directory| directory.is_dir())
        .unwrap_or(Path::new("."));
    let kind = statfs(existing).ok().and_then(|found| u64::try_from(found.f_type).ok());
    match kind {
        Some(kind) if NETWORK_FILE_SYSTEMS.contains(&kind) => Finding::failed(
            SUBJECT,
            format!(
                "SQLite in `{}`, on another machine: its locks do not hold there",
                data.display()
            ),
            "use a local disk, or Postgres (ALGA_DATABASE)",
        ),
        _ => Finding::good(SUBJECT, format!("SQLite in `{}`", data.display())),
    }
}

fn postgres(found: &DatabaseExamination) -> Finding {
    const SUBJECT: &str = "database";
    let milliseconds = found.latency.as_secs_f64() * 1000.0;
    if !found.is_bound {
        return Finding::failed(
            SUBJECT,
            "row-level security does not apply to this user",
            "use one that is neither a superuser nor has BYPASSRLS: `CREATE ROLE alga LOGIN`",
        );
    }
    if found.clock_ahead_ms.unsigned_abs() > CLOCK_DIFFERENCE_MS {
        return Finding::failed(
            SUBJECT,
            format!("its clock differs from this machine's by {} ms", found.clock_ahead_ms),
            "synchronize both clocks (NTP): tokens are valid for a minute",
        );
    }
    let version = found.version.split(" on ").next().unwrap_or_default();
    let migrations = match found.pending_migrations {
        Some(0) => "no migration is pending".to_owned(),
        Some(pending) => format!("{pending} migrations are pending; the next start applies them"),
        None => "it is empty; the first start creates the tables".to_owned(),
    };
    let text = format!("{version}, {milliseconds:.2} ms for a statement, {migrations}");
    if found.latency > SLOW_STATEMENT {
        return Finding::warning(
            SUBJECT,
            text,
            "run it in the same zone: a request that writes waits for some statements",
        );
    }
    Finding::good(SUBJECT, text)
}

async fn objects(config: &Config) -> Finding {
    const SUBJECT: &str = "object store";
    const REMEDY: &str = "check STORAGE_S3_*, the network, and that the credentials may write, read and delete objects";
    let directory = config.data.join("bundles");
    let store = match &config.s3 {
        Some(settings) => BlobStore::s3(settings),
        None if directory.is_dir() => BlobStore::local(&directory),
        None => return Finding::good(SUBJECT, format!("the first start creates `{}`", directory.display())),
    };
    let store = match store {
        Ok(store) => store,
        Err(error) => return Finding::failed(SUBJECT, reason(&error), REMEDY),
    };
    let found = match timeout(PATIENCE, store.examine()).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Finding::failed(SUBJECT, reason(&error), REMEDY),
        Err(_) => return Finding::failed(SUBJECT, "no response within 10 s", REMEDY),
    };
    let required = [
        (found.is_faithful, "does not return what was stored"),
        (
            found.refuses_second_creation,
            "creates an object that exists (`If-None-Match: *`)",
        ),
        (found.deletes, "returns an object that was deleted"),
    ];
    if let Some((_, fault)) = required.into_iter().find(|(holds, _)| !holds) {
        let remedy = "use a store with conditional writes and strong consistency, such as Amazon S3 or MinIO";
        return Finding::failed(SUBJECT, format!("it {fault}"), remedy);
    }
    let text = format!("{} ms to store and read an object", found.latency.as_millis());
    if found.latency > SLOW_OBJECT {
        return Finding::warning(
            SUBJECT,
            text,
            "use a store in the same region: the first request of an extension waits for it",
        );
    }
    Finding::good(SUBJECT, text)
}

/// Returns an error with its causes, without a hint: a finding has a remedy of its own.
fn reason(error: &(dyn Error + 'static)) -> String {
    let whole = chain(error).to_string();
    whole.split("\nhint: ").next().unwrap_or_default().to_owned()
}

async fn compiler(config: &Config) -> Option<Finding> {
    const SUBJECT: &str = "compiler";
    let program = config.compiler.as_deref()?;
    let code = CodeOptions {
        counts_fuel: config.fuel.is_some(),
        runs_wasi_0_3: config.wasi_0_3,
    };
    let limits = CompilerLimits {
        code,
        ..CompilerLimits::default()
    };
    let compiled = Compiler::new(program, limits).probe().await;
    Some(match compiled {
        Ok(_) => Finding::good(SUBJECT, format!("`{}` compiles", program.display())),
        Err(error) => Finding::failed(
            SUBJECT,
            reason(&error),
            "install `alga-compiler` of the same version beside `alga`, or set ALGA_COMPILER",
        ),
    })
}

async fn keys(oidc: &OidcSettings) -> Finding {
    const SUBJECT: &str = "keys of the OpenID provider";
    const REMEDY: &str = "check ALGA_OIDC_JWKS: the provider's metadata has it as `jwks_uri`";
    let place = match &oidc.jwks {
        JwksPlace::Url(url) => url.clone(),
        JwksPlace::File(path) => path.display().to_string(),
    };
    let source = match jwks_source(&oidc.jwks, &Latency::default()) {
        Ok(source) => source,
        Err(error) => return Finding::failed(SUBJECT, reason(&error), REMEDY),
    };
    let counted = match timeout(PATIENCE, source.fetch()).await {
        Ok(Ok(bytes)) => count_keys(&bytes),
        Ok(Err(error)) => Err(reason(&*error)),
        Err(_) => Err("no response within 10 s".to_owned()),
    };
    match counted {
        Ok(keys) => Finding::good(SUBJECT, format!("{keys} keys at {place}")),
        Err(error) => Finding::failed(SUBJECT, format!("{place}: {error}"), REMEDY),
    }
}

/// Resolves the names of hosts that extensions may reach, as far as they are known.
async fn names(config: &Config) -> Finding {
    const SUBJECT: &str = "names of other hosts";
    let listed = config.egress.allowlist.split(',').map(str::trim);
    let hosts = listed.filter(|item| !item.is_empty() && !item.contains('*'));
    let mut hosts: Vec<String> = hosts.map(host_of).collect();
    hosts.extend(config.platform.base.as_deref().map(host_of));
    let mut unknown = Vec::new();
    for host in &hosts {
        let asked = timeout(PATIENCE, lookup_host((host.as_str(), 443))).await;
        if !matches!(asked, Ok(Ok(_))) {
            unknown.push(host.as_str());
        }
    }
    if unknown.is_empty() {
        return Finding::good(SUBJECT, format!("{} are resolved", hosts.len()));
    }
    Finding::warning(
        SUBJECT,
        format!("not resolved: {}", unknown.join(", ")),
        "check the resolver of this machine (/etc/resolv.conf), and EXT_EGRESS_ALLOWLIST",
    )
}

/// Returns the host of a URL, or of a host with an optional port.
fn host_of(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().to_owned()
}

/// Connects to the other processes of the platform, and to a collector of traces.
async fn remote(config: &Config) -> Vec<Finding> {
    let is_gateway = config.role == Role::Gateway;
    let runners = config.runner_base_url.as_deref().filter(|_| is_gateway);
    let runners = runners.into_iter().flat_map(|urls| urls.split(',')).map(str::trim);
    let registry = config.registry_base_url.as_deref().filter(|_| is_gateway);
    let collector = config.traces.as_ref().map(|traces| traces.endpoint.as_str());
    let all = runners
        .map(|url| ("runner", url))
        .chain(registry.map(|url| ("registry", url)))
        .chain(collector.map(|url| ("collector of traces", url)));
    let mut findings = Vec::new();
    for (subject, url) in all {
        findings.push(connection(subject, url).await);
    }
    findings
}

async fn connection(subject: &'static str, url: &str) -> Finding {
    let remedy = "start it, or correct its address and the firewall between both";
    let Some(address) = address_of(url) else {
        return Finding::failed(subject, format!("{url} has no host"), remedy);
    };
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Finding::good(subject, format!("{url} accepts connections")),
        Ok(Err(error)) => Finding::failed(subject, format!("{url}: {error}"), remedy),
        Err(_) => Finding::failed(subject, format!("{url}: no response within 10 s"), remedy),
    }
}

fn address_of(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some((host, uri.port_u16().unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::FindingState;

    fn found() -> DatabaseExamination {
        DatabaseExamination {
            version: "PostgreSQL 15.9 on x86_64".to_owned(),
            latency: Duration::from_micros(300),
            clock_ahead_ms: -20,
            is_bound: true,
            pending_migrations: Some(0),
        }
    }

    #[test]
    fn a_database_that_is_unbound_off_time_or_slow_is_reported() {
        let good = postgres(&found());
        assert_eq!(
            good.text,
            "PostgreSQL 15.9, 0.30 ms for a statement, no migration is pending"
        );
        let unbound = DatabaseExamination {
            is_bound: false,
            ..found()
        };
        let late = DatabaseExamination {
            clock_ahead_ms: -5_001,
            ..found()
        };
        let slow = DatabaseExamination {
            latency: Duration::from_millis(6),
            ..found()
        };
        let states = [good, postgres(&unbound), postgres(&late), postgres(&slow)].map(|finding| finding.state);
        let (good, failed, warning) = (FindingState::Good, FindingState::Failed, FindingState::Warning);
        assert_eq!(states, [good, failed, failed, warning]);
    }

    #[test]
    fn hosts_are_read_from_urls_and_patterns() {
        for text in [
            "https://a.example.com/x",
            "http://a.example.com:80",
            "a.example.com:8443",
            "a.example.com",
        ] {
            assert_eq!(host_of(text), "a.example.com");
        }
        assert_eq!(
            address_of("https://a.example.com/x").unwrap(),
            ("a.example.com".to_owned(), 443)
        );
        assert_eq!(address_of("http://[::1]:4318").unwrap(), ("::1".to_owned(), 4318));
        assert_eq!(address_of("/v1/traces"), None);
    }
}
