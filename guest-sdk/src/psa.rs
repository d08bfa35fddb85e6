//! Data of the host application (AlgaPSA): customers (`cap:client.read`), services
//! (`cap:service.read`), invoices (`cap:invoice.manual.create`).
//!
//! ```no_run
//! # fn example() -> alga::Result<()> {
//! use alga::psa::{clients, invoicing, services};
//!
//! let filter = clients::Filter { search: Some("Acme".into()), include_inactive: false };
//! let acme = clients::list(&filter, 1, 25)?;
//! let filter = services::Filter { search: Some("Support".into()), ..services::any() };
//! let hour = services::list(&filter, 1, 1)?;
//! let (Some(client), Some(service)) = (acme.items.first(), hour.items.first()) else {
//!     return Ok(());
//! };
//! let draft = invoicing::draft(&client.id, "2026-11-acme");
//! let draft = draft.line(&service.id, 2.5, "Support", service.default_rate);
//! let invoice = invoicing::create(&draft)?;
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
            types::Error::Unavailable => Self::Unavailable("the host application did not respond".into()),
            types::Error::Other(text) => Self::Internal(text),
        }
    }
}

/// Customers of the tenant.
pub mod clients {
    use super::{Result, types};
    use crate::bindings::alga::psa::clients;

    pub use clients::{Client, Filter, Listing};

    /// Lists customers; pages count from 1.
    ///
    /// # Errors
    /// Returns [`crate::Error::Denied`] if the user or the extension may not read them.
    pub fn list(filter: &Filter, page: u32, size: u32) -> Result<Listing> {
        Ok(clients::list_clients(filter, types::Page { number: page, size })?)
    }

    /// Returns one customer, if it exists.
    ///
    /// # Errors
    /// Returns the errors of [`list`].
    pub fn get(id: &str) -> Result<Option<Client>> {
        Ok(clients::get_client(id)?)
    }
}

/// Services and products that the tenant sells.
pub mod services {
    use super::{Result, types};
    use crate::bindings::alga::psa::services;

    pub use services::{BillingMethod, Filter, ItemKind, Listing, Service};

    /// Returns a filter that matches all services and products.
    #[must_use]
    pub fn any() -> Filter {
        Filter {
            search: None,
            kind: None,
            is_active: None,
            billing_method: None,
        }
    }

    /// Lists services and products; pages count from 1.
    ///
    /// # Errors
    /// Returns [`crate::Error::Denied`] if the user or the extension may not read them.
    pub fn list(filter: &Filter, page: u32, size: u32) -> Result<Listing> {
        Ok(services::list_services(filter, types::Page { number: page, size })?)
    }

    /// Returns one service or product, if it exists.
    ///
    /// # Errors
    /// Returns the errors of [`list`].
    pub fn get(id: &str) -> Result<Option<Service>> {
        Ok(services::get_service(id)?)
    }
}

/// Creation of draft invoices.
pub mod invoicing {
    use super::Result;
    use crate::bindings::alga::psa::invoicing;

    pub use invoicing::{DiscountKind, Draft, Invoice, Item};

    /// Creates a draft without lines. Two calls of [`create`] with the same key create one invoice.
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
        /// Adds a line to the draft; the rate is in minor units.
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

    /// Creates a draft invoice in the host application.
    ///
    /// # Errors
    /// Returns [`crate::Error::Invalid`] with the host application's field errors if it rejects the
    /// draft.
    pub fn create(draft: &Draft) -> Result<Invoice> {
        Ok(invoicing::create_manual_invoice(draft)?)
    }
}
