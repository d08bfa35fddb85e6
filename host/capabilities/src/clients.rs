//! `alga:psa/clients`: read access to the tenant's customers in the host application.

use crate::StoreData;
use crate::psa::{Listed, interface_error};
pub(crate) use crate::psa::{Service, State};
use alga_bundle::Capability;
use serde::Deserialize;
use serde_json::json;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:psa/clients-imports@1.0.0",
    imports: { default: async },
});

use alga::psa::clients;

interface_error!(alga::psa::types::Error);

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:client.read",
    interface: "alga:psa/clients",
    version: (1, 0, 0),
    granted_by_default: false,
    used_by_pages: false,
    sends: true,
    promise: "read access to the tenant's customers",
};

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    clients::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

/// A customer as returned by the host application.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    client_id: String,
    client_name: String,
    client_type: Option<String>,
    is_inactive: bool,
    default_currency_code: Option<String>,
    account_manager_id: Option<String>,
    account_manager_name: Option<String>,
    billing_email: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    client: Option<Summary>,
}

impl From<Summary> for clients::Client {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.client_id,
            name: summary.client_name,
            kind: summary.client_type,
            is_inactive: summary.is_inactive,
            default_currency_code: summary.default_currency_code,
            account_manager_id: summary.account_manager_id,
            account_manager_name: summary.account_manager_name,
            billing_email: summary.billing_email,
        }
    }
}

impl clients::Host for State {
    async fn list_clients(
        &mut self,
        filter: clients::Filter,
        page: clients::Page,
    ) -> Result<clients::Listing, clients::Error> {
        self.calls.function("list-clients");
        let input = json!({ "includeInactive": filter.include_inactive });
        let page = (page.number, page.size);
        let listed: Listed<Summary> = self.list("clients", filter.search.as_deref(), page, input).await?;
        Ok(clients::Listing {
            items: listed.items.into_iter().map(clients::Client::from).collect(),
            total_count: listed.total_count,
        })
    }

    async fn get_client(&mut self, id: String) -> Result<Option<clients::Client>, clients::Error> {
        self.calls.function("get-client");
        let found: Option<Found> = self.find("clients", "clientId", &id).await?;
        Ok(found.and_then(|found| found.client).map(clients::Client::from))
    }
}
