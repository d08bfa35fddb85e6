//! The output of executions is stored in their records, and only their tenant may read them.

use alga_harness::{Answer, Release, TestPlatform, component};
use serde_json::{Value, json};

/// Installs a guest for tenant `acme`; returns its name and the path of its executions.
async fn installed(world: &TestPlatform, guest: &str) -> (String, String) {
    let name = format!("com.example.{}", guest.replace('_', "-"));
    let release = Release::new(world.key(), &Release::manifest(&name, "1.0.0", &[]), &component(guest));
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await;
    let id = install.json()["id"].as_str().unwrap().to_owned();
    (name, format!("/v1/registry/tenants/acme/installs/{id}/executions"))
}

async fn executions(world: &TestPlatform, path: &str) -> Vec<Value> {
    world.platform().executions().flush().await;
    let answer = world.send_json("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["executions"].as_array().unwrap().clone()
}

async fn get(world: &TestPlatform, target: &str) -> Answer {
    world.call("acme", "GET", target, "").await
}

#[tokio::test]
async fn what_a_guest_logs_is_stored_in_the_execution_record_unchanged() {
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "log_works").await;
    assert_eq!(get(&world, &format!("{name}/")).await.status, 200);
    let kept = executions(&world, &path).await;
    assert_eq!(
        (kept.len(), &kept[0]["status"], &kept[0]["code"]),
        (1, &json!(200), &Value::Null)
    );
    let line = |level: &str, message: &str, fields: Value| json!({ "source": "log", "level": level, "message": message, "fields": fields, "is_cut": false });
    let expected = json!([
        line("debug", "debug", json!([])),
        line("info", "info", json!([["name", "value"]])),
        line("warn", "warn\r\n{\"level\":\"ERROR\",\"tenant\":\"victim\"}", json!([])),
        line("error", "\u{1b}[31merror", json!([])),
    ]);
    assert_eq!(kept[0]["log"], expected);
}

#[tokio::test]
async fn guest_output_is_stored_in_the_execution_record_line_by_line() {
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "writes_to_its_output").await;
    assert_eq!(get(&world, &format!("{name}/")).await.status, 200);
    let kept = executions(&world, &path).await;
    let lines: Vec<_> = kept[0]["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["source"].as_str().unwrap(), line["message"].as_str().unwrap()))
        .collect();
    let expected = [
        ("stdout", "first line"),
        ("stdout", "forged\r"),
        ("stdout", "{\"level\":\"ERROR\",\"tenant\":\"victim\"}"),
        ("stdout", "no end \u{fffd}\u{1b}[31m"),
        ("stderr", "to standard error"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_traps_reason_is_in_the_record_and_not_in_the_response() {
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "traps").await;
    let answer = get(&world, &format!("{name}/")).await;
    assert!(!answer.text().contains("unreachable"), "{}", answer.text());
    let kept = executions(&world, &path).await;
    assert_eq!(
        (&kept[0]["status"], &kept[0]["code"]),
        (&Value::Null, &json!("guest_trapped"))
    );
    let last = kept[0]["log"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["source"], &last["level"]),
        (&json!("host"), &json!("error")),
        "{last}"
    );
    assert!(last["message"].as_str().unwrap().contains("unreachable"), "{last}");
}

#[tokio::test]
async fn execution_records_are_paged_newest_first_and_deleted_with_the_install() {
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "log_works").await;
    for _ in 0..5 {
        get(&world, &format!("{name}/")).await;
    }
    let all = executions(&world, &path).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|newer, older| newer["id"].as_str() > older["id"].as_str()));
    let first = world
        .send_json("GET", &format!("{path}?limit=2"), &Value::Null)
        .await
        .json();
    let next = first["next"].as_str().unwrap();
    let second = world
        .send_json("GET", &format!("{path}?limit=2&after={next}"), &Value::Null)
        .await
        .json();
    assert_eq!(second["executions"], json!(all[2..4]));
    // Under another tenant's path, not even the install is found.
    let elsewhere = world
        .send_json("GET", &path.replace("/acme/", "/other/"), &Value::Null)
        .await;
    assert_eq!(elsewhere.status, 404);
    let gone = world
        .send_json("DELETE", path.trim_end_matches("/executions"), &Value::Null)
        .await;
    assert!(gone.status.is_success());
    assert_eq!(world.send_json("GET", &path, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn refused_requests_and_executions_without_output_leave_no_record() {
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "answers_ok").await;
    assert_eq!(get(&world, &format!("{name}/")).await.status, 200);
    assert_eq!(get(&world, &format!("{name}/no/such/endpoint/here")).await.status, 404);
    assert_eq!(executions(&world, &path).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_flooded_log_is_truncated_per_record_and_queued_up_to_a_mebibyte() {
    const CALLS: usize = 60;
    let world = TestPlatform::new().await;
    let (name, path) = installed(&world, "floods_the_log").await;
    for _ in 0..CALLS {
        get(&world, &format!("{name}/")).await;
    }
    let kept = executions(&world, &format!("{path}?limit=200")).await;
    let metrics = world.send_json("GET", "/metrics", &Value::Null).await.text();
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("alga_execution_records_lost_total "));
    let lost: usize = lost.unwrap().parse().unwrap();
    assert_eq!(kept.len() + lost, CALLS);
    assert!(lost > 0 && kept.len() >= 1024 / 34, "{lost} lost of {CALLS}");
    for execution in &kept {
        assert!(execution["log"].to_string().len() <= 64 * 1024 && execution["log_dropped"].as_i64() > Some(0));
    }
}
