//! Names and sources of modules: the host's interfaces, the engine's own scripts. An extension is
//! one module, into which its build has bundled all others.

use crate::names::{NATIVE, note_import};
use crate::{host, native};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::{Ctx, Exception, Module, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Module that gives extensions `fetch`, over [`OUTGOING_HANDLER`].
const CLIENT: &str = "alga:http/client";
/// Interface behind [`CLIENT`].
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler";

thread_local! {
    /// The scripts of the web's interfaces, by name, while an extension is built.
    static SCRIPTS: RefCell<BTreeMap<String, &'static [u8]>> = const { RefCell::new(BTreeMap::new()) };
}

/// Sets the scripts of the web's interfaces: for each, a line with its name and its length in
/// bytes, and its compiled form.
pub(crate) fn set_scripts(mut text: &'static [u8]) {
    while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
        let (head, rest) = text.split_at(end);
        let head = String::from_utf8_lossy(head).into_owned();
        let (name, length) = head.split_once(' ').unwrap_or((&head, ""));
        let length = length.parse().unwrap_or(0);
        let Some((script, after)) = rest.get(1..).and_then(|rest| rest.split_at_checked(length)) else {
            return;
        };
        SCRIPTS.with_borrow_mut(|scripts| scripts.insert(name.to_owned(), script));
        text = after;
    }
}

/// Removes the scripts: an execution needs none of them.
pub(crate) fn remove_scripts() {
    SCRIPTS.take();
}

/// Loads a compiled module.
///
/// # Errors
/// Returns the engine's own errors.
pub(crate) fn loaded<'js>(ctx: &Ctx<'js>, compiled: &[u8]) -> Result<Module<'js>> {
    // SAFETY: `alga build` passes what `compile::module` of the same engine has written.
    #[expect(unsafe_code, reason = "the engine trusts compiled modules")]
    unsafe {
        Module::load(ctx.clone(), compiled)
    }
}

/// Choice of a compiled module to have the positions of its instructions, for stacks.
#[derive(Clone, Copy)]
pub(crate) enum Positions {
    Present,
    Removed,
}

/// Resolves names of modules: all are absolute.
pub(crate) struct Names;

impl Resolver for Names {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let is_own = base.starts_with("alga:") || base.is_empty();
        let is_internal = name.starts_with("alga:web/") || name == NATIVE;
        if name.starts_with("alga:") && (is_own || !is_internal) {
            return Ok(name.to_owned());
        }
        let hint = match name.starts_with("node:") || !name.contains(':') {
            true => "\nhint: `alga build` bundles packages of npm; modules of Node.js do not exist here",
            false => "",
        };
        Err(Exception::throw_reference(
            ctx,
            &format!("there is no module `{name}`{hint}"),
        ))
    }
}

/// Loads modules of the host and of the engine.
pub(crate) struct Sources;

impl Loader for Sources {
    fn load<'js>(&mut self, ctx: &Ctx<'js>, name: &str, _: Option<ImportAttributes<'js>>) -> Result<Module<'js>> {
        if name == NATIVE {
            return Module::declare_def::<native::Native, _>(ctx.clone(), name);
        }
        if let Some(source) = SCRIPTS.with_borrow(|scripts| scripts.get(name).copied()) {
            if name == CLIENT {
                note_import(OUTGOING_HANDLER);
            }
            return loaded(ctx, source);
        }
        let Some(module) = host::declare(ctx, name)? else {
            let message = format!("there is no module `{name}`: the host has no such interface");
            return Err(Exception::throw_reference(ctx, &message));
        };
        note_import(name);
        Ok(module)
    }
}
