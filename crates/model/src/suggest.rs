//! What was probably meant: the nearest known name to an unknown one.

/// The known name that is most like `name`, if any is like it at all. Letter case counts little.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What is very long was not mistyped, and comparing it costs time.
    if name.len() > 200 {
        return None;
    }
    let lower = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in known.into_iter().filter(|candidate| candidate.len() <= 200 && *candidate != name) {
        let likeness = strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase());
        if likeness >= 0.6 && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean 'town'?`, or nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |meant| format!("; did you mean '{meant}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["country", "city", "releaseYear"];
        assert_eq!(nearest("contry", known), Some("country"));
        assert_eq!(nearest("COUNTRY", known), Some("country"));
        assert_eq!(nearest("releaseyaer", known), Some("releaseYear"));
        assert_eq!(nearest("price", known), None);
        assert_eq!(nearest("country", known), None, "what is known needs no suggestion");
        assert_eq!(did_you_mean("ctiy", known), "; did you mean 'city'?");
        assert_eq!(did_you_mean("x", []), "");
        assert_eq!(nearest(&"é".repeat(1000), known), None);
    }
}
