//! `alga:storage`: keys and values of an install. This file checks what a guest says against the promises of
//! `wit/deps/alga-storage/storage.wit`; a [`Backend`] keeps the records and counts them.

use crate::{Host, Permit};
use alga_bundle::{Capability, InstallId, TenantId};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

mod backend;
mod cursor;
pub mod limits;

pub use backend::{Backend, BackendError, BoxFuture, Page, PutRequest, Record, Scope};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "alga:storage/imports@1.0.0",
    imports: { default: async },
});

use alga::storage::kv;

pub(crate) const CAPABILITY: Capability = Capability {
    name: "cap:storage.kv",
    interface: "alga:storage/kv",
    version: (1, 0, 0),
    granted_by_default: false,
    promise: "key/value records of the install: get, put (if-revision, create-only, time to live), delete, list",
};

/// What storage needs from outside.
#[derive(Clone)]
pub struct StorageService {
    /// Where records are kept.
    pub backend: Arc<dyn Backend>,
    /// Authenticates cursors; the same for all processes of a fleet.
    pub cursor_key: [u8; 32],
}

pub(crate) type Service = StorageService;

pub(crate) struct State {
    scope: Scope,
    service: StorageService,
}

impl State {
    pub(crate) fn begin(permit: &Arc<Permit>, service: &Service) -> Self {
        let (tenant, install): (TenantId, InstallId) =
            (permit.identity.tenant.clone(), permit.identity.install.clone());
        Self {
            scope: Scope { tenant, install },
            service: service.clone(),
        }
    }
}

pub(crate) fn link(linker: &mut Linker<Host>, state: fn(&mut Host) -> &mut State) -> wasmtime::Result<()> {
    kv::add_to_linker::<Host, HasSelf<State>>(linker, state)
}

impl kv::Host for State {
    async fn get(&mut self, namespace: String, key: String) -> Result<Option<kv::Entry>, kv::Error> {
        limits::check_namespace(&namespace)?;
        limits::check_key(&key)?;
        let record = self.service.backend.get(&self.scope, &namespace, &key).await?;
        Ok(record.map(kv::Entry::from))
    }

    async fn put(
        &mut self,
        namespace: String,
        key: String,
        value: Vec<u8>,
        options: kv::PutOptions,
    ) -> Result<u64, kv::Error> {
        limits::check_namespace(&namespace)?;
        limits::check_key(&key)?;
        limits::check_value(&value, &options.metadata)?;
        limits::check_ttl(options.ttl_seconds)?;
        let request = PutRequest {
            key,
            value,
            metadata: options.metadata,
            if_revision: options.if_revision,
            ttl_seconds: options.ttl_seconds,
        };
        Ok(self.service.backend.put(&self.scope, &namespace, request).await?)
    }

    async fn delete(&mut self, namespace: String, key: String, if_revision: Option<u64>) -> Result<bool, kv::Error> {
        limits::check_namespace(&namespace)?;
        limits::check_key(&key)?;
        Ok(self
            .service
            .backend
            .delete(&self.scope, &namespace, &key, if_revision)
            .await?)
    }

    async fn list_entries(&mut self, namespace: String, options: kv::ListOptions) -> Result<kv::Page, kv::Error> {
        limits::check_namespace(&namespace)?;
        limits::check_prefix(&options.prefix)?;
        let limit = limits::check_list_limit(options.limit)?;
        let key = &self.service.cursor_key;
        let after = options
            .cursor
            .map(|text| cursor::open(key, &self.scope, &namespace, &text))
            .transpose()?;
        let page = self
            .service
            .backend
            .list(&self.scope, &namespace, &options.prefix, after.as_deref(), limit)
            .await?;
        let next_cursor = match (page.has_more, page.records.last()) {
            (true, Some(last)) => Some(cursor::seal(key, &self.scope, &namespace, &last.key)),
            _ => None,
        };
        Ok(kv::Page {
            entries: page.records.into_iter().map(kv::Entry::from).collect(),
            next_cursor,
        })
    }
}

impl From<Record> for kv::Entry {
    fn from(record: Record) -> Self {
        Self {
            key: record.key,
            value: record.value,
            metadata: record.metadata,
            revision: record.revision,
            expires_in_seconds: record.expires_in_seconds,
        }
    }
}

impl From<BackendError> for kv::Error {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Conflict(revision) => Self::Conflict(revision),
            BackendError::QuotaExceeded(limit) => Self::QuotaExceeded(limit.to_owned()),
            BackendError::Unavailable(cause) => {
                tracing::error!(error = %cause, "the store of records did not answer");
                Self::Unavailable
            }
        }
    }
}
