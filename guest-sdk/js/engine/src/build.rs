//! The functions that `alga build` calls, in two instances. The first one compiles; its memory is
//! garbage afterwards. The second one has nothing in its memory but what remains: it begins,
//! prepares the scripts of the web's interfaces, evaluates the extension, and is sealed.
//!
//! Bytes are passed in memory that [`alga_allocate`] returns. A result is the address of its length
//! and its bytes: `ok` or `error` in a line, and a text or the compiled module.
#![expect(
    unsafe_code,
    reason = "the interface of a core module: exported names, addresses and lengths"
)]

use crate::modules::{Names, Positions, Sources};
use crate::{compile, engine, events, failure, modules, names, source_map};
use rquickjs::{Ctx, Result};

/// Allocates memory for an argument, which the caller wipes at the end.
#[unsafe(no_mangle)]
pub extern "C" fn alga_allocate(bytes: usize) -> *mut u8 {
    #[cfg(target_family = "wasm")]
    return crate::memory::scratch(bytes);
    #[cfg(not(target_family = "wasm"))]
    Box::leak(vec![0; bytes].into_boxed_slice()).as_mut_ptr()
}

/// Compiles a module, without the texts of its functions, and without positions unless they are
/// requested.
///
/// # Safety
/// The pairs are addresses of [`alga_allocate`] with the lengths that were passed to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alga_compile(
    name: *const u8,
    name_bytes: usize,
    source: *const u8,
    source_bytes: usize,
    has_positions: i32,
) -> *const u8 {
    // SAFETY: the caller passes what `alga_allocate` returned.
    let (name, source) = unsafe { (argument(name, name_bytes), argument(source, source_bytes)) };
    let positions = if has_positions == 0 {
        Positions::Removed
    } else {
        Positions::Present
    };
    let name = String::from_utf8_lossy(name).into_owned();
    match compile::module(&name, source.to_vec(), positions) {
        Ok(bytes) => result(b"ok\n", &bytes),
        Err(failed) => result(b"error\n", failed.as_bytes()),
    }
}

/// Reserves memory for what remains, so that arguments lie behind it. Returns the end of that
/// memory, where the allocator has its own records.
#[unsafe(no_mangle)]
pub extern "C" fn alga_begin() -> usize {
    const RESERVED_BYTES: usize = 4 * 1024 * 1024;
    let reserved = std::hint::black_box(Vec::<u8>::with_capacity(RESERVED_BYTES));
    reserved.as_ptr().addr() + RESERVED_BYTES
}

/// Creates the context and evaluates the compiled scripts of the web's interfaces (see
/// `modules::set_scripts`).
///
/// # Safety
/// The pair is an address of [`alga_allocate`] with the length that was passed to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alga_prepare(scripts: *const u8, bytes: usize) -> *const u8 {
    // SAFETY: the caller passes what `alga_allocate` returned; it stays where it is until the end.
    modules::set_scripts(unsafe { argument(scripts, bytes) });
    match engine::create(Names, Sources) {
        Ok(None) => result(b"ok\n", b""),
        Ok(Some(failed)) => result(b"error\n", failed.as_bytes()),
        Err(error) => result(b"error\n", error.to_string().as_bytes()),
    }
}

/// Evaluates the extension's compiled module. Its result has the interfaces that the extension
/// imports, each in a line.
///
/// # Safety
/// Both pairs are addresses of [`alga_allocate`] with the lengths that were passed to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alga_evaluate(
    module: *const u8,
    module_bytes: usize,
    map: *const u8,
    map_bytes: usize,
) -> *const u8 {
    // SAFETY: the caller passes what `alga_allocate` returned.
    let (module, map) = unsafe { (argument(module, module_bytes), argument(map, map_bytes)) };
    source_map::set(String::from_utf8_lossy(map).into_owned());
    let evaluated =
        engine::with(|ctx| evaluate(&ctx, module).unwrap_or_else(|_| Some(failure::describe(&ctx.catch()))));
    modules::remove_scripts();
    engine::with(|ctx| ctx.run_gc());
    match evaluated {
        Some(None) => result(b"ok\n", names::imported().join("\n").as_bytes()),
        Some(Some(failed)) => result(b"error\n", failed.as_bytes()),
        None => result(b"error\n", b"the engine was not prepared"),
    }
}

/// Ends the build: executions allocate from this address on, where the memory of the snapshot ends.
#[unsafe(no_mangle)]
pub extern "C" fn alga_seal(address: usize) {
    #[cfg(target_family = "wasm")]
    crate::memory::seal(address);
    #[cfg(not(target_family = "wasm"))]
    let _ = address;
}

/// # Safety
/// The address and length are those of memory that stays as it is.
unsafe fn argument<'a>(address: *const u8, bytes: usize) -> &'a [u8] {
    // SAFETY: as required of the caller.
    unsafe { std::slice::from_raw_parts(address, bytes) }
}

/// Writes a result where arguments are.
fn result(verdict: &[u8], content: &[u8]) -> *const u8 {
    let length = verdict.len() + content.len();
    let bytes = [
        &u32::try_from(length).unwrap_or_default().to_le_bytes()[..],
        verdict,
        content,
    ]
    .concat();
    let address = alga_allocate(bytes.len());
    assert!(!address.is_null(), "there is not enough memory");
    // SAFETY: `alga_allocate` has returned memory of this length.
    unsafe { address.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    address
}

/// Evaluates the module; returns the text of its failure, if it fails.
fn evaluate(ctx: &Ctx<'_>, module: &[u8]) -> Result<Option<String>> {
    let (module, promise) = modules::loaded(ctx, module)?.eval()?;
    let failed = match events::run_until(ctx, &promise)? {
        events::Settled::Fulfilled => None,
        events::Settled::Rejected(error) => Some(failure::describe(&error)),
        events::Settled::Never => Some("a top-level `await` waits for what only the handler can do".to_owned()),
    };
    if failed.is_some() {
        return Ok(failed);
    }
    engine::connect(ctx, module.namespace()?)
}
