use std::process::Command;

/// Environment variable with the URL of the private Postgres of this run, if the tests run against
/// Postgres. The URL ends with `/{}?host=…` and is set by `cargo xtask test`.
pub(crate) const POSTGRES: &str = "ALGA_TEST_POSTGRES";

/// Returns the output of `psql` for these statements, one value per line.
pub fn query(url: &str, statements: &str) -> String {
    let mut psql = Command::new("psql");
    psql.args([
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        "--command",
        statements,
        url,
    ]);
    let output = psql.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Creates a separate database for a test platform, or returns none if the tests run on SQLite.
#[must_use]
pub fn fresh_database() -> Option<String> {
    let template = std::env::var(POSTGRES).ok()?;
    let name = format!("world_{}", uuid::Uuid::now_v7().simple());
    query(&template.replace("{}", "postgres"), &format!("CREATE DATABASE {name}"));
    Some(template.replace("{}", &name))
}
