//! The engine: as it is built, and as hosts compile it.

use crate::BuildError;
use alga_bundle::{Digest, engine_import_name};
use std::ops::Range;
use std::sync::LazyLock;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{Parser, Payload};

/// All engines of this version, the newest last. `cargo xtask engine` builds the newest one; an
/// engine that was released stays beside it, because bundles name it by its digest.
const BUILT: [&[u8]; 1] = [include_bytes!("../dist/engine.wasm")];
/// Exports that an execution needs.
const EXPORTS: [&str; 2] = [REALLOC, HANDLE];
pub(crate) const REALLOC: &str = "cabi_realloc";
pub(crate) const HANDLE: &str = "wasi:http/incoming-handler@0.2.12#handle";

/// The engine of this version.
#[derive(Debug)]
pub struct Engine {
    /// The engine as it is built, with its initial memory.
    pub(crate) built: &'static [u8],
    /// The engine without initial memory: what hosts compile.
    module: Vec<u8>,
    digest: Digest,
    name: String,
}

impl Engine {
    /// Returns the newest engine, for which extensions are built.
    ///
    /// # Errors
    /// Returns [`BuildError::Internal`] if the engine that is part of this program is damaged.
    pub fn current() -> Result<&'static Self, BuildError> {
        let newest = Self::all()?.last();
        newest.ok_or_else(|| BuildError::Internal("this program has no engine".to_owned()))
    }

    /// Returns the engine with this import name, if it is part of this version.
    ///
    /// # Errors
    /// Returns [`BuildError::Internal`] if an engine that is part of this program is damaged.
    pub fn with_import_name(name: &str) -> Result<Option<&'static Self>, BuildError> {
        Ok(Self::all()?.iter().find(|engine| engine.name == name))
    }

    fn all() -> Result<&'static [Self], BuildError> {
        static ALL: LazyLock<Result<Vec<Engine>, String>> = LazyLock::new(|| {
            let all: anyhow::Result<Vec<Engine>> = BUILT.into_iter().map(Engine::new).collect();
            all.map_err(|error| format!("{error:#}"))
        });
        let all = ALL.as_ref().map(Vec::as_slice);
        all.map_err(|error| BuildError::Internal(error.clone()))
    }

    fn new(built: &'static [u8]) -> anyhow::Result<Self> {
        let module = without_memory(built)?;
        let digest = Digest::of(&module);
        let name = engine_import_name(&digest);
        Ok(Self {
            built,
            module,
            digest,
            name,
        })
    }

    /// Returns the core module that hosts compile.
    #[must_use]
    pub fn module(&self) -> &[u8] {
        &self.module
    }

    /// Returns the digest of the core module.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the name under which components import the engine.
    #[must_use]
    pub fn import_name(&self) -> &str {
        &self.name
    }
}

/// Removes the initial memory, and whatever an execution does not need: a snapshot has the memory,
/// as it is after initialization.
fn without_memory(built: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(built) {
        let payload = payload?;
        match &payload {
            Payload::DataSection(_) | Payload::DataCountSection { .. } | Payload::StartSection { .. } => {}
            Payload::CustomSection(_) => {}
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section.clone() {
                    let export = export?;
                    if EXPORTS.contains(&export.name) {
                        RoundtripReencoder.parse_export(&mut exports, export)?;
                    }
                }
                // Connections of a component refer to the memory of the engine's instance.
                exports.export("memory", ExportKind::Memory, 0);
                module.section(&exports);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = bytes_of(built, &range);
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(module.finish())
}

/// Returns the bytes of a section.
pub(crate) fn bytes_of<'a>(all: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    all.get(bound(range.start)..bound(range.end)).unwrap_or_default()
}
