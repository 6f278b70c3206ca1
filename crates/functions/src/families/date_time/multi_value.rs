//! The `…mv` forms: a function of one value applied to each element of a multi-value.

use std::sync::LazyLock;

use arrow::{
    array::{Array, ArrayRef, AsArray, UInt32Array},
    buffer::OffsetBuffer,
};
use model::ColumnType;

use super::{convert, epoch, fields, shift, truncate};
use crate::{
    arrays,
    families::Family,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

/// `<name>mv` for each date-time function and alias that takes an argument.
pub static FUNCTIONS: LazyLock<Vec<&'static dyn ScalarFunction>> = LazyLock::new(|| {
    let families: [Family; 9] = [
        epoch::SECONDS,
        epoch::MINUTES,
        epoch::HOURS,
        epoch::DAYS,
        epoch::FUNCTIONS,
        fields::FUNCTIONS,
        truncate::FUNCTIONS,
        shift::FUNCTIONS,
        convert::FUNCTIONS,
    ];
    let mut all: Vec<&'static dyn ScalarFunction> = Vec::new();
    for function in families.iter().flat_map(|family| family.iter()).filter(|f| !matches!(f.name(), "now" | "ago")) {
        for name in std::iter::once(function.name()).chain(function.aliases().iter().copied()) {
            // Once for the life of the process.
            let name: &'static str = Box::leak(format!("{name}mv").into_boxed_str());
            all.push(Box::leak(Box::new(EachElement { name, single: *function })));
        }
    }
    all
});

struct EachElement {
    name: &'static str,
    single: &'static dyn ScalarFunction,
}

impl ScalarFunction for EachElement {
    fn name(&self) -> &'static str {
        self.name
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if args.iter().filter(|a| a.ty.multi_value).count() != 1 {
            return Err(Error::no_signature(self.name, &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        }
        let single: Vec<_> = args.iter().map(|a| Argument { ty: a.ty.data_type.sv(), constant: a.constant }).collect();
        Ok(self.single.return_type(&single)?.data_type.mv())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error> {
        let failed = |reason: String| Error::failed(self.name, reason);
        let at = args.iter().position(|a| a.ty.multi_value);
        let at = at.ok_or_else(|| failed("an argument must be a multi-value".to_owned()))?;
        let list = arrays::expand(&args[at], rows).map_err(failed)?;
        let list = list.as_list_opt::<i32>().ok_or_else(|| failed("an argument must be a multi-value".to_owned()))?;
        let offsets = list.value_offsets();
        let (start, end) = (offsets[0] as usize, offsets[rows] as usize);
        let elements = list.values().slice(start, end - start);
        let mut owners = Vec::with_capacity(end - start);
        for row in 0..rows {
            owners.extend(std::iter::repeat_n(row as u32, (offsets[row + 1] - offsets[row]) as usize));
        }
        let owners = UInt32Array::from(owners);
        let mut single = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            let data = match &arg.data {
                _ if position == at => Data::Array(elements.clone()),
                Data::Constant(value) => Data::Constant(value.clone()),
                Data::Array(array) => {
                    Data::Array(arrow::compute::take(array.as_ref(), &owners, None).map_err(|e| failed(e.to_string()))?)
                }
            };
            single.push(Vector { ty: arg.ty.data_type.sv(), data });
        }
        let result = self.single.evaluate(&single, elements.len(), ctx)?;
        let items: ArrayRef = arrays::expand(&result, elements.len()).map_err(failed)?;
        let offsets = OffsetBuffer::new(offsets[..=rows].iter().map(|o| o - start as i32).collect());
        let nulls = list.nulls().cloned();
        let array = arrays::list_array(result.ty.data_type, items, offsets, nulls).map_err(failed)?;
        Ok(Vector::array(result.ty.data_type.mv(), array))
    }

    fn is_deterministic(&self) -> bool {
        self.single.is_deterministic()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn each_element() {
        check(&[
            ("yearmv([0, 1709210096789])", "INT_ARRAY [1970,2024]"),
            ("datetruncmv('DAY', [0, 1709210096789])", "LONG_ARRAY [0,1709164800000]"),
            ("doymv([0])", "INT_ARRAY [1]"),
        ]);
    }
}
