//! The bill of a tenant: what its executions used, however they ended.

use crate::quotas::{sum, used};
use alga_bundle::Meter;
use alga_harness::{MockServer, Release, TestPlatform, borrowed, component, tenant_id};
use alga_registry_types::{InstallRequest, Page, StatisticsQuery, executions, install, statistics};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn the_bill_is_the_sum_of_the_records_and_of_the_statistics() {
    let world = TestPlatform::with_settings(&[("record_one_in", "1"), ("gateway_timeout_ms", "300")]).await;
    let mut installs = Vec::new();
    for guest in ["answers_ok", "traps", "loops_forever"] {
        installs.push(world.install_guest(guest, &[]).await);
    }
    for install in &installs {
        for _ in 0..3 {
            world.get(&format!("{}/", install.name)).await;
        }
        // One whose client leaves while it computes, or before it has begun.
        let moment = std::time::Duration::from_millis(50);
        tokio::time::timeout(moment, world.get(&format!("{}/", install.name)))
            .await
            .ok();
    }
    let bill = used(&world, "acme").await;
    let mut recorded = [0_u64; 2];
    let mut counted = [0_u64; 2];
    for install in &installs {
        let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
        for record in world.operate(&list).await.ok().executions {
            recorded[0] += 1;
            recorded[1] += record.usage.unwrap().cpu_us;
        }
        let hour = StatisticsQuery::default();
        let list = statistics(&install.tenant_id, install.id.as_str(), &hour);
        for sum in world.operate(&list).await.ok().sums {
            counted[0] += sum.executions;
            counted[1] += sum.cpu_us;
        }
    }
    let billed = [Meter::Requests, Meter::CpuUs].map(|meter| u64::try_from(sum(&bill, meter)).unwrap());
    assert!(billed[0] >= 9, "{billed:?}");
    assert_eq!(billed, recorded);
    assert_eq!(billed, counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_leaves_all_its_requests_costs_others_nothing_and_pays_for_what_ran() {
    let settings = [("record_one_in", "1"), ("pool", "64"), ("queue_ms", "60000")];
    let world = TestPlatform::with_settings(&settings).await;
    let leaver = world.install_guest("loops_forever", &[]).await;
    let request = world.request_for(&leaver).within_ms(60_000);
    let manifest = Release::manifest("com.example.victim", "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &component("answers_ok"));
    world.publish(&release).await;
    let victim = world.install("globex", &release, &[]).await.ok();
    let victim = world.request_for(&victim).within_ms(60_000);
    let world = Arc::new(world);
    // Fewer than the queue has places for, so that none is refused.
    let leaving = (0..200).map(|number| {
        let (world, request) = (Arc::clone(&world), request.clone());
        tokio::spawn(async move {
            let moment = std::time::Duration::from_millis(number % 40);
            tokio::time::timeout(moment, world.execute(&request)).await.is_err()
        })
    });
    let leaving: Vec<_> = leaving.collect();
    for _ in 0..30 {
        assert_eq!(world.execute(&victim).await.guest_body(), "ok");
    }
    for left in leaving {
        assert!(left.await.unwrap());
    }
    // Its slots are free again.
    let last = world.execute(&request.within_ms(100)).await;
    last.assert_error(504, "deadline_exceeded");
    let bill = used(&world, "acme").await;
    let mut recorded = [0; 2];
    let mut after: Option<String> = None;
    loop {
        let page = Page {
            after: after.as_deref(),
            limit: Some(100),
        };
        let listed = world
            .operate(&executions(&leaver.tenant_id, leaver.id.as_str(), &page))
            .await
            .ok();
        for record in listed.executions {
            recorded[0] += 1;
            recorded[1] += i64::try_from(record.usage.unwrap().cpu_us).unwrap();
        }
        after = listed.next.map(|next| next.to_string());
        if after.is_none() {
            break;
        }
    }
    assert_eq!([Meter::Requests, Meter::CpuUs].map(|meter| sum(&bill, meter)), recorded);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_sent_to_other_hosts_are_on_the_bill_as_in_the_record() {
    let outside = MockServer::start().await;
    let settings = outside.settings();
    let mut settings = borrowed(&settings);
    settings.push(("record_one_in", "1"));
    let world = TestPlatform::with_settings(&settings).await;
    let mut manifest = Release::manifest("com.example.limited", "1.0.0", &["cap:http.fetch"]);
    manifest["egress"] = serde_json::json!([outside.origin()]);
    let release = Release::new(world.key(), &manifest, &component("fetch_works"));
    world.publish(&release).await;
    let request = InstallRequest {
        config: [("greeting".to_owned(), outside.origin())].into(),
        ..release.install_request(&["cap:http.fetch"])
    };
    let install = world.operate(&install(&tenant_id("acme"), &request)).await.ok();
    assert_eq!(world.get("com.example.limited/").await.status, 200);
    let bill = used(&world, "acme").await;
    let list = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let records = world.operate(&list).await.ok().executions;
    let sent = records[0].usage.as_ref().unwrap().egress_bytes;
    assert!(sent > 0);
    assert_eq!(sum(&bill, Meter::EgressBytes), i64::try_from(sent).unwrap());
}
