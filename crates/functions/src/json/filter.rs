//! Conditions in JSON paths: `?(@.a == 1 && @.b)`.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::path::{self, Parser, Step};
use crate::pattern::Pattern;

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
    Matches(Operand, Pattern),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// From the item at hand.
    Item(Vec<Step>),
    /// From the document.
    Root(Vec<Step>),
    Literal(Json),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in ", Operator::In),
    ("nin ", Operator::NotIn),
    ("contains ", Operator::Contains),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
];

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > 50 {
            return self.error("conditions are nested more than 50 deep");
        }
        let mut any = vec![self.conjunction()?];
        loop {
            self.skip_space();
            if !self.eat("||") {
                break;
            }
            any.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
    }

    fn conjunction(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.negation()?];
        loop {
            self.skip_space();
            if !self.eat("&&") {
                break;
            }
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn negation(&mut self) -> Result<Condition, String> {
        self.skip_space();
        let negated = !self.rest().starts_with("!=") && self.eat("!");
        self.skip_space();
        let condition = if self.eat("(") {
            let inner = self.condition()?;
            self.skip_space();
            if !self.eat(")") {
                return self.error("')' is missing");
            }
            inner
        } else {
            self.comparison()?
        };
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        self.skip_space();
        if self.eat("=~") {
            self.skip_space();
            return Ok(Condition::Matches(left, self.regex()?));
        }
        let found = OPERATORS.iter().find(|(token, _)| self.rest().starts_with(token));
        let Some((token, operator)) = found else { return Ok(Condition::Exists(left)) };
        self.at += token.len();
        Ok(Condition::Compare(left, *operator, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.skip_space();
        if self.eat("@") {
            return Ok(Operand::Item(self.steps()?));
        }
        if self.eat("$") {
            return Ok(Operand::Root(self.steps()?));
        }
        if self.rest().starts_with(['\'', '"']) {
            return Ok(Operand::Literal(Json::String(self.quoted()?)));
        }
        if self.eat("[") {
            let mut items = Vec::new();
            loop {
                self.skip_space();
                if self.eat("]") {
                    return Ok(Operand::Literal(Json::Array(items)));
                }
                match self.operand()? {
                    Operand::Literal(value) => items.push(value),
                    _ => return self.error("a literal is missing"),
                }
                self.skip_space();
                self.eat(",");
            }
        }
        let length = self
            .rest()
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '+' | '.'))
            .unwrap_or(self.rest().len());
        match serde_json::from_str::<Json>(&self.rest()[..length]) {
            Ok(literal) => {
                self.at += length;
                Ok(Operand::Literal(literal))
            }
            Err(_) => self.error("a value is missing"),
        }
    }

    fn regex(&mut self) -> Result<Pattern, String> {
        if !self.eat("/") {
            return self.error("a regular expression between slashes is missing");
        }
        let Some(end) = self.rest().find('/') else { return self.error("the closing slash is missing") };
        let pattern = self.rest()[..end].to_owned();
        self.at += end + 1;
        let insensitive = self.eat("i");
        // The whole text has to match.
        Pattern::new(&format!("^(?:{pattern})$"), insensitive)
    }
}

pub(super) fn holds(condition: &Condition, root: &Json, item: &Json) -> bool {
    match condition {
        Condition::Or(any) => any.iter().any(|c| holds(c, root, item)),
        Condition::And(all) => all.iter().all(|c| holds(c, root, item)),
        Condition::Not(inner) => !holds(inner, root, item),
        Condition::Exists(operand) => value(operand, root, item).is_some(),
        Condition::Matches(operand, pattern) => {
            value(operand, root, item).and_then(Json::as_str).is_some_and(|text| pattern.find(text).unwrap_or(false))
        }
        Condition::Compare(left, operator, right) => {
            compare(value(left, root, item), *operator, value(right, root, item))
        }
    }
}

fn value<'a>(operand: &'a Operand, root: &'a Json, item: &'a Json) -> Option<&'a Json> {
    match operand {
        Operand::Literal(value) => Some(value),
        Operand::Item(steps) => path::values(steps, root, item).first().copied(),
        Operand::Root(steps) => path::values(steps, root, root).first().copied(),
    }
}

fn equal(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn compare(left: Option<&Json>, operator: Operator, right: Option<&Json>) -> bool {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => return operator == Operator::NotEqual && left.is_some() != right.is_some(),
    };
    let order = || -> Option<Ordering> {
        match (left, right) {
            (Json::String(a), Json::String(b)) => Some(model::order::compare_strings(a, b)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        }
    };
    let member = |list: &Json, item: &Json| list.as_array().is_some_and(|items| items.iter().any(|i| equal(i, item)));
    let length = |value: &Json| match value {
        Json::Array(items) => Some(items.len()),
        Json::String(text) => Some(crate::utf16::length(text)),
        Json::Object(fields) => Some(fields.len()),
        _ => None,
    };
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::Less => order().is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Operator::Greater => order().is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        Operator::In => member(right, left),
        Operator::NotIn => !member(right, left),
        Operator::Contains => match (left, right) {
            (Json::String(text), Json::String(part)) => text.contains(part.as_str()),
            _ => member(left, right),
        },
        Operator::Size => length(left).map(|l| l as u64) == right.as_u64(),
        Operator::Empty => length(left).map(|l| l == 0) == right.as_bool(),
    }
}
