use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use std::fmt;

/// Type of an exemplar that is absent.
type NoExemplar<'a> = Option<&'a Exemplar<NoLabelSet, u64>>;

/// Writes the families of metrics of a source. Counters are named without `_total`, which the text
/// adds.
pub struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(crate) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Writes a counter without labels.
    ///
    /// # Errors
    /// Returns an error if the text cannot be written; so do the functions below.
    pub fn counter<V: EncodeCounterValue + Copy>(&mut self, name: &str, help: &str, value: V) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        encoder.encode_counter(&value, None::<&Exemplar<NoLabelSet, u64>>)
    }

    /// Writes a counter for each set of labels.
    ///
    /// # Errors
    /// See [`Self::counter`].
    pub fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            let none: NoExemplar<'_> = None;
            encoder.encode_family(&labels)?.encode_counter(&value, none)?;
        }
        Ok(())
    }

    /// Writes a gauge without labels.
    ///
    /// # Errors
    /// See [`Self::counter`].
    pub fn gauge<V: EncodeGaugeValue + Copy>(&mut self, name: &str, help: &str, value: V) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        encoder.encode_gauge(&value)
    }

    /// Writes a gauge for each set of labels.
    ///
    /// # Errors
    /// See [`Self::counter`].
    pub fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            encoder.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Writes a histogram without labels.
    ///
    /// # Errors
    /// See [`Self::counter`].
    pub fn histogram(&mut self, name: &str, help: &str, observed: &Observed) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        observed.encode(&mut encoder)
    }

    /// Writes a histogram for each set of labels.
    ///
    /// # Errors
    /// See [`Self::counter`].
    pub fn histograms<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, Observed)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, observed) in values {
            observed.encode(&mut encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The values of a histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Sum of all values.
    pub sum: f64,
    /// Number of values.
    pub count: u64,
    /// Upper bounds with the numbers of values between a bound and the one before. Values above the
    /// last bound are in `count` only.
    pub buckets: Vec<(f64, u64)>,
}

impl Observed {
    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let bounded: u64 = self.buckets.iter().map(|(_, count)| count).sum();
        let above = (f64::INFINITY, self.count.saturating_sub(bounded));
        let buckets: Vec<_> = self.buckets.iter().copied().chain([above]).collect();
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count, &buckets, None)
    }
}

/// Counts of a histogram without its bounds, which its owner knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buckets<const N: usize> {
    counts: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Buckets<N> {
    fn default() -> Self {
        Self {
            counts: [0; N],
            count: 0,
            sum: 0.0,
        }
    }
}

impl<const N: usize> Buckets<N> {
    /// Counts a value; `bounds` ascend, and are always the same.
    pub fn observe(&mut self, bounds: &[f64; N], value: f64) {
        let place = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.count += 1;
        // Stays finite: a sum that is not can never be read again.
        self.sum = (self.sum + value).clamp(f64::MIN, f64::MAX);
    }

    /// Adds the values of another one with the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Returns the values with these bounds.
    #[must_use]
    pub fn observed(&self, bounds: &[f64; N]) -> Observed {
        Observed {
            sum: self.sum,
            count: self.count,
            buckets: bounds.iter().copied().zip(self.counts).collect(),
        }
    }
}
