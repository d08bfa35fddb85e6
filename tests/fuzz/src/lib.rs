//! Fuzz targets: each reads bytes and fails by panicking. The driver mutates seeds; the short form
//! is a test, the long form is `cargo xtask soak fuzz`.

mod driver;
mod egress;
mod guest_abi;
mod http;
mod targets;

pub use driver::run;
pub use targets::{TARGETS, Target};

#[cfg(test)]
mod tests {
    use super::{TARGETS, run};

    /// Enough rounds to find a defect that any input of this shape would trigger.
    const ROUNDS: u64 = 3_000;

    fn rounds() -> u64 {
        std::env::var("ALGA_SOAK_ROUNDS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(ROUNDS)
    }

    #[test]
    fn no_mutated_input_breaks_a_parser() {
        for target in TARGETS {
            run(target, rounds(), 1);
        }
    }
}
