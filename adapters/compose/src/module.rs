//! Generates a core module whose functions return constants.
//!
//! ```text
//! memory    results, each at the address that its function returns; strings; callers' arguments
//! function  discards the arguments of earlier calls; returns the address of its result
//! ```

use crate::constant::{Constant, constant_result};
use anyhow::{Result, bail};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Instruction, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, SizeAlign};

/// The address of the first result; lower addresses stay unused, because 0 is the null pointer.
const FIRST: usize = 16;
/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: usize = 65_536;
/// The index of the only global: the address where the next argument of a caller is allocated.
const FREE: u32 = 0;

/// A builder for the functions of the module.
pub(crate) struct Functions<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    memory: Vec<u8>,
    functions: Vec<Denying>,
}

struct Denying {
    name: String,
    signature: WasmSignature,
    body: Body,
}

enum Body {
    Nothing,
    /// The address of a result, or the result itself if it is a single number.
    Constant(i32),
    Trap,
}

impl<'a> Functions<'a> {
    pub(crate) fn new(resolve: &'a Resolve, sizes: &'a SizeAlign) -> Self {
        Self {
            resolve,
            sizes,
            memory: vec![0; FIRST],
            functions: Vec::new(),
        }
    }

    /// Adds a function that is exported under this name.
    pub(crate) fn add(&mut self, name: &str, function: &wit_parser::Function, reason: &str) -> Result<()> {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let body = match &function.result {
            None => Body::Nothing,
            Some(result) => match constant_result(self.resolve, self.sizes, result) {
                Some(constant) if signature.retptr => Body::Constant(self.put(constant, reason)?),
                // A single number: the first byte is the whole result, because only a discriminant
                // is not 0.
                Some(constant) if matches!(signature.results.as_slice(), [WasmType::I32]) => {
                    Body::Constant(constant.bytes.first().copied().unwrap_or_default().into())
                }
                _ => Body::Trap,
            },
        };
        self.functions.push(Denying {
            name: name.to_owned(),
            signature,
            body,
        });
        Ok(())
    }

    /// Appends a result to the memory and returns its address.
    fn put(&mut self, mut constant: Constant, reason: &str) -> Result<i32> {
        if let Some(at) = constant.reason_at {
            let address = u32::try_from(self.memory.len())?;
            self.memory.extend_from_slice(reason.as_bytes());
            let length = u32::try_from(reason.len())?;
            let pair: Vec<u8> = address.to_le_bytes().into_iter().chain(length.to_le_bytes()).collect();
            let Some(target) = constant.bytes.get_mut(at..at + pair.len()) else {
                bail!("the error's text lies outside the layout of its result");
            };
            target.copy_from_slice(&pair);
        }
        self.memory
            .resize(self.memory.len().next_multiple_of(constant.align.max(8)), 0);
        let address = i32::try_from(self.memory.len())?;
        self.memory.append(&mut constant.bytes);
        Ok(address)
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        self.memory.resize(self.memory.len().next_multiple_of(16), 0);
        let free = i32::try_from(self.memory.len())?;
        let (mut types, mut functions, mut exports, mut code) = (
            TypeSection::new(),
            FunctionSection::new(),
            ExportSection::new(),
            CodeSection::new(),
        );
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        functions.function(0);
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("cabi_realloc", ExportKind::Func, 0);
        code.function(&reallocate());
        for (index, function) in (1_u32..).zip(&self.functions) {
            let WasmSignature { params, results, .. } = &function.signature;
            types
                .ty()
                .function(params.iter().map(value_type), results.iter().map(value_type));
            functions.function(index);
            exports.export(&function.name, ExportKind::Func, index);
            code.function(&function.body.code(free));
        }
        let pages = self.memory.len().div_ceil(PAGE_BYTES) as u64;
        let (mut memories, mut globals, mut data) = (MemorySection::new(), GlobalSection::new(), DataSection::new());
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        globals.global(
            GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            },
            &ConstExpr::i32_const(free),
        );
        data.active(0, &ConstExpr::i32_const(0), self.memory);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&code)
            .section(&data);
        Ok(module.finish())
    }
}

impl Body {
    fn code(&self, free: i32) -> Function {
        let mut function = Function::new([]);
        // The caller's arguments are not read: free their memory.
        function
            .instruction(&Instruction::I32Const(free))
            .instruction(&Instruction::GlobalSet(FREE));
        match self {
            Self::Nothing => &mut function,
            Self::Constant(number) => function.instruction(&Instruction::I32Const(*number)),
            Self::Trap => function.instruction(&Instruction::Unreachable),
        };
        function.instruction(&Instruction::End);
        function
    }
}

fn value_type(of: &WasmType) -> ValType {
    match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}

/// Generates `cabi_realloc(old, old-size, align, new-size)`: it always allocates behind the last
/// allocation and grows the memory as needed. It does not copy the old bytes, because the functions
/// never read their arguments.
fn reallocate() -> Function {
    const ALIGN: u32 = 2;
    const SIZE: u32 = 3;
    const ADDRESS: u32 = 4;
    let mut function = Function::new([(1, ValType::I32)]);
    let end_in_pages = |function: &mut Function| {
        // (free + 65535) / 65536, without overflow: free / 65536 + 1.
        function
            .instruction(&Instruction::GlobalGet(FREE))
            .instruction(&Instruction::I32Const(16))
            .instruction(&Instruction::I32ShrU)
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::I32Add);
    };
    // address = (free + align - 1) & -align
    function
        .instruction(&Instruction::GlobalGet(FREE))
        .instruction(&Instruction::LocalGet(ALIGN))
        .instruction(&Instruction::I32Add)
        .instruction(&Instruction::I32Const(1))
        .instruction(&Instruction::I32Sub)
        .instruction(&Instruction::I32Const(0))
        .instruction(&Instruction::LocalGet(ALIGN))
        .instruction(&Instruction::I32Sub)
        .instruction(&Instruction::I32And)
        .instruction(&Instruction::LocalTee(ADDRESS))
        .instruction(&Instruction::LocalGet(SIZE))
        .instruction(&Instruction::I32Add)
        .instruction(&Instruction::GlobalSet(FREE));
    // A sum that overflowed is smaller than its first operand.
    function
        .instruction(&Instruction::GlobalGet(FREE))
        .instruction(&Instruction::LocalGet(ADDRESS))
        .instruction(&Instruction::I32LtU)
        .instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End);
    end_in_pages(&mut function);
    function
        .instruction(&Instruction::MemorySize(0))
        .instruction(&Instruction::I32GtU)
        .instruction(&Instruction::If(BlockType::Empty));
    end_in_pages(&mut function);
    function
        .instruction(&Instruction::MemorySize(0))
        .instruction(&Instruction::I32Sub)
        .instruction(&Instruction::MemoryGrow(0))
        .instruction(&Instruction::I32Const(-1))
        .instruction(&Instruction::I32Eq)
        .instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End)
        .instruction(&Instruction::End);
    function
        .instruction(&Instruction::LocalGet(ADDRESS))
        .instruction(&Instruction::End);
    function
}
