use std::process::Command;

/// The private Postgres of this run, when tests run against it: a URL that ends with `/{}?host=…`, made by `cargo xtask test`.
pub(crate) const POSTGRES: &str = "ALGA_TEST_POSTGRES";

/// What `psql` prints for these statements, one value a line.
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

/// A database of its own for a world, or none when it is to be SQLite.
#[must_use]
pub fn fresh_database() -> Option<String> {
    let template = std::env::var(POSTGRES).ok()?;
    let name = format!("world_{}", uuid::Uuid::now_v7().simple());
    query(&template.replace("{}", "postgres"), &format!("CREATE DATABASE {name}"));
    Some(template.replace("{}", &name))
}
