//! The handler that a component exports: of WASI 0.2, or of 0.3 where the operator has enabled it.

use alga_capabilities::StoreData;
use wasmtime::Result;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// The interface of WASI 0.3; any patch version.
const ASYNC_HANDLER: &str = "wasi:http/handler@0.3.";

/// A linked component with its handler.
pub(crate) enum Handler {
    /// The handler `wasi:http/incoming-handler@0.2`.
    Proxy(ProxyPre<StoreData>),
    /// The asynchronous handler `wasi:http/handler@0.3`.
    Service(ServicePre<StoreData>),
}

impl Handler {
    /// Finds the handler of a linked component.
    ///
    /// # Errors
    /// Returns wasmtime's error if it exports none.
    pub(crate) fn new(pre: InstancePre<StoreData>) -> Result<Self> {
        let component = pre.component();
        let ty = component.component_type();
        let is_async = ty
            .exports(pre.engine())
            .any(|(name, _)| name.starts_with(ASYNC_HANDLER));
        Ok(if is_async {
            Self::Service(ServicePre::new(pre)?)
        } else {
            Self::Proxy(ProxyPre::new(pre)?)
        })
    }

    /// Returns the linked component.
    pub(crate) fn instance_pre(&self) -> &InstancePre<StoreData> {
        match self {
            Self::Proxy(pre) => pre.instance_pre(),
            Self::Service(pre) => pre.instance_pre(),
        }
    }
}
