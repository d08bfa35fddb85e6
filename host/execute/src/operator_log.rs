//! Logs executions for the operator.

use crate::Usage;
use alga_bundle::{Digest, VersionId};
use alga_capabilities::{LogRecord, Permit};
use alga_errors::{Problem, cause};

/// Logs the outcome of an execution.
pub(crate) fn outcome(permit: &Permit, content_hash: Digest, result: &Result<u16, Problem>, usage: &Usage) {
    let identity = &permit.identity;
    let (request, tenant, extension, install) = (
        &identity.request,
        &identity.tenant,
        &identity.extension,
        &identity.install,
    );
    let version = identity.version.as_ref().map(VersionId::as_str);
    match result {
        Ok(status) => tracing::debug!(
            target: "alga::execution", %request, %tenant, %extension, %install, version, %content_hash, status,
            duration_us = usage.duration_us, cpu_us = usage.cpu_us, guest_cpu_us = usage.guest_cpu_us, queued_us = usage.queued_us, memory_peak_bytes = usage.memory_peak_bytes,
            host_calls = usage.host_calls, request_bytes = usage.request_bytes, response_bytes = usage.response_bytes, egress_bytes = usage.egress_bytes,
            ingress_bytes = usage.ingress_bytes, fuel = usage.fuel, cold = usage.cold, "executed"
        ),
        Err(problem) => tracing::warn!(
            target: "alga::execution", %request, %tenant, %extension, %install, version, %content_hash, code = problem.code().as_str(),
            duration_us = usage.duration_us, cpu_us = usage.cpu_us, guest_cpu_us = usage.guest_cpu_us, queued_us = usage.queued_us, memory_peak_bytes = usage.memory_peak_bytes, host_calls = usage.host_calls,
            request_bytes = usage.request_bytes, response_bytes = usage.response_bytes, egress_bytes = usage.egress_bytes, ingress_bytes = usage.ingress_bytes,
            fuel = usage.fuel, cold = usage.cold, cause = ?cause(problem), "execution failed"
        ),
    }
}

/// Logs the guest's log records, tagged by the host. Third-party text is a field's value, escaped
/// by the formatter, and never starts a log record.
pub(crate) fn guest_records(permit: &Permit, content_hash: Digest, log: &[LogRecord], log_dropped: u64) {
    let identity = &permit.identity;
    let version = identity.version.as_ref().map(VersionId::as_str);
    for LogRecord {
        source,
        level,
        message,
        fields,
        is_truncated,
    } in log
    {
        tracing::info!(
            target: "alga::extension", request = %identity.request, tenant = %identity.tenant, extension = %identity.extension,
            install = %identity.install, version, %content_hash, extension_source = ?source, extension_level = ?level, extension_message = ?message, extension_fields = ?fields, is_truncated
        );
    }
    if log_dropped > 0 {
        tracing::info!(target: "alga::extension", request = %identity.request, tenant = %identity.tenant, extension = %identity.extension,
            install = %identity.install, version, %content_hash, dropped = log_dropped);
    }
}
