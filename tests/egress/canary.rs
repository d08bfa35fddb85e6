//! Forbidden addresses are never connected to, not even for a moment.

use crate::world::{Script, egress, get, install, listen, send, send_as, soon};
use alga_egress::{
    Caller, Egress, EgressDependencies, EgressError, OperatorPolicy, Resolve, ResolveFuture, Timeouts, Traffic,
};
use std::sync::atomic::Ordering;

/// A canary on loopback: any connection to it is a breach.
async fn canary() -> (u16, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    listen(|stream| async move { drop(stream) }).await
}

/// Sends a request, which must be refused for the address that its host resolves to.
async fn expect_refused_address(egress: &Egress, origin: &str, case: &str) {
    let refused = send(egress, &[origin], &format!("{origin}/")).await.err();
    assert!(
        matches!(refused, Some(EgressError::Address { .. })),
        "{case}: {refused:?}"
    );
}

#[tokio::test]
async fn no_private_address_in_any_form_is_connected_to() {
    let (port, connections) = canary().await;
    for address in [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "::ffff:a9fe:a9fe",
    ] {
        let egress = egress(Script::new(&[&[address]]), "*", "", vec![]);
        for scheme in ["https", "http"] {
            let origin = format!("{scheme}://canary.example.com:{port}");
            expect_refused_address(&egress, &origin, address).await;
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn one_private_address_among_public_ones_refuses_the_name() {
    let (port, connections) = canary().await;
    let pattern = format!("http://canary.example.com:{port}");
    for response in [
        &["1.1.1.1", "127.0.0.1"][..],
        &["127.0.0.1", "1.1.1.1"],
        &["2606:4700::1111", "::1"],
    ] {
        let egress = egress(Script::new(&[response]), "*", "", vec![]);
        expect_refused_address(&egress, &pattern, &format!("{response:?}")).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_exactly_that_address_is_connected_to() {
    let (port, connections) = canary().await;
    let pattern = format!("http://canary.example.com:{port}");
    // The first lookup returns an allowed address, of this machine and without a listener; the
    // second returns the canary's.
    let exceptions = format!("canary.example.com:{port}=127.9.9.9/32");
    for round in 0..10_000_u32 {
        let script = Script::new(&[&["127.9.9.9"], &["127.0.0.1"]]);
        let egress = egress(std::sync::Arc::clone(&script), "*", &exceptions, vec![]);
        let refused = send(&egress, &[&pattern], &format!("{pattern}/")).await.err();
        assert!(
            matches!(refused, Some(EgressError::Connection(_))),
            "round {round}: {refused:?}"
        );
        assert_eq!(script.questions.load(Ordering::SeqCst), 1);
        expect_refused_address(&egress, &pattern, &format!("round {round}")).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn undeclared_and_disallowed_hosts_are_not_resolved() {
    let (port, connections) = canary().await;
    let script = Script::new(&[&["127.0.0.1"]]);
    let exceptions = format!("api.example.com:{port}=127.0.0.1");
    let closed = egress(std::sync::Arc::clone(&script), "", &exceptions, vec![]);
    let open = egress(std::sync::Arc::clone(&script), "*", &exceptions, vec![]);
    let pattern = format!("http://api.example.com:{port}");
    assert!(matches!(
        send(&closed, &[&pattern], &pattern).await.err(),
        Some(EgressError::NotAllowedByOperator(_))
    ));
    for uri in [
        format!("http://api.example.com.evil:{port}/"),
        format!("http://evilapi.example.com:{port}/"),
        format!("http://a.api.example.com:{port}/"),
        format!("https://api.example.com:{port}/"),
        "http://api.example.com/".into(),
        "http://api.example.com:22/".into(),
        "http://api.example.com:6379/".into(),
    ] {
        assert!(
            matches!(
                send(&open, &[&pattern], &uri).await.err(),
                Some(EgressError::Undeclared(_))
            ),
            "{uri}"
        );
    }
    for uri in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://api.example.com.:{port}/"),
        format!("http://api.example.com@127.0.0.1:{port}/"),
        format!("ftp://api.example.com:{port}/"),
        format!("gopher://api.example.com:{port}/"),
    ] {
        assert!(
            matches!(send(&open, &[&pattern], &uri).await.err(), Some(EgressError::Target(_))),
            "{uri}"
        );
    }
    for name in ["metadata.google.internal", "a.localhost", "printer.local"] {
        let pattern = format!("http://{name}:{port}");
        assert!(
            matches!(
                send(&open, &[&pattern], &pattern).await.err(),
                Some(EgressError::InternalName(_))
            ),
            "{name}"
        );
    }
    assert_eq!(
        (
            script.questions.load(Ordering::SeqCst),
            connections.load(Ordering::SeqCst)
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn dns_lookups_of_an_install_are_rate_limited_more_for_new_names() {
    let script = Script::new(&[&["127.0.0.1"]]);
    let egress = egress(std::sync::Arc::clone(&script), "*", "", vec![]);
    let mut refused = 0;
    for message in 0..200 {
        let uri = format!("https://m{message}.evil.example.com/");
        let response = send(&egress, &["*.evil.example.com"], &uri).await.err();
        refused += usize::from(matches!(response, Some(EgressError::TooMany(_))));
    }
    assert_eq!(script.questions.load(Ordering::SeqCst) + refused, 200);
    // The 200 need less than a second; on a machine that needs ten, 20 more lookups are permitted.
    assert!((160..=180).contains(&refused), "{refused}");
    // A name that was looked up before may be looked up again, so that connections can be made.
    let mut again = Vec::new();
    for _ in 0..2_000 {
        let response = send(&egress, &["*.evil.example.com"], "https://m0.evil.example.com/").await;
        again.push(matches!(response.err(), Some(EgressError::Address { .. })));
    }
    assert!(again[..50].iter().all(|asked| *asked));
    // But not without limit: 600 lookups a minute, whatever the names.
    let asked = again.iter().filter(|asked| **asked).count();
    assert!((500..1_500).contains(&asked), "{asked}");
    // Another install has its own limit.
    let other = send_as(
        &egress,
        install("other"),
        &["*.evil.example.com"],
        get("https://m.evil.example.com/"),
        soon(),
        &Traffic::default(),
    )
    .await;
    assert!(matches!(other.err(), Some(EgressError::Address { .. })));
}

/// Resolver whose lookups never complete.
#[derive(Default)]
struct Silent(std::sync::atomic::AtomicUsize);

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_tenant_has_8_concurrent_lookups_and_another_tenant_has_its_own() {
    let silent = std::sync::Arc::new(Silent::default());
    let egress = Egress::new(EgressDependencies {
        operator: OperatorPolicy::parse("*", "", "").unwrap(),
        resolver: std::sync::Arc::clone(&silent) as _,
        authorities: Vec::new(),
        upstream: None,
    })
    .unwrap();
    let ask = async |tenant: &str, number: usize| {
        let install = format!("i-{tenant}-{}", number % 3).parse().unwrap();
        let caller = Caller::Install(tenant.parse().unwrap(), install);
        let request = get(&format!("https://n{number}.evil.example.com/"));
        let patience = Timeouts::until(std::time::Instant::now() + std::time::Duration::from_millis(20));
        send_as(
            &egress,
            caller,
            &["*.evil.example.com"],
            request,
            patience,
            &Traffic::default(),
        )
        .await
    };
    for number in 0..20 {
        assert!(matches!(
            ask("acme", number).await.err(),
            Some(EgressError::ResponseTimeout)
        ));
    }
    assert_eq!(silent.0.load(Ordering::SeqCst), 8);
    assert!(ask("other", 0).await.is_err());
    assert_eq!(silent.0.load(Ordering::SeqCst), 9);
}
