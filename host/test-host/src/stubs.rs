//! The parts of a platform that a host of tests does without: quotas, idempotency keys.

use crate::script::Script;
use alga_bundle::{QuotaWindow, RequestId, TenantId};
use alga_capabilities::{Identity, SecretFuture, SecretSource};
use alga_execute::{
    Attempt, Claim, ExecutionRecord, ExecutionRecords, IdempotencyStore, LeaseFuture, QuotaStore, StoreFuture, Usage,
};
use bytes::Bytes;
use http::Response;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// A store without quotas: none is set, so nothing asks.
pub(crate) struct NoQuotas;

impl QuotaStore for NoQuotas {
    fn lease<'a>(&'a self, _: &'a TenantId, _: &'a QuotaWindow, _: i64, _: i64) -> LeaseFuture<'a> {
        Box::pin(std::future::ready(Err("a test host has no quotas".into())))
    }
}

/// Stores no responses: requests of tests have no idempotency key.
pub(crate) struct NoReplies;

impl IdempotencyStore for NoReplies {
    fn claim<'a>(&'a self, _: &'a Attempt, _: Duration) -> StoreFuture<'a, Claim> {
        Box::pin(std::future::ready(Err("a test host has no idempotency keys".into())))
    }

    fn complete<'a>(&'a self, _: &'a Attempt, _: &'a Response<Bytes>) -> StoreFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn release<'a>(&'a self, _: &'a Attempt) -> StoreFuture<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The secrets of a script.
pub(crate) struct ScriptedSecrets(BTreeMap<String, String>);

impl ScriptedSecrets {
    pub(crate) fn of(script: &Script) -> Self {
        Self(script.secrets.clone())
    }
}

impl SecretSource for ScriptedSecrets {
    fn open<'a>(&'a self, _: &'a Identity, name: &'a str) -> SecretFuture<'a> {
        let secret = self
            .0
            .get(name)
            .map(|secret| Zeroizing::new(secret.clone().into_bytes()));
        Box::pin(std::future::ready(Ok(secret)))
    }
}

/// Records of executions until their requests collect them.
#[derive(Default)]
pub(crate) struct CollectedRecords(Mutex<Vec<ExecutionRecord>>);

impl CollectedRecords {
    /// Removes and returns the record of a request.
    pub(crate) fn collect(&self, request: &RequestId) -> Option<ExecutionRecord> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = records.iter().position(|record| record.identity.request == *request)?;
        Some(records.swap_remove(place))
    }
}

impl ExecutionRecords for CollectedRecords {
    fn enqueue(&self, record: ExecutionRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    fn wants(&self, _: &Usage) -> bool {
        true
    }
}
