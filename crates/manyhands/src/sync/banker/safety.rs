//! The heart of the banker's algorithm: is there an order in which all can have all they declared?
//!
//! A state is *safe* when the claimants can be put in an order in which each can get the rest of what it declared. It
//! gets that from what is free and what those before it gave back. Claimants that are granted only what leaves the
//! state safe never deadlock over these resources. Dijkstra's algorithm (EWD 108, EWD 623), for several resources as in
//! Habermann, "Prevention of system deadlocks", CACM 12 (1969). Allocates nothing.

/// The most resources of a banker.
pub(super) const MOST_RESOURCES: usize = 16;
/// The most claimants at one time.
pub(super) const MOST_CLAIMANTS: usize = 1024;

/// A number of units of each resource; those beyond the ledger's resources are 0.
pub(in crate::sync) type Units = [u64; MOST_RESOURCES];

/// What each claimant declared, and what it has.
pub(super) trait Matrix {
    fn resources(&self) -> usize;

    /// No claimant has this number or a higher one.
    fn claimants(&self) -> usize;

    /// What the claimant with this number has; `None` when there is none.
    fn held(&self, claimant: usize) -> Option<Units>;

    /// What it declared.
    fn maxima(&self, claimant: usize) -> Units;
}

/// Whether the state is safe in which `free` is free. `next` is called with each claimant in the order that was found:
/// round and round by number, as the textbooks do it.
pub(super) fn is_safe(matrix: &impl Matrix, mut free: Units, mut next: impl FnMut(usize)) -> bool {
    let resources = matrix.resources();
    let mut finished = [0_u64; MOST_CLAIMANTS / 64];
    loop {
        let (mut progress, mut left) = (false, false);
        for claimant in 0..matrix.claimants() {
            if finished[claimant / 64] & 1 << (claimant % 64) != 0 {
                continue;
            }
            let Some(held) = matrix.held(claimant) else { continue };
            let maxima = matrix.maxima(claimant);
            if (0..resources).all(|at| maxima[at].saturating_sub(held[at]) <= free[at]) {
                for at in 0..resources {
                    free[at] = free[at].saturating_add(held[at]);
                }
                finished[claimant / 64] |= 1 << (claimant % 64);
                next(claimant);
                progress = true;
            } else {
                left = true;
            }
        }
        if !left {
            return true;
        }
        if !progress {
            return false;
        }
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;

    struct Table(Vec<([u64; 3], [u64; 3])>);

    fn units(three: [u64; 3]) -> Units {
        let mut units = [0; MOST_RESOURCES];
        units[..3].copy_from_slice(&three);
        units
    }

    impl Matrix for Table {
        fn resources(&self) -> usize {
            3
        }

        fn claimants(&self) -> usize {
            self.0.len()
        }

        fn held(&self, claimant: usize) -> Option<Units> {
            Some(units(self.0[claimant].0))
        }

        fn maxima(&self, claimant: usize) -> Units {
            units(self.0[claimant].1)
        }
    }

    /// Five processes, three resources: the example of Silberschatz, Galvin, Gagne, "Operating System Concepts".
    fn textbook() -> Table {
        Table(vec![
            ([0, 1, 0], [7, 5, 3]),
            ([2, 0, 0], [3, 2, 2]),
            ([3, 0, 2], [9, 0, 2]),
            ([2, 1, 1], [2, 2, 2]),
            ([0, 0, 2], [4, 3, 3]),
        ])
    }

    #[test]
    fn the_textbooks_state_is_safe_and_one_unit_less_is_not() {
        let mut order = Vec::new();
        assert!(is_safe(&textbook(), units([3, 3, 2]), |claimant| order.push(claimant)));
        assert_eq!(order, [1, 3, 4, 0, 2]);
        // P1 was granted (1, 0, 2), which is safe; then P0 (0, 2, 0), which is not.
        let mut state = textbook();
        state.0[1].0 = [3, 0, 2];
        assert!(is_safe(&state, units([2, 3, 0]), |_| ()));
        state.0[0].0 = [0, 3, 0];
        let mut found = Vec::new();
        assert!(!is_safe(&state, units([2, 1, 0]), |claimant| found.push(claimant)));
        assert_eq!(found, [] as [usize; 0], "nobody could finish");
    }

    #[test]
    fn nobody_at_all_is_safe() {
        assert!(is_safe(&Table(Vec::new()), units([0, 0, 0]), |_| panic!("there is nobody")));
    }
}
