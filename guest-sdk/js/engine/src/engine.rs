//! The one runtime and context.

use rquickjs::loader::{Loader, Resolver};
use rquickjs::{Context, Ctx, Function, Persistent, Result, Runtime};
use std::cell::RefCell;

/// Bytes of stack that scripts may use, of the 128 KiB that the linker reserves: deep recursion is
/// a `RangeError` before the host's limit of the native stack ends the execution.
pub(crate) const STACK_BYTES: usize = 96 * 1024;
/// Bytes of garbage beyond which a collection starts: most executions end before.
const GARBAGE_BYTES: usize = 4 * 1024 * 1024;
/// Module that connects an extension with the engine.
const DISPATCH: &str = "alga:web/dispatch";

/// The values that remain of the build in every execution.
struct Engine {
    context: Context,
    /// Handles a request; the function `dispatch` of [`DISPATCH`].
    dispatch: Persistent<Function<'static>>,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Creates the context and evaluates the scripts of the web's interfaces. Returns the text of their
/// failure, if they fail.
///
/// # Errors
/// Returns the engine's own errors.
pub(crate) fn create(names: impl Resolver + 'static, sources: impl Loader + 'static) -> Result<Option<String>> {
    let runtime = Runtime::new()?;
    runtime.set_loader(names, sources);
    runtime.set_max_stack_size(STACK_BYTES);
    runtime.set_gc_threshold(GARBAGE_BYTES);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(crate::failure::track_rejection)));
    let context = Context::full(&runtime)?;
    let dispatch = context.with(|ctx| {
        let imported = || {
            let namespace: rquickjs::Object<'_> = rquickjs::Module::import(&ctx, DISPATCH)?.finish()?;
            let dispatch: Function<'_> = namespace.get("dispatch")?;
            Ok::<_, rquickjs::Error>(Persistent::save(&ctx, dispatch))
        };
        imported().map_err(|_| crate::failure::describe(&ctx.catch()))
    });
    let dispatch = match dispatch {
        Ok(dispatch) => dispatch,
        Err(failed) => return Ok(Some(failed)),
    };
    ENGINE.set(Some(Engine { context, dispatch }));
    Ok(None)
}

/// Runs a function with the context; none if there is no context.
pub(crate) fn with<T>(run: impl FnOnce(Ctx<'_>) -> T) -> Option<T> {
    let context = ENGINE.with_borrow(|engine| engine.as_ref().map(|engine| engine.context.clone()))?;
    Some(context.with(run))
}

/// Returns the function that handles a request.
///
/// # Errors
/// Returns an error if the engine was not created.
pub(crate) fn dispatch<'js>(ctx: &Ctx<'js>) -> Result<Function<'js>> {
    let dispatch = ENGINE.with_borrow(|engine| engine.as_ref().map(|engine| engine.dispatch.clone()));
    dispatch.ok_or(rquickjs::Error::Unknown)?.restore(ctx)
}

/// Connects the extension's module with the dispatcher. Returns what is wrong with its exports, if
/// anything is.
///
/// # Errors
/// Returns errors of the engine itself.
pub(crate) fn connect<'js>(ctx: &Ctx<'js>, namespace: rquickjs::Object<'js>) -> Result<Option<String>> {
    let dispatcher: rquickjs::Object<'js> = rquickjs::Module::import(ctx, DISPATCH)?.finish()?;
    let connect: Function<'js> = dispatcher.get("connect")?;
    connect.call((namespace,))
}
