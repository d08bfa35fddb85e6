//! Settings of metrics, traces and exported logs.

use super::settings::Sources;
use super::{ConfigError, Role};
use alga_capabilities::{MetricOwner, MetricSettings};
use alga_traces::{CollectorSettings, Sampling, TracesSettings};
use std::num::NonZeroU32;
use std::time::Duration;

/// Returns the settings of the metrics that extensions declare.
pub(super) fn extension_metrics(sources: &Sources<'_>) -> Result<MetricSettings, ConfigError> {
    let owner = match sources.required("metrics_tenants")? {
        true => MetricOwner::Install,
        false => MetricOwner::Extension,
    };
    Ok(MetricSettings {
        owner,
        scrape_bytes: sources.required("metrics_extension_bytes")?,
    })
}

/// Returns the settings of traces; `None` traces nothing.
pub(super) fn traces(sources: &Sources<'_>) -> Result<Option<TracesSettings>, ConfigError> {
    let slow_ms: u64 = sources.required("traces_slow_ms")?;
    let sampling = Sampling {
        one_in: NonZeroU32::new(sources.required("traces_one_in")?),
        slower_than: (slow_ms > 0).then(|| Duration::from_millis(slow_ms)),
    };
    let collector = collector(sources, "traces_endpoint", "traces_protocol")?;
    Ok(collector.map(|collector| TracesSettings { collector, sampling }))
}

/// Returns the collector that these settings name, if they do.
pub(super) fn collector(
    sources: &Sources<'_>,
    endpoint: &'static str,
    protocol: &'static str,
) -> Result<Option<CollectorSettings>, ConfigError> {
    let (protocol, role): (_, Role) = (sources.required(protocol)?, sources.required("role")?);
    Ok(sources.text(endpoint).map(|endpoint| CollectorSettings {
        endpoint,
        protocol,
        role: role.name(),
    }))
}
