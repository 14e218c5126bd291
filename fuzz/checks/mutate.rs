//! Changes inputs as a fuzzer does, the same from the same seed: for tests, which run without one.

use std::path::Path;

/// Pseudorandom numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }
}

/// The inputs of a target that are in the repository, by their names.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&root).expect("a folder of inputs");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no inputs in {}", root.display());
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

/// Runs `check` on the corpus of `target` and on `runs` changed inputs.
pub(crate) fn replay(target: &str, runs: u64, check: impl Fn(&[u8])) {
    let corpus = corpus(target);
    corpus.iter().for_each(|input| check(input));
    for seed in 0..runs {
        let input = mutated(&corpus, seed);
        let _shown = ShowsInput(&input);
        check(&input);
    }
}

fn mutated(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len());
        match random.below(6) {
            0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
            1 if !input.is_empty() => input[at] = [0, 1, 0x7F, 0x80, 0xFF, b'/'][random.below(6)],
            2 => input.insert(at, random.below(256) as u8),
            3 if !input.is_empty() => drop(input.remove(at)),
            4 => input.truncate(at),
            _ => {
                let other = &corpus[random.below(corpus.len())];
                input.truncate(at);
                input.extend_from_slice(&other[random.below(other.len())..]);
            }
        }
    }
    input
}

/// Shows the input if the check ends in a panic.
struct ShowsInput<'a>(&'a [u8]);

impl Drop for ShowsInput<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {:02X?}", self.0);
        }
    }
}
