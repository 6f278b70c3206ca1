//! Builds the docs of each id in a few passes over the column, each as large as memory allows.

use roaring::RoaringBitmap;

use super::config::{Layout, MAX_BITMAPS};
use crate::{
    Result,
    creator::sink::SectionSink,
    format::as_bytes,
    index::{null::creator::serialize, scan::Scan},
};

/// Docs that one pass may hold.
const PASS_DOCS: u64 = 1 << 23;

/// Writes the section for a column whose id `i` has `counts[i]` entries.
pub(crate) fn build(counts: &[u32], scan: &mut dyn Scan<u32>, sink: &mut SectionSink) -> Result<()> {
    build_in_passes(counts, PASS_DOCS, scan, sink)
}

fn build_in_passes(counts: &[u32], pass_docs: u64, scan: &mut dyn Scan<u32>, sink: &mut SectionSink) -> Result<()> {
    let cardinality = counts.len() as u32;
    let layout = if cardinality <= MAX_BITMAPS { Layout::Bitmaps } else { Layout::Postings };
    sink.write(&(layout as u32).to_le_bytes())?;
    sink.write(&cardinality.to_le_bytes())?;
    let mut ends: Vec<u64> = vec![0];
    let mut first = 0usize;
    while first < counts.len() {
        let mut total = 0u64;
        let mut end = first;
        while end < counts.len() && (end == first || total + u64::from(counts[end]) <= pass_docs) {
            total += u64::from(counts[end]);
            end += 1;
        }
        pass(&counts[first..end], first as u32, scan, |docs| {
            let written = match layout {
                Layout::Bitmaps => bitmap(docs, sink)?,
                Layout::Postings => {
                    sink.write(as_bytes::<u32>(docs))?;
                    docs.len() as u64
                }
            };
            ends.push(ends.last().copied().unwrap_or(0) + written);
            Ok(())
        })?;
        first = end;
    }
    match layout {
        Layout::Bitmaps => {
            let padding = (8 - ends.last().copied().unwrap_or(0) % 8) % 8;
            sink.write(&[0u8; 8][..padding as usize])?;
            sink.write(as_bytes::<u64>(&ends))
        }
        Layout::Postings => {
            let ends: Vec<u32> = ends.into_iter().map(|end| end as u32).collect();
            sink.write(as_bytes::<u32>(&ends))
        }
    }
}

/// Calls `emit` with the ascending docs of each id from `first` on.
fn pass(
    counts: &[u32],
    first: u32,
    scan: &mut dyn Scan<u32>,
    mut emit: impl FnMut(&[u32]) -> Result<()>,
) -> Result<()> {
    let mut next: Vec<u32> = Vec::with_capacity(counts.len());
    let mut total = 0u32;
    for &count in counts {
        next.push(total);
        total += count;
    }
    let mut docs = vec![0u32; total as usize];
    let ids = first..first + counts.len() as u32;
    scan.scan(&mut |entries| {
        entries.for_each(|doc, id| {
            if ids.contains(&id) {
                let slot = &mut next[(id - first) as usize];
                docs[*slot as usize] = doc;
                *slot += 1;
            }
        });
        Ok(())
    })?;
    let mut start = 0usize;
    let mut unique = Vec::new();
    for &count in counts {
        let list = &docs[start..start + count as usize];
        start += count as usize;
        if list.windows(2).any(|w| w[0] == w[1]) {
            // A multi-value doc that holds the value twice.
            unique.clear();
            unique.extend_from_slice(list);
            unique.dedup();
            emit(&unique)?;
        } else {
            emit(list)?;
        }
    }
    Ok(())
}

fn bitmap(docs: &[u32], sink: &mut SectionSink) -> Result<u64> {
    let mut bitmap = RoaringBitmap::new();
    // Docs ascend, so none is refused.
    let _ = bitmap.append(docs.iter().copied());
    bitmap.optimize();
    let bytes = serialize(&bitmap);
    sink.write(&bytes)?;
    Ok(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::scan::Entries;

    struct Ids(Vec<u32>);

    impl Scan<u32> for Ids {
        fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, u32>) -> Result<()>) -> Result<()> {
            for (i, values) in self.0.chunks(10).enumerate() {
                f(Entries { first_doc: i as u32 * 10, values, docs: None })?;
            }
            Ok(())
        }
    }

    #[test]
    fn passes_do_not_change_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        for cardinality in [3u32, 20_000] {
            let ids: Vec<u32> = (0..40_000u32).map(|i| i.wrapping_mul(2_654_435_761) % cardinality).collect();
            let mut counts = vec![0; cardinality as usize];
            ids.iter().for_each(|&id| counts[id as usize] += 1);
            let mut scan = Ids(ids);
            let bytes = |pass_docs, scan: &mut Ids| {
                let mut sink = SectionSink::new(dir.path());
                build_in_passes(&counts, pass_docs, scan, &mut sink).unwrap();
                let mut bytes = Vec::new();
                sink.for_each(1 << 20, &mut |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
                bytes
            };
            assert!(bytes(u64::MAX, &mut scan) == bytes(9_000, &mut scan));
        }
    }
}
