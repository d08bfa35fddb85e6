use std::num::NonZeroU32;
use std::time::Duration;

/// Traces that are exported: samples, failed ones and slow ones.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// One of so many traces is a sample; without a number, none is.
    pub one_in: Option<NonZeroU32>,
    /// Time after which a trace is slow, if one is.
    pub slower_than: Option<Duration>,
}

impl Sampling {
    /// Decides whether a new trace is a sample. By chance, and not by the id of the trace, which a
    /// client may have chosen.
    pub(crate) fn chooses(self) -> bool {
        self.one_in.is_some_and(|one_in| fastrand::u32(..one_in.get()) == 0)
    }

    pub(crate) fn is_slow(self, duration: Duration) -> bool {
        self.slower_than.is_some_and(|longest| duration >= longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_of_so_many_traces_is_a_sample() {
        let sampled = |one_in| {
            let sampling = Sampling {
                one_in: NonZeroU32::new(one_in),
                slower_than: None,
            };
            (0..100_000).filter(|_| sampling.chooses()).count()
        };
        assert_eq!((sampled(0), sampled(1)), (0, 100_000));
        let some = sampled(100);
        assert!((500..2_000).contains(&some), "{some}");
    }
}
