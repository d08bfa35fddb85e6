//! A statistical test for differences in time, after Reparaz, Balasch and Verbauwhede, "Dude, is my
//! code constant time?" (2017): two classes of input in random order, and Welch's t-test. An
//! absolute value of t above 4.5 is strong evidence of a difference.

use std::hint::black_box;
use std::time::Instant;

/// Fraction of the samples that is compared: the slowest ones are interrupted by other work.
const COMPARED: f64 = 0.9;

/// Returns a credential with another character at this distance from its end.
pub(crate) fn wrong(credential: &str, from_end: usize) -> String {
    let position = credential.len() - from_end;
    let mut bytes = credential.as_bytes().to_vec();
    // A digit is valid in hexadecimal and in base64.
    bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
    String::from_utf8(bytes).unwrap()
}

/// Returns the absolute value of t for the times of `call` with each of two inputs, from this
/// number of samples of both together.
pub(crate) async fn difference(samples: usize, inputs: [String; 2], call: impl AsyncFn(&str)) -> f64 {
    let mut times: [Vec<f64>; 2] = [const { Vec::new() }; 2];
    let mut state = 1_u64;
    for _ in 0..samples {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let class = usize::from(state >> 63 == 1);
        // Each sample reads a fresh copy, so that the classes differ only by content.
        let input = black_box(inputs[class].clone());
        let started = Instant::now();
        call(&input).await;
        times[class].push(started.elapsed().as_nanos() as f64);
    }
    compare(&times)
}

fn compare(samples: &[Vec<f64>; 2]) -> f64 {
    let mut all: Vec<f64> = samples.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let longest = all[(all.len() as f64 * COMPARED) as usize];
    let [(mean, error), (other_mean, other_error)] = samples.each_ref().map(|times| {
        let times: Vec<f64> = times.iter().copied().filter(|time| *time <= longest).collect();
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (mean - other_mean).abs() / (error + other_error).sqrt()
}
