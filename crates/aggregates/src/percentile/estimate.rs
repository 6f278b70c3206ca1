//! PERCENTILEEST and PERCENTILETDIGEST.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use model::{ColumnType, DataType};

use super::{
    digest::{Sketch, SketchFunction},
    quantile_digest::QuantileDigest,
    t_digest::{MAX_COMPRESSION, TDigest},
};
use crate::{
    columns::{float_column, long_column},
    literals,
    registry::{AggregateFunction, Call, Error},
};

#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    percentile: f64,
    compression: f64,
    raw: bool,
    null_handling: bool,
}

fn parameters(call: &Call<'_>, raw: bool) -> Result<Parameters, Error> {
    call.arguments::<1>()?;
    let percentile = super::percentile(call)?;
    let compression = call.literals.get(1).map_or(Some(100.0), literals::number);
    match compression {
        Some(compression) if (1.0..=MAX_COMPRESSION).contains(&compression) => {
            Ok(Parameters { percentile, compression, raw, null_handling: call.null_handling })
        }
        _ => Err(call.invalid("the compression must be a number from 1 to 10000")),
    }
}

/// `percentileest(x, p)`: LONG; values are cut to whole numbers.
pub fn quantile(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    Ok(SketchFunction::<QuantileDigest>::bind(call.name, parameters(call, false)?))
}

/// `percentiletdigest(x, p[, compression = 100])`: DOUBLE.
pub fn t_digest(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    Ok(SketchFunction::<TDigest>::bind(call.name, parameters(call, false)?))
}

/// The serialised t-digest in hex.
pub fn raw_t_digest(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    Ok(SketchFunction::<TDigest>::bind(call.name, parameters(call, true)?))
}

impl Sketch for QuantileDigest {
    type Parameters = Parameters;

    fn new(_parameters: &Parameters) -> Self {
        QuantileDigest::new()
    }

    fn add(&mut self, value: f64) {
        QuantileDigest::add(self, value as i64);
    }

    fn merge(&mut self, other: Self) -> Result<(), String> {
        QuantileDigest::merge(self, &other);
        Ok(())
    }

    fn bytes(&mut self) -> Vec<u8> {
        QuantileDigest::to_bytes(self)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        QuantileDigest::from_bytes(bytes)
    }

    fn max_bytes(_parameters: &Parameters) -> usize {
        QuantileDigest::MAX_BYTES
    }

    fn result_type(_parameters: &Parameters) -> ColumnType {
        DataType::Long.sv()
    }

    fn finish(sketches: &mut [Self], parameters: &Parameters) -> ArrayRef {
        let empty = (!parameters.null_handling).then_some(i64::MIN);
        long_column(sketches.iter().map(|s| s.quantile(parameters.percentile / 100.0).or(empty)))
    }
}

impl Sketch for TDigest {
    type Parameters = Parameters;

    fn new(parameters: &Parameters) -> Self {
        TDigest::new(parameters.compression)
    }

    fn add(&mut self, value: f64) {
        TDigest::add(self, value);
    }

    fn merge(&mut self, other: Self) -> Result<(), String> {
        TDigest::merge(self, &other);
        Ok(())
    }

    fn bytes(&mut self) -> Vec<u8> {
        TDigest::bytes(self)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        TDigest::from_bytes(bytes)
    }

    fn max_bytes(parameters: &Parameters) -> usize {
        TDigest::max_bytes(parameters.compression)
    }

    fn result_type(parameters: &Parameters) -> ColumnType {
        if parameters.raw { DataType::String } else { DataType::Double }.sv()
    }

    fn finish(sketches: &mut [Self], parameters: &Parameters) -> ArrayRef {
        if parameters.raw {
            let text = |s: &mut Self| {
                let missing = parameters.null_handling && s.is_empty();
                (!missing).then(|| hex::encode(s.bytes()))
            };
            return Arc::new(sketches.iter_mut().map(text).collect::<StringArray>());
        }
        let empty = (!parameters.null_handling).then_some(f64::NAN);
        float_column(sketches.iter_mut().map(|s| s.quantile(parameters.percentile / 100.0).or(empty)))
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn over_few_values() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&(1..=10).map(Some).collect::<Vec<_>>())];
        let p = [Value::Int(50)];
        check("percentileest", &ty, &p, &column, ("6", "6"));
        check("percentiletdigest", &ty, &p, &column, ("6.0", "6.0"));
        assert_eq!(finish("percentileest90", &ty, &[], &column, None), "10");
        assert_eq!(finish("percentiletdigest90", &ty, &[], &column, None), "10.0");
        let none = [int_column(&[])];
        check("percentileest", &ty, &p, &none, ("-9223372036854775808", "null"));
        check("percentiletdigest", &ty, &p, &none, ("NaN", "null"));
        assert!(finish("percentilerawtdigest", &ty, &p, &column, None).starts_with("00000001"));
        assert!(crate::resolve("percentiletdigest", &ty, &[Value::Int(5), Value::Int(0)], false).is_err());
    }
}
