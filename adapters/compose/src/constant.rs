//! The bytes of a function's result, laid out by the canonical ABI (Component Model,
//! `CanonicalABI.md`, "Storing").

use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind};

/// Names of error cases that mean "access denied", most specific first.
const REFUSALS: [&str; 6] = [
    "denied",
    "access-denied",
    "access",
    "HTTP-request-denied",
    "not-permitted",
    "not-supported",
];

/// A result in memory layout: its bytes, and the offset of the pointer to the reason, if the result
/// contains one.
pub(crate) struct Constant {
    pub(crate) bytes: Vec<u8>,
    pub(crate) align: usize,
    pub(crate) reason_at: Option<usize>,
}

/// Returns the constant that a function with this result type returns, or `None` if there is none:
/// its error type has no case for denial, or the value would contain a resource.
pub(crate) fn constant_result(resolve: &Resolve, sizes: &SizeAlign, result: &Type) -> Option<Constant> {
    let mut constant = Constant {
        bytes: vec![0; sizes.size(result).size_wasm32()],
        align: sizes.align(result).align_wasm32(),
        reason_at: None,
    };
    if let Some(TypeDefKind::Result(types)) = kind(resolve, result)
        && let Some(error) = &types.err
    {
        // `err` is the second case; the offset of its payload depends on both payload types.
        let at = sizes
            .payload_offset(wit_parser::Int::U8, [types.ok.as_ref(), Some(error)])
            .size_wasm32();
        if refuse(resolve, sizes, error, at, &mut constant) {
            *constant.bytes.first_mut()? = 1;
            return Some(constant);
        }
        return None;
    }
    // Numbers are 0, lists and strings are empty, options are `none`, and variants are their first
    // case, if its payload is empty, too.
    has_empty(resolve, result).then_some(constant)
}

/// Writes the refusal case of an error type at this offset. Returns false if the type has none.
fn refuse(resolve: &Resolve, sizes: &SizeAlign, error: &Type, at: usize, constant: &mut Constant) -> bool {
    match kind(resolve, error) {
        Some(TypeDefKind::Enum(cases)) => {
            let names = cases.cases.iter().map(|case| case.name.as_str());
            best(names).is_some_and(|index| put_tag(constant, at, index))
        }
        Some(TypeDefKind::Variant(cases)) => {
            let names = cases.cases.iter().map(|case| case.name.as_str());
            let Some(index) = best(names) else { return false };
            let payload = cases.cases.get(index).and_then(|case| case.ty);
            if payload.is_some_and(|payload| !matches!(payload, Type::String) && !has_empty(resolve, &payload)) {
                return false;
            }
            if payload == Some(Type::String) {
                let types = cases.cases.iter().map(|case| case.ty.as_ref());
                constant.reason_at = Some(at + sizes.payload_offset(cases.tag(), types).size_wasm32());
            }
            put_tag(constant, at, index)
        }
        _ => false,
    }
}

fn best<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<usize> {
    let names: Vec<&str> = names.into_iter().collect();
    REFUSALS
        .iter()
        .find_map(|refusal| names.iter().position(|name| name == refusal))
}

/// Writes a discriminant in one byte; the other bytes stay 0. The variants of `alga:` and `wasi:`
/// interfaces have fewer than 256 cases.
fn put_tag(constant: &mut Constant, at: usize, index: usize) -> bool {
    match (constant.bytes.get_mut(at), u8::try_from(index)) {
        (Some(byte), Ok(tag)) => {
            *byte = tag;
            true
        }
        _ => false,
    }
}

/// True if all zero bytes are a value of the type.
fn has_empty(resolve: &Resolve, of: &Type) -> bool {
    match kind(resolve, of) {
        None => !matches!(of, Type::ErrorContext),
        Some(TypeDefKind::Record(record)) => record.fields.iter().all(|field| has_empty(resolve, &field.ty)),
        Some(TypeDefKind::Tuple(tuple)) => tuple.types.iter().all(|item| has_empty(resolve, item)),
        Some(TypeDefKind::Variant(variant)) => {
            let first = variant.cases.first().and_then(|case| case.ty);
            first.is_none_or(|payload| has_empty(resolve, &payload))
        }
        Some(TypeDefKind::Flags(_) | TypeDefKind::Enum(_) | TypeDefKind::Option(_) | TypeDefKind::List(_)) => true,
        Some(_) => false,
    }
}

/// Returns the definition of a type behind its aliases, or `None` for a primitive type.
fn kind<'a>(resolve: &'a Resolve, of: &Type) -> Option<&'a TypeDefKind> {
    let Type::Id(id) = of else { return None };
    match &resolve.types.get(*id)?.kind {
        TypeDefKind::Type(inner @ Type::Id(_)) => kind(resolve, inner),
        TypeDefKind::Type(_) => None,
        other => Some(other),
    }
}
