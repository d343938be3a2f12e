//! Random values that depend on the seed: ids, times, and whether a command fails.
//!
//! Each command draws from a generator of its own, which depends on the seed and on how many commands came before. So the
//! same calls in the same order end in the same way, however their outcomes interleave.

use fastrand::Rng;
use uuid::{Builder, Uuid};

/// Spreads consecutive numbers over the generator's range (the golden ratio, as in `splitmix64`).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Draws ids, failures and times from one seed.
#[derive(Clone)]
pub(crate) struct SeededRandom {
    seed: u64,
    /// Whether ids depend on the seed. Otherwise those of two runs differ, and a client's journal tells the runs apart.
    seeds_ids: bool,
    failure_rate: f64,
    made: u64,
    /// How many ids beside those of commands were drawn.
    ids: u64,
}

/// What is decided for one command or request.
pub(crate) struct Decision {
    pub(crate) id: Uuid,
    /// How many came before it.
    pub(crate) number: u64,
    /// Whether it fails, though it could succeed.
    pub(crate) fails: bool,
    /// For its times.
    pub(crate) rng: Rng,
}

impl SeededRandom {
    /// `seed` seeds everything, and ids only if `seeds_ids` is set. `failure_rate` is from 0 to 1.
    pub(crate) fn new(seed: u64, seeds_ids: bool, failure_rate: f64) -> Self {
        Self { seed, seeds_ids, failure_rate, made: 0, ids: 0 }
    }

    /// Decides for the next command or request.
    pub(crate) fn next(&mut self) -> Decision {
        let mut rng = Rng::with_seed(self.seed ^ self.made.wrapping_add(1).wrapping_mul(SPREAD));
        let number = self.made;
        self.made += 1;
        let id = self.id_from(&mut rng);
        Decision { id, number, fails: rng.f64() < self.failure_rate, rng }
    }
}

impl SeededRandom {
    /// The next id of anything but a command: a profile, a request, a device. It shifts no command's decision.
    pub(crate) fn id(&mut self) -> Uuid {
        self.ids += 1;
        self.id_from(&mut Rng::with_seed(!self.seed ^ self.ids.wrapping_mul(SPREAD)))
    }

    fn id_from(&self, rng: &mut Rng) -> Uuid {
        let seeded = Builder::from_random_bytes(rng.u128(..).to_le_bytes()).into_uuid();
        if self.seeds_ids { seeded } else { Uuid::new_v4() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(mut random: SeededRandom) -> Vec<(Uuid, bool, u64)> {
        let decisions = std::iter::repeat_with(|| random.next()).take(500);
        decisions.map(|Decision { id, fails, mut rng, .. }| (id, fails, rng.u64(..))).collect()
    }

    #[test]
    fn one_seed_decides_the_same_and_another_differs() {
        let first = decided(SeededRandom::new(7, true, 0.3));
        assert_eq!(first, decided(SeededRandom::new(7, true, 0.3)));
        assert_ne!(first, decided(SeededRandom::new(8, true, 0.3)));
        let ids: std::collections::BTreeSet<_> = first.iter().map(|(id, _, _)| id).collect();
        assert_eq!(ids.len(), first.len(), "an id came twice");
        let failed = first.iter().filter(|(_, fails, _)| *fails).count();
        assert!((100..200).contains(&failed), "{failed} of 500 failed at a rate of 0.3");
    }

    #[test]
    fn the_rates_0_and_1_are_none_and_all_and_ids_without_a_seed_are_random() {
        let (none, all) = (decided(SeededRandom::new(7, false, 0.0)), decided(SeededRandom::new(7, false, 1.0)));
        assert!(none.iter().all(|(_, fails, _)| !fails) && all.iter().all(|(_, fails, _)| *fails));
        assert!(none.iter().zip(&all).all(|((one, _, _), (other, _, _))| one != other), "an id came again");
    }
}
