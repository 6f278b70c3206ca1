//! Looks up the id of a doc in runs.

/// Walks docs through the runs; cheap when they ascend.
#[derive(Clone)]
pub struct Runs<'a> {
    starts: &'a [u32],
    id: usize,
}

impl<'a> Runs<'a> {
    /// `starts` as in [`crate::Forward::Sorted`].
    pub fn new(starts: &'a [u32]) -> Self {
        Self { starts, id: 0 }
    }

    /// The dict id of `doc`, which has to be below the number of docs.
    #[inline]
    pub fn id(&mut self, doc: u32) -> u32 {
        let inside = |id: usize| self.starts[id] <= doc && doc < self.starts[id + 1];
        if !inside(self.id) {
            let next = self.id + 1;
            self.id = if next + 1 < self.starts.len() && inside(next) {
                next
            } else {
                self.starts.partition_point(|&start| start <= doc) - 1
            };
        }
        self.id as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_find_their_run() {
        let starts = [0, 1, 5, 6];
        let mut runs = Runs::new(&starts);
        let ids: Vec<u32> = [0, 1, 4, 5, 2, 0, 5].into_iter().map(|doc| runs.id(doc)).collect();
        assert_eq!(ids, [0, 1, 1, 2, 1, 0, 2]);
    }
}
