//! The order of transforms: what a transform reads is computed before it.

use crate::Error;

/// Sorts destinations so that every one comes after those it depends on; among free choices the order given is kept.
/// `arguments(i)` are the names that item `i` reads.
pub(super) fn by_dependency<'a>(
    names: &[&str],
    arguments: impl Fn(usize) -> &'a [String],
) -> Result<Vec<usize>, Error> {
    let mut done = vec![false; names.len()];
    let mut order = Vec::with_capacity(names.len());
    while order.len() < names.len() {
        let ready = (0..names.len()).find(|&i| {
            let waits = |argument: &String| {
                names.iter().enumerate().any(|(other, name)| other != i && !done[other] && name == argument)
            };
            !done[i] && !arguments(i).iter().any(waits)
        });
        let Some(next) = ready else {
            let left = names.iter().zip(&done).filter(|(_, d)| !**d).map(|(n, _)| *n);
            let left = left.collect::<Vec<_>>().join(", ");
            return Err(Error::Config(format!(
                "the transforms of these columns depend on each other in a cycle: {left}"
            )));
        };
        done[next] = true;
        order.push(next);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deps: &[(&str, &[&str])]) -> Result<Vec<String>, String> {
        let names: Vec<&str> = deps.iter().map(|(n, _)| *n).collect();
        let args: Vec<Vec<String>> = deps.iter().map(|(_, a)| a.iter().map(|s| (*s).to_owned()).collect()).collect();
        let order = by_dependency(&names, |i| &args[i]).map_err(|e| e.to_string())?;
        Ok(order.into_iter().map(|i| names[i].to_owned()).collect())
    }

    #[test]
    fn chains_are_followed_and_cycles_refused() {
        assert_eq!(check(&[("c", &["b"]), ("b", &["a"]), ("a", &["x"])]).unwrap(), ["a", "b", "c"]);
        assert_eq!(check(&[("x", &["k"]), ("y", &["k"])]).unwrap(), ["x", "y"]);
        assert_eq!(check(&[("self", &["self"])]).unwrap(), ["self"]);
        let cycle = check(&[("a", &["b"]), ("b", &["a"]), ("c", &["x"])]).unwrap_err();
        assert!(cycle.ends_with("in a cycle: a, b"), "{cycle}");
    }
}
