use crate::Target;

/// Deterministic random number generator (xorshift64*): its seed reproduces a failure.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Runs a target with `rounds` mutated inputs. Panics with the number of the round if the target
/// does.
pub fn run(target: &Target, rounds: u64, seed: u64) {
    let seeds = (target.seeds)();
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (round + 1));
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(8) {
            mutate(&mut input, &mut random, &seeds);
        }
        let attempt = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(
            attempt.is_ok(),
            "{} fails in round {round} with seed {seed}",
            target.name
        );
    }
}

const INTERESTING: [&[u8]; 12] = [
    b"\0",
    b"\xff",
    b"\"",
    b"{",
    b"}",
    b"[",
    b",",
    b"../",
    b"\\u0000",
    b"99999999999999999999",
    b"\x7f\xff\xff\xff",
    b"A",
];

fn mutate(input: &mut Vec<u8>, random: &mut Random, seeds: &[Vec<u8>]) {
    let at = random.below(input.len());
    match random.below(7) {
        0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        1 if !input.is_empty() => input[at] = random.next() as u8,
        2 => input.truncate(at),
        3 => {
            let piece = INTERESTING[random.below(INTERESTING.len())];
            input.splice(at..at, piece.iter().copied());
        }
        4 if !input.is_empty() => {
            let end = (at + random.below(64)).min(input.len());
            input.drain(at..end);
        }
        5 if !input.is_empty() => {
            let end = (at + random.below(64)).min(input.len());
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}
