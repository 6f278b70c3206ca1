//! Names of operations: generated clients and links into the Swagger page are made of them.

use std::collections::HashMap;

use utoipa::openapi::{OpenApi, path::Operation};

use super::Role;

/// Role, method, path, operation id and tags (with commas) of Pinot's operations, a line each.
const OPERATIONS: &str = include_str!("operations.tsv");

/// What Pinot calls one operation.
pub(super) struct Name {
    pub id: &'static str,
    pub tags: Vec<String>,
}

/// Pinot's names of a role's operations, by method (`GET`) and the shape of the path.
pub(super) fn of(role: Role) -> HashMap<(String, String), Name> {
    let lines = OPERATIONS.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    // The minion's own document is not in the list; what it shares with the server is called the same.
    let shared = ["/appconfigs", "/loggers", "/start-time", "/uptime"];
    let is_mine = |component: &str, path: &str| match role {
        Role::Minion => component == "server" && shared.iter().any(|prefix| path.starts_with(prefix)),
        role => component == role.name(),
    };
    let mine = lines.filter_map(|fields| match fields[..] {
        [component, method, path, id, tags] if is_mine(component, path) => {
            let tags = tags.split(',').map(|tag| tag.trim().to_owned()).collect();
            Some(((method.to_owned(), shape(path)), Name { id, tags }))
        }
        _ => None,
    });
    mine.collect()
}

/// A path without the names of its parameters, for they are the implementer's own.
pub(super) fn shape(path: &str) -> String {
    let parts = path.trim_end_matches('/').split('/');
    let parts: Vec<&str> = parts.map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    parts.join("/")
}

/// Gives every operation Pinot's id and tags. Those that Pinot lacks are called after method and path, which are
/// unique, since handlers are named after what they do and not after where they are.
pub(super) fn apply(document: &mut OpenApi, role: Role) {
    let names = of(role);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in super::operations(item) {
            match names.get(&(method.to_owned(), shape(path))) {
                Some(name) => {
                    operation.operation_id = Some(name.id.to_owned());
                    operation.tags = Some(name.tags.clone());
                }
                None => name_by_path(operation, method, path),
            }
        }
    }
}

fn name_by_path(operation: &mut Operation, method: &str, path: &str) {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    operation.operation_id = Some(words.fold(method.to_lowercase(), |id, word| format!("{id}_{word}")));
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf};

    use super::*;

    #[test]
    fn ids_are_unique_in_a_role() {
        for (role, least) in [(Role::Controller, 200), (Role::Broker, 30), (Role::Server, 40), (Role::Minion, 0)] {
            let names = of(role);
            let ids: BTreeSet<&str> = names.values().map(|name| name.id).collect();
            assert_eq!(ids.len(), names.len(), "{role:?}");
            assert!(names.len() >= least, "{role:?}: {}", names.len());
        }
    }

    #[test]
    fn shapes() {
        assert_eq!(shape("/tables/{tableName}/segments/{s}"), "/tables/{}/segments/{}");
        assert_eq!(shape("/responseStore/"), "/responseStore");
    }

    /// The table here and the list of what Pinot serves say the same, where that list is at hand.
    #[test]
    fn names_are_pinots() {
        let shared = std::env::var_os("CUVEE_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
        let list = shared.join("reference/rest-endpoints.tsv");
        let Ok(text) = std::fs::read_to_string(&list) else {
            println!("skipped: {} is not there", list.display());
            return;
        };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let role = match fields[0] {
                "controller" => Role::Controller,
                "broker" => Role::Broker,
                "server" => Role::Server,
                other => panic!("a role called {other}"),
            };
            let name = &of(role)[&(fields[1].to_owned(), shape(fields[2]))];
            assert_eq!((name.id, name.tags.join(", ")), (fields[3], fields[8].to_owned()), "{line}");
        }
    }
}
