//! What a process runs on and with: the document of `/appconfigs`, the same at every role.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::Properties;

/// Keys whose values are never shown.
const SECRET: [&str; 7] = ["password", "secret", "token", "credential", "accesskey", "access.key", "privatekey"];
const MASK: &str = "*****";

/// The properties of a role as they may be shown: keys in lower case, secrets masked.
pub fn shown(properties: &Properties) -> BTreeMap<String, String> {
    properties
        .iter()
        .map(|(key, value)| {
            let key = key.to_lowercase();
            let secret = SECRET.iter().any(|part| key.contains(part));
            (key, if secret { MASK.to_owned() } else { value })
        })
        .collect()
}

/// The document. `properties` come from [`shown`].
///
/// Sizes are texts such as `1.50GB`, counts are numbers. `jvmConfig` keeps its place and its members, though no
/// virtual machine is under this process: clients look for them.
pub fn document(properties: &BTreeMap<String, String>) -> Value {
    let memory = pairs("/proc/meminfo");
    let own = pairs("/proc/self/status");
    let size = |map: &BTreeMap<String, u64>, key: &str| human(map.get(key).copied().unwrap_or(0) * 1024);
    let number = |map: &BTreeMap<String, u64>, key: &str| map.get(key).copied().unwrap_or(0);
    json!({
        "systemConfig": {
            "arch": std::env::consts::ARCH,
            "name": std::env::consts::OS,
            "version": kernel(),
            "availableProcessors": std::thread::available_parallelism().map_or(1, usize::from),
            "totalPhysicalMemory": size(&memory, "MemTotal"),
            "freePhysicalMemory": size(&memory, "MemAvailable"),
            "totalSwapSpace": size(&memory, "SwapTotal"),
            "freeSwapSpace": size(&memory, "SwapFree"),
        },
        "runtimeConfig": {
            "numTotalThreads": number(&own, "Threads"),
            "numCurrentThreads": number(&own, "Threads"),
            "maxHeapSize": size(&memory, "MemTotal"),
            "currentHeapSize": size(&own, "VmRSS"),
        },
        "pinotConfig": properties,
        "jvmConfig": {
            "args": [],
            "garbageCollectors": [],
            "envVariables": {},
            "libraryPath": "",
            "bootClassPath": null,
            "systemProperties": { "cuvee.version": crate::VERSION },
        },
    })
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// `Name:  123 kB` lines of a file of the kernel's.
fn pairs(path: &str) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        Some((name.to_owned(), rest.split_whitespace().next()?.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KB", "MB", "GB", "TB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.2}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_members_are_there() {
        let mut properties = Properties::new();
        properties.set("controller.Port", "9000");
        properties.set("pinot.controller.storage.factory.s3.secretKey", "abc");
        let shown = shown(&properties);
        assert_eq!(shown["controller.port"], "9000");
        assert_eq!(shown["pinot.controller.storage.factory.s3.secretkey"], MASK);
        let document = document(&shown);
        assert_eq!(document["pinotConfig"]["controller.port"], "9000");
        assert!(document["systemConfig"]["availableProcessors"].as_u64().unwrap() > 0);
        assert!(document["runtimeConfig"]["numTotalThreads"].is_u64() && document["jvmConfig"]["args"].is_array());
        assert_eq!((human(10), human(3 << 20)), ("10.00B".to_owned(), "3.00MB".to_owned()));
    }
}
