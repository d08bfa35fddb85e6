//! F3: a guest that calls every function of the host with arbitrary arguments, and whose allocator
//! returns invalid pointers. It is one component, generated here from the WIT: the number in a
//! request's path seeds its random numbers, so that the number reproduces a failure.

use alga_capabilities::modules;
use alga_harness::{ExecuteRequest, Release, TestPlatform, root};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::LazyLock;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, Type, TypeDefKind, WorldId, WorldItem};

/// Random numbers, memory filled with them, an allocator that is correct until the path has been
/// read, and the calls.
const PROGRAM: &str = r#"
(memory (export "memory") 2)
(global $state (mut i64) (i64.const 0))
(global $lies (mut i32) (i32.const 0))
(global $next (mut i32) (i32.const 65536))
(type $call (func))
(func $random (result i64)
  (global.set $state (i64.xor (global.get $state) (i64.shr_u (global.get $state) (i64.const 12))))
  (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 25))))
  (global.set $state (i64.xor (global.get $state) (i64.shr_u (global.get $state) (i64.const 27))))
  (i64.mul (global.get $state) (i64.const 2685821657736338717)))
(func $bits (param $mask i32) (result i32)
  (i32.and (i32.wrap_i64 (i64.shr_u (call $random) (i64.const 20))) (local.get $mask)))
;; Returns an arbitrary pointer, length, handle, discriminant or flag.
(func $any (result i32)
  (block $wild (block $end (block $aligned (block $pointer (block $small
    (br_table $small $small $small $small $small $small $small $small $aligned $aligned $aligned $aligned $aligned $pointer $end $wild
      (call $bits (i32.const 15))))
    (return (call $bits (i32.const 15))))
    (return (call $bits (i32.const 65535))))
    (return (call $bits (i32.const 65528))))
    (return (i32.sub (i32.const 131072) (call $bits (i32.const 31)))))
  (call $bits (i32.const -1)))
;; Seven of eight values are valid, so that calls get past the checks of their arguments.
(func $pointer (result i32)
  (if (result i32) (call $bits (i32.const 7)) (then (call $bits (i32.const 16376))) (else (call $any))))
(func $small (result i32)
  (if (result i32) (call $bits (i32.const 7)) (then (call $bits (i32.const 7))) (else (call $any))))
(func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
  (local $at i32)
  (if (i32.and (global.get $lies) (i32.eqz (call $bits (i32.const 7)))) (then (return (call $any))))
  (local.set $at (global.get $next))
  (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -8))))
  (local.get $at))
;; A quarter each: text, random bytes, small numbers that may be pointers and lengths, zeros.
(func $fill (local $at i32)
  (loop $more
    (i64.store (local.get $at) (i64.and (call $random)
      (select (i64.const 0x3f3f3f3f3f3f3f3f)
        (select (i64.const -1)
          (select (i64.const 0x0000fff80000fff8) (i64.const 0) (i32.lt_u (local.get $at) (i32.const 49152)))
          (i32.lt_u (local.get $at) (i32.const 32768)))
        (i32.lt_u (local.get $at) (i32.const 16384)))))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 65536)))))
;; Seeds with the digits of the path, an `option<string>` at address 16.
(func $seed (param $request i32) (local $at i32) (local $end i32)
  (call $path (local.get $request) (i32.const 16))
  (local.set $at (i32.add (i32.load (i32.const 20)) (i32.const 1)))
  (local.set $end (i32.add (i32.load (i32.const 20)) (i32.load (i32.const 24))))
  (loop $more
    (if (i32.lt_u (local.get $at) (local.get $end)) (then
      (global.set $state (i64.add (i64.mul (global.get $state) (i64.const 10))
        (i64.sub (i64.load8_u (local.get $at)) (i64.const 48))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $more))))
  (global.set $state (i64.or (i64.mul (global.get $state) (i64.const -7046029254386353131)) (i64.const 1))))
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param i32) (local $calls i32)
  (call $seed (local.get $request))
  (call $fill)
  (global.set $lies (i32.const 1))
  (loop $more
    (call_indirect (type $call) (i32.wrap_i64 (i64.rem_u (call $random)
      (select (i64.const ALL) (i64.const FREE) (i32.eqz (call $bits (i32.const 7)))))))
    (local.set $calls (i32.add (local.get $calls) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $calls) (i32.const 64)))))
"#;

/// Imports of host functions, and a call of each.
#[derive(Default)]
struct Calls {
    imports: String,
    calls: String,
    count: usize,
}

impl Calls {
    /// Adds the functions that accept a handle, or those that accept none.
    fn add_all(&mut self, resolve: &Resolve, world: WorldId, of_handles: bool) {
        for (key, item) in &resolve.worlds[world].imports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            let interface = resolve.name_world_key(key);
            for function in resolve.interfaces[*id].functions.values() {
                let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
                let accepts_handle = function
                    .params
                    .iter()
                    .any(|parameter| is_handle(resolve, &parameter.ty));
                if accepts_handle == of_handles {
                    self.add(&interface, &function.name, &signature.params, &signature.results);
                }
            }
            for (name, kind) in &resolve.interfaces[*id].types {
                if of_handles && matches!(resolve.types[*kind].kind, TypeDefKind::Resource) {
                    self.add(&interface, &format!("[resource-drop]{name}"), &[WasmType::I32], &[]);
                }
            }
        }
    }

    fn add(&mut self, interface: &str, function: &str, parameters: &[WasmType], results: &[WasmType]) {
        let number = self.count;
        let types = |types: &[WasmType]| types.iter().map(|kind| name_of(*kind)).collect::<Vec<_>>().join(" ");
        writeln!(
            self.imports,
            "(import \"{interface}\" \"{function}\" (func $f{number} (param {}) (result {})))",
            types(parameters),
            types(results)
        )
        .unwrap();
        let arguments: String = parameters.iter().map(|kind| any_of(*kind)).collect();
        let drops = "(drop)".repeat(results.len());
        writeln!(
            self.calls,
            "(func $c{number} (type $call) {arguments} (call $f{number}) {drops})"
        )
        .unwrap();
        self.count += 1;
    }
}

fn is_handle(resolve: &Resolve, kind: &Type) -> bool {
    matches!(kind, Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::Handle(_)))
}

fn name_of(kind: WasmType) -> &'static str {
    match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

fn any_of(kind: WasmType) -> &'static str {
    match name_of(kind) {
        _ if kind == WasmType::Pointer => "(call $pointer)",
        "i32" => "(call $small)",
        "i64" => "(call $random)",
        "f32" => "(f32.reinterpret_i32 (i32.wrap_i64 (call $random)))",
        _ => "(f64.reinterpret_i64 (call $random))",
    }
}

/// Builds the guest component.
pub(crate) fn component() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("http-extension")).unwrap();
    let mut calls = Calls::default();
    calls.add_all(&resolve, world, false);
    // A call with an invalid handle ends the guest, so seven of eight calls are of functions
    // without handles.
    let free = calls.count;
    calls.add_all(&resolve, world, true);
    let Calls { imports, calls, count } = calls;
    let path =
        "(import \"wasi:http/types@0.2.12\" \"[method]incoming-request.path-with-query\" (func $path (param i32 i32)))";
    let table: String = (0..count).map(|number| format!(" $c{number}")).collect();
    let program = PROGRAM
        .replace("ALL", &count.to_string())
        .replace("FREE", &free.to_string());
    let text = format!("(module {path} {imports} {program} {calls} (table funcref (elem {table})))");
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// Guest on a platform, with everything granted and no reachable host.
struct Installed {
    runtime: Runtime,
    world: TestPlatform,
    request: ExecuteRequest,
}

static INSTALLED: LazyLock<Installed> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (world, request) = runtime.block_on(async {
        let world = TestPlatform::new().await;
        let names: Vec<&str> = modules().iter().map(|(_, capability)| capability.name).collect();
        let mut manifest = Release::manifest("com.example.calls-with-anything", "1.0.0", &names);
        manifest["egress"] = json!(["api.example.com"]);
        manifest["secrets"] = json!([{ "name": "key", "hosts": ["api.example.com"] }]);
        let release = Release::new(world.key(), &manifest, &component());
        world.publish(&release).await;
        let install = world.install("acme", &release, &names).await;
        let request = world.request_for(&install.ok());
        (world, request)
    });
    Installed {
        runtime,
        world,
        request,
    }
});

/// Returns the initial numbers.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    (0_u64..8).map(|number| number.to_le_bytes().to_vec()).collect()
}

/// Runs the guest; asserts that every failure is attributed to the guest and that the runner stays
/// ready.
pub(crate) fn guest_abi(bytes: &[u8]) {
    let number = bytes.iter().fold(bytes.len() as u64, |number, byte| {
        number.wrapping_mul(257).wrapping_add(u64::from(*byte))
    });
    let Installed {
        runtime,
        world,
        request,
    } = &*INSTALLED;
    let request = request.clone().on("GET", &format!("/{number}")).within_ms(100);
    let response = runtime.block_on(world.execute(&request));
    let is_its_own = matches!(
        (response.status.as_u16(), response.code().as_str()),
        (200, "")
            | (
                502,
                "guest_trapped" | "memory_limit" | "call_bytes_limit" | "handle_limit" | "invalid_guest_response"
            )
            | (504, "deadline_exceeded")
    );
    assert!(is_its_own, "{number}: {}", response.text());
    assert!(world.platform().execute().unwrap().is_ready(), "{number}");
}

#[test]
fn the_fuzzing_guest_imports_every_capability() {
    let facts = alga_bundle::ComponentFacts::read(&component()).unwrap();
    for (_, capability) in modules() {
        assert!(
            facts.imports.keys().any(|name| name.starts_with(capability.interface)),
            "{}",
            capability.interface
        );
    }
}
