//! `invoicing` over `alga:psa/invoicing`.
//!
//! The old interface has no idempotency key. A guest that repeats a request, with its request id,
//! creates its invoices once: the key is the request id, and the number of the call.
#![no_main]

use alga::__private::bindings::alga::psa::invoicing::{self, DiscountKind, Draft, Item};
use alga::__private::bindings::alga::psa::types::Error;
use bindings::alga::extension::types::{DiscountType, ManualInvoiceItemInput};
use bindings::exports::alga::extension::invoicing::{CreateManualInvoiceInput, CreateManualInvoiceResult, Guest};
use std::sync::atomic::{AtomicU32, Ordering};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "invoicing-adapter" });
}

/// Mark of the host application's field errors in the text of an error.
const FIELD_ERRORS: &str = "field-errors: ";

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

static CALLS: AtomicU32 = AtomicU32::new(0);

fn item(input: ManualInvoiceItemInput) -> Item {
    let kind = match input.discount_type {
        Some(DiscountType::Percentage) => DiscountKind::Percentage,
        Some(DiscountType::Fixed) | None => DiscountKind::Fixed,
    };
    Item {
        service_id: input.service_id,
        quantity: input.quantity,
        description: input.description,
        rate: input.rate,
        discount: input.is_discount.unwrap_or(false).then_some(kind),
        applies_to_item_id: input.applies_to_item_id,
        applies_to_service_id: input.applies_to_service_id,
    }
}

fn failed(error: Error) -> CreateManualInvoiceResult {
    let (error, field_errors) = match error {
        Error::Denied(_) => (
            "Permission denied: cap:invoice.manual.create not granted".to_owned(),
            None,
        ),
        Error::InvalidInput(text) => match text.split_once(FIELD_ERRORS) {
            Some((rule, fields)) => (rule.trim_end().to_owned(), Some(fields.to_owned())),
            None => (text, None),
        },
        Error::NotFound(text) | Error::Other(text) => (text, None),
        Error::Unavailable => ("the host application did not respond".to_owned(), None),
    };
    CreateManualInvoiceResult {
        success: false,
        invoice_id: None,
        invoice_number: None,
        status: None,
        subtotal: None,
        tax: None,
        total: None,
        error: Some(error),
        field_errors,
    }
}

impl Guest for Adapter {
    fn create_manual_invoice(input: CreateManualInvoiceInput) -> CreateManualInvoiceResult {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let draft = Draft {
            client_id: input.client_id,
            items: input.items.into_iter().map(item).collect(),
            invoice_date: input.invoice_date,
            due_date: input.due_date,
            po_number: input.po_number,
            idempotency_key: format!("{}-{call}", alga::context::current().request_id),
        };
        match invoicing::create_manual_invoice(&draft) {
            Ok(invoice) => CreateManualInvoiceResult {
                success: true,
                invoice_id: Some(invoice.id),
                invoice_number: Some(invoice.number),
                status: Some(invoice.status),
                subtotal: Some(invoice.subtotal),
                tax: Some(invoice.tax),
                total: Some(invoice.total),
                error: None,
                field_errors: None,
            },
            Err(error) => failed(error),
        }
    }
}
