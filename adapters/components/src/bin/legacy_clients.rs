//! `clients` over `alga:psa/clients`.
#![no_main]

use alga::__private::bindings::alga::psa::clients::{self, Client, Filter};
use alga::__private::bindings::alga::psa::types::{Error, Page};
use bindings::exports::alga::extension::clients::{
    ClientReadError, ClientSummary, ClientsListInput, ClientsListResult, Guest,
};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "clients-adapter" });
}

/// Items of a page, as in the old interface.
const PAGE: u32 = 25;

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl From<Error> for ClientReadError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(_) => Self::NotAllowed,
            Error::InvalidInput(_) => Self::InvalidInput,
            Error::NotFound(_) | Error::Unavailable | Error::Other(_) => Self::Internal,
        }
    }
}

fn summary(client: Client) -> ClientSummary {
    ClientSummary {
        client_id: client.id,
        client_name: client.name,
        client_type: client.kind,
        is_inactive: client.is_inactive,
        default_currency_code: client.default_currency_code,
        account_manager_id: client.account_manager_id,
        account_manager_name: client.account_manager_name,
        billing_email: client.billing_email,
    }
}

impl Guest for Adapter {
    fn list_clients(input: ClientsListInput) -> Result<ClientsListResult, ClientReadError> {
        let filter = Filter {
            search: input.search,
            include_inactive: input.include_inactive.unwrap_or(false),
        };
        let page = Page {
            number: input.page.unwrap_or(1),
            size: input.page_size.unwrap_or(PAGE),
        };
        let listing = clients::list_clients(&filter, page)?;
        Ok(ClientsListResult {
            items: listing.items.into_iter().map(summary).collect(),
            total_count: listing.total_count,
            page: page.number,
            page_size: page.size,
        })
    }

    fn get_client(id: String) -> Result<Option<ClientSummary>, ClientReadError> {
        Ok(clients::get_client(&id)?.map(summary))
    }
}
