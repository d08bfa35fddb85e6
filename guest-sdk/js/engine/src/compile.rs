//! Compiles modules, in a context of its own: one retains every module that it has seen.

use crate::engine;
use crate::failure;
use crate::modules::{Names, Positions};
use rquickjs::loader::{ImportAttributes, Loader};
use rquickjs::module::WriteOptions;
use rquickjs::{Context, Ctx, Module, Result, Runtime};
use std::cell::RefCell;

thread_local! {
    static COMPILER: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Compiles a module without the texts of its functions, which no execution needs.
///
/// # Errors
/// Returns the text of a syntax error.
pub(crate) fn module(name: &str, source: Vec<u8>, positions: Positions) -> core::result::Result<Vec<u8>, String> {
    let context = context().map_err(|error| error.to_string())?;
    let options = WriteOptions {
        strip_source: true,
        strip_debug: matches!(positions, Positions::Removed),
        ..WriteOptions::default()
    };
    context.with(|ctx| {
        let compiled = Module::declare(ctx.clone(), name, source).and_then(|module| module.write(options));
        compiled.map_err(|_| failure::describe(&ctx.catch()))
    })
}

fn context() -> Result<Context> {
    if let Some(context) = COMPILER.with_borrow(Clone::clone) {
        return Ok(context);
    }
    let runtime = Runtime::new()?;
    runtime.set_loader(Names, Nothing);
    runtime.set_max_stack_size(engine::STACK_BYTES);
    let context = Context::full(&runtime)?;
    COMPILER.set(Some(context.clone()));
    Ok(context)
}

/// Loads empty modules: what a module imports has no effect on its compiled form.
struct Nothing;

impl Loader for Nothing {
    fn load<'js>(&mut self, ctx: &Ctx<'js>, name: &str, _: Option<ImportAttributes<'js>>) -> Result<Module<'js>> {
        Module::declare(ctx.clone(), name, "")
    }
}
