//! Every route with its description, a group for each resource.

use crate::controllers::{
    audit, executions, garbage, install_lifecycle, installs, publish, revocations, secrets, uploads, version_status,
    versions,
};
use crate::openapi::{Api, BYTES, Operation};
use crate::page::PageQuery;
use alga_store::{AuditChain, Install, VersionRow};
use axum::routing::{delete, get, patch, post, put};
use serde_json::{Value, json};

pub(crate) fn all() -> Api {
    let api = uploading(publishing(Api::new()));
    let api = install_secrets(installing(withdrawing(api)));
    auditing(changing(api))
}

fn publishing(api: Api) -> Api {
    const VERSIONS: &str = "/v1/registry/extensions/{name}/versions";
    api.with(
        Operation::new("post", "/v1/registry/extensions", "Publishes a release")
            .takes_media("multipart/form-data", release_form())
            .answers::<publish::Published>(201)
            .answers::<publish::Published>(200),
        post(publish::publish),
    )
    .with(
        Operation::new("get", VERSIONS, "Lists versions, newest first")
            .query::<PageQuery>()
            .answers::<versions::Versions>(200)
            .answers_nothing(304),
        get(versions::list),
    )
    .with(
        Operation::new(
            "get",
            format!("{VERSIONS}/{{version}}"),
            "Shows a version with its capability proof and receipt",
        )
        .answers::<VersionRow>(200)
        .answers_nothing(304),
        get(versions::show),
    )
}

/// The bundle or an upload's id, and the signatures.
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
        Operation::new("post", "/v1/registry/uploads", "Begins an upload that can be continued")
            .answers::<uploads::Upload>(201),
        post(uploads::begin),
    )
    .with(
        Operation::new("get", UPLOAD, "Tells how many bytes are here")
            .answers::<uploads::Upload>(200)
            .answers_nothing(304),
        get(uploads::show),
    )
    .with(
        Operation::new("patch", UPLOAD, "Sends the next bytes")
            .number_header("upload-offset")
            .takes_media(BYTES, bytes)
            .answers::<uploads::Upload>(200),
        patch(uploads::append),
    )
    .with(
        Operation::new("delete", UPLOAD, "Ends an upload").answers_nothing(204),
        delete(uploads::end),
    )
    .with(
        Operation::new(
            "post",
            "/v1/registry/garbage",
            "Removes what was put and never published, and abandoned uploads",
        )
        .answers::<garbage::Removed>(200),
        post(garbage::collect),
    )
}

fn withdrawing(api: Api) -> Api {
    let withdrawal = |action: &str, summary: &'static str| {
        let path = format!("/v1/registry/extensions/{{name}}/versions/{{version}}/{action}");
        Operation::new("post", path, summary)
            .takes::<version_status::Reason>()
            .answers::<VersionRow>(200)
    };
    api.with(
        withdrawal(
            "yank",
            "Lets it run where it is installed, and be installed nowhere else",
        ),
        post(version_status::yank),
    )
    .with(withdrawal("unyank", "Takes a yank back"), post(version_status::unyank))
    .with(
        withdrawal("revoke", "Lets it run nowhere any more, for ever"),
        post(version_status::revoke),
    )
    .with(
        withdrawal("deprecate", "Warns whoever chooses it"),
        post(version_status::deprecate),
    )
}

const INSTALLS: &str = "/v1/registry/tenants/{tenant}/installs";

fn installing(api: Api) -> Api {
    let one = || format!("{INSTALLS}/{{install}}");
    api.with(
        Operation::new(
            "post",
            INSTALLS,
            "Installs a version with grants, configuration, secrets, hosts and limits",
        )
        .takes::<installs::InstallRequest>()
        .answers::<Install>(201),
        post(installs::create),
    )
    .with(
        Operation::new("get", INSTALLS, "Lists installs, oldest first")
            .query::<PageQuery>()
            .answers::<installs::Installs>(200)
            .answers_nothing(304),
        get(installs::list),
    )
    .with(
        Operation::new("get", one(), "Shows an install")
            .answers::<Install>(200)
            .answers_nothing(304),
        get(install_lifecycle::show),
    )
    .with(
        Operation::new(
            "get",
            format!("{}/executions", one()),
            "Lists executions that wrote something or failed, newest first",
        )
        .query::<PageQuery>()
        .answers::<executions::Executions>(200)
        .answers_nothing(304),
        get(executions::list),
    )
    .with(
        Operation::new(
            "delete",
            one(),
            "Takes an install away, with configuration, secrets and records",
        )
        .answers_nothing(204),
        delete(install_lifecycle::uninstall),
    )
}

fn install_secrets(api: Api) -> Api {
    let secret = || format!("{INSTALLS}/{{install}}/secrets/{{secret}}");
    api.with(
        Operation::new("put", secret(), "Seals a secret")
            .takes::<secrets::SecretRequest>()
            .answers_nothing(204),
        put(secrets::set),
    )
    .with(
        Operation::new("delete", secret(), "Forgets a secret").answers_nothing(204),
        delete(secrets::delete),
    )
}

fn changing(api: Api) -> Api {
    let change = |method: &'static str, action: &str, summary: &'static str| {
        Operation::new(method, format!("{INSTALLS}/{{install}}/{action}"), summary)
    };
    let upgrade = change(
        "post",
        "upgrade",
        "Puts another version in, or lets it wait for consent",
    );
    let consent = change("post", "consent", "Lets the version that waits take over");
    let terms = change("put", "terms", "Replaces configuration, hosts and limits");
    api.with(
        upgrade
            .takes::<install_lifecycle::UpgradeRequest>()
            .answers::<install_lifecycle::Upgrade>(200)
            .answers::<install_lifecycle::Upgrade>(202),
        post(install_lifecycle::upgrade),
    )
    .with(
        consent
            .takes::<install_lifecycle::ConsentRequest>()
            .answers::<Install>(200),
        post(install_lifecycle::consent),
    )
    .with(
        terms.takes::<install_lifecycle::TermsRequest>().answers::<Install>(200),
        put(install_lifecycle::update_settings),
    )
    .with(
        change("post", "rollback", "Puts the version of before back").answers::<Install>(200),
        post(install_lifecycle::roll_back),
    )
    .with(
        change("post", "enable", "Lets it take requests").answers::<Install>(200),
        post(install_lifecycle::enable),
    )
    .with(
        change("post", "disable", "Lets it take no requests").answers::<Install>(200),
        post(install_lifecycle::disable),
    )
}

fn auditing(api: Api) -> Api {
    let signed = json!({ "schema": { "type": "object", "description": "a DSSE envelope around a revocation list" } });
    api.with(
        Operation::new(
            "get",
            "/v1/registry/revocations",
            "Shows the revocation list that is judged by",
        )
        .answers::<revocations::Present>(200)
        .answers_nothing(304),
        get(revocations::show),
    )
    .with(
        Operation::new(
            "post",
            "/v1/registry/revocations",
            "Takes a signed list of what is no longer believed",
        )
        .takes_media("application/json", signed)
        .answers::<revocations::Present>(201),
        post(revocations::take),
    )
    .with(
        Operation::new("get", "/v1/registry/audit", "Lists every change, oldest first")
            .query::<audit::AuditQuery>()
            .answers::<audit::AuditPage>(200)
            .answers_nothing(304),
        get(audit::list),
    )
    .with(
        Operation::new("get", "/v1/registry/audit/verify", "Walks along the chain of hashes")
            .answers::<AuditChain>(200)
            .answers_nothing(304),
        get(audit::verify),
    )
}
