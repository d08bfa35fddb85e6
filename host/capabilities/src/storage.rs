//! `alga:storage`: key-value records of an install. This module validates a guest's input against
//! the rules of `wit/deps/alga-storage/storage.wit`; a [`Backend`] stores and counts the records.

use crate::rate_limit::InstallRateLimiter;
use crate::traced_calls::TracedCalls;
use crate::{ExecutionContext, HostDependencies, Release, StoreData};
use alga_bundle::Capability;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

mod cursor;
pub mod limits;

use crate::storage_backend::{Backend, BackendError, PutRequest, Record, Scope};

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
    used_by_pages: false,
    sends: false,
    promise: "key/value records of the install: get, put (if-revision, create-only, time to live), delete, list, batches",
};

#[derive(Clone)]
pub(crate) struct Service {
    backend: Arc<dyn Backend>,
    cursor_key: [u8; 32],
    writes: InstallRateLimiter,
}

impl Service {
    pub(crate) fn new(host_dependencies: &HostDependencies) -> Self {
        Self {
            backend: Arc::clone(&host_dependencies.records),
            cursor_key: host_dependencies.cursor_key,
            writes: limits::write_pace(),
        }
    }
}

pub(crate) struct State {
    calls: TracedCalls,
    scope: Scope,
    release: Arc<Release>,
    service: Service,
}

impl State {
    pub(crate) fn new(execution_context: &ExecutionContext<'_>, service: &Service) -> Self {
        let identity = &execution_context.permit.identity;
        Self {
            calls: execution_context.calls.clone(),
            scope: Scope {
                tenant: identity.tenant.clone(),
                install: identity.install.clone(),
            },
            release: Arc::clone(execution_context.release),
            service: service.clone(),
        }
    }

    /// Counts one write against the install's rate, because all installs share the store.
    fn check_write_rate(&self) -> Result<(), kv::Error> {
        let is_allowed = self.service.writes.allows(&self.scope.install);
        let rule =
            "an install writes at most 200 times per second, after a burst of 2000; `put-many` writes 20 at a time";
        is_allowed
            .then_some(())
            .ok_or_else(|| kv::Error::QuotaExceeded(rule.to_owned()))
    }

    /// Validates a write against all rules of the interface that do not need the store.
    fn checked(
        &self,
        namespace: &str,
        key: String,
        value: Vec<u8>,
        options: kv::PutOptions,
    ) -> Result<PutRequest, kv::Error> {
        limits::check_key(&key)?;
        limits::check_value(&value, &options.metadata)?;
        limits::check_ttl(options.ttl_seconds)?;
        if let Some(schema) = self.release.schema(namespace) {
            let misfit = |reason| {
                kv::Error::InvalidInput(format!("the value does not fit the schema of its namespace: {reason}"))
            };
            schema.check(&value).map_err(misfit)?;
        }
        Ok(PutRequest {
            key,
            value,
            metadata: options.metadata,
            if_revision: options.if_revision,
            ttl_seconds: options.ttl_seconds,
        })
    }
}

pub(crate) fn link(linker: &mut Linker<StoreData>, state: fn(&mut StoreData) -> &mut State) -> wasmtime::Result<()> {
    kv::add_to_linker::<StoreData, HasSelf<State>>(linker, state)
}

impl kv::Host for State {
    async fn get(&mut self, namespace: String, key: String) -> Result<Option<kv::Entry>, kv::Error> {
        self.calls.function("get");
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
        self.calls.function("put");
        limits::check_namespace(&namespace)?;
        let request = self.checked(&namespace, key, value, options)?;
        self.check_write_rate()?;
        Ok(self.service.backend.put(&self.scope, &namespace, request).await?)
    }

    async fn get_many(&mut self, namespace: String, keys: Vec<String>) -> Result<Vec<Option<kv::Entry>>, kv::Error> {
        self.calls.function("get-many");
        limits::check_namespace(&namespace)?;
        limits::check_batch(keys.len(), 0)?;
        for key in &keys {
            limits::check_key(key)?;
        }
        let records = self.service.backend.get_many(&self.scope, &namespace, &keys).await?;
        Ok(records.into_iter().map(|record| record.map(kv::Entry::from)).collect())
    }

    async fn put_many(&mut self, namespace: String, items: Vec<kv::Item>) -> Result<Vec<u64>, kv::Error> {
        self.calls.function("put-many");
        limits::check_namespace(&namespace)?;
        let bytes = items
            .iter()
            .map(|item| item.key.len() + item.value.len() + item.options.metadata.len())
            .sum();
        limits::check_batch(items.len(), bytes)?;
        limits::check_different(items.iter().map(|item| item.key.as_str()))?;
        let checked = |item: kv::Item| self.checked(&namespace, item.key, item.value, item.options);
        let requests = items.into_iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        self.check_write_rate()?;
        Ok(self.service.backend.put_many(&self.scope, &namespace, requests).await?)
    }

    async fn usage_of(&mut self, namespace: String) -> Result<kv::Usage, kv::Error> {
        self.calls.function("usage-of");
        limits::check_namespace(&namespace)?;
        let used = self.service.backend.usage(&self.scope, &namespace).await?;
        Ok(kv::Usage {
            keys: used.keys,
            keys_limit: limits::KEYS,
            bytes: used.bytes,
            bytes_limit: limits::NAMESPACE_BYTES,
        })
    }

    async fn delete(&mut self, namespace: String, key: String, if_revision: Option<u64>) -> Result<bool, kv::Error> {
        self.calls.function("delete");
        limits::check_namespace(&namespace)?;
        limits::check_key(&key)?;
        self.check_write_rate()?;
        Ok(self
            .service
            .backend
            .delete(&self.scope, &namespace, &key, if_revision)
            .await?)
    }

    async fn list_entries(&mut self, namespace: String, options: kv::ListOptions) -> Result<kv::Page, kv::Error> {
        self.calls.function("list-entries");
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
                tracing::error!(error = %cause, "record storage is unavailable");
                Self::Unavailable
            }
        }
    }
}
