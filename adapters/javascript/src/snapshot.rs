//! Evaluates an extension's module in the engine, and returns the memory that results.

use crate::scripts::SCRIPTS;
use crate::{BuildError, Engine};
use std::ops::Range;
use wasmi::{
    AsContextMut, Caller, Config, Extern, ExternType, Func, Instance, Linker, Memory, MemoryType, Module, Store,
    StoreLimits, StoreLimitsBuilder, Table, Val,
};

/// Memory while modules are compiled and evaluated: more than an execution has, because compiling
/// needs several times the size of the source. What is left must fit into an execution.
const MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// Instructions for compiling, which always ends: enough for several megabytes of source.
const COMPILE_FUEL: u64 = 60_000_000_000;
/// Instructions for evaluating modules, which may not end: some seconds of the interpreter.
const EVALUATE_FUEL: u64 = 5_000_000_000;
/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: usize = 64 * 1024;
/// Bytes before the end of the reserve in which the allocator's records of it begin.
const RECORD_BYTES: usize = 64;
/// Pages in which an execution allocates first (`guest-sdk/js/engine/src/memory.rs`).
const EXECUTION_PAGES: usize = 2;
/// Name of the extension's module, as stacks show it.
const EXTENSION: &str = "extension.js";

/// Memory of the engine after it has evaluated an extension's module.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) memory: Vec<u8>,
    /// Interfaces that the component imports, without versions.
    pub imports: Vec<String>,
}

impl Snapshot {
    /// Returns the number of pages of memory that an execution starts with.
    pub(crate) fn pages(&self) -> u64 {
        self.memory.len().div_ceil(PAGE_BYTES) as u64
    }
}

/// Evaluates a module. `positions` translates positions in it to those of the author's files, in
/// the format of `guest-sdk/js/engine/src/source_map.rs`.
///
/// The same source gives the same snapshot: there is no clock and no randomness.
///
/// # Errors
/// Returns [`BuildError::Module`] if the module fails or has no handler, [`BuildError::Limit`] if
/// it does not end.
pub fn evaluate(engine: &Engine, source: &[u8], positions: &str) -> Result<Snapshot, BuildError> {
    let mut compiler = Run::begin(engine, COMPILE_FUEL)?;
    let scripts = compiler.compiled_scripts()?;
    let module = compiler.compile(EXTENSION, source, true)?.map_err(BuildError::Module)?;
    drop(compiler);
    let mut run = Run::begin(engine, EVALUATE_FUEL)?;
    run.reserve()?;
    let scripts = run.pass(&scripts)?;
    run.step("alga_prepare", &[scripts.0, scripts.1])?
        .map_err(|failed| BuildError::Internal(text(failed)))?;
    let (module, positions) = (run.pass(&module)?, run.pass(positions.as_bytes())?);
    let imports = run
        .step("alga_evaluate", &[module.0, module.1, positions.0, positions.1])?
        .map_err(|failed| BuildError::Module(text(failed)))?;
    let imports = text(imports).lines().map(ToOwned::to_owned).collect();
    let memory = run.sealed()?;
    Ok(Snapshot { memory, imports })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// An instance of the engine in the interpreter.
struct Run {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    /// Addresses and lengths of arguments and results.
    passed: Vec<(usize, usize)>,
    /// Place of the records that the allocator of the build has of its reserve, which no execution
    /// needs.
    records: Range<usize>,
    /// Bytes of memory when nothing but arguments and results was added to the reserve.
    expected: usize,
}

impl Run {
    fn begin(engine: &Engine, fuel: u64) -> Result<Self, BuildError> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let interpreter = wasmi::Engine::new(&config);
        let module = Module::new(&interpreter, engine.built).map_err(BuildError::internal)?;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = Store::new(&interpreter, limits);
        store.limiter(|limits| limits);
        store.set_fuel(fuel).map_err(BuildError::internal)?;
        let (linker, memory) = linker(&module, &mut store)?;
        let instance = linker
            .instantiate_and_start(&mut store, &module)
            .map_err(BuildError::internal)?;
        Ok(Self {
            store,
            instance,
            memory,
            passed: Vec::new(),
            records: 0..0,
            expected: 0,
        })
    }

    fn call(&mut self, name: &str, arguments: &[i32], results: &mut [Val]) -> Result<(), BuildError> {
        let function = self.instance.get_func(&self.store, name);
        let function = function.ok_or_else(|| BuildError::Internal(format!("the engine has no function {name}")))?;
        let arguments: Vec<Val> = arguments.iter().map(|argument| Val::I32(*argument)).collect();
        let called = function.call(&mut self.store, &arguments, results);
        called.map_err(|error| BuildError::Limit(reason(&error)))
    }

    /// Reserves memory for what remains.
    fn reserve(&mut self) -> Result<(), BuildError> {
        let end = self.address("alga_begin", &[])?;
        self.expected = self.memory.data(&self.store).len();
        self.records = end.saturating_sub(RECORD_BYTES)..self.expected;
        Ok(())
    }

    /// Calls a function that returns an address.
    fn address(&mut self, name: &str, arguments: &[i32]) -> Result<usize, BuildError> {
        let mut results = [Val::I32(0)];
        self.call(name, arguments, &mut results)?;
        match results {
            [Val::I32(address)] => Ok(address.cast_unsigned() as usize),
            _ => Err(BuildError::Internal(format!("{name} has returned no address"))),
        }
    }

    /// Calls a function whose result is `ok` or `error` in a line, and its content.
    fn step(&mut self, name: &str, arguments: &[i32]) -> Result<Result<Vec<u8>, Vec<u8>>, BuildError> {
        let address = self.address(name, arguments)?;
        let result = self.result(address)?;
        Ok(match result.strip_prefix(b"ok\n") {
            Some(content) => Ok(content.to_vec()),
            None => Err(result.strip_prefix(b"error\n").unwrap_or(&result).to_vec()),
        })
    }

    fn compile(
        &mut self,
        name: &str,
        source: &[u8],
        has_positions: bool,
    ) -> Result<Result<Vec<u8>, String>, BuildError> {
        let (name, source) = (self.pass(name.as_bytes())?, self.pass(source)?);
        let compiled = self.step(
            "alga_compile",
            &[name.0, name.1, source.0, source.1, i32::from(has_positions)],
        )?;
        Ok(compiled.map_err(text))
    }

    /// Compiles the scripts of the web's interfaces; returns each after a line with its name and
    /// its length in bytes.
    fn compiled_scripts(&mut self) -> Result<Vec<u8>, BuildError> {
        let mut all = Vec::new();
        for (name, source) in SCRIPTS {
            let compiled = self
                .compile(name, source.as_bytes(), false)?
                .map_err(BuildError::Internal)?;
            all.extend(format!("{name} {}\n", compiled.len()).into_bytes());
            all.extend(compiled);
        }
        Ok(all)
    }

    /// Copies bytes into the engine's memory; returns their address and length.
    fn pass(&mut self, bytes: &[u8]) -> Result<(i32, i32), BuildError> {
        let length = i32::try_from(bytes.len()).map_err(BuildError::internal)?;
        let at = self.address("alga_allocate", &[length])?;
        self.note(at, bytes.len());
        self.memory
            .write(&mut self.store, at, bytes)
            .map_err(BuildError::internal)?;
        Ok((i32::try_from(at).map_err(BuildError::internal)?, length))
    }

    /// Notes an argument or a result, which the engine allocates in pages of its own.
    fn note(&mut self, at: usize, length: usize) {
        self.passed.push((at, length));
        self.expected += length.next_multiple_of(PAGE_BYTES);
    }

    /// Reads bytes with their length before them.
    fn result(&mut self, at: usize) -> Result<Vec<u8>, BuildError> {
        let mut length = [0; 4];
        self.memory
            .read(&self.store, at, &mut length)
            .map_err(BuildError::internal)?;
        let length = u32::from_le_bytes(length) as usize;
        self.note(at, length + 4);
        let bytes = self
            .memory
            .data(&self.store)
            .get(at + 4..)
            .and_then(|rest| rest.get(..length));
        let bytes = bytes.map(<[u8]>::to_vec);
        bytes.ok_or_else(|| BuildError::Internal("a result lies outside of the memory".to_owned()))
    }

    /// Ends the build, and returns the memory with which executions begin: what is in use, and the
    /// region in which they allocate.
    fn sealed(mut self) -> Result<Vec<u8>, BuildError> {
        let in_use = |memory: &[u8]| memory.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.wipe_scratch();
        self.wipe_records();
        let end = in_use(self.memory.data(&self.store)).next_multiple_of(PAGE_BYTES);
        let address = i32::try_from(end).map_err(BuildError::internal)?;
        self.call("alga_seal", &[address], &mut [])?;
        let mut memory = self.memory.data(&self.store).to_vec();
        memory.resize(end + EXECUTION_PAGES * PAGE_BYTES, 0);
        Ok(memory)
    }

    /// Removes the allocator's records behind what remains, unless something is there: an extension
    /// that needs more than the reserve.
    fn wipe_records(&mut self) {
        let (records, is_within) = (
            self.records.clone(),
            self.memory.data(&self.store).len() == self.expected,
        );
        let memory = self.memory.data_mut(&mut self.store);
        let before = memory.get(records.start.saturating_sub(PAGE_BYTES)..records.start);
        let is_free = before.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
        if let Some(bytes) = memory.get_mut(records).filter(|_| is_within && is_free) {
            bytes.fill(0);
        }
    }

    /// Removes arguments and results from the memory. Nothing that remains refers to them.
    fn wipe_scratch(&mut self) {
        for (start, length) in std::mem::take(&mut self.passed) {
            let memory = self.memory.data_mut(&mut self.store);
            if let Some(bytes) = memory.get_mut(start..start + length) {
                bytes.fill(0);
            }
        }
    }
}

fn reason(error: &wasmi::Error) -> String {
    match error.as_trap_code() {
        Some(wasmi::TrapCode::OutOfFuel) => "they did not end in time".to_owned(),
        Some(wasmi::TrapCode::UnreachableCodeReached | wasmi::TrapCode::MemoryOutOfBounds) => {
            format!(
                "they needed more than {} MiB of memory, or failed in the engine",
                MEMORY_BYTES / 1024 / 1024
            )
        }
        _ => format!("{error}"),
    }
}

/// Provides memory and table, and functions that trap in place of the host's.
fn linker(module: &Module, store: &mut Store<StoreLimits>) -> Result<(Linker<StoreLimits>, Memory), BuildError> {
    let mut linker = Linker::new(store.engine());
    let mut memory = None;
    for import in module.imports() {
        let (namespace, name) = (import.module(), import.name());
        let provided: Extern = match import.ty() {
            ExternType::Memory(of) => {
                let of = MemoryType::new(u32::try_from(of.minimum()).unwrap_or(u32::MAX), None);
                let created = Memory::new(store.as_context_mut(), of).map_err(BuildError::internal)?;
                memory = Some(created);
                created.into()
            }
            ExternType::Table(of) => Table::new(store.as_context_mut(), *of, Val::default(of.element()))
                .map_err(BuildError::internal)?
                .into(),
            ExternType::Func(of) => {
                let called = format!("{name} of {namespace} was called");
                let trap = move |_: Caller<'_, StoreLimits>, _: &[Val], _: &mut [Val]| {
                    Err(wasmi::Error::new(format!("{called}, but there is no host")))
                };
                Func::new(store.as_context_mut(), of.clone(), trap).into()
            }
            ExternType::Global(_) => {
                return Err(BuildError::Internal(format!("the engine imports the global {name}")));
            }
        };
        linker.define(namespace, name, provided).map_err(BuildError::internal)?;
    }
    let memory = memory.ok_or_else(|| BuildError::Internal("the engine imports no memory".to_owned()))?;
    Ok((linker, memory))
}
