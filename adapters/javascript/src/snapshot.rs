//! Evaluates an extension's module in the engine, and returns the memory that results.

use crate::scripts::scripts;
use crate::{BuildError, Engine};
use wasmi::{
    AsContextMut, Caller, Config, Extern, ExternType, Func, Instance, Linker, Memory, MemoryType, Module, Store,
    StoreLimits, StoreLimitsBuilder, Table, Val,
};

/// Memory while modules are evaluated: as much as the default of an execution.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;
/// Instructions while modules are evaluated: some ten seconds of the interpreter.
const FUEL: u64 = 10_000_000_000;
/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: usize = 64 * 1024;

/// Memory of the engine after it has evaluated an extension's module.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) memory: Vec<u8>,
    /// Interfaces of the host that the module imports, without versions.
    pub imports: Vec<String>,
}

impl Snapshot {
    /// Returns the number of pages of memory that an execution starts with.
    pub(crate) fn pages(&self) -> u64 {
        self.memory.len().div_ceil(PAGE_BYTES) as u64
    }
}

/// Evaluates a module. `positions` translates positions in it to those of the author's files, in the
/// format of `guest-sdk/js/engine/src/source_map.rs`.
///
/// The same source gives the same snapshot: there is no clock and no randomness.
///
/// # Errors
/// Returns [`BuildError::Module`] if the module fails or has no handler, [`BuildError::Limit`] if it
/// does not end.
pub fn evaluate(engine: &Engine, source: &[u8], positions: &str) -> Result<Snapshot, BuildError> {
    let mut run = Run::begin(engine)?;
    let scripts = run.pass(scripts().as_bytes())?;
    run.step("alga_prepare", &[scripts.0, scripts.1])?
        .map_err(BuildError::Internal)?;
    let (source, positions) = (run.pass(source)?, run.pass(positions.as_bytes())?);
    let imports = run
        .step("alga_evaluate", &[source.0, source.1, positions.0, positions.1])?
        .map_err(BuildError::Module)?;
    let imports = imports.lines().map(ToOwned::to_owned).collect();
    let memory = run.memory.data(&run.store).to_vec();
    Ok(Snapshot { memory, imports })
}

/// An instance of the engine in the interpreter.
struct Run {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
}

impl Run {
    fn begin(engine: &Engine) -> Result<Self, BuildError> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let interpreter = wasmi::Engine::new(&config);
        let module = Module::new(&interpreter, engine.built).map_err(BuildError::internal)?;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = Store::new(&interpreter, limits);
        store.limiter(|limits| limits);
        store.set_fuel(FUEL).map_err(BuildError::internal)?;
        let (linker, memory) = linker(&module, &mut store)?;
        let instance = linker
            .instantiate_and_start(&mut store, &module)
            .map_err(BuildError::internal)?;
        Ok(Self {
            store,
            instance,
            memory,
        })
    }

    fn call(&mut self, name: &str, arguments: &[i32]) -> Result<i32, BuildError> {
        let function = self.instance.get_func(&self.store, name);
        let function = function.ok_or_else(|| BuildError::Internal(format!("the engine has no function {name}")))?;
        let arguments: Vec<Val> = arguments.iter().map(|argument| Val::I32(*argument)).collect();
        let mut results = [Val::I32(0)];
        let called = function.call(&mut self.store, &arguments, &mut results);
        called.map_err(|error| BuildError::Limit(reason(&error)))?;
        let [Val::I32(result)] = results else {
            return Err(BuildError::Internal(format!("{name} has returned no address")));
        };
        Ok(result)
    }

    /// Calls a function whose result is `ok` or `error` in a line, and a text.
    fn step(&mut self, name: &str, arguments: &[i32]) -> Result<Result<String, String>, BuildError> {
        let address = self.call(name, arguments)?;
        let text = self.text(address)?;
        let (verdict, rest) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(match verdict {
            "ok" => Ok(rest.to_owned()),
            _ => Err(rest.to_owned()),
        })
    }

    /// Copies bytes into the engine's memory; returns their address and length.
    fn pass(&mut self, bytes: &[u8]) -> Result<(i32, i32), BuildError> {
        let length = i32::try_from(bytes.len()).map_err(BuildError::internal)?;
        let address = self.call("alga_allocate", &[length])?;
        let at = usize::try_from(address).map_err(BuildError::internal)?;
        self.memory
            .write(&mut self.store, at, bytes)
            .map_err(BuildError::internal)?;
        Ok((address, length))
    }

    /// Reads a text with its length before it.
    fn text(&self, address: i32) -> Result<String, BuildError> {
        let at = usize::try_from(address).map_err(BuildError::internal)?;
        let mut length = [0; 4];
        self.memory
            .read(&self.store, at, &mut length)
            .map_err(BuildError::internal)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(BuildError::internal)?;
        let bytes = self
            .memory
            .data(&self.store)
            .get(at + 4..)
            .and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or_else(|| BuildError::Internal("a result lies outside of the memory".to_owned()))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn reason(error: &wasmi::Error) -> String {
    match error.as_trap_code() {
        Some(wasmi::TrapCode::OutOfFuel) => "they did not end in time".to_owned(),
        Some(wasmi::TrapCode::UnreachableCodeReached) => {
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
