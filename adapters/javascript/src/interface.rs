//! Imports and exports of the engine.

use crate::engine::{HANDLE, REALLOC};
use anyhow::{Context, Result};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, Instruction,
    MemorySection, MemoryType, Module, ModuleType, TableType, TypeSection, ValType,
};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef};

/// A function with its type.
pub(crate) struct Signature {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) of: FuncType,
}

/// Imports and exports of a core module.
#[derive(Default)]
pub(crate) struct Interface {
    pub(crate) imports: Vec<Signature>,
    pub(crate) exports: Vec<Signature>,
    pub(crate) table: Option<TableType>,
    pub(crate) memory: Option<MemoryType>,
}

impl Interface {
    pub(crate) fn of(module: &[u8]) -> Result<Self> {
        let mut interface = Self::default();
        let (mut types, mut functions): (Vec<FuncType>, Vec<u32>) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if let TypeRef::Func(index) = import.ty {
                            functions.push(index);
                        }
                        interface.note_import(&import, &types)?;
                    }
                }
                Payload::FunctionSection(section) => {
                    for index in section {
                        functions.push(index?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            let index = functions
                                .get(export.index as usize)
                                .context("an export is no function")?;
                            interface.exports.push(signature("", export.name, *index, &types)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(interface)
    }

    fn note_import(&mut self, import: &wasmparser::Import<'_>, types: &[FuncType]) -> Result<()> {
        match import.ty {
            TypeRef::Func(index) => self.imports.push(signature(import.module, import.name, index, types)?),
            TypeRef::Table(of) => self.table = Some(RoundtripReencoder.table_type(of)?),
            TypeRef::Memory(of) => self.memory = Some(RoundtripReencoder.memory_type(of)?),
            _ => {}
        }
        Ok(())
    }

    /// Returns the functions of these interfaces.
    pub(crate) fn imports_of<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = &'a Signature> {
        self.imports.iter().filter(|import| names.contains(&import.module))
    }

    /// Returns a module with the same functions, without code, a memory of its own, and without the
    /// imports of these interfaces.
    pub(crate) fn skeleton(&self, left_out: &[String]) -> Vec<u8> {
        let (mut types, mut imports, mut functions) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new());
        let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
        let mut count = 0_u32;
        for import in self.imports.iter().filter(|import| !left_out.contains(&import.module)) {
            add_type(&mut types, &import.of);
            imports.import(&import.module, &import.name, EntityType::Function(count));
            count += 1;
        }
        for export in self
            .exports
            .iter()
            .filter(|export| [HANDLE, REALLOC].contains(&export.name.as_str()))
        {
            add_type(&mut types, &export.of);
            functions.function(count);
            exports.export(&export.name, ExportKind::Func, count);
            code.function(&trap());
            count += 1;
        }
        exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        memories.memory(memory_of(1));
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code);
        module.finish()
    }

    /// Returns the type of the module, as a component imports it.
    pub(crate) fn module_type(&self) -> ModuleType {
        let mut of = ModuleType::new();
        let mut count = 0_u32;
        let mut function = |of: &mut ModuleType, signature: &Signature| {
            let (parameters, results) = (signature.of.params(), signature.of.results());
            of.ty()
                .function(parameters.iter().map(value_type), results.iter().map(value_type));
            count += 1;
            EntityType::Function(count - 1)
        };
        for import in &self.imports {
            let entity = function(&mut of, import);
            of.import(&import.module, &import.name, entity);
        }
        for export in &self.exports {
            let entity = function(&mut of, export);
            of.export(&export.name, entity);
        }
        if let (Some(memory), Some(table)) = (self.memory, self.table) {
            of.import("env", "memory", memory.into());
            of.import("env", "__indirect_function_table", table.into());
            of.export("memory", memory.into());
        }
        of
    }
}

fn signature(module: &str, name: &str, index: u32, types: &[FuncType]) -> Result<Signature> {
    Ok(Signature {
        module: module.to_owned(),
        name: name.to_owned(),
        of: types.get(index as usize).context("a function has no type")?.clone(),
    })
}

/// Returns a memory without a maximum.
pub(crate) fn memory_of(minimum: u64) -> MemoryType {
    MemoryType {
        minimum,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

pub(crate) fn add_type(types: &mut TypeSection, of: &FuncType) {
    let (parameters, results) = (of.params(), of.results());
    types
        .ty()
        .function(parameters.iter().map(value_type), results.iter().map(value_type));
}

/// Returns a function that traps.
pub(crate) fn trap() -> Function {
    let mut function = Function::new([]);
    function
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End);
    function
}

fn value_type(of: &wasmparser::ValType) -> ValType {
    match of {
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        _ => ValType::I32,
    }
}
