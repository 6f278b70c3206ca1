//! WHERE: a filter tree becomes, per segment, a plan of index answers and scans; the plan yields docs block by block.
//!
//! Negations are pushed to the leaves first. That keeps three-valued logic simple: a leaf over a column with NULLs
//! leaves its NULL docs out whether it is negated or not, and AND and OR of "certainly true" docs are exact.

pub(crate) mod docs;
pub(crate) mod ids;
pub(crate) mod kernels;
pub(crate) mod leaf;
pub(crate) mod matcher;
pub(crate) mod run;

use query::{Filter, Predicate};
use roaring::RoaringBitmap;

use crate::{columns::Segment, error::Result, filter::docs::DocSet, options::Options};

/// How a leaf found its docs, for EXPLAIN and for the counter of scanned entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Sorted,
    Inverted,
    Range,
    Scan,
    Expression,
    /// The null vector.
    Bitmap,
    /// No doc or every doc, known without looking.
    Constant,
}

/// A step of the plan with, at a leaf, the predicate it answers.
pub(crate) struct Node<'s> {
    pub(crate) kind: Kind<'s>,
    pub(crate) label: Option<(Access, &'s Predicate)>,
}

pub(crate) enum Kind<'s> {
    Docs(DocSet),
    /// All docs but these.
    Except(&'s RoaringBitmap),
    Scan(leaf::Scan<'s>),
    /// At least two, cheapest first.
    And(Vec<Node<'s>>),
    Or(Vec<Node<'s>>),
}

/// What planning needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Planner<'s> {
    pub(crate) segment: &'s Segment<'s>,
    pub(crate) options: &'s Options,
    pub(crate) context: functions::Context,
}

impl<'s> Planner<'s> {
    pub(crate) fn plan(&self, filter: &'s Filter) -> Result<Node<'s>> {
        self.node(filter, false)
    }

    fn node(&self, filter: &'s Filter, negated: bool) -> Result<Node<'s>> {
        let num_docs = self.segment.num_docs;
        match filter {
            Filter::All | Filter::Nothing => {
                let all = matches!(filter, Filter::All) != negated;
                Ok(Node::docs(if all { DocSet::all(num_docs) } else { DocSet::nothing() }))
            }
            Filter::Not(child) => self.node(child, !negated),
            Filter::Predicate(predicate) => leaf::plan(self, predicate, negated),
            Filter::And(children) | Filter::Or(children) => {
                let children = children.iter().map(|child| self.node(child, negated)).collect::<Result<Vec<_>>>()?;
                let and = matches!(filter, Filter::And(_)) != negated;
                Ok(if and { Node::and(children, num_docs) } else { Node::or(children, num_docs) })
            }
        }
    }
}

impl<'s> Node<'s> {
    pub(crate) fn docs(docs: DocSet) -> Self {
        Self { kind: Kind::Docs(docs), label: None }
    }

    pub(crate) fn labelled(kind: Kind<'s>, access: Access, predicate: &'s Predicate) -> Self {
        Self { kind, label: Some((access, predicate)) }
    }

    /// Joins children, folding those that are everything or nothing.
    pub(crate) fn and(children: Vec<Self>, num_docs: u32) -> Self {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            match child.kind {
                Kind::Docs(ref docs) if docs.is_all(num_docs) => {}
                Kind::Docs(ref docs) if docs.is_empty() => return child,
                Kind::And(inner) if child.label.is_none() => kept.extend(inner),
                _ => kept.push(child),
            }
        }
        kept.sort_by_key(Self::cost);
        match kept.len() {
            0 => Self::docs(DocSet::all(num_docs)),
            1 => kept.swap_remove(0),
            _ => Self { kind: Kind::And(kept), label: None },
        }
    }

    pub(crate) fn or(children: Vec<Self>, num_docs: u32) -> Self {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            match child.kind {
                Kind::Docs(ref docs) if docs.is_all(num_docs) => return child,
                Kind::Docs(ref docs) if docs.is_empty() => {}
                Kind::Or(inner) if child.label.is_none() => kept.extend(inner),
                _ => kept.push(child),
            }
        }
        match kept.len() {
            0 => Self::docs(DocSet::nothing()),
            1 => kept.swap_remove(0),
            _ => Self { kind: Kind::Or(kept), label: None },
        }
    }

    /// Rank among the children of an AND: what is cheap, and what an index has narrowed, goes first.
    fn cost(&self) -> u32 {
        match &self.kind {
            Kind::Docs(DocSet::Ranges(_)) => 0,
            Kind::Docs(DocSet::Bitmap(_)) => 1,
            Kind::Except(_) => 2,
            Kind::Scan(scan) => scan.cost(),
            Kind::And(children) | Kind::Or(children) => {
                10 + children.iter().map(Self::cost).max().unwrap_or(0) + children.len() as u32
            }
        }
    }

    pub(crate) fn is_all(&self, num_docs: u32) -> bool {
        matches!(&self.kind, Kind::Docs(docs) if docs.is_all(num_docs))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Docs(docs) if docs.is_empty())
    }

    /// The docs, where an index has answered.
    pub(crate) fn known_docs(&self) -> Option<&DocSet> {
        match &self.kind {
            Kind::Docs(docs) => Some(docs),
            _ => None,
        }
    }

    /// At most this many docs match; exact where an index alone answers a leaf.
    pub(crate) fn estimate(&self, num_docs: u32) -> u64 {
        let all = u64::from(num_docs);
        match &self.kind {
            Kind::Docs(docs) => docs.len(),
            Kind::Except(docs) => all.saturating_sub(docs.len()),
            Kind::Scan(_) => all,
            Kind::And(children) => children.iter().map(|c| c.estimate(num_docs)).min().unwrap_or(all),
            Kind::Or(children) => children.iter().map(|c| c.estimate(num_docs)).sum::<u64>().min(all),
        }
    }
}
