use super::*;
use alga_metrics::text_of;

fn registry() -> Arc<MetricRegistry> {
    Arc::new(MetricRegistry::new(MetricSettings::default()))
}

fn registry_of_extensions() -> Arc<MetricRegistry> {
    Arc::new(MetricRegistry::new(MetricSettings {
        owner: MetricOwner::Extension,
        ..MetricSettings::default()
    }))
}

fn owner(install: &str) -> Identity {
    Identity {
        request: alga_bundle::RequestId::unique(),
        tenant: "acme".parse().unwrap(),
        extension: "e-1".parse().unwrap(),
        install: install.parse().unwrap(),
        version: None,
    }
}

fn metric(name: &str, kind: &str) -> Metric {
    serde_json::from_value(serde_json::json!({ "name": name, "type": kind, "labels": ["k"] })).unwrap()
}

#[test]
fn a_million_labels_make_a_hundred_series_and_a_scrape_below_a_mebibyte() {
    let registry = registry();
    for number in 0..1_000_000_u32 {
        registry.count(
            &owner("i-1"),
            &metric("calls", "histogram"),
            std::iter::once(number.to_string().as_str()),
            1.0,
        );
    }
    let text = text_of(Arc::clone(&registry));
    assert_eq!(text.matches("_count{").count(), SERIES + 1);
    assert!(
        text.contains("k=\"_other_\"} 999900"),
        "{}",
        text.lines().last().unwrap()
    );
    assert!(text.len() <= 1024 * 1024, "{}", text.len());
}

#[test]
fn no_tenant_is_named_unless_the_operator_asks_for_it() {
    let registry = registry_of_extensions();
    for install in ["i-1", "i-2"] {
        registry.count(&owner(install), &metric("calls", "counter"), std::iter::once("x"), 1.0);
    }
    let text = text_of(Arc::clone(&registry));
    assert!(
        text.contains("alga_extension_calls_total{alga_extension=\"e-1\",k=\"x\"} 2"),
        "{text}"
    );
    assert!(!text.contains("acme"), "{text}");
}

#[test]
fn versions_that_declare_a_metric_differently_do_not_reset_each_others_series() {
    let registry = registry_of_extensions();
    for _ in 0..2 {
        for kind in ["counter", "gauge"] {
            registry.count(&owner(kind), &metric("calls", kind), std::iter::once("x"), 1.0);
        }
    }
    let text = text_of(Arc::clone(&registry));
    assert!(text.contains("calls_total{alga_extension=\"e-1\",k=\"x\"} 2"), "{text}");
    assert!(text.contains("calls_value{alga_extension=\"e-1\",k=\"x\"} 1"), "{text}");
}

#[test]
fn many_metrics_of_an_extension_have_a_limit_and_their_sums_are_finite() {
    let registry = registry_of_extensions();
    for number in 0..3 * ALL_SERIES {
        let metric = metric(&format!("m{number}"), "histogram");
        for _ in 0..2 {
            registry.count(&owner("i-1"), &metric, std::iter::once("x"), f64::MAX);
        }
    }
    let text = text_of(Arc::clone(&registry));
    assert_eq!(text.matches("_sum{").count(), ALL_SERIES);
    assert!(!text.contains("} inf") && !text.contains("} +Inf"), "{text}");
}

#[test]
fn a_metric_label_cannot_inject_a_line_into_the_scrape() {
    let registry = registry();
    registry.count(
        &owner("i-1"),
        &metric("calls", "counter"),
        std::iter::once("a\"} 1\nforged{x=\"\\\r\u{85}"),
        2.0,
    );
    let text = text_of(Arc::clone(&registry));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.count(), 2, "{text}");
    assert!(text.contains(r#"k="a\"} 1?forged{x=\"\\??"} 2"#), "{text}");
}

#[test]
fn values_are_aggregated_by_their_type() {
    let registry = registry();
    for (name, kind) in [("c", "counter"), ("g", "gauge"), ("h", "histogram")] {
        for value in [0.02, 3.0] {
            registry.count(&owner("i-1"), &metric(name, kind), std::iter::once("x"), value);
        }
    }
    let text = text_of(Arc::clone(&registry));
    for line in [
        "_c_total{",
        "} 3.02",
        "_g{",
        "} 3.0\n",
        "le=\"0.025\"} 1",
        "le=\"5\"} 2",
        "h_sum{",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_million_labels_of_many_installs_are_a_scrape_below_a_megabyte() {
    let registry = registry();
    for number in 0..1_000_000_u32 {
        let install = format!("i-{}", number % 2_000);
        let label = number.to_string();
        registry.count(
            &owner(&install),
            &metric("calls", "counter"),
            std::iter::once(label.as_str()),
            1.0,
        );
    }
    let text = text_of(Arc::clone(&registry));
    assert!(text.len() <= 1_000_000, "{}", text.len());
    assert!(text.contains("alga_metrics_are_cut 1\n"));
}

#[test]
fn the_longest_names_and_labels_are_a_scrape_below_a_megabyte() {
    let registry = registry();
    let label = "\"".repeat(128);
    for install in 0..300 {
        let owner = owner(&format!("i-{install}"));
        for (number, kind) in ["counter", "gauge", "histogram"]
            .into_iter()
            .cycle()
            .take(SERIES)
            .enumerate()
        {
            let name = format!("{number:064}{install:064}");
            registry.count(&owner, &metric(&name, kind), std::iter::once(label.as_str()), f64::MAX);
        }
    }
    let text = text_of(Arc::clone(&registry));
    assert!(text.len() <= SCRAPE_BYTES + 500, "{}", text.len());
    assert!(text.len() > SCRAPE_BYTES / 2, "{}", text.len());
}

#[test]
fn installs_with_many_series_hide_no_other_install() {
    let registry = registry();
    for install in 0..10 {
        for number in 0..1_000_u32 {
            let label = number.to_string();
            let labels = std::iter::once(label.as_str());
            registry.count(
                &owner(&format!("a-{install}")),
                &metric("calls", "histogram"),
                labels,
                1.0,
            );
        }
    }
    registry.count(&owner("z-1"), &metric("own", "counter"), std::iter::once("x"), 1.0);
    let text = text_of(Arc::clone(&registry));
    assert!(text.contains("alga_metrics_are_cut 1\n"));
    assert!(text.contains("alga_extension_own_total{"), "{text}");
    for install in 0..10 {
        assert!(text.contains(&format!("alga_install=\"a-{install}\"")), "{install}");
    }
}

#[test]
fn metrics_of_the_same_name_and_another_type_have_other_names() {
    let registry = registry();
    let all = [
        ("calls", "counter"),
        ("calls", "gauge"),
        ("calls_total", "counter"),
        ("calls_sum", "gauge"),
    ];
    for (number, (name, kind)) in all.into_iter().enumerate() {
        let owner = owner(&format!("i-{number}"));
        registry.count(&owner, &metric(name, kind), std::iter::once("x"), 1.0);
    }
    let text = text_of(Arc::clone(&registry));
    let types: BTreeSet<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(types.len(), all.len() + 1, "{text}");
    let samples = text.lines().filter(|line| line.starts_with("alga_extension_"));
    let names: BTreeSet<_> = samples
        .filter_map(|line| line.split_once('{'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names.len(), all.len(), "{text}");
}
