//! Aggregate calls: which names they are, their header, their arguments.

use functions::Expr;
use model::{ColumnType, DataType, Value};

use super::{
    filter::FilterBinder,
    predicate_text::filter_text,
    scalar::{self, Scope},
};
use crate::{
    ast::{Expression, Function},
    error::Error,
    ir::{AggregateCall, Filter},
};

/// Canonical names; the MV forms and the percentile families are derived.
const NAMES: &[&str] = &[
    "anyvalue",
    "arrayagg",
    "avg",
    "avgvalueintegersumtuplesketch",
    "booland",
    "boolor",
    "count",
    "covarpop",
    "covarsamp",
    "distinctavg",
    "distinctcount",
    "distinctcountbitmap",
    "distinctcountcpcsketch",
    "distinctcounthll",
    "distinctcounthllplus",
    "distinctcountoffheap",
    "distinctcountrawcpcsketch",
    "distinctcountrawhll",
    "distinctcountrawhllplus",
    "distinctcountrawintegersumtuplesketch",
    "distinctcountrawthetasketch",
    "distinctcountrawull",
    "distinctcountsmarthll",
    "distinctcountsmarthllplus",
    "distinctcountsmartull",
    "distinctcountthetasketch",
    "distinctcounttuplesketch",
    "distinctcountull",
    "distinctsum",
    "exprmax",
    "exprmin",
    "fasthll",
    "firstwithtime",
    "frequentlongssketch",
    "frequentstringssketch",
    "funnelcompletecount",
    "funnelcount",
    "funneleventsfunctioneval",
    "funnelmatchstep",
    "funnelmaxstep",
    "funnelstepdurationstats",
    "histogram",
    "idset",
    "kurtosis",
    "lastwithtime",
    "listagg",
    "max",
    "maxlong",
    "maxstring",
    "min",
    "minlong",
    "minmaxrange",
    "minstring",
    "mode",
    "segmentpartitioneddistinctcount",
    "skewness",
    "stddevpop",
    "stddevsamp",
    "stunion",
    "sum",
    "sumarraydouble",
    "sumarraylong",
    "sumint",
    "sumlong",
    "sumprecision",
    "sumvaluesintegersumtuplesketch",
    "varpop",
    "varsamp",
];

/// Aggregates that become their MV form over a multi-value column.
const WITH_MV_FORM: &[&str] = &[
    "avg",
    "count",
    "distinctavg",
    "distinctcount",
    "distinctcountbitmap",
    "distinctcounthll",
    "distinctcounthllplus",
    "distinctcountrawhll",
    "distinctcountrawhllplus",
    "distinctsum",
    "max",
    "min",
    "minmaxrange",
    "sum",
];

/// Percentile families, MV suffix and digits cut off.
const PERCENTILES: &[&str] = &[
    "percentile",
    "percentileest",
    "percentilekll",
    "percentilerawest",
    "percentilerawkll",
    "percentilerawtdigest",
    "percentilesmarttdigest",
    "percentiletdigest",
];

/// `percentiletdigest95mv` → (`percentiletdigestmv`, 95).
fn percentile_name(name: &str) -> Option<(String, Option<f64>)> {
    let (rest, mv) = match name.strip_suffix("mv") {
        Some(rest) => (rest, "mv"),
        None => (name, ""),
    };
    let base = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    if !PERCENTILES.contains(&base) {
        return None;
    }
    let digits = &rest[base.len()..];
    let percentile = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
    Some((format!("{base}{mv}"), percentile))
}

fn is_name(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
        || name.strip_suffix("mv").is_some_and(|base| WITH_MV_FORM.binary_search(&base).is_ok())
        || (name.starts_with("percentile") && percentile_name(name).is_some())
}

/// Whether the call is an aggregate, with or without FILTER. `min(a, b)` and `max(a, b)` are scalar.
pub(super) fn is_aggregate(function: &Function) -> bool {
    match function.name.as_str() {
        "filter" => matches!(function.args.as_slice(), [Expression::Function(inner), _] if is_aggregate(inner)),
        "min" | "max" => function.args.len() < 2,
        name => is_name(name),
    }
}

pub(super) fn contains_aggregate(expression: &Expression) -> bool {
    match expression {
        Expression::Function(function) => is_aggregate(function) || function.args.iter().any(contains_aggregate),
        _ => false,
    }
}

/// Binds one aggregate call.
pub(super) fn bind(
    function: &Function,
    filters: &mut FilterBinder<'_>,
    null_handling: bool,
) -> Result<AggregateCall, Error> {
    if function.name == "filter"
        && let [Expression::Function(inner), condition] = function.args.as_slice()
    {
        let mut call = bind(inner, filters, null_handling)?;
        call.filter = match filters.bind(condition)? {
            Filter::All => None,
            filter => Some(filter),
        };
        call.text = format!("{} FILTER(WHERE {})", call.text, filter_text(condition));
        return Ok(call);
    }
    if function.args.iter().any(contains_aggregate) {
        return Err(Error::Parsing(format!("aggregate calls cannot be nested: {function}")));
    }
    let (base, percentile) = percentile_name(&function.name).unwrap_or_else(|| (function.name.clone(), None));
    let is_count_of_rows = base == "count"
        && match function.args.as_slice() {
            [] | [Expression::Literal(_)] => true,
            [Expression::Identifier(name)] if name == "*" => true,
            _ => false,
        };
    if is_count_of_rows {
        return finish("count".to_owned(), Vec::new(), Vec::new(), "count(*)".to_owned(), null_handling);
    }
    let first_literal =
        function.args.iter().skip(1).position(Expression::is_literal).map_or(function.args.len(), |at| at + 1);
    let (expressions, rest) = function.args.split_at(first_literal);
    if expressions.is_empty() {
        return Err(invalid(function, "it needs an argument"));
    }
    let mut literals: Vec<Value> = percentile.map(Value::Double).into_iter().collect();
    for argument in rest {
        match argument {
            Expression::Literal(value) => literals.push(value.clone()),
            other => return Err(invalid(function, &format!("'{other}' must be a literal"))),
        }
    }
    let args = expressions.iter().map(|e| scalar::bind(e, &mut filters.rows)).collect::<Result<Vec<Expr>, Error>>()?;
    let multi_value = args[0].ty().multi_value;
    if base == "count" && !multi_value && !null_handling {
        return finish(base, Vec::new(), Vec::new(), "count(*)".to_owned(), null_handling);
    }
    let name = if multi_value && (WITH_MV_FORM.binary_search(&base.as_str()).is_ok() || is_plain_percentile(&base)) {
        format!("{base}mv")
    } else {
        base
    };
    let shown = if name.starts_with("percentile") && percentile.is_some() {
        if multi_value && !function.name.ends_with("mv") {
            format!("{}mv", function.name)
        } else {
            function.name.clone()
        }
    } else {
        name.clone()
    };
    let text = header(&shown, expressions, if percentile.is_some() { &literals[1..] } else { &literals });
    finish(name, args, literals, text, null_handling)
}

fn is_plain_percentile(base: &str) -> bool {
    PERCENTILES.contains(&base) && base != "percentilesmarttdigest"
}

fn invalid(function: &Function, reason: &str) -> Error {
    Error::Parsing(format!("Invalid aggregation function: {function}; Reason: {reason}"))
}

/// Percentiles show their literals after a comma and a space, the WITHTIME pair shows them quoted, others hide them.
fn header(name: &str, expressions: &[Expression], literals: &[Value]) -> String {
    let mut text = format!("{name}(");
    for (i, expression) in expressions.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&expression.to_string());
    }
    if name.starts_with("percentile") {
        for (i, literal) in literals.iter().enumerate() {
            text.push_str(", ");
            match functions::convert::to_f64(literal) {
                // The percentile itself is a double, a compression that follows is shown as written.
                Some(number) if i == 0 && name.chars().all(|c| !c.is_ascii_digit()) => {
                    text.push_str(&crate::text::java_double(number));
                }
                _ => text.push_str(&crate::text::value_text(literal)),
            }
        }
    } else if matches!(name, "firstwithtime" | "lastwithtime") {
        for literal in literals {
            text.push_str(&format!(",'{}'", crate::text::value_text(literal)));
        }
    }
    text.push(')');
    text
}

fn finish(
    function: String,
    args: Vec<Expr>,
    literals: Vec<Value>,
    text: String,
    null_handling: bool,
) -> Result<AggregateCall, Error> {
    let types: Vec<ColumnType> = args.iter().map(Expr::ty).collect();
    let result_type = aggregates::resolve(&function, &types, &literals, null_handling)?.result_type();
    Ok(AggregateCall { function, args, literals, filter: None, result_type, text })
}

/// Keys and aggregates as the slots of what follows the aggregation.
pub(super) struct Slots<'a, 'b> {
    /// Group keys as written, with their types.
    pub(super) keys: Vec<(Expression, ColumnType)>,
    pub(super) calls: Vec<(Expression, AggregateCall)>,
    pub(super) filters: &'b mut FilterBinder<'a>,
    pub(super) null_handling: bool,
}

impl Scope for Slots<'_, '_> {
    fn column(&self, name: &str) -> Result<Expr, Error> {
        Err(Error::Parsing(if self.keys.is_empty() {
            "Columns and Aggregate functions can't co-exist without GROUP BY clause".to_owned()
        } else {
            format!("'{name}' should be functionally dependent on the columns used in GROUP BY clause.")
        }))
    }

    fn computed(&mut self, expression: &Expression) -> Result<Option<Expr>, Error> {
        if let Some(index) = self.keys.iter().position(|(key, _)| key == expression) {
            // A multi-value key is exploded: one element a group.
            return Ok(Some(Expr::Input { index, ty: self.keys[index].1.data_type.sv() }));
        }
        let Some(function) = expression.as_function().filter(|f| is_aggregate(f)) else { return Ok(None) };
        let index = match self.calls.iter().position(|(known, _)| known == expression) {
            Some(index) => index,
            None => {
                let call = bind(function, self.filters, self.null_handling)?;
                match self.calls.iter().position(|(_, known)| *known == call) {
                    Some(index) => index,
                    None => {
                        self.calls.push((expression.clone(), call));
                        self.calls.len() - 1
                    }
                }
            }
        };
        Ok(Some(Expr::Input { index: self.keys.len() + index, ty: self.calls[index].1.result_type }))
    }

    fn whole_arithmetic(&self) -> bool {
        true
    }

    fn map_value_type(&self, _name: &str) -> Option<DataType> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_tables_are_sorted() {
        assert!(NAMES.is_sorted());
        assert!(WITH_MV_FORM.is_sorted());
    }

    #[test]
    fn percentile_names_split() {
        assert_eq!(percentile_name("percentile95"), Some(("percentile".to_owned(), Some(95.0))));
        assert_eq!(percentile_name("percentileest90mv"), Some(("percentileestmv".to_owned(), Some(90.0))));
        assert_eq!(percentile_name("percentiletdigest"), Some(("percentiletdigest".to_owned(), None)));
        assert_eq!(percentile_name("percentilefoo"), None);
    }
}
