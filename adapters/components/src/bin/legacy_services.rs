//! `services` over `alga:psa/services`.
#![no_main]

use alga::__private::bindings::alga::psa::services::{self, BillingMethod, Filter, ItemKind, Service};
use alga::__private::bindings::alga::psa::types::{Error, Page};
use bindings::alga::extension::types::{ServiceBillingMethod, ServiceItemKind};
use bindings::exports::alga::extension::services::{
    Guest, ServiceReadError, ServiceSummary, ServicesListInput, ServicesListResult,
};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "services-adapter" });
}

/// Items of a page, as in the old interface.
const PAGE: u32 = 25;

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl From<Error> for ServiceReadError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(_) => Self::NotAllowed,
            Error::InvalidInput(_) => Self::InvalidInput,
            Error::NotFound(_) | Error::Unavailable | Error::Other(_) => Self::Internal,
        }
    }
}

fn summary(service: Service) -> ServiceSummary {
    ServiceSummary {
        service_id: service.id,
        service_name: service.name,
        item_kind: match service.kind {
            ItemKind::Service => ServiceItemKind::Service,
            ItemKind::Product => ServiceItemKind::Product,
        },
        billing_method: match service.billing_method {
            BillingMethod::Fixed => ServiceBillingMethod::Fixed,
            BillingMethod::Hourly => ServiceBillingMethod::Hourly,
            BillingMethod::Usage => ServiceBillingMethod::Usage,
        },
        service_type_id: service.service_type_id,
        service_type_name: service.service_type_name,
        default_rate: service.default_rate,
        unit_of_measure: service.unit_of_measure,
        is_active: service.is_active,
        sku: service.sku,
    }
}

fn filter(input: ServicesListInput) -> Filter {
    Filter {
        search: input.search,
        kind: input.item_kind.map(|kind| match kind {
            ServiceItemKind::Service => ItemKind::Service,
            ServiceItemKind::Product => ItemKind::Product,
        }),
        is_active: input.is_active,
        billing_method: input.billing_method.map(|method| match method {
            ServiceBillingMethod::Fixed => BillingMethod::Fixed,
            ServiceBillingMethod::Hourly => BillingMethod::Hourly,
            ServiceBillingMethod::Usage => BillingMethod::Usage,
        }),
    }
}

impl Guest for Adapter {
    fn list_services(input: ServicesListInput) -> Result<ServicesListResult, ServiceReadError> {
        let page = Page {
            number: input.page.unwrap_or(1),
            size: input.page_size.unwrap_or(PAGE),
        };
        let listing = services::list_services(&filter(input), page)?;
        Ok(ServicesListResult {
            items: listing.items.into_iter().map(summary).collect(),
            total_count: listing.total_count,
            page: page.number,
            page_size: page.size,
        })
    }

    fn get_service(id: String) -> Result<Option<ServiceSummary>, ServiceReadError> {
        Ok(services::get_service(&id)?.map(summary))
    }
}
