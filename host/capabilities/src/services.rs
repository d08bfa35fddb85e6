//! `alga:psa/services`: read access to the services and products that the tenant sells, as the host
//! application returns them.

use crate::StoreData;
use crate::psa::{Listed, interface_error};
pub(crate) use crate::psa::{Service, State};
use alga_bundle::Capability;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:psa/services-imports@1.0.0",
    imports: { default: async },
});

use alga::psa::services;

interface_error!(alga::psa::types::Error);

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:service.read",
    interface: "alga:psa/services",
    version: (1, 0, 0),
    granted_by_default: false,
    used_by_pages: false,
    sends: true,
    promise: "read access to the services and products that the tenant sells",
};

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    services::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ItemKind {
    Service,
    Product,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BillingMethod {
    Fixed,
    Hourly,
    Usage,
}

/// A service as returned by the host application.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    service_id: String,
    service_name: String,
    item_kind: ItemKind,
    billing_method: BillingMethod,
    service_type_id: Option<String>,
    service_type_name: Option<String>,
    default_rate: f64,
    unit_of_measure: String,
    is_active: bool,
    sku: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    service: Option<Summary>,
}

impl From<services::ItemKind> for ItemKind {
    fn from(kind: services::ItemKind) -> Self {
        match kind {
            services::ItemKind::Service => Self::Service,
            services::ItemKind::Product => Self::Product,
        }
    }
}

impl From<services::BillingMethod> for BillingMethod {
    fn from(method: services::BillingMethod) -> Self {
        match method {
            services::BillingMethod::Fixed => Self::Fixed,
            services::BillingMethod::Hourly => Self::Hourly,
            services::BillingMethod::Usage => Self::Usage,
        }
    }
}

impl From<Summary> for services::Service {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.service_id,
            name: summary.service_name,
            kind: match summary.item_kind {
                ItemKind::Service => services::ItemKind::Service,
                ItemKind::Product => services::ItemKind::Product,
            },
            billing_method: match summary.billing_method {
                BillingMethod::Fixed => services::BillingMethod::Fixed,
                BillingMethod::Hourly => services::BillingMethod::Hourly,
                BillingMethod::Usage => services::BillingMethod::Usage,
            },
            service_type_id: summary.service_type_id,
            service_type_name: summary.service_type_name,
            default_rate: summary.default_rate,
            unit_of_measure: summary.unit_of_measure,
            is_active: summary.is_active,
            sku: summary.sku,
        }
    }
}

impl services::Host for State {
    async fn list_services(
        &mut self,
        filter: services::Filter,
        page: services::Page,
    ) -> Result<services::Listing, services::Error> {
        self.calls.function("list-services");
        let input = json!({
            "itemKind": filter.kind.map(ItemKind::from), "isActive": filter.is_active,
            "billingMethod": filter.billing_method.map(BillingMethod::from),
        });
        let page = (page.number, page.size);
        let listed: Listed<Summary> = self.list("services", filter.search.as_deref(), page, input).await?;
        Ok(services::Listing {
            items: listed.items.into_iter().map(services::Service::from).collect(),
            total_count: listed.total_count,
        })
    }

    async fn get_service(&mut self, id: String) -> Result<Option<services::Service>, services::Error> {
        self.calls.function("get-service");
        let found: Option<Found> = self.find("services", "serviceId", &id).await?;
        Ok(found.and_then(|found| found.service).map(services::Service::from))
    }
}
