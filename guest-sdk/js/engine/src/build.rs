//! What `alga build` calls: prepare, evaluate. Strings are passed in memory that [`alga_allocate`]
//! returns; a result is the address of its length and its bytes.
#![expect(
    unsafe_code,
    reason = "the interface of a core module: exported names, addresses and lengths"
)]

use crate::modules::{EXTENSION, Positions};
use crate::{engine, events, failure, modules, source_map};
use rquickjs::{Ctx, Result};

/// Creates the engine's context and evaluates the scripts of the web's interfaces (see
/// `modules::set_scripts`). Returns the address of a result: `ok`, or `error` and the text.
///
/// # Safety
/// The pair is an address of [`alga_allocate`] with the length that was passed to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alga_prepare(scripts: *mut u8, bytes: usize) -> *const u8 {
    // SAFETY: the caller passes what `alga_allocate` returned, once.
    modules::set_scripts(&unsafe { argument(scripts, bytes) });
    match engine::create() {
        Ok(None) => result("ok\n"),
        Ok(Some(failed)) => result(&format!("error\n{failed}")),
        Err(error) => result(&format!("error\n{error}")),
    }
}

/// Allocates memory for an argument.
#[unsafe(no_mangle)]
pub extern "C" fn alga_allocate(bytes: usize) -> *mut u8 {
    Box::leak(vec![0; bytes].into_boxed_slice()).as_mut_ptr()
}

/// Evaluates the extension's module. Returns the address of a result: `ok` and the interfaces that
/// it imports, or `error` and the text, each in a line.
///
/// # Safety
/// Both pairs are addresses of [`alga_allocate`] with the lengths that were passed to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alga_evaluate(
    source: *mut u8,
    source_bytes: usize,
    map: *mut u8,
    map_bytes: usize,
) -> *const u8 {
    // SAFETY: the caller passes what `alga_allocate` returned, once.
    let (source, map) = unsafe { (argument(source, source_bytes), argument(map, map_bytes)) };
    source_map::set(String::from_utf8_lossy(&map).into_owned());
    let evaluated =
        engine::with(|ctx| evaluate(&ctx, source).unwrap_or_else(|_| Some(failure::describe(&ctx.catch()))));
    let text = match evaluated {
        Some(None) => format!("ok\n{}", modules::imported().join("\n")),
        Some(Some(failed)) => format!("error\n{failed}"),
        None => "error\nthe engine was not prepared".to_owned(),
    };
    modules::remove_scripts();
    engine::with(|ctx| ctx.run_gc());
    let result = result(&text);
    #[cfg(target_family = "wasm")]
    crate::memory::seal();
    result
}

/// # Safety
/// The address and length are those of a leaked box of bytes.
unsafe fn argument(address: *mut u8, bytes: usize) -> Vec<u8> {
    // SAFETY: as required of the caller.
    unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(address, bytes)) }.into_vec()
}

/// Leaks a text with its length before it.
fn result(text: &str) -> *const u8 {
    let length = u32::try_from(text.len()).unwrap_or_default();
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    Box::leak(bytes.into_boxed_slice()).as_ptr()
}

/// Evaluates the module; returns the text of its failure, if it fails.
fn evaluate(ctx: &Ctx<'_>, source: Vec<u8>) -> Result<Option<String>> {
    let module = modules::compiled(ctx, EXTENSION, source, Positions::Kept)?;
    let (module, promise) = module.eval()?;
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
