//! Every route of the registry × every kind of principal × two tenants, and API keys.

use alga_auth::{Access, Caller, Extent, PrincipalKind, TenantRole, TokenIssuer};
use alga_harness::{TestPlatform, tenant_id};
use alga_registry_api::{ApiOperation, operations};
use alga_registry_types::{
    CreatedApiKey, InstallRequest, KeyRequest, Page, Reason, append_upload, audit_after, begin_upload, change_version,
    create_key, delete_upload, installs, keys, publish, revoke_key, show_upload, versions,
};
use alga_signing::Ed25519Key;
use axum::body::Body;
use http::Request;
use std::fs;
use std::time::Duration;

/// Returns a request for a key of a kind with this label.
fn key_request(kind: PrincipalKind) -> KeyRequest {
    let names: &[&str] = match kind {
        PrincipalKind::Publisher => &["com.example.*"],
        _ => &[],
    };
    KeyRequest {
        kind,
        label: format!("a {kind}"),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        access: None,
        lifetime_seconds: None,
    }
}

/// Creates an API key of this kind; those of a tenant belong to `acme`.
async fn key_of(world: &TestPlatform, kind: PrincipalKind) -> CreatedApiKey {
    let tenant = tenant_id("acme");
    let operation = create_key(kind.is_tenant().then_some(&tenant), &key_request(kind));
    world.operate(&operation).await.ok()
}

/// Returns a token that the host application signed for a user of `acme`.
fn user_token(world: &TestPlatform, role: TenantRole) -> String {
    world.token_of(&Caller {
        role,
        ..Caller::developer(tenant_id("acme"))
    })
}

/// Sends a request to a route as this tenant's or this extension's, and returns status and body.
async fn ask(world: &TestPlatform, credential: Option<&str>, operation: &ApiOperation, own: bool) -> (u16, String) {
    let (tenant, name) = if own {
        ("acme", "com.example.a")
    } else {
        ("globex", "org.other.a")
    };
    let path = operation.path.replace("{tenant}", tenant).replace("{name}", name);
    let path = path.replace("{version}", "1.0.0");
    let path = ["{install}", "{secret}", "{key}", "{upload}"]
        .iter()
        .fold(path, |path, parameter| path.replace(parameter, "unknown"));
    let mut request = Request::builder().method(&*operation.method.to_uppercase()).uri(path);
    if let Some(credential) = credential {
        request = request.header("authorization", format!("Bearer {credential}"));
    }
    let response = world.send(request.body(Body::empty()).unwrap()).await;
    (response.status.as_u16(), response.text().clone())
}

/// Returns the status with which authorization refuses a request, from the table of rights.
fn refusal(operation: &ApiOperation, kind: PrincipalKind, own: bool) -> Option<u16> {
    let is_tenants = operation.path.contains("{tenant}") && kind.is_tenant();
    let is_publishers = operation.path.contains("{name}") && kind == PrincipalKind::Publisher;
    match operation.right.extent(kind) {
        Extent::All => None,
        _ if !own && (is_tenants || is_publishers) => Some(404),
        Extent::No => Some(403),
        Extent::Own => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_admits_exactly_the_principals_of_the_table_of_rights() {
    let world = TestPlatform::new().await;
    let mut principals = Vec::new();
    for kind in PrincipalKind::ALL {
        principals.push((kind, key_of(&world, kind).await.secret));
    }
    for (kind, role) in [
        (PrincipalKind::Caller, TenantRole::Caller),
        (PrincipalKind::TenantViewer, TenantRole::Viewer),
        (PrincipalKind::TenantAdministrator, TenantRole::Administrator),
    ] {
        principals.push((kind, user_token(&world, role)));
    }
    let operations = operations();
    assert!(operations.len() >= 35, "{}", operations.len());
    for operation in &operations {
        let (status, _) = ask(&world, None, operation, true).await;
        assert_eq!(status, 401, "{operation:?}");
        for ((kind, credential), own) in principals
            .iter()
            .flat_map(|principal| [(principal, true), (principal, false)])
        {
            let (status, body) = ask(&world, Some(credential), operation, own).await;
            let refused = body.contains("there is no such tenant or extension")
                || body.contains("does not have the right")
                || status == 401;
            let expected = refusal(operation, *kind, own);
            let seen = refused.then_some(status);
            assert_eq!(seen, expected, "{kind} own={own} {operation:?} {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_tenant_looks_like_what_does_not_exist() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let administrator = key_of(&world, PrincipalKind::TenantAdministrator).await.secret;
    let list = |tenant: &str| installs(&tenant_id(tenant), &Page::default());
    let own = world.operate_as(&administrator, &list("acme")).await.ok();
    assert_eq!(own.installs.len(), 1);
    let (present, absent) = (list("globex"), list("never-was"));
    let install = alga_registry_types::install(&tenant_id("globex"), &InstallRequest::default());
    world.operate(&install).await;
    let present = world.operate_as(&administrator, &present).await;
    let absent = world.operate_as(&administrator, &absent).await;
    assert_eq!((present.status.as_u16(), absent.status.as_u16()), (404, 404));
    let without_id = |text: &str| text.split("\"requestId\"").next().unwrap().to_owned();
    assert_eq!(without_id(&present.text()), without_id(&absent.text()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_publishes_its_own_names_and_continues_its_own_uploads() {
    let world = TestPlatform::new().await;
    let publisher = key_of(&world, PrincipalKind::Publisher).await.secret;
    let other = world
        .operate(&create_key(
            None,
            &KeyRequest {
                names: ["org.other.*".to_owned()].into(),
                ..key_request(PrincipalKind::Publisher)
            },
        ))
        .await
        .ok()
        .secret;
    let release = world.release("com.example.own", "1.0.0", "answers_ok");
    let refused = world.operate_as(&other, &publish(release.form())).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("com.example.own"), "{}", refused.text());
    world.operate_as(&publisher, &publish(release.form())).await.ok();
    let listed = versions("com.example.own", &Page::default());
    assert_eq!(world.operate_as(&publisher, &listed).await.ok().versions.len(), 1);
    assert_eq!(world.operate_as(&other, &listed).await.status, 404);

    let upload = world.operate_as(&publisher, &begin_upload()).await.ok();
    for credential in [&other, world.administrator_token()] {
        let show = show_upload(&upload.id);
        assert_eq!(world.operate_as(credential, &show).await.status, 404);
        let append = append_upload(&upload.id, 0, vec![0]);
        assert_eq!(world.operate_as(credential, &append).await.status, 404);
        assert_eq!(
            world.operate_as(credential, &delete_upload(&upload.id)).await.status,
            404
        );
    }
    assert_eq!(
        world.operate_as(&publisher, &show_upload(&upload.id)).await.ok().offset,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_cannot_open_all_uploads() {
    let world = TestPlatform::new().await;
    let publisher = key_of(&world, PrincipalKind::Publisher).await.secret;
    let begun = futures_util::future::join_all((0..40).map(async |_| {
        let begun = world.operate_as(&publisher, &begin_upload()).await;
        begun.status.as_u16()
    }));
    let begun = begun.await;
    assert_eq!(begun.iter().filter(|status| **status == 201).count(), 16, "{begun:?}");
    assert!(begun.iter().all(|status| [201, 429].contains(status)), "{begun:?}");
    world.operate(&begin_upload()).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_names_the_principal_that_made_a_change() {
    let world = TestPlatform::new().await;
    let administrator = key_of(&world, PrincipalKind::TenantAdministrator).await;
    let user = user_token(&world, TenantRole::Administrator);
    let request = key_request(PrincipalKind::TenantViewer);
    let create = create_key(Some(&tenant_id("acme")), &request);
    for credential in [&administrator.secret, &user] {
        world.operate_as(credential, &create).await.ok();
    }
    let entries = world.operate(&audit_after(0)).await.ok().entries;
    let actors: Vec<&str> = entries.iter().map(|entry| entry.actor.as_str()).collect();
    let key = format!("key:{}", administrator.key.id);
    assert_eq!(actors, ["operator", &key, "user:acme/developer"]);
    assert!(entries.iter().all(|entry| entry.action == "key.create"));
    assert!(
        entries
            .iter()
            .all(|entry| !entry.details.contains(&administrator.secret))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_once_and_a_used_one_shows_its_use() {
    let world = TestPlatform::new().await;
    let (tenant, page) = (tenant_id("acme"), Page::default());
    let viewer = key_of(&world, PrincipalKind::TenantViewer).await;
    assert_eq!(viewer.key.used_at_ms, None);
    let list = installs(&tenant, &page);
    world.operate_as(&viewer.secret, &list).await.ok();
    // The use is recorded after the response.
    let listed = loop {
        let listed = world.operate(&keys(Some(&tenant), &page)).await;
        assert!(!listed.text().contains(&viewer.secret));
        let listed = listed.ok().keys;
        if listed[0].used_at_ms.is_some() {
            break listed;
        }
    };
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].revoked_at_ms, None);
    // Another tenant's administrator does not find the key.
    let other = revoke_key(Some(&tenant_id("globex")), &viewer.key.id);
    assert_eq!(world.operate(&other).await.status, 404);
    assert_eq!(world.operate(&revoke_key(None, &viewer.key.id)).await.status, 404);
    world.operate(&revoke_key(Some(&tenant), &viewer.key.id)).await.ok();
    assert_eq!(world.operate_as(&viewer.secret, &list).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_unknown_and_expired_keys_are_refused_alike() {
    let world = TestPlatform::new().await;
    let key = key_of(&world, PrincipalKind::Operator).await;
    let list = keys(None, &Page::default());
    world.operate_as(&key.secret, &list).await.ok();
    let (id, secret) = key.secret.rsplit_once('_').unwrap();
    let altered = |text: &str| {
        let last = if text.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    for bad in [
        format!("{id}_{}", altered(secret)),
        format!("{}_{secret}", altered(id)),
        format!("{id}_"),
        format!("{id}_{secret}0"),
        key.secret.to_uppercase(),
        id.to_owned(),
    ] {
        let refused = world.operate_as(&bad, &list).await;
        assert_eq!(refused.status, 401, "{bad}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(
            refused.text().contains("a valid credential is required"),
            "{}",
            refused.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_with_rights_that_their_owner_does_not_have_are_refused() {
    let world = TestPlatform::new().await;
    let (tenant, ok) = (tenant_id("acme"), key_request(PrincipalKind::TenantViewer));
    for (owner, kind) in [
        (None, PrincipalKind::TenantAdministrator),
        (None, PrincipalKind::Caller),
        (Some(&tenant), PrincipalKind::Operator),
        (Some(&tenant), PrincipalKind::Publisher),
    ] {
        let refused = world.operate(&create_key(owner, &key_request(kind))).await;
        assert_eq!(refused.status, 400, "{kind}: {}", refused.text());
    }
    let label = |label: &str| KeyRequest {
        label: label.to_owned(),
        ..ok.clone()
    };
    let lifetime = |seconds| KeyRequest {
        lifetime_seconds: Some(seconds),
        ..ok.clone()
    };
    let long = "x".repeat(101);
    for bad in [
        label(""),
        label("a\nb"),
        label(&long),
        lifetime(0),
        lifetime(59),
        lifetime(u64::MAX),
    ] {
        let refused = world.operate(&create_key(Some(&tenant), &bad)).await;
        assert_eq!(refused.status, 400, "{bad:?}: {}", refused.text());
    }
    let many: Vec<String> = (0..51).map(|number| format!("com.example.x{number}")).collect();
    let request = KeyRequest {
        names: many.into_iter().collect(),
        ..key_request(PrincipalKind::Publisher)
    };
    assert_eq!(world.operate(&create_key(None, &request)).await.status, 400);
    for names in [&[][..], &["com.*"], &["*"], &["com.example.a*"]] {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let request = KeyRequest {
            names,
            ..key_request(PrincipalKind::Publisher)
        };
        assert_eq!(world.operate(&create_key(None, &request)).await.status, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_of_a_tenant_call_its_extensions_and_others_do_not() {
    let world = TestPlatform::new().await;
    world.install_guest("answers_ok", &[]).await;
    let call = async |credential: &str, method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/api/ext/com.example.answers-ok/");
        let request = request.header("authorization", format!("Bearer {credential}"));
        world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    let tenant = tenant_id("acme");
    for (kind, access, expected) in [
        (PrincipalKind::Caller, Access::None, [403, 403]),
        (PrincipalKind::Caller, Access::Read, [200, 403]),
        (PrincipalKind::Caller, Access::Write, [200, 200]),
        (PrincipalKind::TenantViewer, Access::Read, [200, 403]),
        (PrincipalKind::TenantAdministrator, Access::Write, [200, 200]),
    ] {
        let request = KeyRequest {
            access: Some(access),
            ..key_request(kind)
        };
        let key = world.operate(&create_key(Some(&tenant), &request)).await.ok();
        let seen = [call(&key.secret, "GET").await, call(&key.secret, "POST").await];
        assert_eq!(seen, expected, "{kind} {access:?}");
    }
    for kind in [PrincipalKind::Operator, PrincipalKind::Publisher] {
        assert_eq!(call(&key_of(&world, kind).await.secret, "GET").await, 403);
    }
    assert_eq!(call(world.administrator_token(), "GET").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_grants_a_key_no_more_access_than_it_has() {
    let world = TestPlatform::new().await;
    let reader = world.token_of(&Caller {
        role: TenantRole::Administrator,
        access: Access::Read,
        ..Caller::developer(tenant_id("acme"))
    });
    for (access, status) in [(None, 201), (Some(Access::Read), 201), (Some(Access::Write), 403)] {
        let request = KeyRequest {
            access,
            ..key_request(PrincipalKind::Caller)
        };
        let created = world
            .operate_as(&reader, &create_key(Some(&tenant_id("acme")), &request))
            .await;
        assert_eq!(created.status, status, "{access:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_does_not_undo_the_yank_of_an_operator() {
    let world = TestPlatform::new().await;
    let publisher = key_of(&world, PrincipalKind::Publisher).await.secret;
    let release = world.release("com.example.held", "1.0.0", "answers_ok");
    world.operate_as(&publisher, &publish(release.form())).await.ok();
    let change = |action| {
        let reason = Reason { reason: "r".to_owned() };
        change_version("com.example.held", "1.0.0", action, &reason)
    };
    for (credential, action, status) in [
        (publisher.as_str(), "yank", 200),
        (&publisher, "unyank", 200),
        (world.administrator_token(), "yank", 200),
        (&publisher, "unyank", 403),
        (&publisher, "yank", 403),
        (world.administrator_token(), "unyank", 200),
        (world.administrator_token(), "yank", 200),
        (&publisher, "revoke", 200),
    ] {
        let changed = world.operate_as(credential, &change(action)).await;
        assert_eq!(changed.status, status, "{action}: {}", changed.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_in_the_order_of_their_creation_and_revoked_once() {
    let world = TestPlatform::new().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        created.push(key_of(&world, PrincipalKind::TenantViewer).await.key.id);
    }
    let tenant = tenant_id("acme");
    let listed = world.operate(&keys(Some(&tenant), &Page::default())).await.ok().keys;
    let ids: Vec<_> = listed.into_iter().map(|key| key.id).collect();
    assert_eq!(ids, created);
    for _ in 0..2 {
        world.operate(&revoke_key(Some(&tenant), &created[0])).await.ok();
    }
    let entries = world.operate(&audit_after(0)).await.ok().entries;
    let revoked = entries.iter().filter(|entry| entry.action == "key.revoke");
    assert_eq!(revoked.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_token_can_be_turned_off() {
    let world = TestPlatform::new().await;
    let operator = key_of(&world, PrincipalKind::Operator).await.secret;
    let bootstrap = world.administrator_token().to_owned();
    let world = world
        .stop()
        .await
        .start_with(&[("bootstrap_token", "false")])
        .await
        .unwrap();
    let list = keys(None, &Page::default());
    assert_eq!(world.operate_as(&bootstrap, &list).await.status, 401);
    world.operate_as(&operator, &list).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn host_applications_sign_tokens_for_their_users_with_keys_of_their_own() {
    let (first, second) = (Ed25519Key::generate().unwrap(), Ed25519Key::generate().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("callers.pem");
    fs::write(
        &file,
        format!("{}{}", first.public_pem().unwrap(), second.public_pem().unwrap()),
    )
    .unwrap();
    let world = TestPlatform::with_settings(&[("caller_public_keys_file", &file.display().to_string())]).await;
    world.install_guest("answers_ok", &[]).await;
    let call = async |token: &str| {
        let request =
            Request::get("/api/ext/com.example.answers-ok/").header("authorization", format!("Bearer {token}"));
        world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    let user = Caller::developer(tenant_id("acme"));
    for key in [&first, &second] {
        let issuer = TokenIssuer::new(&key.to_keypair_bytes(), Caller::AUDIENCE).unwrap();
        let token = issuer.issue(&user, Duration::from_secs(60)).unwrap();
        assert_eq!(call(&token).await, 200);
    }
    assert_eq!(
        call(&world.token_of(&user)).await,
        401,
        "the platform's own key is not in the file"
    );
}
