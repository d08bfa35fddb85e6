//! The resources that a component requires of the engine, counted from its bytes in the way the
//! engine counts them: once per instantiation of a core module, including those in nested
//! components.

use crate::shipped_engine;
use alga_limits::{MEMORIES_PER_MODULE, Requirements, TABLES_PER_MODULE};
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Payload, TypeRef,
};

/// Bytes of a page of linear memory (WebAssembly core specification, 4.2.8).
const PAGE_BYTES: u64 = 65_536;
/// Bytes of the runtime's record of an instance without its items: more than wasmtime 48 needs.
const RECORD_BYTES: u64 = 4 * 1024;
/// Bytes in that record of an import, of a function reference, of a defined memory or table.
const ITEM_BYTES: u64 = 32;
/// Bytes that a table element counts for in an execution's memory.
const ELEMENT_BYTES: u64 = 8;
/// Bytes in that record of a global or of a data segment.
const SMALL_ITEM_BYTES: u64 = 16;

/// Least requirements of a module or component that is not known where it is instantiated: as many
/// memories and tables as a module may have.
const UNKNOWN: Requirements = Requirements {
    core_instances: 1,
    memories: MEMORIES_PER_MODULE as u64,
    tables: TABLES_PER_MODULE as u64,
    memories_per_module: 0,
    tables_per_module: 0,
    memory_bytes: 0,
    start_bytes: 0,
    table_elements: 0,
    instance_record_bytes: RECORD_BYTES,
};
/// Requirements of an engine that components share: a test in `adapters/javascript` compares them.
const SHARED_ENGINE: Requirements = Requirements {
    core_instances: 1,
    memories: 0,
    tables: 0,
    memories_per_module: 0,
    tables_per_module: 0,
    memory_bytes: 0,
    start_bytes: 0,
    table_elements: 0,
    instance_record_bytes: 256 * 1024,
};

type Result<T> = std::result::Result<T, BinaryReaderError>;

/// Counts requirements while the payloads of a component are parsed.
#[derive(Default)]
pub(super) struct Counter {
    open: Vec<Frame>,
    /// The maximum of each value over all modules: the assumption for an instance of an unknown
    /// module.
    largest: Requirements,
}

enum Frame {
    Module(Requirements),
    Component(Scope),
}

/// The index spaces of a component that matter for counting. An unknown item is `None`.
#[derive(Default)]
struct Scope {
    modules: Vec<Option<Requirements>>,
    components: Vec<Option<Requirements>>,
    total: Requirements,
}

impl Counter {
    /// Processes the next payload. Returns the requirements at the end of the outermost component.
    pub(super) fn payload(&mut self, payload: &Payload<'_>) -> Result<Option<Requirements>> {
        match payload {
            Payload::Version { encoding, .. } => self.open.push(match encoding {
                Encoding::Module => Frame::Module(Requirements {
                    core_instances: 1,
                    instance_record_bytes: RECORD_BYTES,
                    ..Requirements::default()
                }),
                Encoding::Component => Frame::Component(Scope::default()),
            }),
            Payload::End(_) => return Ok(self.close()),
            other => match self.open.last_mut() {
                Some(Frame::Module(module)) => module_section(module, other)?,
                Some(Frame::Component(_)) => self.component_section(other)?,
                None => {}
            },
        }
        Ok(None)
    }

    fn close(&mut self) -> Option<Requirements> {
        let (requirements, is_module) = match self.open.pop()? {
            Frame::Module(module) => {
                self.largest = largest_of(self.largest, module);
                (module, true)
            }
            Frame::Component(scope) => (scope.total, false),
        };
        match self.open.last_mut() {
            Some(Frame::Component(parent)) if is_module => parent.modules.push(Some(requirements)),
            Some(Frame::Component(parent)) => parent.components.push(Some(requirements)),
            Some(Frame::Module(_)) => {}
            None => return Some(requirements),
        }
        None
    }

    fn component_section(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.instantiate(|scope| at(&scope.modules, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.instantiate(|scope| at(&scope.components, component_index));
                        self.adapter();
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    match import.ty {
                        ComponentTypeRef::Module(_) => self.import_module(import.name.name),
                        ComponentTypeRef::Component(_) => self.define(Space::Components, None),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                // An export adds an index for the exported item (Component Model, Binary.md).
                for export in section.clone() {
                    let export = export?;
                    match export.kind {
                        ComponentExternalKind::Module => self.copy(Space::Modules, 0, export.index),
                        ComponentExternalKind::Component => self.copy(Space::Components, 0, export.index),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Defines an imported module. Of the outermost component it can only be an engine; a nested
    /// one gets it from a component around it.
    fn import_module(&mut self, name: &str) {
        let is_engine = self.open.len() == 1 && shipped_engine(name).is_some();
        self.define(Space::Modules, is_engine.then_some(SHARED_ENGINE));
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                count,
                index,
            } => {
                self.copy(Space::Modules, *count, *index);
            }
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => {
                self.copy(Space::Components, *count, *index);
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Module,
                ..
            } => {
                self.define(Space::Modules, None);
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => {
                self.define(Space::Components, None);
            }
            _ => {}
        }
    }

    /// Adds an item from the scope that is `count` components further out to the innermost scope.
    fn copy(&mut self, space: Space, count: u32, index: u32) {
        let scopes = self.open.iter().rev().filter_map(|frame| match frame {
            Frame::Component(scope) => Some(scope),
            Frame::Module(_) => None,
        });
        let found = scopes.into_iter().nth(count as usize).and_then(|scope| match space {
            Space::Modules => at(&scope.modules, index),
            Space::Components => at(&scope.components, index),
        });
        self.define(space, found);
    }

    fn define(&mut self, space: Space, item: Option<Requirements>) {
        if let Some(Frame::Component(scope)) = self.open.last_mut() {
            match space {
                Space::Modules => scope.modules.push(item),
                Space::Components => scope.components.push(item),
            }
        }
    }

    /// Counts the adapter module that the engine adds to pass values between two components.
    fn adapter(&mut self) {
        if let Some(Frame::Component(scope)) = self.open.last_mut() {
            scope.total.core_instances = scope.total.core_instances.saturating_add(1);
        }
    }

    fn instantiate(&mut self, find: impl Fn(&Scope) -> Option<Requirements>) {
        if let Some(Frame::Component(scope)) = self.open.last_mut() {
            let instance = find(scope).unwrap_or_else(|| largest_of(self.largest, UNKNOWN));
            scope.total = sum_of(scope.total, instance);
        }
    }
}

#[derive(Clone, Copy)]
enum Space {
    Modules,
    Components,
}

fn at(items: &[Option<Requirements>], index: u32) -> Option<Requirements> {
    items.get(index as usize).copied().flatten()
}

fn module_section(module: &mut Requirements, payload: &Payload<'_>) -> Result<()> {
    match payload {
        Payload::ImportSection(section) => {
            for import in section.clone().into_imports() {
                add_items(module, 1, ITEM_BYTES);
                match import?.ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => add_items(module, 1, ITEM_BYTES),
                    TypeRef::Memory(memory) => start_memory(module, memory.initial),
                    TypeRef::Table(table) => module.table_elements = module.table_elements.max(table.initial),
                    _ => {}
                }
            }
        }
        Payload::FunctionSection(section) => add_items(module, section.count(), ITEM_BYTES),
        Payload::GlobalSection(section) => add_items(module, section.count(), SMALL_ITEM_BYTES),
        Payload::DataSection(section) => add_items(module, section.count(), SMALL_ITEM_BYTES),
        Payload::MemorySection(section) => {
            module.memories += u64::from(section.count());
            module.memories_per_module = module.memories;
            add_items(module, section.count(), 2 * ITEM_BYTES);
            for memory in section.clone() {
                let pages = memory?.initial;
                start_memory(module, pages);
                module.start_bytes = module.start_bytes.saturating_add(pages.saturating_mul(PAGE_BYTES));
            }
        }
        Payload::TableSection(section) => {
            module.tables += u64::from(section.count());
            module.tables_per_module = module.tables;
            add_items(module, section.count(), ITEM_BYTES);
            for table in section.clone() {
                let elements = table?.ty.initial;
                module.table_elements = module.table_elements.max(elements);
                module.start_bytes = module
                    .start_bytes
                    .saturating_add(elements.saturating_mul(ELEMENT_BYTES));
            }
        }
        _ => {}
    }
    Ok(())
}

fn start_memory(module: &mut Requirements, pages: u64) {
    module.memory_bytes = module.memory_bytes.max(pages.saturating_mul(PAGE_BYTES));
}

fn add_items(module: &mut Requirements, count: u32, bytes: u64) {
    module.instance_record_bytes = module
        .instance_record_bytes
        .saturating_add(u64::from(count).saturating_mul(bytes));
}

/// Returns the larger of two modules' values, field by field.
fn largest_of(one: Requirements, other: Requirements) -> Requirements {
    Requirements {
        core_instances: one.core_instances.max(other.core_instances),
        memories: one.memories.max(other.memories),
        tables: one.tables.max(other.tables),
        memories_per_module: one.memories_per_module.max(other.memories_per_module),
        tables_per_module: one.tables_per_module.max(other.tables_per_module),
        memory_bytes: one.memory_bytes.max(other.memory_bytes),
        start_bytes: one.start_bytes.max(other.start_bytes),
        table_elements: one.table_elements.max(other.table_elements),
        instance_record_bytes: one.instance_record_bytes.max(other.instance_record_bytes),
    }
}

/// Returns the requirements of two instances together. Nested components multiply, so the sums
/// saturate.
fn sum_of(one: Requirements, other: Requirements) -> Requirements {
    Requirements {
        core_instances: one.core_instances.saturating_add(other.core_instances),
        memories: one.memories.saturating_add(other.memories),
        tables: one.tables.saturating_add(other.tables),
        start_bytes: one.start_bytes.saturating_add(other.start_bytes),
        ..largest_of(one, other)
    }
}

#[cfg(test)]
mod tests {
    use crate::ComponentFacts;

    fn requirements(text: &str) -> alga_limits::Requirements {
        ComponentFacts::read(&wat::parse_str(text).unwrap())
            .unwrap()
            .requirements
    }

    #[test]
    fn instances_count_through_aliases_exports_and_nested_components() {
        let needs = requirements(
            r#"(component
                (core module $m (memory 2) (table 10 funcref))
                (core instance (instantiate $m))
                (core instance (instantiate $m))
                (component $c
                    (alias outer 1 $m (core module $outer))
                    (core instance (instantiate $outer)))
                (instance (instantiate $c))
                (instance (instantiate $c)))"#,
        );
        assert_eq!((needs.core_instances, needs.memories, needs.tables), (6, 4, 4));
        assert_eq!(needs.start_bytes, 4 * (131_072 + 80));
        assert_eq!(
            (needs.memory_bytes, needs.table_elements, needs.memories_per_module),
            (131_072, 10, 1)
        );
    }

    #[test]
    fn a_module_that_a_nested_component_imports_counts_as_one_with_memories_and_tables() {
        let instances = "(core instance (instantiate $m))".repeat(5);
        let needs = requirements(&format!(
            r#"(component
                (component $c (import "m" (core module $m)) {instances})
                (core module $own (memory 1) (table 1 funcref) (table 1 funcref))
                (instance (instantiate $c (with "m" (core module $own)))))"#
        ));
        assert!(needs.memories >= 5 && needs.tables >= 10, "{needs:?}");
    }

    #[test]
    fn a_core_module_that_is_never_instantiated_requires_no_resources() {
        let needs = requirements("(component (core module (memory 1)))");
        assert_eq!((needs.core_instances, needs.memories), (0, 0));
    }

    #[test]
    fn components_over_an_engine_limit_are_refused_with_its_name() {
        for (text, limit) in [
            (
                r"(component (core module $m (table 100001 funcref)) (core instance (instantiate $m)))".to_owned(),
                "TABLE_ELEMENTS",
            ),
            (
                r"(component (core module $m (memory 4097)) (core instance (instantiate $m)))".to_owned(),
                "MEMORY_CEILING_MB",
            ),
            (
                format!(
                    "(component (core module $m) {})",
                    "(core instance (instantiate $m))".repeat(129)
                ),
                "CORE_INSTANCES_PER_COMPONENT",
            ),
            (
                format!(
                    "(component (core module $m (memory 1)) {})",
                    "(core instance (instantiate $m))".repeat(17)
                ),
                "MEMORIES_PER_COMPONENT",
            ),
            (
                format!(
                    "(component (core module $m {}) (core instance (instantiate $m)))",
                    "(table 1 funcref)".repeat(5)
                ),
                "TABLES_PER_MODULE",
            ),
            (
                "(component (core module $m (memory 1) (memory 1)) (core instance (instantiate $m)))".to_owned(),
                "MEMORIES_PER_MODULE",
            ),
        ] {
            let error = ComponentFacts::read(&wat::parse_str(&text).unwrap())
                .unwrap_err()
                .to_string();
            assert!(error.contains(limit), "{limit}: {error}");
        }
    }
}
