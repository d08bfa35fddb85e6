//! The parts that a composed component consists of: its guest, and the adapters in front of it.

use crate::{ComposeError, function, legacy, standard};
use std::collections::BTreeSet;
use std::ops::Range;
use wasmparser::{Parser, Payload, ProducersSectionReader};

/// Compositions within each other: by `alga pack` three at most, and one at install.
const COMPOSITIONS: usize = 8;
/// Export of a guest of the old world.
const OLD_HANDLER: &str = "handler";
/// Exports of other guests, in any version.
const HANDLERS: [&str; 2] = ["alga:http/handler@", "wasi:http/incoming-handler@"];

/// Kind of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// The component that handles requests.
    Guest,
    /// An adapter of this platform, known by its bytes.
    Adapter,
    /// A component whose bytes are not known: one that was generated for this guest, as a denial
    /// is, or one that its author has composed.
    Component,
}

/// A part of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Kind of the part.
    pub kind: PartKind,
    /// Names that it imports: from other parts, or from the host.
    pub imports: Vec<String>,
    /// Names that it exports: to other parts, or to the host.
    pub exports: Vec<String>,
    /// Size in bytes.
    pub bytes: usize,
    /// Languages and programs that produced it, by its own account, such as `rustc 1.96.0`.
    pub producers: BTreeSet<String>,
}

/// Lists the parts of a component, the guest last. One that was not composed has its guest alone.
///
/// # Errors
/// Returns [`ComposeError`] if the bytes are not a component.
pub fn parts(component: &[u8]) -> Result<Vec<Part>, ComposeError> {
    let mut parts = Vec::new();
    let mut guest = component;
    for _ in 0..COMPOSITIONS {
        let outline = Outline::read(guest)?;
        if outline.has_code {
            // A composition has no code of its own: this is the guest, whatever is within it.
            break;
        }
        let nested = outline.nested.into_iter().filter_map(|range| guest.get(range));
        let nested = nested
            .map(|bytes| Ok((bytes, part(bytes)?)))
            .collect::<Result<Vec<_>, ComposeError>>()?;
        let is_guest = |part: &Part| {
            let is_handler =
                |name: &String| name == OLD_HANDLER || HANDLERS.iter().any(|handler| name.starts_with(handler));
            part.kind == PartKind::Component && part.exports.iter().any(is_handler)
        };
        let Some(inner) = nested.iter().position(|(_, part)| is_guest(part)) else {
            break;
        };
        for (place, (bytes, part)) in nested.into_iter().enumerate() {
            if place == inner {
                guest = bytes;
            } else {
                parts.push(part);
            }
        }
    }
    let kind = PartKind::Guest;
    parts.push(Part { kind, ..part(guest)? });
    Ok(parts)
}

fn part(bytes: &[u8]) -> Result<Part, ComposeError> {
    let Outline {
        imports,
        exports,
        producers,
        ..
    } = Outline::read(bytes)?;
    let is_known = function::is_adapter(bytes) || legacy::is_adapter(bytes) || standard::is_adapter(bytes);
    Ok(Part {
        kind: if is_known {
            PartKind::Adapter
        } else {
            PartKind::Component
        },
        imports,
        exports,
        bytes: bytes.len(),
        producers,
    })
}

/// The outermost level of a component.
#[derive(Default)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    nested: Vec<Range<usize>>,
    /// True if there is a core module beside the nested components.
    has_code: bool,
    /// Those of all levels: toolchains describe the module within the component.
    producers: BTreeSet<String>,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, ComposeError> {
        let mut outline = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(ComposeError::of)?;
            outline.note(&payload, depth).map_err(ComposeError::of)?;
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(outline)
    }

    fn note(&mut self, payload: &Payload<'_>, depth: usize) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ModuleSection { .. } if depth == 1 => self.has_code = true,
            Payload::ComponentSection { unchecked_range, .. } if depth == 1 => {
                let place = |end: u64| usize::try_from(end).unwrap_or(usize::MAX);
                self.nested
                    .push(place(unchecked_range.start)..place(unchecked_range.end));
            }
            Payload::CustomSection(section) if section.name() == "producers" => {
                let reader = wasmparser::BinaryReader::new(section.data(), section.data_offset());
                // Nothing checks this section; one that is not valid is ignored.
                self.producers
                    .extend(ProducersSectionReader::new(reader).into_iter().flat_map(producers));
            }
            _ => {}
        }
        Ok(())
    }
}

fn producers(section: ProducersSectionReader<'_>) -> Vec<String> {
    let fields = section.into_iter().filter_map(Result::ok);
    let values = fields.flat_map(|field| field.values.into_iter().filter_map(Result::ok));
    values
        .map(|value| format!("{} {}", value.name, value.version).trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_an_adapter_by_its_bytes_and_not_by_its_names() {
        let handler = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))"#;
        let text = format!(
            r#"(component
                (component $adapter (instance $own) (export "wasi:logging/logging" (instance $own)))
                (component $guest
                    (import "wasi:logging/logging" (instance))
                    {handler}
                    (instance $out (export "handle" (func $f)))
                    (export "wasi:http/incoming-handler@0.2.12" (instance $out)))
                (instance $a (instantiate $adapter))
                (instance $g (instantiate $guest (with "wasi:logging/logging" (instance $a "wasi:logging/logging"))))
                (export "wasi:http/incoming-handler@0.2.12" (instance $g "wasi:http/incoming-handler@0.2.12")))"#
        );
        let parts = parts(&wat::parse_str(text).unwrap()).unwrap();
        let kinds: Vec<_> = parts.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [PartKind::Component, PartKind::Guest]);
        assert_eq!(parts[1].imports, ["wasi:logging/logging"]);
    }

    #[test]
    fn a_component_with_code_of_its_own_is_the_guest_whatever_it_contains() {
        let text = r#"(component
            (core module $real)
            (component $decoy (instance $own) (export "wasi:http/incoming-handler@0.2.12" (instance $own)))
            (component $other (instance $own) (export "wasi:logging/logging" (instance $own))))"#;
        let parts = parts(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!((parts.len(), parts[0].kind), (1, PartKind::Guest));
        assert!(parts[0].exports.is_empty());
    }

    #[test]
    fn a_component_of_one_part_is_its_guest_and_nonsense_is_refused() {
        let one = parts(&wat::parse_str("(component)").unwrap()).unwrap();
        assert_eq!((one.len(), one[0].kind), (1, PartKind::Guest));
        assert!(parts(b"\0asm nonsense").is_err());
    }
}
