//! Bounds of the texts that a guest gives to a request, beside its header fields. The library holds
//! them for as long as the guest holds the request, and accepts megabytes of each: a thousand
//! requests would use many times the memory that an execution may use.

use crate::ambient::{HasAmbient, Place, http_view};
use crate::ambient_async::{self, HasAmbientAsync};
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::http::types as types_async;

/// Maximum bytes of a method: far more than any that is registered.
const METHOD_BYTES: usize = 64;
/// Maximum bytes of host name and port: a name has at most 253 (RFC 1035, 2.3.4).
const AUTHORITY_BYTES: usize = 512;
/// Maximum bytes of path and query: twice what servers commonly accept.
const TARGET_BYTES: usize = 16 * 1024;

/// Interfaces whose functions are replaced.
const INTERFACE: &str = "wasi:http/types@0.2.12";
const ASYNC_INTERFACE: &str = "wasi:http/types@0.3.0";

/// True for a text that may be given to a request.
fn fits(text: Option<&str>, bytes: usize) -> bool {
    text.is_none_or(|text| text.len() <= bytes)
}

/// Replaces the functions of WASI 0.2, which are linked already, by ones that check the length
/// first.
pub(crate) fn bound<T: HasAmbient>(linker: &mut Linker<T>) -> Result<()> {
    type Request = Resource<HostOutgoingRequest>;
    replace(linker, INTERFACE, |types| {
        types.func_wrap(
            "[method]outgoing-request.set-method",
            |mut store: StoreContextMut<'_, T>, (request, method): (Request, types::Method)| {
                if let types::Method::Other(name) = &method
                    && name.len() > METHOD_BYTES
                {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient(Place::Http);
                Ok((types::HostOutgoingRequest::set_method(
                    &mut http_view(ambient, table),
                    request,
                    method,
                )?,))
            },
        )?;
        types.func_wrap(
            "[method]outgoing-request.set-authority",
            |mut store: StoreContextMut<'_, T>, (request, authority): (Request, Option<String>)| {
                if !fits(authority.as_deref(), AUTHORITY_BYTES) {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient(Place::Http);
                Ok((types::HostOutgoingRequest::set_authority(
                    &mut http_view(ambient, table),
                    request,
                    authority,
                )?,))
            },
        )?;
        types.func_wrap(
            "[method]outgoing-request.set-path-with-query",
            |mut store: StoreContextMut<'_, T>, (request, target): (Request, Option<String>)| {
                if !fits(target.as_deref(), TARGET_BYTES) {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient(Place::Http);
                Ok((types::HostOutgoingRequest::set_path_with_query(
                    &mut http_view(ambient, table),
                    request,
                    target,
                )?,))
            },
        )
    })
}

/// Does the same for WASI 0.3.
pub(crate) fn bound_async<T: HasAmbientAsync>(linker: &mut Linker<T>) -> Result<()> {
    type Request = Resource<p3::Request>;
    const HTTP: ambient_async::Place = ambient_async::Place::Http;
    replace(linker, ASYNC_INTERFACE, |types| {
        types.func_wrap(
            "[method]request.set-method",
            |mut store: StoreContextMut<'_, T>, (request, method): (Request, types_async::Method)| {
                if let types_async::Method::Other(name) = &method
                    && name.len() > METHOD_BYTES
                {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient_async(HTTP);
                Ok((types_async::HostRequest::set_method(
                    &mut http_view(ambient, table),
                    request,
                    method,
                )?,))
            },
        )?;
        types.func_wrap(
            "[method]request.set-authority",
            |mut store: StoreContextMut<'_, T>, (request, authority): (Request, Option<String>)| {
                if !fits(authority.as_deref(), AUTHORITY_BYTES) {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient_async(HTTP);
                Ok((types_async::HostRequest::set_authority(
                    &mut http_view(ambient, table),
                    request,
                    authority,
                )?,))
            },
        )?;
        types.func_wrap(
            "[method]request.set-path-with-query",
            |mut store: StoreContextMut<'_, T>, (request, target): (Request, Option<String>)| {
                if !fits(target.as_deref(), TARGET_BYTES) {
                    return Ok((Err(()),));
                }
                let (ambient, table) = store.data_mut().ambient_async(HTTP);
                Ok((types_async::HostRequest::set_path_with_query(
                    &mut http_view(ambient, table),
                    request,
                    target,
                )?,))
            },
        )
    })
}

fn replace<T: 'static>(
    linker: &mut Linker<T>,
    interface: &str,
    define: impl FnOnce(&mut LinkerInstance<'_, T>) -> Result<()>,
) -> Result<()> {
    linker.allow_shadowing(true);
    define(&mut linker.instance(interface)?)?;
    linker.allow_shadowing(false);
    Ok(())
}
