//! Examines what a configuration names outside of this process: compiler, database, object store,
//! identity provider, runners, names of other hosts.

use super::{Finding, FindingState, reason};
use crate::config::{EgressSettings, JwksPlace, OidcSettings, without_passwords};
use crate::jwks_source::jwks_source;
use crate::{Config, Role};
use alga_auth::count_keys;
use alga_bundle::Digest;
use alga_egress::OperatorPolicy;
use alga_engine::{CodeOptions, Compiler, CompilerLimits};
use alga_metrics::Latency;
use alga_store::{BlobStore, DatabaseExamination, Migrations, StoreError, examine_postgres};
use axum::http::Uri;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Time for one dependency to respond.
const PATIENCE: Duration = Duration::from_secs(10);
/// Difference of clocks from which on tokens, which are valid for a minute, can be refused.
const CLOCK_DIFFERENCE_MS: u64 = 5_000;
/// Duration of a statement from which on a database is slow: a request that writes waits for some.
const SLOW_STATEMENT: Duration = Duration::from_millis(5);
/// Duration of storing and reading an object from which on a store is slow.
const SLOW_OBJECT: Duration = Duration::from_secs(1);

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
        return Finding::good(SUBJECT, "SQLite in the data directory");
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
    let version = found.version.split(" on ").next().unwrap_or_default();
    let migrations = match found.migrations {
        Migrations::Pending(0) => "no migration is pending".to_owned(),
        Migrations::Pending(pending) => format!("{pending} migrations are pending; the next start applies them"),
        Migrations::Empty => "it is empty; the first start creates the tables".to_owned(),
        Migrations::Newer(version) => {
            let remedy = "use the newer program, or restore a backup of the time before";
            let text = format!("a newer program has applied migration {version}, with which this one does not start");
            return Finding::failed(SUBJECT, text, remedy);
        }
        Migrations::Broken(version) => {
            let remedy = "restore a backup, or correct the tables and delete its row of `_sqlx_migrations`";
            return Finding::failed(SUBJECT, format!("migration {version} has failed halfway"), remedy);
        }
    };
    if found.clock_ahead_ms.unsigned_abs() > CLOCK_DIFFERENCE_MS {
        return Finding::warning(
            SUBJECT,
            format!("its clock differs from this machine's by {} ms", found.clock_ahead_ms),
            "synchronize both clocks (NTP): tokens between processes are valid for a minute",
        );
    }
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
    if !config.role.has_registry() {
        return readable_objects(&store, config).await;
    }
    let found = match store.examine(PATIENCE).await {
        Ok(Some(found)) => found,
        Ok(None) => return Finding::failed(SUBJECT, "no response within 10 s", REMEDY),
        Err(error) => return Finding::failed(SUBJECT, without_key(config, reason(&error)), REMEDY),
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

/// Reads an object that does not exist: a runner only reads.
async fn readable_objects(store: &BlobStore, config: &Config) -> Finding {
    const SUBJECT: &str = "object store";
    const REMEDY: &str = "check STORAGE_S3_*, the network, and that the credentials may read objects";
    match timeout(PATIENCE, store.attestations(Digest::of(b"no bundle"))).await {
        Ok(Ok(_)) => Finding::good(SUBJECT, "can be read"),
        Ok(Err(error)) => Finding::failed(SUBJECT, without_key(config, reason(&error)), REMEDY),
        Err(_) => Finding::failed(SUBJECT, "no response within 10 s", REMEDY),
    }
}

/// Returns a text without the id of the store's key, which its errors contain.
fn without_key(config: &Config, text: String) -> String {
    let credentials = config.s3.as_ref().and_then(|settings| settings.credentials.as_ref());
    match credentials {
        Some((id, _)) if !id.is_empty() => text.replace(id.as_str(), "********"),
        _ => text,
    }
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
    let hosts = named_hosts(config);
    let mut asked = JoinSet::new();
    for host in &hosts {
        let host = host.clone();
        asked.spawn(async move {
            let found = timeout(PATIENCE, lookup_host((host.clone(), 443))).await;
            let is_known = matches!(found, Ok(Ok(_)));
            (!is_known).then_some(host)
        });
    }
    let mut unknown: Vec<_> = asked.join_all().await.into_iter().flatten().collect();
    if hosts.is_empty() {
        return Finding::good(SUBJECT, "the settings name no host, so none was resolved");
    }
    if unknown.is_empty() {
        return Finding::good(SUBJECT, format!("{} are resolved", hosts.len()));
    }
    unknown.sort();
    Finding::warning(
        SUBJECT,
        format!("not resolved: {}", unknown.join(", ")),
        "check the resolver of this machine (/etc/resolv.conf), and EXT_EGRESS_ALLOWLIST",
    )
}

/// Returns the hosts of which settings have the whole name, and not the address.
fn named_hosts(config: &Config) -> BTreeSet<String> {
    let EgressSettings {
        allowlist,
        exceptions,
        denied,
        ..
    } = &config.egress;
    let policy = OperatorPolicy::parse(allowlist, exceptions, denied).unwrap_or_default();
    let listed = allowlist.split(',').map(str::trim);
    let listed = listed.filter(|item| !item.is_empty() && !item.contains('*'));
    let application = [&config.platform.base, &config.platform.ui_proxy_base];
    let application = application.into_iter().flatten().map(String::as_str);
    let hosts = listed.chain(application).map(host_of);
    hosts.filter(|host| !policy.is_pinned(host)).collect()
}

/// Returns the host of a URL, or of a host with an optional port.
fn host_of(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().to_owned()
}

/// Connects to the other processes of the platform, to a Vault, and to collectors.
async fn remote(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.role == Role::Gateway {
        let runners = config.runner_base_url.as_deref().unwrap_or_default().split(',');
        findings.extend(runners_of_gateway(runners.map(str::trim)).await);
        if let Some(url) = &config.registry_base_url {
            let state = FindingState::Warning;
            findings.push(connection("registry", state, url).await);
        }
    }
    if let Some(vault) = &config.vault {
        findings.push(connection("vault", FindingState::Failed, &vault.address).await);
    }
    let logs = config.logs.iter().map(|logs| ("collector of the log", logs));
    let traces = config
        .traces
        .iter()
        .map(|traces| ("collector of traces", &traces.collector));
    for (name, collector) in traces.chain(logs) {
        // Without it, spans are lost.
        findings.push(connection(name, FindingState::Warning, &collector.endpoint).await);
    }
    findings
}

/// Connects to every runner. A gateway does not call one that is down, and needs one.
async fn runners_of_gateway(urls: impl Iterator<Item = &str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for url in urls.filter(|url| !url.is_empty()) {
        findings.push(connection("runner", FindingState::Warning, url).await);
    }
    if findings.iter().all(|finding| finding.state == FindingState::Warning) {
        for finding in &mut findings {
            finding.state = FindingState::Failed;
        }
    }
    findings
}

/// Connects to a server; if that fails, the finding has this state.
async fn connection(subject: &'static str, state: FindingState, url: &str) -> Finding {
    let remedy = "start it, or correct its address and the firewall between both";
    let shown = without_passwords(url);
    let Some(address) = address_of(url) else {
        return Finding::bad(subject, state, format!("{shown} has no host"), remedy);
    };
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Finding::good(subject, format!("{shown} accepts connections")),
        Ok(Err(error)) => Finding::bad(subject, state, format!("{shown}: {error}"), remedy),
        Err(_) => Finding::bad(subject, state, format!("{shown}: no response within 10 s"), remedy),
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

    fn found() -> DatabaseExamination {
        DatabaseExamination {
            version: "PostgreSQL 15.9 on x86_64".to_owned(),
            latency: Duration::from_micros(300),
            clock_ahead_ms: -20,
            is_bound: true,
            migrations: Migrations::Pending(0),
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
        let newer = DatabaseExamination {
            migrations: Migrations::Newer(20),
            // The graver finding is reported.
            clock_ahead_ms: -5_001,
            ..found()
        };
        let (good_state, failed, warning) = (FindingState::Good, FindingState::Failed, FindingState::Warning);
        let states = [
            good,
            postgres(&unbound),
            postgres(&newer),
            postgres(&late),
            postgres(&slow),
        ];
        assert_eq!(
            states.map(|finding| finding.state),
            [good_state, failed, failed, warning, warning]
        );
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
