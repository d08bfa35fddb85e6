use super::*;

fn load(flags: &[(&str, &str)], environment: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let environment = pairs(environment);
    Config::load(&pairs(flags), &|name| environment.get(name).cloned(), Some(file))
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let file = "dev = true\nport = 1\npool = 2\ncache_max_bytes = 3";
    let config = load(&[("port", "10")], &[("PORT", "11"), ("ALGA_POOL", "12")], file).unwrap();
    assert_eq!((config.listen.port(), config.pool, config.cache_max_bytes), (10, 12, 3));
    assert_eq!(config.gateway_timeout, Duration::from_secs(5));
}

#[test]
fn records_and_sums_of_executions_remain_for_the_days_that_are_set() {
    let days = |records: u64, sums: u64| [records, sums].map(|days| Duration::from_hours(24 * days));
    let lives = |config: Config| [config.records.life, config.records.life_of_sums];
    assert_eq!(lives(load(&[], &[], "dev = true").unwrap()), days(7, 62));
    let file = "dev = true\nrecord_days = 30\nstatistics_days = 400";
    assert_eq!(lives(load(&[], &[], file).unwrap()), days(30, 400));
    assert!(load(&[], &[], "dev = true\nstatistics_days = 0").is_err());
}

#[test]
fn every_setting_is_shown_with_its_effective_value_and_its_origin() {
    let flags = BTreeMap::from([("port".to_owned(), "10".to_owned())]);
    let environment = |name: &str| match name {
        "ALGA_DATABASE" => Some("postgres://alga:hunter2@db/alga".to_owned()),
        "STORAGE_S3_SECRET_KEY" => Some("hunter2".to_owned()),
        _ => None,
    };
    let effective = Config::effective(&flags, &environment, Some("pool = 2\nvault_key = \"k\"")).unwrap();
    let value = |key: &str| {
        let found = effective.iter().find(|effective| effective.setting.key == key).unwrap();
        (found.value.clone().unwrap_or_default(), found.origin)
    };
    assert_eq!(effective.len(), Config::settings().len());
    assert_eq!(value("port"), ("10".to_owned(), Origin::Flag));
    assert_eq!(value("pool"), ("2".to_owned(), Origin::File));
    assert_eq!(value("vault_key"), ("k".to_owned(), Origin::File));
    assert_eq!(value("compiler_seconds"), ("120".to_owned(), Origin::Default));
    assert_eq!(
        value("cache_root"),
        ("alga-data/machine-code".to_owned(), Origin::Default)
    );
    assert_eq!(
        value("database"),
        ("postgres://alga:********@db/alga".to_owned(), Origin::Environment)
    );
    assert_eq!(value("s3_secret_key"), ("********".to_owned(), Origin::Environment));
    assert_eq!(value("trust_bundle"), (String::new(), Origin::Default));
}

#[test]
fn the_template_has_every_setting_and_is_a_valid_file_when_uncommented() {
    let template = Config::template();
    let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    let lines = template.lines().filter(is_setting);
    let file = lines
        .map(|line| line.trim_start_matches("# "))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(file.lines().count(), Config::settings().len());
    let effective = Config::effective(&BTreeMap::new(), &|_| None, Some(&file)).unwrap();
    for setting in effective {
        let is_default = setting.setting.default.is_empty() || setting.origin == Origin::File;
        assert!(is_default, "{} is missing in the template", setting.setting.key);
    }
    assert!(toml::from_str::<toml::Table>(&template).unwrap().is_empty());
}

#[test]
fn the_defaults_are_those_of_the_table_of_limits() {
    let config = load(&[("dev", "true")], &[], "").unwrap();
    assert_eq!(config.ceilings, Ceilings::default());
    assert_eq!(config.compiler_seconds, alga_limits::COMPILER_SECONDS);
    assert_eq!(config.compiler_wall.as_secs(), alga_limits::COMPILER_WALL_SECONDS);
    for (key, value) in [
        ("memory_max_mb", "257"),
        ("memory_max_mb", "0"),
        ("guest_niceness", "20"),
        ("pool_table_elements", "100001"),
    ] {
        assert!(
            load(&[("dev", "true"), (key, value)], &[], "").is_err(),
            "{key} {value}"
        );
    }
}

#[test]
fn incomplete_s3_or_vault_settings_are_refused() {
    let base = "dev = true\ns3_bucket = \"b\"";
    let whole = load(&[("s3_access_key", "k"), ("s3_secret_key", "s")], &[], base).unwrap();
    assert_eq!(whole.s3.unwrap().credentials, Some(("k".to_owned(), "s".to_owned())));
    assert!(load(&[], &[], base).unwrap().s3.unwrap().credentials.is_none());
    let half = load(&[("s3_access_key", "k")], &[], base);
    assert!(matches!(half, Err(ConfigError::Contradiction(_))));
    let vault = load(&[("vault_address", "https://vault.example.com")], &[], "dev = true");
    assert!(matches!(vault, Err(ConfigError::Contradiction(_))));
}

#[test]
fn unknown_keys_wrong_values_and_contradictions_are_refused() {
    assert!(matches!(
        load(&[], &[], "dev = true\nprot = 1"),
        Err(ConfigError::Toml(_))
    ));
    assert!(matches!(
        load(&[], &[("PORT", "no")], "dev = true"),
        Err(ConfigError::Value { variable: "PORT", .. })
    ));
    assert!(matches!(load(&[], &[], ""), Err(ConfigError::Contradiction(_))));
    assert!(matches!(
        load(&[("dev_tenant", "a")], &[], "dev = true\nlisten = \"0.0.0.0\""),
        Err(ConfigError::Contradiction(_))
    ));
    assert!(matches!(
        load(&[("dev_tenant", "a")], &[], "trust_bundle = \"x\""),
        Err(ConfigError::Contradiction(_))
    ));
}

#[test]
fn sign_in_at_a_provider_needs_every_setting_and_urls_that_are_safe_in_transit() {
    let with = |change: (&str, &str)| {
        let mut settings = BTreeMap::from([
            ("dev", "true"),
            ("oidc_issuer", "https://id.example.com"),
            ("oidc_audience", "alga"),
            ("oidc_jwks", "jwks.json"),
            ("oidc_client_id", "alga"),
            ("oidc_redirect_url", "https://alga.example.com/auth/callback"),
        ]);
        settings.insert(change.0, change.1);
        let settings: Vec<_> = settings.into_iter().collect();
        load(&settings, &[], "").map(|config| config.oidc.unwrap().login.is_some())
    };
    assert!(with(("dev", "true")).unwrap());
    assert!(with(("oidc_redirect_url", "http://localhost:8700/auth/callback")).unwrap());
    for change in [
        ("oidc_issuer", ""),
        ("oidc_issuer", "http://id.example.com"),
        ("oidc_jwks", "http://id.example.com/jwks"),
        ("oidc_client_id", ""),
        ("oidc_redirect_url", ""),
        ("oidc_redirect_url", "http://alga.example.com/auth/callback"),
        ("oidc_redirect_url", "http://localhost:1@alga.example.com/auth/callback"),
        ("oidc_redirect_url", "https://alga.example.com/"),
    ] {
        assert!(matches!(with(change), Err(ConfigError::Contradiction(_))), "{change:?}");
    }
}

#[test]
fn only_a_gateway_passes_requests_on_to_a_registry() {
    let of = |role: &str| {
        let settings = [("role", role), ("registry_base_url", "http://registry:8700")];
        let own = match role {
            "gateway" => &[
                ("runner_base_url", "http://runner:8700"),
                ("database", "postgres://db/alga"),
            ][..],
            "registry" => &[("database", "postgres://db/alga")],
            _ => &[],
        };
        load(&[&settings[..], own, &[("dev", "true")]].concat(), &[], "")
    };
    assert!(of("gateway").is_ok());
    for role in ["all", "registry"] {
        assert!(matches!(of(role), Err(ConfigError::Contradiction(_))), "{role}");
    }
}
