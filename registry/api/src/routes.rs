//! All routes with their descriptions, grouped by resource.

use crate::controllers::{
    audit, console_links, executions, garbage, install_lifecycle, installs, keys, publish, quarantine, quotas,
    revocations, secrets, statistics, uploads, version_status, versions,
};
use crate::openapi::{Api, BYTES, Operation};
use alga_auth::Right;
use alga_http::PageQuery;
use alga_registry_types as types;
use axum::routing::{delete, get, patch, post, put};
use serde_json::{Value, json};

pub(crate) fn all() -> Api {
    let api = uploading(publishing(Api::new()));
    let api = observing(install_secrets(installing(withdrawing(api))));
    auditing(limiting(managing_keys(changing(api))))
}

fn publishing(api: Api) -> Api {
    const VERSIONS: &str = "/v1/registry/extensions/{name}/versions";
    api.with(
        Operation::new("post", "/v1/registry/extensions", Right::Publish, "Publish a release")
            .accepts_media("multipart/form-data", release_form())
            .responds::<types::Published>(201)
            .responds::<types::Published>(200),
        post(publish::publish),
    )
    .with(
        Operation::new("get", VERSIONS, Right::ReadVersions, "List versions, newest first")
            .query::<PageQuery>()
            .responds::<types::Versions>(200)
            .responds_without_body(304),
        get(versions::list),
    )
    .with(
        Operation::new(
            "get",
            format!("{VERSIONS}/{{version}}"),
            Right::ReadVersions,
            "Get a version with its capability proof and receipt",
        )
        .responds::<types::VersionDetails>(200)
        .responds_without_body(304),
        get(versions::show),
    )
}

/// Describes the publish form: the bundle or an upload's id, and the signatures.
fn release_form() -> Value {
    json!({ "schema": {
        "type": "object", "required": ["signatures"],
        "properties": {
            "bundle": { "type": "string", "format": "binary", "description": "bundle.tar.zst" },
            "upload": { "type": "string", "description": "the id of an upload, in place of `bundle`" },
            "signatures": { "type": "string", "format": "binary", "description": "bundle.sigs.json" },
        },
    } })
}

fn uploading(api: Api) -> Api {
    const UPLOAD: &str = "/v1/registry/uploads/{upload}";
    let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
    api.with(
        Operation::new(
            "post",
            "/v1/registry/uploads",
            Right::Publish,
            "Begin a resumable upload",
        )
        .responds::<types::Upload>(201),
        post(uploads::begin),
    )
    .with(
        Operation::new("get", UPLOAD, Right::Publish, "Get the number of bytes received")
            .responds::<types::Upload>(200)
            .responds_without_body(304),
        get(uploads::show),
    )
    .with(
        Operation::new("patch", UPLOAD, Right::Publish, "Append bytes to an upload")
            .number_header("upload-offset")
            .accepts_media(BYTES, bytes)
            .responds::<types::Upload>(200),
        patch(uploads::append),
    )
    .with(
        Operation::new("delete", UPLOAD, Right::Publish, "Delete an upload").responds_without_body(204),
        delete(uploads::end),
    )
    .with(
        Operation::new(
            "post",
            "/v1/registry/garbage",
            Right::Operate,
            "Delete unreferenced bundles and abandoned uploads",
        )
        .responds::<types::Removed>(200),
        post(garbage::collect),
    )
    .with(
        Operation::new(
            "get",
            "/v1/registry/quarantine",
            Right::Operate,
            "List extensions that were executing when a runner crashed",
        )
        .responds::<types::Quarantined>(200)
        .responds_without_body(304),
        get(quarantine::list),
    )
    .with(
        Operation::new(
            "delete",
            "/v1/registry/quarantine/{content_hash}",
            Right::Operate,
            "Lift the quarantine of an extension and delete its crashes",
        )
        .responds_without_body(204),
        delete(quarantine::lift),
    )
}

fn withdrawing(api: Api) -> Api {
    let withdrawal = |action: &str, summary: &'static str| {
        let path = format!("/v1/registry/extensions/{{name}}/versions/{{version}}/{action}");
        Operation::new("post", path, Right::Withdraw, summary)
            .accepts::<types::Reason>()
            .responds::<types::VersionDetails>(200)
    };
    api.with(
        withdrawal(
            "yank",
            "Yank a version: existing installs continue to run, new installs are refused",
        ),
        post(version_status::yank),
    )
    .with(withdrawal("unyank", "Undo a yank"), post(version_status::unyank))
    .with(
        withdrawal("revoke", "Revoke a version permanently"),
        post(version_status::revoke),
    )
    .with(
        withdrawal("deprecate", "Deprecate a version"),
        post(version_status::deprecate),
    )
}

const INSTALLS: &str = "/v1/registry/tenants/{tenant}/installs";

fn observing(api: Api) -> Api {
    api.with(
        Operation::new(
            "get",
            format!("{INSTALLS}/{{install}}/executions"),
            Right::ReadInstalls,
            "List recorded executions, newest first",
        )
        .query::<types::ExecutionsQuery>()
        .responds::<types::Executions>(200)
        .responds_without_body(304),
        get(executions::list),
    )
    .with(
        Operation::new(
            "get",
            "/v1/registry/tenants/{tenant}/executions",
            Right::ReadInstalls,
            "List recorded executions of all installs, newest first",
        )
        .query::<types::ExecutionsQuery>()
        .responds::<types::Executions>(200)
        .responds_without_body(304),
        get(executions::list_of_tenant),
    )
    .with(
        Operation::new(
            "get",
            format!("{INSTALLS}/{{install}}/statistics"),
            Right::ReadInstalls,
            "Get the sums of all executions in a span of time, by endpoint and outcome",
        )
        .query::<types::StatisticsQuery>()
        .responds::<types::ExecutionStatistics>(200)
        .responds_without_body(304),
        get(statistics::show),
    )
}

fn installing(api: Api) -> Api {
    let one = || format!("{INSTALLS}/{{install}}");
    api.with(
        Operation::new(
            "post",
            INSTALLS,
            Right::ManageInstalls,
            "Install a version with grants, configuration, secrets, hosts and limits",
        )
        .accepts::<types::InstallRequest>()
        .responds::<types::Install>(201),
        post(installs::create),
    )
    .with(
        Operation::new("get", INSTALLS, Right::ReadInstalls, "List installs, oldest first")
            .query::<PageQuery>()
            .responds::<types::Installs>(200)
            .responds_without_body(304),
        get(installs::list),
    )
    .with(
        Operation::new("get", one(), Right::ReadInstalls, "Get an install")
            .responds::<types::Install>(200)
            .responds_without_body(304),
        get(install_lifecycle::show),
    )
    .with(
        Operation::new(
            "delete",
            one(),
            Right::ManageInstalls,
            "Uninstall, deleting configuration, secrets and records",
        )
        .responds_without_body(204),
        delete(install_lifecycle::uninstall),
    )
}

fn install_secrets(api: Api) -> Api {
    let secret = || format!("{INSTALLS}/{{install}}/secrets/{{secret}}");
    api.with(
        Operation::new(
            "put",
            secret(),
            Right::ManageInstalls,
            "Set a secret, which is stored sealed",
        )
        .accepts::<types::SecretRequest>()
        .responds_without_body(204),
        put(secrets::set),
    )
    .with(
        Operation::new("delete", secret(), Right::ManageInstalls, "Delete a secret").responds_without_body(204),
        delete(secrets::delete),
    )
}

fn changing(api: Api) -> Api {
    let change = |method: &'static str, action: &str, summary: &'static str| {
        Operation::new(
            method,
            format!("{INSTALLS}/{{install}}/{action}"),
            Right::ManageInstalls,
            summary,
        )
    };
    let upgrade = change("post", "upgrade", "Upgrade to another version, or stage it for consent");
    let consent = change(
        "post",
        "consent",
        "Approve the pending version and grant its new capabilities",
    );
    let terms = change("put", "terms", "Replace configuration, hosts and limits");
    api.with(
        upgrade
            .accepts::<types::UpgradeRequest>()
            .responds::<types::Upgrade>(200)
            .responds::<types::Upgrade>(202),
        post(install_lifecycle::upgrade),
    )
    .with(
        consent
            .accepts::<types::ConsentRequest>()
            .responds::<types::Install>(200),
        post(install_lifecycle::consent),
    )
    .with(
        terms.accepts::<types::TermsRequest>().responds::<types::Install>(200),
        put(install_lifecycle::update_settings),
    )
    .with(
        change("post", "rollback", "Roll back to the previous version").responds::<types::Install>(200),
        post(install_lifecycle::roll_back),
    )
    .with(
        change("post", "enable", "Enable the install").responds::<types::Install>(200),
        post(install_lifecycle::enable),
    )
    .with(
        change("post", "disable", "Disable the install; its data is retained").responds::<types::Install>(200),
        post(install_lifecycle::disable),
    )
}

fn limiting(api: Api) -> Api {
    const QUOTAS: &str = "/v1/registry/tenants/{tenant}/quotas";
    const WEIGHT: &str = "/v1/registry/tenants/{tenant}/weight";
    let set = |path: String, right, summary| {
        Operation::new("put", path, right, summary)
            .accepts::<types::QuotaRequest>()
            .responds_without_body(204)
    };
    api.with(
        Operation::new(
            "get",
            QUOTAS,
            Right::ReadInstalls,
            "List the quotas of a tenant and of its installs",
        )
        .responds::<types::Quotas>(200)
        .responds_without_body(304),
        get(quotas::list),
    )
    .with(
        set(QUOTAS.to_owned(), Right::Operate, "Set a quota of a tenant"),
        put(quotas::set_of_tenant),
    )
    .with(
        set(
            format!("{INSTALLS}/{{install}}/quotas"),
            Right::ManageInstalls,
            "Set a quota of an install",
        ),
        put(quotas::set_of_install),
    )
    .with(
        Operation::new(
            "get",
            WEIGHT,
            Right::ReadInstalls,
            "Get the share of a tenant in the processors",
        )
        .responds::<types::TenantWeight>(200)
        .responds_without_body(304),
        get(quotas::weight),
    )
    .with(
        Operation::new(
            "put",
            WEIGHT,
            Right::Operate,
            "Set the share of a tenant in the processors",
        )
        .accepts::<types::TenantWeight>()
        .responds_without_body(204),
        put(quotas::set_weight),
    )
    .with(
        Operation::new(
            "get",
            "/v1/registry/tenants/{tenant}/usage",
            Right::ReadInstalls,
            "Get what the installs of a tenant used in a day or a month",
        )
        .query::<types::UsageQuery>()
        .responds::<types::TenantUsage>(200)
        .responds_without_body(304),
        get(quotas::usage),
    )
}

fn managing_keys(api: Api) -> Api {
    const KEYS: &str = "/v1/registry/keys";
    const TENANT_KEYS: &str = "/v1/registry/tenants/{tenant}/keys";
    let create = |path, right, summary| {
        Operation::new("post", path, right, summary)
            .accepts::<types::KeyRequest>()
            .responds::<types::CreatedApiKey>(201)
    };
    let list = |path, right, summary| {
        Operation::new("get", path, right, summary)
            .query::<PageQuery>()
            .responds::<types::ApiKeys>(200)
            .responds_without_body(304)
    };
    let revoke = |path: &str, right, summary| {
        Operation::new("delete", format!("{path}/{{key}}"), right, summary).responds_without_body(204)
    };
    let link = Operation::new(
        "post",
        "/v1/registry/console-links",
        Right::Operate,
        "Create a one-time link that signs a browser in",
    );
    let api = api.with(link.responds::<types::ConsoleLink>(201), post(console_links::create));
    let (all, own) = (Right::Operate, Right::ManageTenantKeys);
    api.with(
        create(KEYS, all, "Create an API key of an operator or a publisher"),
        post(keys::create),
    )
    .with(
        list(KEYS, all, "List API keys of the platform, oldest first"),
        get(keys::list),
    )
    .with(
        revoke(KEYS, all, "Revoke an API key of the platform"),
        delete(keys::revoke),
    )
    .with(
        create(TENANT_KEYS, own, "Create an API key of a tenant"),
        post(keys::create_of_tenant),
    )
    .with(
        list(TENANT_KEYS, own, "List API keys of a tenant, oldest first"),
        get(keys::list_of_tenant),
    )
    .with(
        revoke(TENANT_KEYS, own, "Revoke an API key of a tenant"),
        delete(keys::revoke_of_tenant),
    )
}

fn auditing(api: Api) -> Api {
    let signed = json!({ "schema": { "type": "object", "description": "a DSSE envelope around a revocation list" } });
    api.with(
        Operation::new(
            "get",
            "/v1/registry/revocations",
            Right::ReadVersions,
            "Get the active revocation list",
        )
        .responds::<types::RevocationStatus>(200)
        .responds_without_body(304),
        get(revocations::show),
    )
    .with(
        Operation::new(
            "post",
            "/v1/registry/revocations",
            Right::Operate,
            "Upload a signed revocation list",
        )
        .accepts_media("application/json", signed)
        .responds::<types::RevocationStatus>(201),
        post(revocations::accept),
    )
    .with(
        Operation::new(
            "get",
            "/v1/registry/audit",
            Right::Operate,
            "List the audit log, oldest entry first",
        )
        .query::<types::AuditQuery>()
        .responds::<types::AuditPage>(200)
        .responds_without_body(304),
        get(audit::list),
    )
    .with(
        Operation::new(
            "get",
            "/v1/registry/audit/verify",
            Right::Operate,
            "Verify the audit log's hash chain",
        )
        .responds::<types::AuditChain>(200)
        .responds_without_body(304),
        get(audit::verify),
    )
}
