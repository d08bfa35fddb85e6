//! A component of the old world: calls the interface that the path names, and responds with what it
//! returned.
#![no_main]

use bindings::alga::extension::types::{
    ClientsListInput, CreateManualInvoiceInput, CreateScheduleInput, ExecuteRequest, ExecuteResponse, HttpHeader,
    HttpRequest, ServiceBillingMethod, ServiceItemKind, ServicesListInput, StorageEntry,
};
use bindings::alga::extension::{
    clients, context, http, invoicing, logging, scheduler, secrets, services, storage, ui_proxy, user, user_v2,
};

mod bindings {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/extension.wit", world: "runner" });
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl bindings::Guest for Component {
    fn handler(request: ExecuteRequest) -> ExecuteResponse {
        let url = request.http.url.clone();
        let mut path = url.split(['/', '?']).skip(1);
        let text = match path.next().unwrap_or_default() {
            "request" => format!("{request:?}"),
            "context" => format!("{:?}", context::get_context()),
            "storage" => storage(),
            "logging" => log(),
            "secrets" => format!("{:?} {:?}", secrets::get("api-key"), secrets::list_keys()),
            "http" => fetch(&request),
            "ui-proxy" => format!("{:?}", ui_proxy::call_route("tickets", None)),
            "user" => format!("{:?} {:?}", user::get_user(), user_v2::get_user()),
            "scheduler" => schedules(),
            "invoicing" => format!("{:?}", invoicing::create_manual_invoice(&invoice())),
            "clients" => format!(
                "{:?} {:?}",
                clients::list_clients(&any_clients()),
                clients::get_client("c-1")
            ),
            "services" => format!(
                "{:?} {:?}",
                services::list_services(&active_services()),
                services::get_service("s-1")
            ),
            _ => "no such path".to_owned(),
        };
        ExecuteResponse {
            status: 200,
            headers: vec![
                header("content-type", "text/plain"),
                header("x-ext-old", "one"),
                header("x-ext-old", "two"),
            ],
            body: Some(text.into_bytes()),
        }
    }
}

fn header(name: &str, value: &str) -> HttpHeader {
    HttpHeader {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn storage() -> String {
    let entry = |key: &str, revision| StorageEntry {
        namespace: "old".to_owned(),
        key: key.to_owned(),
        value: b"value".to_vec(),
        revision,
    };
    let mut lines = vec![
        format!("get {:?}", storage::get("old", "a").map(|entry| entry.revision)),
        format!("put {:?}", storage::put(&entry("a", None)).map(|entry| entry.revision)),
        format!(
            "put {:?}",
            storage::put(&entry("a", Some(7))).map(|entry| entry.revision)
        ),
        format!(
            "put {:?}",
            storage::put(&entry("a", Some(1))).map(|entry| entry.revision)
        ),
        format!(
            "get {:?}",
            storage::get("old", "a").map(|entry| (entry.value, entry.revision))
        ),
    ];
    for number in 10..40 {
        storage::put(&entry(&format!("k{number}"), None)).ok();
    }
    let list = |cursor: Option<&str>| storage::list_entries("old", cursor);
    let first = list(None).map(|entries| (entries.len(), entries.last().map(|entry| entry.key.clone())));
    lines.push(format!("list {first:?}"));
    let cursor = first.ok().and_then(|(_, last)| last);
    let keys = |entries: Vec<StorageEntry>| (entries.len(), entries.first().map(|entry| entry.key.clone()));
    lines.push(format!("list {:?}", list(cursor.as_deref()).map(keys)));
    lines.push(format!("delete {:?}", storage::delete("old", "a")));
    lines.push(format!("delete {:?}", storage::delete("old", "a")));
    lines.join("\n")
}

fn log() -> String {
    logging::log_info("an info");
    logging::log_warn("a warning");
    logging::log_error("an error");
    "logged".to_owned()
}

fn fetch(request: &ExecuteRequest) -> String {
    let url = request
        .http
        .headers
        .iter()
        .find(|header| header.name == "x-alga-config-greeting");
    let url = url.map(|header| header.value.clone()).unwrap_or_default();
    let request = |method: &str, url: &str| HttpRequest {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![header("x-own", "yes")],
        body: None,
    };
    let get = http::fetch(&request("GET", &format!("{url}/echo")));
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}",
        get.map(|response| (response.status, response.body.is_some())),
        http::fetch(&request("GET", "/relative")).map(|response| response.status),
        http::fetch(&request("a b", &url)).map(|response| response.status),
        http::fetch(&request("GET", "https://elsewhere.example")).map(|response| response.status),
    )
}

fn schedules() -> String {
    let input = CreateScheduleInput {
        endpoint: "e".to_owned(),
        cron: "* * * * *".to_owned(),
        timezone: None,
        enabled: None,
        name: None,
        payload: None,
    };
    let listed = scheduler::list_schedules().map(|schedules| schedules.len());
    format!(
        "{listed:?} {:?} {:?}",
        scheduler::create_schedule(&input),
        scheduler::delete_schedule("s")
    )
}

fn invoice() -> CreateManualInvoiceInput {
    CreateManualInvoiceInput {
        client_id: "c-1".to_owned(),
        items: Vec::new(),
        invoice_date: None,
        due_date: None,
        po_number: None,
    }
}

fn any_clients() -> ClientsListInput {
    ClientsListInput {
        search: None,
        include_inactive: None,
        page: None,
        page_size: None,
    }
}

fn active_services() -> ServicesListInput {
    ServicesListInput {
        search: None,
        item_kind: Some(ServiceItemKind::Service),
        is_active: Some(true),
        billing_method: Some(ServiceBillingMethod::Hourly),
        page: None,
        page_size: None,
    }
}
