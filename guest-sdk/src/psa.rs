//! What the product knows: customers (`cap:client.read`), services (`cap:service.read`), invoices (`cap:invoice.manual.create`).
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! use alga::psa::{clients, invoicing, services};
//!
//! let acme = clients::list(&clients::Filter { search: Some("Acme".into()), include_inactive: false }, 1, 25)?;
//! let hour = services::list(&services::Filter { search: Some("Support".into()), ..services::any() }, 1, 1)?;
//! let (Some(client), Some(service)) = (acme.items.first(), hour.items.first()) else { return Ok(()) };
//! let invoice = invoicing::create(&invoicing::draft(&client.id, "2026-11-acme").line(&service.id, 2.5, "Support", service.default_rate))?;
//! alga::log::info_with("invoice drafted", &[("number", &invoice.number)]);
//! # Ok(()) }
//! ```

use crate::bindings::alga::psa::types;
use crate::{Error, Result};

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::Denied(text) => Self::Denied(text),
            types::Error::NotFound(text) => Self::NotFound(text),
            types::Error::InvalidInput(text) => Self::Invalid(text),
            types::Error::Unavailable => Self::Unavailable("the product did not answer".into()),
            types::Error::Other(text) => Self::Internal(text),
        }
    }
}

/// The tenant's customers.
pub mod clients {
    use super::{Result, types};
    use crate::bindings::alga::psa::clients;

    pub use clients::{Client, Filter, Listing};

    /// Lists customers; pages count from 1.
    ///
    /// # Errors
    /// [`crate::Error::Denied`] when the user or the extension may not see them.
    pub fn list(filter: &Filter, page: u32, size: u32) -> Result<Listing> {
        Ok(clients::list_clients(filter, types::Page { number: page, size })?)
    }

    /// One customer.
    ///
    /// # Errors
    /// As [`list`].
    pub fn get(id: &str) -> Result<Option<Client>> {
        Ok(clients::get_client(id)?)
    }
}

/// What the tenant sells.
pub mod services {
    use super::{Result, types};
    use crate::bindings::alga::psa::services;

    pub use services::{BillingMethod, Filter, ItemKind, Listing, Service};

    /// The filter that lets everything through.
    #[must_use]
    pub fn any() -> Filter {
        Filter {
            search: None,
            kind: None,
            is_active: None,
            billing_method: None,
        }
    }

    /// Lists services; pages count from 1.
    ///
    /// # Errors
    /// [`crate::Error::Denied`] when the user or the extension may not see them.
    pub fn list(filter: &Filter, page: u32, size: u32) -> Result<Listing> {
        Ok(services::list_services(filter, types::Page { number: page, size })?)
    }

    /// One service.
    ///
    /// # Errors
    /// As [`list`].
    pub fn get(id: &str) -> Result<Option<Service>> {
        Ok(services::get_service(id)?)
    }
}

/// Drafts of invoices.
pub mod invoicing {
    use super::Result;
    use crate::bindings::alga::psa::invoicing;

    pub use invoicing::{DiscountKind, Draft, Invoice, Item};

    /// A draft without lines. Two calls with the same key make one invoice.
    #[must_use]
    pub fn draft(client_id: &str, idempotency_key: &str) -> Draft {
        Draft {
            client_id: client_id.to_owned(),
            items: Vec::new(),
            invoice_date: None,
            due_date: None,
            po_number: None,
            idempotency_key: idempotency_key.to_owned(),
        }
    }

    impl Draft {
        /// The same with one more line; the rate is in minor units.
        #[must_use]
        pub fn line(mut self, service_id: &str, quantity: f64, description: &str, rate: f64) -> Self {
            self.items.push(Item {
                service_id: service_id.to_owned(),
                quantity,
                description: description.to_owned(),
                rate,
                discount: None,
                applies_to_item_id: None,
                applies_to_service_id: None,
            });
            self
        }
    }

    /// Makes the draft of an invoice.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] with what the product says of its fields.
    pub fn create(draft: &Draft) -> Result<Invoice> {
        Ok(invoicing::create_manual_invoice(draft)?)
    }
}
