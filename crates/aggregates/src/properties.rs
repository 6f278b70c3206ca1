//! What must hold for every registered aggregation.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray},
    datatypes::Int64Type,
};
use model::{ColumnType, DataType, Value};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{AggregateFunction, Groups, registry, resolve, testing::render};

const GROUPS: usize = 4;

/// Some arguments that bind each aggregation: the first of these that it accepts.
fn signatures() -> Vec<(Vec<ColumnType>, Vec<Value>)> {
    let text = |t: &str| Value::String(t.to_owned());
    let columns = [
        vec![DataType::Double.sv()],
        vec![DataType::Int.sv()],
        vec![DataType::String.sv()],
        vec![DataType::Boolean.sv()],
        vec![DataType::Int.sv(), DataType::Long.sv()],
        vec![DataType::Long.mv()],
    ];
    let literals =
        [vec![], vec![Value::Double(50.0)], vec![text("INT")], vec![Value::Int(0), Value::Int(100), Value::Int(5)]];
    columns.iter().flat_map(|c| literals.iter().map(|l| (c.clone(), l.clone()))).collect()
}

fn bind(name: &str, null_handling: bool) -> (Arc<dyn AggregateFunction>, Vec<ColumnType>) {
    let found = signatures().into_iter().find_map(|(args, literals)| {
        resolve(name, &args, &literals, null_handling).ok().map(|function| (function, args))
    });
    found.unwrap_or_else(|| panic!("{name} accepts none of the test's arguments"))
}

fn column(ty: ColumnType, rows: usize, random: &mut StdRng) -> ArrayRef {
    let value = |random: &mut StdRng| (random.random_range(0..10) > 0).then(|| random.random_range(-50..150));
    if ty.multi_value {
        let lists = (0..rows).map(|_| {
            Some((0..random.random_range(0..4)).map(|_| Some(random.random_range(0..99))).collect::<Vec<_>>())
        });
        return Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists.collect::<Vec<_>>()));
    }
    let numbers: Vec<Option<i32>> = (0..rows).map(|_| value(random)).collect();
    match ty.data_type {
        DataType::Int => Arc::new(Int32Array::from(numbers)),
        DataType::Long => Arc::new(numbers.iter().map(|v| v.map(i64::from)).collect::<Int64Array>()),
        DataType::Boolean => Arc::new(numbers.iter().map(|v| v.map(|v| v > 0)).collect::<BooleanArray>()),
        DataType::String => Arc::new(numbers.iter().map(|v| v.map(|v| format!("t{v}"))).collect::<StringArray>()),
        _ => Arc::new(numbers.iter().map(|v| v.map(f64::from)).collect::<Float64Array>()),
    }
}

/// Texts of results, equal up to rounding where they are numbers.
#[track_caller]
fn same(name: &str, a: &str, b: &str) {
    // Digests depend on the order in which values come.
    let tolerance = if name.contains("digest") { 0.03 } else { 1e-6 };
    let sorted = |text: &str| {
        // The order within a list is not defined.
        let mut parts: Vec<String> = text.split([',', '[', ']', ' ']).map(str::to_owned).collect();
        if text.contains('[') {
            parts.sort();
        }
        parts
    };
    let (a_parts, b_parts) = (sorted(a), sorted(b));
    assert_eq!(a_parts.len(), b_parts.len(), "{name}: {a} against {b}");
    for (x, y) in a_parts.iter().zip(&b_parts) {
        let near = match (x.parse::<f64>(), y.parse::<f64>()) {
            (Ok(x), Ok(y)) => x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * x.abs().max(1.0),
            _ => x == y,
        };
        assert!(near, "{name}: {a} against {b}");
    }
}

#[test]
fn merging_states_equals_one_pass() {
    let mut random = StdRng::seed_from_u64(7);
    for name in registry::names() {
        // Counts of partial states are added up, not their values.
        // The bytes of a digest depend on the order in which values come.
        if matches!(name, "segmentpartitioneddistinctcount" | "percentilerawtdigest") {
            continue;
        }
        for null_handling in [false, true] {
            let (function, args) = bind(name, null_handling);
            let rows = 400;
            let columns: Vec<ArrayRef> = args.iter().map(|ty| column(*ty, rows, &mut random)).collect();
            let ids: Vec<u32> = (0..rows).map(|_| random.random_range(0..GROUPS as u32 - 1)).collect();
            let mut whole = function.accumulator();
            whole.resize(GROUPS);
            whole.update(&columns, rows, Groups::PerRow(&ids)).unwrap();
            let mut merged = function.accumulator();
            merged.resize(GROUPS);
            let order: Vec<u32> = (0..GROUPS as u32).collect();
            for (start, end) in [(0, 100), (100, 100), (100, rows)] {
                let mut part = function.accumulator();
                part.resize(GROUPS);
                let slice: Vec<ArrayRef> = columns.iter().map(|c| c.slice(start, end - start)).collect();
                part.update(&slice, end - start, Groups::PerRow(&ids[start..end])).unwrap();
                let state = part.state().unwrap();
                let types: Vec<_> = state.iter().map(|c| c.data_type().clone()).collect();
                assert_eq!(types, function.state_types(), "{name}");
                merged.merge(&state, Groups::PerRow(&order)).unwrap();
            }
            assert!(whole.memory_bytes() > 0);
            let (whole, merged) = (whole.finish().unwrap(), merged.finish().unwrap());
            assert_eq!(whole.data_type(), &function.result_type().arrow(), "{name}");
            assert_eq!(whole.len(), GROUPS);
            same(name, &render(whole.as_ref()), &render(merged.as_ref()));
        }
    }
}

#[test]
fn hostile_states_are_errors() {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([b"\x00\x00\x00\x01garbage".as_slice()]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["not a number"]));
    for name in registry::names() {
        let (function, _) = bind(name, true);
        for state in [vec![], vec![bytes.clone()], vec![text.clone(), text.clone()]] {
            let mut accumulator = function.accumulator();
            accumulator.resize(1);
            let same_type = state.len() >= function.state_types().len()
                && state.iter().zip(function.state_types()).all(|(column, ty)| column.data_type() == &ty);
            let merged = accumulator.merge(&state, Groups::One(0));
            // A text may well be another text's state.
            assert!(merged.is_err() || (same_type && !name.contains("sumprecision")), "{name}");
        }
        let mut none = function.accumulator();
        let state = function.accumulator().state().unwrap();
        none.merge(&state, Groups::PerRow(&[])).unwrap();
        assert_eq!(none.finish().unwrap().len(), 0, "{name}");
    }
}

#[test]
fn every_multi_value_form_binds() {
    for name in registry::names().into_iter().filter(|n| crate::has_multi_value_form(n)) {
        let (_, args) = bind(name, false);
        let literals =
            signatures().into_iter().find(|(a, l)| *a == args && resolve(name, a, l, false).is_ok()).unwrap().1;
        let lists: Vec<ColumnType> = args.iter().map(|a| a.data_type.mv()).collect();
        let function = resolve(&format!("{name}mv"), &lists, &literals, false).unwrap();
        assert_eq!(function.name(), format!("{name}mv"));
    }
}
