//! Builds the indexes that follow from a column's other parts: at creation, when a packed segment is unpacked, and on
//! reload.

use std::path::Path;

use super::{Plan, bloom, inverted, range, scan::Scan};
use crate::{Result, creator::sink::SectionSink, format::Kind};

/// A section under construction.
pub(crate) type Section = (Kind, SectionSink);

/// Calls the given function with the hash of each value, repeated or not.
pub(crate) type Hashes<'a> = &'a mut dyn FnMut(&mut dyn FnMut(u64)) -> Result<()>;

/// Inverted and range index over dict ids, where planned. Id `i` has `counts[i]` entries.
pub(crate) fn build_on_ids(
    plan: &Plan,
    counts: &[u32],
    scan: &mut dyn Scan<u32>,
    work_dir: &Path,
    sections: &mut Vec<Section>,
) -> Result<()> {
    if plan.inverted {
        let mut sink = SectionSink::new(work_dir);
        inverted::creator::build(counts, scan, &mut sink)?;
        sections.push((Kind::Inverted, sink));
    }
    if plan.range {
        let bytes = range::creator::build_ids(counts, scan)?;
        sections.push((Kind::Range, SectionSink::of(work_dir, &bytes)?));
    }
    Ok(())
}

/// Range index over raw numbers, where planned.
pub(crate) fn build_on_numbers(
    plan: &Plan,
    total: u64,
    scan: &mut dyn Scan<u64>,
    work_dir: &Path,
    sections: &mut Vec<Section>,
) -> Result<()> {
    if plan.range {
        let bytes = range::creator::build_numbers(total, scan)?;
        sections.push((Kind::Range, SectionSink::of(work_dir, &bytes)?));
    }
    Ok(())
}

/// Bloom filter, where planned.
pub(crate) fn build_bloom(plan: &Plan, hashes: Hashes<'_>, work_dir: &Path, sections: &mut Vec<Section>) -> Result<()> {
    let Some(config) = plan.bloom else { return Ok(()) };
    let mut builder = bloom::creator::BloomBuilder::new(config);
    hashes(&mut |hash| builder.insert(hash))?;
    sections.push((Kind::Bloom, SectionSink::of(work_dir, &builder.finish())?));
    Ok(())
}
