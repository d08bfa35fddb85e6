//! Service agreements in key/value storage: list, create, read, change, delete. Every input is
//! checked before it is stored, and a change specifies the revision that it is based on, so that
//! concurrent editors do not overwrite each other.

use alga::kv::{Namespace, Record};
use alga::prelude::*;
use serde::{Deserialize, Serialize};

const AGREEMENTS: Namespace<'static> = Namespace::new("agreements");
const PAGE: u32 = 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreement {
    title: String,
    client: String,
    monthly_cents: u64,
}

/// Agreement as clients see it, with its id and the revision to send with a change.
#[derive(Serialize)]
struct Shown {
    id: String,
    revision: u64,
    #[serde(flatten)]
    agreement: Agreement,
}

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    Router::new()
        .get("/agreements", list)
        .post("/agreements", create)
        .get("/agreements/:id", read)
        .put("/agreements/:id", change)
        .delete("/agreements/:id", delete)
        .handle(request)
}

fn list(request: &Request) -> Result<Response> {
    let page = AGREEMENTS.list("", PAGE, request.query("cursor").as_deref())?;
    let agreements: Vec<Shown> = page.records.into_iter().map(shown).collect();
    Response::json(&serde_json::json!({ "agreements": agreements, "next_cursor": page.next_cursor }))
}

fn create(request: &Request) -> Result<Response> {
    let agreement: Agreement = checked(request.json()?)?;
    // The request id as the key: a retry with the same `x-request-id` cannot create a second
    // agreement.
    let id = context::current().request_id;
    let revision = AGREEMENTS.create(&id, &agreement)?;
    log::info_with("agreement created", &[("id", &id), ("client", &agreement.client)]);
    Ok(Response::json(&Shown {
        id,
        revision,
        agreement,
    })?
    .with_status(201))
}

fn read(request: &Request) -> Result<Response> {
    Response::json(&shown(find(request.param("id")?)?))
}

fn change(request: &Request) -> Result<Response> {
    let id = request.param("id")?.to_owned();
    let base = request.query("revision").and_then(|text| text.parse().ok());
    let base: u64 = base.ok_or_else(|| {
        Error::BadRequest("missing or invalid `?revision=…`: send the revision that the change is based on".into())
    })?;
    let agreement: Agreement = checked(request.json()?)?;
    find(&id)?;
    let revision = AGREEMENTS.replace(&id, &agreement, base)?;
    Response::json(&Shown {
        id,
        revision,
        agreement,
    })
}

fn delete(request: &Request) -> Result<Response> {
    let id = request.param("id")?;
    if !AGREEMENTS.delete(id)? {
        return Err(not_found(id));
    }
    Ok(Response::status(204))
}

fn find(id: &str) -> Result<Record<Agreement>> {
    AGREEMENTS.get(id)?.ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Error {
    Error::NotFound(format!("agreement {id} does not exist"))
}

fn shown(record: Record<Agreement>) -> Shown {
    Shown {
        id: record.key,
        revision: record.revision,
        agreement: record.value,
    }
}

fn checked(agreement: Agreement) -> Result<Agreement> {
    let rule = |holds: bool, text: &str| {
        if holds {
            Ok(())
        } else {
            Err(Error::Invalid(text.to_owned()))
        }
    };
    rule(
        (1..=200).contains(&agreement.title.chars().count()),
        "title must have 1 to 200 characters",
    )?;
    rule(
        (1..=200).contains(&agreement.client.chars().count()),
        "client must have 1 to 200 characters",
    )?;
    rule(
        agreement.monthly_cents <= 100_000_000,
        "monthly_cents must be at most 100000000",
    )?;
    Ok(agreement)
}
