//! Evaluates a bound query over all rows at once, without segments, blocks or indexes.

use std::{cmp::Ordering, collections::HashMap, ops::Bound};

use arrow::array::{Array, ArrayRef, UInt32Array};
use functions::{Columns, Context, Expr, Vector, arrays::value_at, evaluate_array};
use model::{ColumnType, Value};
use query::{AggregateCall, BoundQuery, Filter, OrderBy, PredicateOp, Shape};

use crate::data::{Data, text};

/// All rows that may be answered; for an ordered answer in order, with the texts of what they are ordered by.
pub struct Answer {
    pub types: Vec<ColumnType>,
    pub rows: Vec<Vec<String>>,
    /// Rows of equal order-by values share a number.
    ties: Vec<usize>,
    limit: usize,
    offset: usize,
    pub docs: Option<u64>,
}

impl Answer {
    /// Whether some rows are a right answer.
    pub fn accepts(&self, got: &[Vec<String>], ordered: bool) -> Result<(), String> {
        let end = (self.offset + self.limit).min(self.rows.len());
        if got.len() != end {
            return Err(format!("{} rows, expected {end}", got.len()));
        }
        let mut left: HashMap<(usize, &[String]), i64> = HashMap::new();
        for (row, tie) in self.rows.iter().zip(&self.ties) {
            *left.entry((if ordered { *tie } else { 0 }, row)).or_default() += 1;
        }
        for (at, row) in got.iter().enumerate() {
            let tie = if ordered { self.ties[at] } else { 0 };
            match left.get_mut(&(tie, row.as_slice())) {
                Some(count) if *count > 0 => *count -= 1,
                _ => return Err(format!("row {at} {row:?} is wrong or out of order")),
            }
        }
        Ok(())
    }
}

struct Table<'d> {
    data: &'d Data,
    null_handling: bool,
}

impl Columns for Table<'_> {
    fn column(&self, name: &str) -> Option<Vector> {
        if self.null_handling {
            let (_, ty, array) = self.data.columns.iter().find(|(n, _, _)| n == name)?;
            return Some(Vector::array(*ty, array.clone()));
        }
        let (ty, array) = self.data.defaults(name)?;
        Some(Vector::array(ty, array))
    }

    fn input(&self, _index: usize) -> Option<Vector> {
        None
    }
}

struct Slots(Vec<(ColumnType, ArrayRef)>);

impl Columns for Slots {
    fn column(&self, _name: &str) -> Option<Vector> {
        None
    }

    fn input(&self, index: usize) -> Option<Vector> {
        self.0.get(index).map(|(ty, array)| Vector::array(*ty, array.clone()))
    }
}

struct Naive<'d> {
    table: Table<'d>,
    context: Context,
    made: std::cell::RefCell<Vec<(Expr, ArrayRef)>>,
}

pub fn evaluate(data: &Data, query: &BoundQuery) -> Answer {
    let context = Context { now_ms: query.now_ms, null_handling: query.null_handling };
    let table = Table { data, null_handling: query.null_handling };
    let naive = Naive { table, context, made: Default::default() };
    let rows: Vec<usize> = (0..data.rows).filter(|&row| naive.passes(&query.filter, row) == Some(true)).collect();
    match &query.shape {
        Shape::Selection(selection) => {
            let mut exprs: Vec<&Expr> = selection.projections.iter().map(|p| &p.expr).collect();
            for by in &selection.order_by {
                if !exprs.contains(&&by.expr) {
                    exprs.push(&by.expr);
                }
            }
            let cells = |exprs: &[&Expr]| -> Vec<Vec<Value>> {
                rows.iter().map(|&row| exprs.iter().map(|e| naive.value(e, row)).collect()).collect()
            };
            let order = cells(&selection.order_by.iter().map(|by| &by.expr).collect::<Vec<_>>());
            let types = exprs.iter().map(|e| e.ty()).collect();
            let offset = if selection.order_by.is_empty() { 0 } else { query.offset };
            answer(types, cells(&exprs), order, &selection.order_by, query.limit, offset, None)
        }
        Shape::Distinct(distinct) => {
            let exprs: Vec<&Expr> = distinct.projections.iter().map(|p| &p.expr).collect();
            let mut seen = HashMap::new();
            for &row in &rows {
                for key in naive.keys(&exprs, row) {
                    seen.entry(key.iter().map(text).collect::<Vec<_>>()).or_insert(key);
                }
            }
            let cells: Vec<Vec<Value>> = seen.into_values().collect();
            let types: Vec<ColumnType> = exprs.iter().map(|e| e.ty().data_type.sv()).collect();
            let order = slots(&cells, &types, &distinct.order_by, &naive.context);
            answer(types, cells, order, &distinct.order_by, query.limit, 0, None)
        }
        Shape::Aggregate(aggregate) => {
            let exprs: Vec<&Expr> = aggregate.group_by.iter().collect();
            let mut groups: HashMap<Vec<String>, (Vec<Value>, Vec<u32>)> = HashMap::new();
            if exprs.is_empty() {
                groups.insert(Vec::new(), (Vec::new(), rows.iter().map(|&r| r as u32).collect()));
            } else {
                for &row in &rows {
                    for key in naive.keys(&exprs, row) {
                        let entry = groups.entry(key.iter().map(text).collect()).or_insert((key, Vec::new()));
                        entry.1.push(row as u32);
                    }
                }
            }
            let mut types: Vec<ColumnType> = exprs.iter().map(|e| e.ty().data_type.sv()).collect();
            types.extend(aggregate.aggregates.iter().map(|call| call.result_type));
            let mut cells: Vec<Vec<Value>> = Vec::new();
            for (mut key, rows) in groups.into_values() {
                key.extend(aggregate.aggregates.iter().map(|call| naive.aggregate(call, &rows)));
                cells.push(key);
            }
            if let Some(having) = &aggregate.having {
                let by = OrderBy { expr: having.clone(), ascending: true, nulls_first: false };
                let passed = slots(&cells, &types, std::slice::from_ref(&by), &naive.context);
                let mut passed = passed.into_iter().map(|p| p[0] == Value::Boolean(true));
                cells.retain(|_| passed.next().unwrap());
            }
            let order = slots(&cells, &types, &aggregate.order_by, &naive.context);
            let filtered = aggregate.aggregates.iter().any(|call| call.filter.is_some());
            let docs = (!filtered).then_some(rows.len() as u64);
            let limit = if exprs.is_empty() { 1 } else { query.limit };
            answer(types, cells, order, &aggregate.order_by, limit, 0, docs)
        }
    }
}

/// The order-by values of rows whose cells are the input slots.
fn slots(cells: &[Vec<Value>], types: &[ColumnType], order_by: &[OrderBy], context: &Context) -> Vec<Vec<Value>> {
    let columns = types
        .iter()
        .enumerate()
        .map(|(i, ty)| {
            let column: Vec<Value> = cells.iter().map(|row| row[i].clone()).collect();
            (*ty, functions::arrays::from_values(*ty, &column).unwrap())
        })
        .collect();
    let columns = Slots(columns);
    let arrays: Vec<ArrayRef> =
        order_by.iter().map(|by| evaluate_array(&by.expr, &columns, cells.len(), context).unwrap()).collect();
    (0..cells.len())
        .map(|row| arrays.iter().zip(order_by).map(|(a, by)| value_at(a.as_ref(), by.expr.ty(), row)).collect())
        .collect()
}

fn answer(
    types: Vec<ColumnType>,
    cells: Vec<Vec<Value>>,
    order: Vec<Vec<Value>>,
    order_by: &[OrderBy],
    limit: usize,
    offset: usize,
    docs: Option<u64>,
) -> Answer {
    let mut rows: Vec<(Vec<Value>, Vec<Value>)> = order.into_iter().zip(cells).collect();
    let compare = |a: &[Value], b: &[Value]| -> Ordering {
        for ((a, b), by) in a.iter().zip(b).zip(order_by) {
            let order = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if by.nulls_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, true) => {
                    if by.nulls_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, false) if by.ascending => compare_values(a, b),
                (false, false) => compare_values(b, a),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    rows.sort_by(|a, b| compare(&a.0, &b.0));
    let mut ties = Vec::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        let same = i > 0 && compare(&rows[i - 1].0, &row.0) == Ordering::Equal;
        ties.push(if same { ties[i - 1] } else { i });
    }
    let rows = rows.into_iter().map(|(_, cells)| cells.iter().map(text).collect()).collect();
    Answer { types, rows, ties, limit, offset, docs }
}

fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Long(a) | Value::Timestamp(a), Value::Long(b) | Value::Timestamp(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        other => panic!("not compared: {other:?}"),
    }
}

impl Naive<'_> {
    /// An expression over all rows, evaluated once.
    fn array(&self, expr: &Expr) -> ArrayRef {
        if let Some((_, array)) = self.made.borrow().iter().find(|(e, _)| e == expr) {
            return array.clone();
        }
        let array = evaluate_array(expr, &self.table, self.table.data.rows, &self.context).unwrap();
        self.made.borrow_mut().push((expr.clone(), array.clone()));
        array
    }

    fn value(&self, expr: &Expr, row: usize) -> Value {
        value_at(self.array(expr).as_ref(), expr.ty(), row)
    }

    /// The keys of a row, one for each combination of elements.
    fn keys(&self, exprs: &[&Expr], row: usize) -> Vec<Vec<Value>> {
        let mut keys = vec![Vec::new()];
        for expr in exprs {
            let values = match self.value(expr, row) {
                Value::Array(_, items) => items,
                value => vec![value],
            };
            keys = keys
                .iter()
                .flat_map(|key: &Vec<Value>| {
                    values.iter().map(move |v| key.iter().cloned().chain([v.clone()]).collect::<Vec<Value>>())
                })
                .collect();
        }
        keys
    }

    fn passes(&self, filter: &Filter, row: usize) -> Option<bool> {
        match filter {
            Filter::All => Some(true),
            Filter::Nothing => Some(false),
            Filter::Not(child) => self.passes(child, row).map(|p| !p),
            Filter::And(children) => {
                let all: Vec<_> = children.iter().map(|c| self.passes(c, row)).collect();
                if all.contains(&Some(false)) {
                    Some(false)
                } else {
                    all.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
                }
            }
            Filter::Or(children) => {
                let all: Vec<_> = children.iter().map(|c| self.passes(c, row)).collect();
                if all.contains(&Some(true)) {
                    Some(true)
                } else {
                    all.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
                }
            }
            Filter::Predicate(predicate) => {
                if let PredicateOp::IsNull | PredicateOp::IsNotNull = predicate.op {
                    let null = match &predicate.lhs {
                        // The null vector knows, whatever null handling says.
                        Expr::Column { name, .. } => {
                            let (_, _, array) = self.table.data.columns.iter().find(|(n, _, _)| n == name).unwrap();
                            array.is_null(row)
                        }
                        expr => self.value(expr, row).is_null(),
                    };
                    return Some(null == (predicate.op == PredicateOp::IsNull));
                }
                let value = self.value(&predicate.lhs, row);
                match &value {
                    Value::Null => None,
                    Value::Array(_, items) => match &predicate.op {
                        PredicateOp::NotEq(_) | PredicateOp::NotIn(_) => {
                            Some(items.iter().all(|item| matches(item, &predicate.op)))
                        }
                        op => Some(items.iter().any(|item| matches(item, op))),
                    },
                    value => Some(matches(value, &predicate.op)),
                }
            }
        }
    }

    fn aggregate(&self, call: &AggregateCall, rows: &[u32]) -> Value {
        let kept: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|&row| call.filter.as_ref().is_none_or(|f| self.passes(f, row as usize) == Some(true)))
            .collect();
        let types: Vec<ColumnType> = call.args.iter().map(Expr::ty).collect();
        let function = aggregates::resolve(&call.function, &types, &call.literals, self.context.null_handling).unwrap();
        let mut accumulator = function.accumulator();
        accumulator.resize(1);
        let picks = UInt32Array::from(kept.clone());
        let args: Vec<ArrayRef> =
            call.args.iter().map(|arg| arrow::compute::take(self.array(arg).as_ref(), &picks, None).unwrap()).collect();
        accumulator.update(&args, kept.len(), aggregates::Groups::One(0)).unwrap();
        value_at(accumulator.finish().unwrap().as_ref(), call.result_type, 0)
    }
}

fn matches(value: &Value, op: &PredicateOp) -> bool {
    let same = |v: &Value| compare_values(value, v) == Ordering::Equal;
    match op {
        PredicateOp::Eq(v) => same(v),
        PredicateOp::NotEq(v) => !same(v),
        PredicateOp::In(vs) => vs.iter().any(same),
        PredicateOp::NotIn(vs) => !vs.iter().any(same),
        PredicateOp::Range { lower, upper } => {
            let above = match lower {
                Bound::Unbounded => true,
                Bound::Included(v) => compare_values(value, v).is_ge(),
                Bound::Excluded(v) => compare_values(value, v).is_gt(),
            };
            above
                && match upper {
                    Bound::Unbounded => true,
                    Bound::Included(v) => compare_values(value, v).is_le(),
                    Bound::Excluded(v) => compare_values(value, v).is_lt(),
                }
        }
        PredicateOp::RegexpLike { pattern, case_insensitive, .. } => {
            let Value::String(text) = value else { return false };
            let regex = regex::RegexBuilder::new(pattern).case_insensitive(*case_insensitive).build().unwrap();
            regex.is_match(text)
        }
        PredicateOp::IsTrue => *value == Value::Boolean(true),
        other => panic!("not evaluated: {other:?}"),
    }
}
