//! `alga:psa/invoicing`: creation of draft invoices in the host application. This is the only call
//! of `alga:psa` that changes data: it carries an idempotency key, so that a retry does not create
//! a second invoice.

use crate::StoreData;
use crate::psa::{PsaError, check, check_id, interface_error};
pub(crate) use crate::psa::{Service, State};
use alga_bundle::Capability;
use serde::Deserialize;
use serde_json::{Value, json};
use wasmtime::component::{HasSelf, Linker};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:psa/invoicing-imports@1.0.0",
    imports: { default: async },
});

use alga::psa::invoicing;

interface_error!(alga::psa::types::Error);

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:invoice.manual.create",
    interface: "alga:psa/invoicing",
    version: (1, 0, 0),
    granted_by_default: false,
    used_by_pages: false,
    sends: true,
    promise: "creation of draft invoices",
};

/// Maximum lines of an invoice.
const ITEMS: usize = 200;
/// Maximum characters of a line's description.
const DESCRIPTION_CHARACTERS: usize = 500;
/// Maximum characters of a purchase order number and of an idempotency key.
const REFERENCE_CHARACTERS: usize = 128;

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    invoicing::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

/// The host application's response.
#[derive(Deserialize)]
struct Made {
    invoice: Invoice,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invoice {
    invoice_id: String,
    invoice_number: String,
    status: String,
    subtotal: f64,
    tax: f64,
    total: f64,
}

impl invoicing::Host for State {
    async fn create_manual_invoice(&mut self, draft: invoicing::Draft) -> Result<invoicing::Invoice, invoicing::Error> {
        self.calls.function("create-manual-invoice");
        check_draft(&draft)?;
        let key = Some(draft.idempotency_key.as_str());
        let made: Made = self
            .operate("invoicing", "createManualInvoice", input(&draft), key)
            .await?;
        Ok(invoicing::Invoice {
            id: made.invoice.invoice_id,
            number: made.invoice.invoice_number,
            status: made.invoice.status,
            subtotal: made.invoice.subtotal,
            tax: made.invoice.tax,
            total: made.invoice.total,
        })
    }
}

fn check_draft(draft: &invoicing::Draft) -> Result<(), PsaError> {
    check_id(&draft.client_id)?;
    check(
        (1..=ITEMS).contains(&draft.items.len()),
        "an invoice has 1 to 200 lines",
    )?;
    for item in &draft.items {
        check_id(&item.service_id)?;
        for applied in [&item.applies_to_item_id, &item.applies_to_service_id] {
            applied.as_deref().map_or(Ok(()), check_id)?;
        }
        check(
            item.quantity.is_finite() && item.quantity > 0.0,
            "a quantity is a number above 0",
        )?;
        check(item.rate.is_finite(), "a rate is a number")?;
        check(
            item.description.chars().count() <= DESCRIPTION_CHARACTERS,
            "a description has at most 500 characters",
        )?;
    }
    let dates = [&draft.invoice_date, &draft.due_date];
    check(
        dates.into_iter().flatten().all(|date| is_date(date)),
        "a date is written YYYY-MM-DD",
    )?;
    let reference = draft.po_number.as_deref().unwrap_or_default();
    check(
        reference.chars().count() <= REFERENCE_CHARACTERS,
        "a reference has at most 128 characters",
    )?;
    let key = &draft.idempotency_key;
    let is_key = (1..=REFERENCE_CHARACTERS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    check(is_key, "an idempotency key has 1 to 128 printable ASCII characters")
}

/// Reports whether the text has the form YYYY-MM-DD; the host application checks that the date
/// exists.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn input(draft: &invoicing::Draft) -> Value {
    let items: Vec<Value> = draft.items.iter().map(line).collect();
    json!({
        "clientId": draft.client_id, "items": items, "invoiceDate": draft.invoice_date, "dueDate": draft.due_date, "poNumber": draft.po_number,
    })
}

fn line(item: &invoicing::Item) -> Value {
    let discount = item.discount.map(|kind| match kind {
        invoicing::DiscountKind::Percentage => "percentage",
        invoicing::DiscountKind::Fixed => "fixed",
    });
    json!({
        "serviceId": item.service_id, "quantity": item.quantity, "description": item.description, "rate": item.rate,
        "isDiscount": discount.is_some(), "discountType": discount, "appliesToItemId": item.applies_to_item_id,
        "appliesToServiceId": item.applies_to_service_id,
    })
}
