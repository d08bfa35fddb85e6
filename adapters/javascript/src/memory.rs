//! The module of a component that has the snapshot's memory.

use crate::Snapshot;
use crate::interface::{Interface, Signature, add_type, memory_of, trap};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, FunctionSection, MemorySection, Module,
    ProducersField, ProducersSection, TableSection, TypeSection,
};

/// Zero bytes between two pieces of data that are not worth two pieces.
const GAP_BYTES: usize = 64;

/// Returns the name of the function that traps in place of an import.
pub(crate) fn trap_name(import: &Signature) -> String {
    format!("without {} {}", import.module, import.name)
}

/// Makes the module that has the memory and the table, under the names by which the engine imports
/// them, and functions that trap in place of those of interfaces that are not imported.
pub(crate) fn memory_module(interface: &Interface, snapshot: &Snapshot, left_out: &[String]) -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("__indirect_function_table", ExportKind::Table, 0);
    for (index, import) in (0_u32..).zip(interface.imports_of(left_out)) {
        add_type(&mut types, &import.of);
        functions.function(index);
        code.function(&trap());
        exports.export(&trap_name(import), ExportKind::Func, index);
    }
    let (mut memories, mut tables) = (MemorySection::new(), TableSection::new());
    memories.memory(memory_of(snapshot.pages()));
    if let Some(table) = interface.table {
        tables.table(table);
    }
    let data = data(&snapshot.memory);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&exports)
        .section(&code)
        .section(&data)
        .section(&producers());
    module.finish()
}

/// Describes what made the component (tool conventions, `ProducersSection`).
fn producers() -> ProducersSection {
    let (mut language, mut tool) = (ProducersField::new(), ProducersField::new());
    language.value("JavaScript", "");
    tool.value(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let mut producers = ProducersSection::new();
    producers.field("language", &language).field("processed-by", &tool);
    producers
}

/// Returns the pieces of a memory that are not zero.
fn data(memory: &[u8]) -> DataSection {
    let mut section = DataSection::new();
    let (mut rest, mut at) = (memory, 0_usize);
    while let Some(start) = rest.iter().position(|byte| *byte != 0) {
        let from = rest.get(start..).unwrap_or_default();
        let (piece, after) = from.split_at(piece(from));
        at += start;
        let offset = u32::try_from(at).unwrap_or(u32::MAX).cast_signed();
        section.active(0, &ConstExpr::i32_const(offset), piece.iter().copied());
        at += piece.len();
        rest = after;
    }
    section
}

/// Returns the length of a piece that begins here: until a gap of zeros, without it.
fn piece(bytes: &[u8]) -> usize {
    let mut end = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if *byte != 0 {
            end = index + 1;
        } else if index - end >= GAP_BYTES {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_at_gaps_and_have_no_zeros_at_their_ends() {
        let gap = [0; GAP_BYTES + 1];
        assert_eq!(piece(&[1, 0, 0, 2, 0, 0]), 4);
        assert_eq!(piece(&[&[1, 2][..], &gap, &[3]].concat()), 2);
        assert_eq!(data(&[&gap[..], &[1], &gap, &[2], &gap].concat()).len(), 2);
        assert_eq!(data(&gap).len(), 0);
    }
}
